"""The Python functions behind the Cortex functions: batches of rows from DuckDB to the provider and back."""

import json
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

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
from cortex_distill.local.sql.arrow_functions import define

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
        define(duck, calls.CALL, self.call, [_TEXT] * 4, _TEXT)
        define(duck, calls.TOKENS, self.tokens, [_TEXT] * 3, _TEXT)

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
            count = self._provider.count_tokens(text, model, asked=of == "ai_complete" and not options)
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
