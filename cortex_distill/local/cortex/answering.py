"""The Python functions behind the Cortex functions: batches of rows from DuckDB to the provider and back."""

import json
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
from duckdb.func import ARROW, SPECIAL

from cortex_distill.local.cortex import calls
from cortex_distill.local.cortex.answers import Answers
from cortex_distill.local.cortex.catalogue import base_name, closed, tuned_closed
from cortex_distill.local.cortex.managed import CLASSIFY, ask
from cortex_distill.local.cortex.model_parameters import check
from cortex_distill.local.cortex.prompts import messages_of, plain
from cortex_distill.local.cortex.replies import Row, cell, failed, remote_error, reply
from cortex_distill.local.cortex.response_format import check_openai
from cortex_distill.local.faults import Refused
from cortex_distill.local.providers import Call, CallError, Provider
from cortex_distill.local.session.journal import Journal
from cortex_distill.local.sql.json_lenient import NotJson, parse

_TEXT = "VARCHAR"


class Model(NamedTuple):
    """A model that a call may name."""

    name: str
    weights: Path | None
    base: str
    """The base model that it is, or was fine-tuned from."""


FindTuned = Callable[[str, str], Model | None]


class Cortex:
    """Answers `_cortex_call` and `_cortex_tokens`. `tuned(name, schema)` finds fine-tuned models."""

    def __init__(self, provider: Provider, answers: Answers, tuned: FindTuned, journal: Journal) -> None:
        self._provider, self._answers, self._tuned, self._journal = provider, answers, tuned, journal

    def register(self, duck: duckdb.DuckDBPyConnection) -> None:
        """Make the functions known to every connection of this DuckDB instance."""
        _define(duck, calls.CALL, self.call, [_TEXT] * 4, _TEXT)
        _define(duck, calls.TOKENS, self.tokens, [_TEXT] * 3, _TEXT)

    def call(self, models: pa.Array, prompts: pa.Array, settings: pa.Array, lanes: pa.Array) -> pa.Array:
        """One cell per row; all rows of the batch go to the provider together. NULL asks nobody."""
        statement = self._journal.on(lanes[0].as_py())  # a batch belongs to one statement
        statement.check()
        rows = _rows(models, prompts, settings)
        asked = [(row, self._question(row, statement.asked.day)) for row in rows if row is not None]
        calls_made = [(row, call) for row, call in asked if isinstance(call, Call)]
        answers = self._answers.complete([call for _, call in calls_made], statement)
        for (row, call), answer in zip(calls_made, answers, strict=True):
            statement.usage.count(row.settings.function, call.model, answer)
        statement.check()
        said = iter(answers)
        cells = iter([reply(row, next(said) if isinstance(call, Call) else call) for row, call in asked])
        return pa.array([None if row is None else next(cells) for row in rows], pa.string())

    def _question(self, row: Row, day: date) -> Call | CallError:
        """The call of a row; an error where the row makes none."""
        model, content, settings = row
        try:
            if question := ask(settings.function, content, settings.parameters):
                return Call(model, question.messages, {}, question.schema, None)
            found = self.model(model, settings.schema_name, settings.function, day)
            check(settings.parameters, settings.function)
            if settings.schema is not None and isinstance(content, dict) and "template" in content:
                raise CallError("400 a PROMPT object cannot be combined with response_format")
            if settings.schema is not None and found.name.startswith("openai-"):
                check_openai(settings.schema)
            has_options = settings.details or settings.schema is not None
            messages = messages_of(content, function=settings.function, has_options=has_options)
        except CallError as error:
            return error
        except Refused as error:
            if settings.function != "TRY_COMPLETE":
                raise
            return CallError(error.message)  # it fails for no reason that Snowflake documents: NULL
        return Call(found.name, messages, settings.parameters, settings.schema, found.weights)

    def model(self, name: str, schema: str, function: str, day: date) -> Model:
        """The model of that name. Raises Refused for a name that is unknown, or closed to this account on that day."""
        if base := base_name(name):
            found, why = Model(base, None, base), closed(base, day)
        else:
            tuned = self._tuned(name, schema)
            if tuned is None:
                raise remote_error(function, f'unknown model \\"{name}\\"')
            found, why = tuned, tuned_closed(tuned.base, day)
        if why is not None:
            raise remote_error(function, f'unknown model \\"{name}\\": {why}')
        return found

    def tokens(self, models: pa.Array, texts: pa.Array, settings: pa.Array) -> pa.Array:
        """Input tokens per row, as text. A tuned or unknown model is an error, or NULL for AI_COUNT_TOKENS."""
        return pa.array([row and self._tokens(row) for row in _rows(models, texts, settings)], pa.string())

    def _tokens(self, row: Row) -> str | None:
        model, content, settings = row
        of, options = settings.parameters["of"], settings.parameters["options"]
        try:
            if of == "ai_complete" and base_name(model) is None:
                raise CallError(f'unknown model \\"{model}\\"')
            question = ask(of.upper(), content, options)
            text = plain(content) if question is None else question.messages[0]["content"]
            count = self._provider.count_tokens(text, model)
            if of == "ai_complete" and options:  # a response format
                count += self._provider.count_tokens(plain(options), model)
        except CallError as error:
            return failed(settings, error)
        return cell(settings, count)


