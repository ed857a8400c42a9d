"""The Python functions behind the Cortex functions: batches of rows from DuckDB to the provider and back."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from hashlib import md5
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
from duckdb.func import ARROW, SPECIAL

from cortex_distill.local import calls
from cortex_distill.local.catalogue import base_name
from cortex_distill.local.faults import Refused
from cortex_distill.local.json_lenient import NotJson, parse
from cortex_distill.local.providers import Call, Provider
from cortex_distill.local.replies import remote_error, reply

_TEXT = "VARCHAR"


class Model(NamedTuple):
    """A model that a call may name."""

    name: str
    weights: Path | None


FindTuned = Callable[[str, str], Model | None]


class Cortex:
    """Answers `_cortex_call` and `_cortex_tokens`. `tuned(name, schema)` finds fine-tuned models."""

    def __init__(self, provider: Provider, tuned: FindTuned) -> None:
        self._provider, self._tuned = provider, tuned
        self._drawn: Counter[str] = Counter()
        self._drawing = threading.Lock()

    def register(self, duck: duckdb.DuckDBPyConnection) -> None:
        """Make the functions known to every connection of this DuckDB instance."""
        _define(duck, calls.CALL, self.call, [_TEXT] * 3, _TEXT)
        _define(duck, calls.TOKENS, self.tokens, [_TEXT, _TEXT, "BOOLEAN"], "BIGINT")

    def call(self, models: pa.Array, prompts: pa.Array, settings: pa.Array) -> pa.Array:
        """One cell per row; all rows of the batch go to the provider together. NULL asks nobody."""
        rows = [
            _row(*cells) for cells in zip(models.to_pylist(), prompts.to_pylist(), settings.to_pylist(), strict=True)
        ]
        asked = [(row, self._call(*row)) for row in rows if row is not None]
        answers = self._provider.complete([call for _, call in asked])
        replies = iter([reply(row[2], answer) for (row, _), answer in zip(asked, answers, strict=True)])
        return pa.array([None if row is None else next(replies) for row in rows], pa.string())

    def _call(self, model: str, prompt: Any, settings: calls.Settings) -> Call:
        found = self.model(model, settings.schema_name, settings.function)
        call = Call(found.name, _messages(prompt, settings), settings.parameters, settings.schema, found.weights)
        return call._replace(draw=self._draw(call)) if settings.parameters.get("temperature") else call

    def _draw(self, call: Call) -> int:
        """Number of this draw of a call; a model with a temperature should not say the same each time."""
        key = md5(json.dumps(call[:4]).encode(), usedforsecurity=False).hexdigest()
        with self._drawing:
            self._drawn[key] += 1
            return self._drawn[key] - 1

    def model(self, name: str, schema: str, function: str) -> Model:
        """The model of that name. Raises Refused, as the service does for a name that it does not know."""
        if base := base_name(name):
            return Model(base, None)
        found = self._tuned(name, schema)
        if found is None:
            raise remote_error(function, f'unknown model \\"{name}\\"')
        return found

    def tokens(self, models: pa.Array, texts: pa.Array, null_on_error: pa.Array) -> pa.Array:
        """Tokens per text. A tuned or unknown model is an error, or NULL for AI_COUNT_TOKENS."""
        counts: list[int | None] = []
        for model, text, lenient in zip(models.to_pylist(), texts.to_pylist(), null_on_error.to_pylist(), strict=True):
            name, content = (None if cell is None else json.loads(cell) for cell in (model, text))
            if name is None or content is None:
                counts.append(None)
            elif base_name(str(name)) is None:
                if not lenient:
                    raise remote_error("COUNT_TOKENS", f'unknown model \\"{name}\\"')
                counts.append(None)
            else:
                counts.append(self._provider.count_tokens(_plain(content)))
        return pa.array(counts, pa.int64())


def _row(model: str | None, prompt: str | None, settings: str) -> tuple[str, Any, calls.Settings] | None:
    if model is None or prompt is None:
        return None
    name, content = json.loads(model), json.loads(prompt)
    return None if name is None or content is None else (str(name), content, _settings(settings))


@lru_cache(maxsize=256)
def _settings(text: str) -> calls.Settings:
    return calls.Settings(**json.loads(text))


def _plain(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _messages(prompt: Any, settings: calls.Settings) -> Sequence[Mapping[str, str]]:
    """A history, a PROMPT object or a plain text, as messages."""
    if isinstance(prompt, list):
        messages = [
            {str(key).lower(): _plain(value) for key, value in item.items()}
            for item in prompt
            if isinstance(item, dict)
        ]
        if len(messages) != len(prompt) or not messages or any({"role", "content"} - item.keys() for item in messages):
            raise remote_error(settings.function, "messages must be objects with role and content")
        return messages
    if isinstance(prompt, dict) and "template" in prompt:
        text = str(prompt["template"])
        for place, value in enumerate(prompt.get("args") or []):
            text = text.replace(f"{{{place}}}", _plain(value))
        return [{"role": "user", "content": text}]
    return [{"role": "user", "content": _plain(prompt)}]


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
