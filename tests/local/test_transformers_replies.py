"""What the provider `transformers` can say without PyTorch: which replies a schema allows, what it makes of one."""

import json

import pytest

from cortex_distill.errors import SetupError
from cortex_distill.local.providers import CallError
from cortex_distill.local.providers.transformers import TransformersProvider, folder
from cortex_distill.local.providers.transformers.asked import BATCH, Asked, Luck, batches
from cortex_distill.local.providers.transformers.replies import checked, possible


def object_of(**properties):
    return {"type": "object", "properties": properties, "required": list(properties)}


RATING = {"type": "integer", "minimum": 1, "maximum": 5}


@pytest.mark.parametrize(
    ("schema", "replies"),
    [
        (object_of(label={"enum": ["Lost phone", "Fées"]}), ['{"label": "Lost phone"}', '{"label": "Fées"}']),
        (object_of(answer={"type": "boolean"}), ['{"answer": true}', '{"answer": false}']),
        (object_of(a={"const": 1}, b={"enum": ["x", "y"]}), ['{"a": 1, "b": "x"}', '{"a": 1, "b": "y"}']),
        ({"enum": ["x", 2]}, ['"x"', "2"]),
        (object_of(text={"type": "string"}), None),
        (object_of(label={"enum": ["x"]}, text={"type": "string"}), None),
        (object_of(n={"type": "integer", "minimum": 1}), None),
        (object_of(n={"type": "integer", "minimum": 1, "maximum": 1_000_000_000}), None),
        (object_of(a={"enum": list(range(20))}, b={"enum": list(range(20))}), None),
        ({"type": "object"}, None),
        ({"type": "array", "items": {"enum": ["x"]}}, None),
    ],
)
def test_the_replies_that_a_schema_allows_are_listed_where_they_are_few(schema, replies):
    assert possible(schema) == replies


def test_two_ratings_from_one_to_five_are_twenty_five_replies():
    replies = possible(object_of(realistic=RATING, valid=RATING))
    assert len(set(replies)) == 25 and json.loads(replies[5]) == {"realistic": 2, "valid": 1}


@pytest.mark.parametrize("text", ['{"a": "b"}', '```json\n{"a": "b"}\n```', 'Sure: {"a": "b"} Anything else?'])
def test_a_document_is_taken_out_of_fences_and_prose(text):
    assert checked(text, object_of(a={"type": "string"})) == '{"a": "b"}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("I cannot do that", "422 json mode output validation error: .*invalid JSON"),
        ('{"a": 1}', "422 json mode output validation error: 1 is not of type 'string'"),
        ("{}", "'a' is a required property"),
    ],
)
def test_a_reply_that_does_not_follow_the_schema_is_an_error_in_the_words_of_cortex(text, message):
    with pytest.raises(CallError, match=message):
        checked(text, object_of(a={"type": "string"}))


def test_batches_hold_calls_of_one_limit_and_like_length_and_lose_nobody():
    calls = [
        Asked(n, [0] * (5 + n % 7), 10 + 10 * (n % 2), Luck(0, 1, 0), None, ["x"] if n % 5 == 0 else None)
        for n in range(60)
    ]
    found = list(batches(calls))
    assert sorted(call.place for batch in found for call in batch) == list(range(60))
    assert all(len(batch) <= BATCH and len({call.most for call in batch}) == 1 for batch in found)
    assert all(len(batch) == 1 for batch in found if batch[0].replies)


def test_missing_packages_say_what_to_run(monkeypatch, tmp_path):
    monkeypatch.setattr(folder, "PACKAGES", ("json", "no_such_package"))
    with pytest.raises(SetupError, match="needs no_such_package; run `make install-train`"):
        TransformersProvider(tmp_path)


def test_a_folder_without_a_model_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(folder, "PACKAGES", ())
    with pytest.raises(SetupError, match=r"no config\.json"):
        TransformersProvider(tmp_path)


def test_the_fingerprint_is_that_of_the_content_and_a_change_in_a_large_file_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(folder, "WHOLE", 100)
    monkeypatch.setattr(folder, "SAMPLE", 10)
    weights = bytearray(10_000)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "weights").write_bytes(weights)
    first, second = (folder.fingerprint(tmp_path / name) for name in ("one", "two"))
    assert first == second and len(first) == 8
    (tmp_path / "one" / "weights").write_bytes(bytes(3000) + bytes([1]) * 7000)
    (tmp_path / "two" / "config.json").write_text("[]")
    changed = [folder.fingerprint(tmp_path / name) for name in ("one", "two")]
    assert len({first, *changed}) == 3
