"""FINETUNE('CREATE', …): what it is asked for, checked.

Sources: docs: sql-reference/functions/finetune-create; user-guide/snowflake-cortex/cortex-finetuning. No page tells
how a refusal reads: it has the shape of other failures of a Cortex function, in words of our own.
"""

import json
import re
import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlglot import exp
from sqlglot.errors import SqlglotError

from cortex_distill.local.cortex.catalogue import base_name, tunable
from cortex_distill.local.cortex.replies import remote_error
from cortex_distill.local.faults import Refused
from cortex_distill.local.names import Name, resolved
from cortex_distill.local.sql.dialect import parse
from cortex_distill.model_catalogue import MOST_TRAINING_ROWS

ROWS_AT_ONE_EPOCH = MOST_TRAINING_ROWS["llama3.1-8b"]  # older bases are on no page any more: the same is taken for them
DEFAULT_EPOCHS = 3  # those that the page's table of limits calls the default
_PLAIN = re.compile(r"[A-Za-z]\w*", re.ASCII)


class Order(NamedTuple):
    """What CREATE was asked for."""

    id: str
    base_model: str
    model: Name
    train_query: str
    validation_query: str
    max_epochs: int | None
    home: str
    """The session's DB.SCHEMA, where the queries run."""

    @property
    def most_rows(self) -> int:
        """The largest number of rows that either query may return."""
        return ROWS_AT_ONE_EPOCH // (self.max_epochs or DEFAULT_EPOCHS)


def order_of(given: Sequence[Any], home: str, day: date) -> Order:
    """The order of CREATE's arguments. Raises Refused if it cannot be carried out."""
    name, base, train, validation, options = given
    if not all(isinstance(text, str) and text for text in (name, base, train)):
        raise error("CREATE takes a name, a base model and a training query, each a string")
    if base_name(base) not in tunable(day):
        raise error(f"base model {base!r} cannot be fine-tuned on {day}; use one of {', '.join(tunable(day))}")
    queries = (train, validation or "")
    for query in filter(None, queries):
        _check_source(query)
    return Order(f"ft_{uuid.uuid4()}", str(base_name(base)), _model(name, home), *queries, _max_epochs(options), home)


def error(text: str) -> Refused:
    """A refusal of FINETUNE."""
    return remote_error("FINETUNE", text)


def _model(name: str, home: str) -> Name:
    try:
        model = resolved(name, home)
    except Refused as refused:
        raise error(f"{name!r} is no name for a model: {refused.message}") from refused
    last = name.rsplit(".", 1)[-1]
    if not name.rstrip().endswith('"') and not _PLAIN.fullmatch(last.strip()):
        raise error(
            f"{name!r} is no name for a model: it starts with a letter, has letters, digits and _, or is quoted"
        )
    return model


def _check_source(query: str) -> None:
    """Training data comes from a table or view, by one query."""
    try:
        trees = [tree for tree in parse(query) if tree is not None and not isinstance(tree, exp.Semicolon)]
    except SqlglotError as fault:
        raise error(f"the query cannot be read: {query}") from fault
    if len(trees) != 1 or not isinstance(trees[0], exp.Query) or not trees[0].find(exp.Table):
        raise error(f"the data must come from a table or view, by one query: {query}")


def _max_epochs(options: Any) -> int | None:
    if not isinstance(options, str | None):
        raise error(f"options is a string that holds a JSON object, got {json.dumps(options)}")
    try:
        given = json.loads(options) if options else {}
    except ValueError as fault:
        raise error(f"options is not JSON: {options}") from fault
    if not isinstance(given, dict) or given.keys() - {"max_epochs"}:
        raise error(f"options may hold max_epochs only, got {options}")
    epochs = given.get("max_epochs")
    if epochs is None or (isinstance(epochs, int) and not isinstance(epochs, bool) and 1 <= epochs <= 10):
        return epochs
    raise error(f"max_epochs must be a whole number from 1 to 10, got {epochs!r}")
