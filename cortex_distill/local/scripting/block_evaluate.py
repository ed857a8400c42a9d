"""What a block's expressions and statements of SQL give. Variables travel as binds, errors become exceptions."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fakesnow import statement_type

from cortex_distill.local.faults import NOT_SUPPORTED, Refused, as_refused, unsupported
from cortex_distill.local.scripting import blocks
from cortex_distill.local.scripting.block_values import Rows, Scope, Variable, filled
from cortex_distill.local.scripting.blocks import Immediate, Piece, Sql
from cortex_distill.local.session.journal import CURRENT
from cortex_distill.local.wire.results import Result

Execute = Callable[[str, Sequence[Any]], Result]
GLOBALS = ("SQLROWCOUNT", "SQLFOUND", "SQLNOTFOUND", "ACTIVITY_COUNT")


class Failure(Exception):
    """An error on its way to a handler."""

    def __init__(self, kind: str, error: Refused, place: str, fault: blocks.Fault | None = None) -> None:
        self.kind, self.error, self.place, self.fault = kind, error, place, fault

    def uncaught(self) -> Refused:
        """What the client is told. Source: docs: developer-guide/snowflake-scripting/exceptions."""
        told = f" : {self.error.message}" if self.error.message else ""
        message = f"Uncaught exception of type '{self.kind}' {self.place}{told}"
        return Refused(message, self.error.code, self.error.state)


class Evaluator:
    """`execute` is the session's door for one statement."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute

    def give(self, target: Variable | Rows, value: Piece | Sql | Immediate, scope: Scope) -> None:
        if isinstance(value, Piece):
            assert isinstance(target, Variable)  # the parser gives a RESULTSET queries only
            target.take(*self.value(value, scope, target.cast))
        elif isinstance(target, Rows):
            target.result = self.query(value, scope)

    def value(self, piece: Piece, scope: Scope, kind: str | None) -> tuple[Any, str]:
        """What an expression gives, cast to that type, and DuckDB's name of the type."""
        return _single(self.evaluate(*filled(piece, scope, bare=True), kind, piece.place))

    def evaluate(self, text: str, values: Sequence[Any], kind: str | None, place: str, name: str = "v") -> Result:
        with _failing("EXPRESSION_ERROR", place):
            whole = f"CAST(({text}) AS {kind})" if kind else f"({text})"
            return self._execute(f'SELECT {whole} AS "{name}"', values)

    def holds(self, piece: Piece, scope: Scope, subject: Variable | None = None) -> bool:
        """Whether a condition is true, or, with a subject, whether the expression equals it; NULL is neither."""
        text, values = filled(piece, scope, bare=True)
        if subject is not None:
            name, bound = subject.bound()
            text, values = f"{name} = ({text})", [*bound, *values]
        return _single(self.evaluate(text, values, "BOOLEAN", piece.place))[0] is True

    def query(self, node: Sql | Immediate, scope: Scope) -> Result:
        """A statement of SQL; what it did can be read from SQLROWCOUNT and its kind until the next one."""
        if isinstance(node, Sql):
            text, values = filled(node.text, scope, bare=False)
            place = node.text.place
        else:
            found, _ = self.value(node.text, scope, "VARCHAR")
            text, values, place = str(found or ""), [_plain(name, scope) for name in node.using], node.at.place
        with _failing("STATEMENT_ERROR", place):
            result = self._execute(text, values)
            if isinstance(node, Sql) and node.into:
                self._into(node.into, result, scope)
        scope.maps[-1].update(_counted(result))
        return result

    def _into(self, names: Sequence[str], result: Result, scope: Scope) -> None:
        targets = [_variable(name, scope) for name in names]
        if result.table.num_rows > 1:
            count = result.table.num_rows
            raise Refused(f"A SELECT INTO statement expects exactly 1 returned row, but got {count}.", 100183, "P0000")
        if len(targets) != result.table.num_columns or (
            not result.table.num_rows and any(target.value is not None for target in targets)
        ):
            raise unsupported(
                "SELECT INTO variables that have values, without a row, or with another number of columns"
            )
        for place, target in enumerate(targets if result.table.num_rows else []):
            value = Variable(None, result.table.column(place)[0].as_py(), str(result.columns[place][1]))
            if target.cast is None:
                target.take(value.value, value.described)
            else:
                target.take(*_single(self.evaluate(*value.bound(), target.cast, "")))


@contextmanager
def _failing(kind: str, place: str) -> Iterator[None]:
    """An error becomes an exception that handlers can take, but for a cancellation and what is not imitated."""
    try:
        yield
    except Exception as error:
        refused = as_refused(error)
        if refused is None or CURRENT.get().stop.is_set() or refused.message.startswith(NOT_SUPPORTED):
            raise
        raise Failure(kind, refused, place) from error


def _single(result: Result) -> tuple[Any, str]:
    return result.table.column(0)[0].as_py(), str(result.columns[0][1])


def _variable(name: str, scope: Scope) -> Variable:
    known = scope.get(name)
    if not isinstance(known, Variable):
        raise unsupported(f"in a block: {name} as a variable")
    return known


def _plain(name: str, scope: Scope) -> Any:
    variable = _variable(name, scope)
    if variable.described == "JSON":
        raise unsupported(f"USING {name}, which is semi-structured")
    return variable.value


def _counted(result: Result) -> dict[str, Variable]:
    """Global variables after a statement. Source: docs: developer-guide/snowflake-scripting/dml-status."""
    count = None
    if result.kind in statement_type.DML_TYPE_IDS:
        cells = zip(result.table.column_names, result.table.columns, strict=True)
        count = sum(int(cell[0].as_py()) for name, cell in cells if name.startswith("number of rows"))
    rows = result.table.num_rows if result.kind == statement_type.SELECT else count
    found = (None, None) if count is None else (count > 0, count == 0)
    return {name: Variable(None, value) for name, value in zip(GLOBALS, (count, *found, rows), strict=True)}