def _rows(models: pa.Array, contents: pa.Array, settings: pa.Array) -> list[Row | None]:
    return [_row(*cells) for cells in zip(models.to_pylist(), contents.to_pylist(), settings.to_pylist(), strict=True)]


def _row(model: str | None, prompt: str | None, settings: str) -> Row | None:
    if model is None or prompt is None:
        return None
    name, content, given = _name(model), json.loads(prompt), _settings(settings)
    is_pair = given.function in CLASSIFY or given.parameters.get("of") == "ai_classify"
    is_null = name is None or content is None or (is_pair and content[0] is None)
    return None if is_null else Row(str(name), content, given)


@lru_cache(maxsize=256)
def _name(text: str) -> Any:
    return json.loads(text)


@lru_cache(maxsize=256)
def _settings(text: str) -> calls.Settings:
    return calls.Settings(**json.loads(text))


def register_json(duck: duckdb.DuckDBPyConnection) -> None:
    """PARSE_JSON, TRY_PARSE_JSON and the object constructors."""
    _define(duck, "_SF_PARSE_JSON", lambda texts: _parsed(texts, safe=False), [_TEXT], _TEXT, effects=False)
    _define(duck, "_SF_TRY_PARSE_JSON", lambda texts: _parsed(texts, safe=True), [_TEXT], _TEXT, effects=False)
    for name, safe in (("_SF_PARSE_JSON_LAST", False), ("_SF_TRY_PARSE_JSON_LAST", True)):
        _define(duck, name, _last_wins(safe), [_TEXT], _TEXT, effects=False)
    lists = [f"{_TEXT}[]"] * 2
    _define(duck, "_SF_OBJECT", lambda keys, values: _objects(keys, values, False), lists, _TEXT, effects=False)
    _define(
        duck, "_SF_OBJECT_KEEP_NULL", lambda keys, values: _objects(keys, values, True), lists, _TEXT, effects=False
    )


def _last_wins(safe: bool) -> Callable[[pa.Array], pa.Array]:
    """A plain function of one argument: DuckDB counts parameters, and takes no partial."""
    return lambda texts: _parsed(texts, safe=safe, last=True)


def _parsed(texts: pa.Array, *, safe: bool, last: bool = False) -> pa.Array:
    return pa.array([None if text is None else _parse(text, safe, last) for text in texts.to_pylist()], pa.string())


def _parse(text: str, safe: bool, last: bool) -> str | None:
    try:
        return parse(text, last=last)
    except NotJson as error:
        if safe:
            return None
        raise Refused(str(error), 100069, "22P02") from error


def _objects(keys: pa.Array, values: pa.Array, keep_null: bool) -> pa.Array:
    return pa.array(
        [_object(*row, keep_null) for row in zip(keys.to_pylist(), values.to_pylist(), strict=True)], pa.string()
    )


def _object(keys: list[str | None], values: list[str | None], keep_null: bool) -> str:
    pairs = {key: value for key, value in zip(keys, values, strict=True) if key is not None}
    cells = (
        f"{json.dumps(key, ensure_ascii=False)}:{value or 'null'}" for key, value in pairs.items() if value or keep_null
    )
    return "{" + ",".join(cells) + "}"


def _define(
    duck: duckdb.DuckDBPyConnection,
    name: str,
    function: Callable[..., Any],
    takes: list[Any],
    gives: str,
    effects: bool = True,
) -> None:
    """`effects`: DuckDB neither folds, repeats nor leaves out a call."""
    duck.create_function(name, function, takes, gives, type=ARROW, null_handling=SPECIAL, side_effects=effects)
