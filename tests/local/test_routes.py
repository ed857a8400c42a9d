"""`local.toml` and the router: the first match answers, mistakes are named, a tuned model goes to who trained it."""

import json

import pytest

from cortex_distill.errors import SetupError
from cortex_distill.local.engine import Engine
from cortex_distill.local.engines import provider_of
from cortex_distill.local.providers import Answer, Call, CallError, Training
from cortex_distill.local.providers.router import MADE_BY
from cortex_distill.local.providers.routes import routes_of, spec_of

TWO = """
[[models]]
name = "llama3.3-*"
provider = "simulated"
knobs = "wordy=1"

[[models]]
name = "llama3.1-8b"
provider = "simulated"
"""


@pytest.fixture
def written(tmp_path):
    """Writes a local.toml; its path as a spec."""

    def write(text):
        (tmp_path / "local.toml").write_text(text)
        return str(tmp_path / "local.toml")

    return write


def ask(model, text="Hi", weights=None):
    return Call(model, [{"role": "user", "content": text}], {}, None, weights)


def test_the_first_table_whose_name_fits_answers_whatever_the_case(written):
    routes = routes_of(written(TWO + '[[models]]\nname = "*"\nprovider = "gguf"'))
    names = ["LLAMA3.3-70b", "llama3.1-8b", "llama3.1-70b"]
    assert [routes.models.index(routes.of(name)) for name in names] == [0, 1, 2]
    assert routes_of("gguf").of("anything").provider == "gguf"


def test_each_call_goes_to_the_provider_of_its_name_and_comes_back_in_its_place(written):
    provider, heard = provider_of(written(TWO)), {}
    names = ["llama3.1-8b", "LLAMA3.3-70b", "mistral-large2", "llama3.1-8b"]
    answers = provider.complete([ask(name) for name in names], heard=heard.__setitem__)
    assert [isinstance(answer, Answer) for answer in answers] == [True, True, False, True]
    assert heard == {place: answer for place, answer in enumerate(answers) if isinstance(answer, Answer)}
    assert "wordy" in provider.served_by("llama3.3-70b") and "wordy" not in provider.served_by("llama3.1-8b")


def test_a_name_without_a_route_says_what_to_write(written):
    provider = provider_of(written(TWO))
    [answer] = provider.complete([ask("mistral-large2")])
    assert isinstance(answer, CallError)
    assert '[[models]] name = "mistral-large2" with provider' in str(answer)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[models]]\nprovider = 'gguff'", "number 1: .*'gguff'.*'openai'"),
        ("[[models]]\nname = 'x'\nprovider = 'openai'\nmodel = 'm'", r"number 1 \(x\): base_url: field required"),
        ("[[models]]\nprovider = 'openai'\nmodel = 'm'\nbase_url = 'http://me:secret@host/v1'", "base_url: "),
        ("[[models]]\nprovider = 'openai'\nmodel = 'm'\nbase_url = 'http://h/v1'\napi_key = 'k'", "api_key: extra"),
        ("[[models]]\nprovider = 'simulated'\nknobs = 'wordi=1'", "did you mean 'wordy'"),
        ("[[models]", "is no TOML"),
        ("", "models: field required; write for instance"),
        ("models = 3", "models: input should be a valid list"),
        ("models = [3]", "number 1: "),
    ],
)
def test_a_mistake_names_the_file_the_table_and_the_key(written, text, said):
    with pytest.raises(SetupError, match=said) as error:
        provider_of(written(text))
    assert "secret" not in str(error.value)


def test_paths_start_beside_the_file(written, tmp_path):
    routes = routes_of(written("[[models]]\nprovider = 'gguf'\nfile = 'models/a.gguf'"))
    assert routes.models[0].file == str(tmp_path / "models" / "a.gguf")


def test_another_content_is_another_spec_and_an_old_one_is_refused(written, tmp_path):
    written(TWO)
    old = spec_of(tmp_path / "local.toml")
    written(TWO + "# changed\n")
    assert spec_of(tmp_path / "local.toml") != old
    with pytest.raises(SetupError, match="changed while"):
        routes_of(old)


def test_a_tuned_model_is_served_by_who_trained_it_even_after_the_route_has_changed(written, tmp_path):
    folder = tmp_path / "job"
    folder.mkdir()
    rows = [("shoe too small", "Size"), ("where is my parcel", "Delivery")]
    provider_of(written(TWO)).finetune(Training("llama3.1-8b", rows, [], 1, folder, lambda now: None))
    assert json.loads((folder / MADE_BY).read_text())["provider"] == "simulated"
    other = provider_of(written("[[models]]\nname = 'nothing'\nprovider = 'simulated'"))
    [answer] = other.complete([ask("DB.S.TUNED", "the shoe is too small", folder)])
    assert (answer.text, answer.served_by) == ("Size", "simulated:classifier")
    other.finetune(Training("llama3.1-8b", rows, [], 1, folder, lambda now: None))  # cut off, and taken up again
    with pytest.raises(CallError, match="nobody"):
        other.finetune(Training("llama3.1-8b", rows, [], 1, tmp_path, lambda now: None))


def test_sql_tells_who_would_answer(written, tmp_path):
    engine = Engine(tmp_path / "home", provider_of(written(TWO)))
    cursor = engine.connect("DISTILL", "PUBLIC").cursor()
    ((who,),) = cursor.execute("SELECT SNOWFLAKE.LOCAL.SERVED_BY('llama3.1-8b')").fetchall()
    assert who == "simulated:small as llama3.1-8b"
    with pytest.raises(Exception, match="nobody on this machine answers to the model 'mistral-large2'"):
        cursor.execute("SELECT SNOWFLAKE.LOCAL.SERVED_BY('mistral-large2')")
    engine.close()
