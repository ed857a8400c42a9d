"""GGUF files before they are loaded: headers, the memory that they will take, the copy in Q8_0, files of the user's."""

import hashlib
import os

import numpy as np
import pytest
from gguf import GGUFReader
from gguf.quants import dequantize

from cortex_distill.errors import SetupError
from cortex_distill.local.providers import CallError
from cortex_distill.local.providers.gguf import GgufProvider, base_model, footprint, requantise
from cortex_distill.local.providers.gguf.footprint import BUFFERS, half_of_memory
from cortex_distill.local.providers.gguf.header import read_header
from tests.local.tiny_llama import HEADS, KV_HEADS, LAYERS, WIDTH, write_tiny

GB = 1_000_000_000


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A tiny file in the place of the packaged one, and a cache folder of its own."""
    source = write_tiny(tmp_path / "package.gguf", kind="Q4_1")
    monkeypatch.setattr(base_model, "packaged_gguf", lambda: source)
    monkeypatch.setattr(base_model, "SHA256", hashlib.sha256(source.read_bytes()).hexdigest())
    monkeypatch.setattr(base_model, "user_cache_path", lambda name: tmp_path / "cache" / name)
    return source


def test_a_header_is_read_without_the_vocabulary(tiny):
    header = read_header(tiny)
    assert header["general.architecture"] == "llama" and header["llama.block_count"] == LAYERS
    assert header["tokenizer.ggml.eos_token_id"] == 2
    assert header["tokenizer.ggml.tokens"] is None


@pytest.mark.parametrize("cut", [0, 3, 10, 60, 300])
def test_half_a_header_is_an_error_that_names_the_file(tiny, tmp_path, cut):
    part = tmp_path / "part.gguf"
    part.write_bytes(tiny.read_bytes()[:cut])
    with pytest.raises(CallError, match=r"part\.gguf"):
        read_header(part)


def test_memory_is_weights_and_cache_for_each_server(tiny, monkeypatch):
    monkeypatch.setattr(footprint, "cores", lambda: 3)
    cache = 2 * 2 * LAYERS * KV_HEADS * (WIDTH // HEADS) * 512  # of keys and values, two bytes each
    each = tiny.stat().st_size + cache + BUFFERS
    assert footprint.footprint(tiny, GB) == (3, 1, 512, 3 * each)
    assert footprint.footprint(tiny, 2 * each) == (2, 1, 512, 2 * each)


def test_a_large_file_gets_one_server_with_all_cores(tiny, monkeypatch):
    monkeypatch.setattr(footprint, "SMALL", 0)
    assert footprint.footprint(tiny, GB)[:2] == (1, 0 if footprint.cores() == os.cpu_count() else footprint.cores())


def test_a_model_above_the_limit_names_both_figures_and_the_key(tiny):
    with pytest.raises(CallError, match=r"tiny\.gguf needs 0\.1 GB of memory.* 0\.0 GB .*memory_gb under \[gguf\]"):
        footprint.footprint(tiny, 10_000)


def test_the_default_limit_is_half_of_the_memory():
    assert 100_000_000 < half_of_memory() < 10**14


def test_the_base_model_is_copied_once_and_every_matrix_is_q8_0(package):
    copy = base_model.base_gguf()
    written = copy.stat().st_mtime_ns
    assert base_model.base_gguf() == copy and copy.stat().st_mtime_ns == written
    before, after = ({t.name: t for t in GGUFReader(path).tensors} for path in (package, copy))
    assert {t.tensor_type.name for t in before.values()} == {"F32", "Q4_1"}
    assert {t.tensor_type.name for t in after.values()} == {"F32", "Q8_0"}
    for name, tensor in before.items():
        old, new = (dequantize(t.data, t.tensor_type) for t in (tensor, after[name]))
        assert np.allclose(old, new, atol=np.abs(old).max() / 250)
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_a_copy_that_fails_leaves_nothing_behind(package, monkeypatch):
    def full(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr(requantise, "write_gguf", full)
    with pytest.raises(SetupError, match=r"no space left.*145 MB"):
        base_model.base_gguf()
    assert list(package.parent.glob("cache/*/*")) == []


def test_other_weights_than_the_tested_ones_are_refused(package, monkeypatch):
    monkeypatch.setattr(base_model, "SHA256", "b179c9523d0e" + "0" * 52)
    with pytest.raises(SetupError, match="expected b179c9523d0e"):
        base_model.base_gguf()


def test_missing_weights_name_the_command_that_fetches_them(monkeypatch):
    monkeypatch.setattr(base_model, "PACKAGE", "no_such_package_at_all")
    with pytest.raises(SetupError, match="make install"):
        base_model.packaged_gguf()


def test_a_file_that_is_missing_or_none_names_itself_and_where_it_was_said(tmp_path):
    (tmp_path / "text.gguf").write_text("not a model")
    for name in ("none.gguf", "text.gguf"):
        with pytest.raises(SetupError, match=rf"{name}.*local\.toml"):
            GgufProvider(tmp_path / name)


def test_a_file_that_has_gone_or_is_damaged_fails_its_calls(tmp_path):
    path = tmp_path / "my.gguf"
    path.write_bytes(b"GGUF and nothing")
    provider = GgufProvider(path)
    with pytest.raises(CallError, match=r"my\.gguf cannot be read as a GGUF file"):
        provider.count_tokens("a")
    path.unlink()
    with pytest.raises(CallError, match=r"my\.gguf is missing.*local\.toml"):
        provider.served_by("m")


def test_a_file_that_was_replaced_is_served_by_another(tmp_path):
    path = write_tiny(tmp_path / "my.gguf")
    provider = GgufProvider(path)
    first = provider.served_by("m")
    assert first == GgufProvider(path).served_by("other") and first.startswith("gguf:my ")
    os.utime(path, (1, 1))
    assert provider.served_by("m") != first
