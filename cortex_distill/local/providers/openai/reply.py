"""An endpoint's reply as an answer, or why it is none."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from pydantic import BaseModel, Field, ValidationError

from cortex_distill.local.providers import Answer, Call, CallError
from cortex_distill.local.providers.openai.endpoint import Endpoint

_INVALID = "422 json mode output validation error: "
_NO_JSON = _INVALID + "Model returned invalid JSON that cannot be parsed due to: "


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    model: Any = None
    usage: Any = None


def answer_of(document: bytes, call: Call, endpoint: Endpoint) -> Answer:
    """The answer in the document that came with status 200; tokens are 0 where the endpoint counts none.

    Raises CallError if it is no chat completion, or does not follow the schema of the call.
    """
    try:
        completion = _Completion.model_validate_json(document)
    except ValidationError as error:
        start = document[:80].decode("utf-8", "replace")
        raise CallError(
            f"{endpoint.shown} answered with something that is no chat completion: {start!r};"
            " base_url in local.toml mostly ends with /v1"
        ) from error
    choice = completion.choices[0]
    text = choice.message.content if choice.message.content is not None else choice.message.refusal
    if text is None:
        raise CallError(f"the model '{endpoint.model}' of {endpoint.shown} gave a reply without text")
    if call.schema is not None:
        _check(text, call.schema, cut=choice.finish_reason == "length")
    said = completion.model if isinstance(completion.model, str) and completion.model else endpoint.model
    return Answer(
        text,
        _count(completion.usage, "prompt_tokens"),
        _count(completion.usage, "completion_tokens"),
        served_by(said, endpoint),
    )


@lru_cache(maxsize=64)
def served_by(model: str, endpoint: Endpoint) -> str:
    """Provider, real model, place."""
    return f"openai:{model}@{endpoint.place}"


def _count(usage: Any, name: str) -> int:
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) and count > 0 else 0


def _check(text: str, schema: Mapping[str, Any], *, cut: bool) -> None:
    """Raises CallError unless the text is JSON that follows the schema, in the words of Cortex (docs:
    sql-reference/functions/ai_complete-structured-outputs)."""
    if cut:
        raise CallError(_NO_JSON + "unexpected end of JSON input")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CallError(f"{_NO_JSON}{error}; it begins {text[:80]!r}") from error
    try:
        wrong = best_match(_validator_of(schema).iter_errors(document))
    except re.error as error:
        raise CallError(f"400 input schema validation error: pattern {error.pattern!r}: {error}") from error
    if wrong is not None:
        raise CallError(f"{_INVALID}{wrong.json_path}: {wrong.message[:200]}")


_newest: list[tuple[Mapping[str, Any], Validator]] = []  # of the calls of a statement, which share one schema


def _validator_of(schema: Mapping[str, Any]) -> Validator:
    known = _newest[-1:]  # another thread may replace it meanwhile
    if known and known[0][0] is schema:
        return known[0][1]
    validator = _validator(json.dumps(schema))
    _newest[:] = [(schema, validator)]
    return validator


@lru_cache(maxsize=64)
def _validator(schema: str) -> Validator:
    parsed = json.loads(schema)
    validator: Validator = validator_for(parsed)(parsed)
    return validator
