"""A block runs: each statement goes through the session's ordinary door, variables as binds.

Source: docs: developer-guide/snowflake-scripting. Statements of a block have no ids of their own here.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fakesnow import statement_type

from cortex_distill.local import block_parser, blocks
from cortex_distill.local.block_values import Row, Rows, Scope, Variable, filled
from cortex_distill.local.blocks import Immediate, Node, Piece, Sql
from cortex_distill.local.cursor import Result
from cortex_distill.local.faults import NOT_SUPPORTED, Refused, as_refused, unsupported
from cortex_distill.local.journal import CURRENT

Execute = Callable[[str, Sequence[Any]], Result]
_GLOBALS = ("SQLROWCOUNT", "SQLFOUND", "SQLNOTFOUND", "ACTIVITY_COUNT")


class _Failure(Exception):
    """An error on its way to a handler."""

    def __init__(self, kind: str, error: Refused, place: str, fault: blocks.Fault | None = None) -> None:
        self.kind, self.error, self.place, self.fault = kind, error, place, fault

    def uncaught(self) -> Refused:
        """What the client is told. Source: docs: developer-guide/snowflake-scripting/exceptions."""
        told = f" : {self.error.message}" if self.error.message else ""
        message = f"Uncaught exception of type '{self.kind}' {self.place}{told}"
        return Refused(message, self.error.code, self.error.state)


class _Leave(Exception):
    def __init__(self, node: blocks.Leave) -> None:
        self.node = node


class _Returned(Exception):
    def __init__(self, result: Result) -> None:
        self.result = result


def run(
    text: str, execute: Execute, column: str = "anonymous block", kind: str | None = None, arguments: Row | None = None
) -> Result:
    """Run a block. One row whose column is called `column`, or the table that it returns.

    A block without RETURN gives NULL. Raises Refused, also for an exception that nobody handles.
    """
    block = block_parser.read(text)
    scope = Scope({**{name: Variable(None) for name in _GLOBALS}, **(arguments or {})})
    runner = _Runner(execute, column, kind)
    try:
        runner.block(block, scope)
    except _Returned as returned:
        return returned.result._replace(kind=statement_type.UNKNOWN)
    except _Failure as failure:
        raise failure.uncaught() from failure
    except _Leave as leave:
        raise unsupported("in a block: BREAK or CONTINUE outside of a loop of that label") from leave
    return execute(f'SELECT CAST(NULL AS {kind or "VARCHAR"}) AS "{column}"', [])._replace(kind=statement_type.UNKNOWN)


class _Runner:
    def __init__(self, execute: Execute, column: str, kind: str | None) -> None:
        self._execute, self._column, self._kind = execute, column, kind
        self._handled: list[_Failure] = []

    def block(self, node: blocks.Block, outer: Scope) -> None:
        """DECLARE, then the body; an error of the body goes to the first handler that takes it."""
        scope = outer.new_child()
        self._run(node.declared, scope)
        try:
            self._run(node.body, scope)
        except _Failure as failure:
            taken = next((body for names, body in node.handlers if _takes(names, failure, scope)), None)
            if taken is None:
                raise
            error = failure.error
            told = {"SQLCODE": error.code, "SQLERRM": error.message, "SQLSTATE": error.state}
            self._handled.append(failure)
            self._run(taken, scope.new_child({name: Variable(None, value) for name, value in told.items()}))
            self._handled.pop()

    def _run(self, nodes: Sequence[Node], scope: Scope) -> None:
        for node in nodes:
            CURRENT.get().check()
            self._one(node, scope)

    def _one(self, node: Node, scope: Scope) -> None:
        match node:
            case blocks.Block():
                self.block(node, scope)
            case Sql() | Immediate():
                self._query(node, scope)
            case blocks.Declare():
                target = Rows() if (node.kind or "").upper() == "RESULTSET" else Variable(node.kind)
                if node.value is not None:
                    self._give(target, node.value, scope)
                scope[node.name] = target
            case blocks.Cursor() | blocks.Fault():
                scope[node.name] = node
            case blocks.Assign():
                known = scope.get(node.name)
                value = node.query if isinstance(known, Rows) else node.value
                if not isinstance(known, Variable | Rows) or value is None:
                    raise unsupported(f"in a block: the assignment to {node.name}, {node.value.place}")
                self._give(known, value, scope)
            case blocks.Branch():
                self._branch(node, scope)
            case blocks.Loop():
                self._loop(node, scope)
            case blocks.Leave():
                raise _Leave(node)
            case blocks.Raise():
                raise self._raised(node, scope)
            case blocks.Return():
                raise _Returned(self._returned(node, scope))

    def _give(self, target: Variable | Rows, value: Piece | Sql | Immediate, scope: Scope) -> None:
        if isinstance(value, Piece):
            assert isinstance(target, Variable)  # the parser gives a RESULTSET queries only
            target.take(*self._value(value, scope, target.cast))
        elif isinstance(target, Rows):
            target.result = self._query(value, scope)

    def _value(self, piece: Piece, scope: Scope, kind: str | None) -> tuple[Any, str]:
        """What an expression gives, cast to that type, and DuckDB's name of the type."""
        return _single(self._evaluate(*filled(piece, scope, bare=True), kind, piece.place))

    def _evaluate(self, text: str, values: Sequence[Any], kind: str | None, place: str, name: str = "v") -> Result:
        with _failing("EXPRESSION_ERROR", place):
            whole = f"CAST(({text}) AS {kind})" if kind else f"({text})"
            return self._execute(f'SELECT {whole} AS "{name}"', values)

    def _holds(self, piece: Piece, scope: Scope, subject: Variable | None = None) -> bool:
        """Whether a condition is true, or, with a subject, whether the expression equals it; NULL is neither."""
        text, values = filled(piece, scope, bare=True)
        if subject is not None:
            name, bound = subject.bound()
            text, values = f"{name} = ({text})", [*bound, *values]
        return _single(self._evaluate(text, values, "BOOLEAN", piece.place))[0] is True

    def _query(self, node: Sql | Immediate, scope: Scope) -> Result:
        """A statement of SQL; what it did can be read from SQLROWCOUNT and its kind until the next one."""
        if isinstance(node, Sql):
            text, values = filled(node.text, scope, bare=False)
            place = node.text.place
        else:
            found, _ = self._value(node.text, scope, "VARCHAR")
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
                target.take(*_single(self._evaluate(*value.bound(), target.cast, "")))

    def _branch(self, node: blocks.Branch, scope: Scope) -> None:
        subject = None
        if node.subject is not None:
            subject = Variable(None)
            subject.value, subject.described = self._value(node.subject, scope, None)
        for condition, body in node.branches:
            if self._holds(condition, scope, subject):
                return self._run(body, scope)
        if node.otherwise is None:
            raise unsupported(f"in a block: CASE that nothing fits, without ELSE, {node.branches[0][0].place}")
        return self._run(node.otherwise, scope)

    def _loop(self, node: blocks.Loop, scope: Scope) -> None:
        for inner in self._rounds(node, scope):
            CURRENT.get().check()
            try:
                self._run(node.body, inner)
            except _Leave as leave:
                if leave.node.label not in ("", node.label):
                    raise
                if not leave.node.again:
                    return

    def _rounds(self, node: blocks.Loop, scope: Scope) -> Iterator[Scope]:
        if node.kind == "COUNT":
            first, last = (self._value(piece, scope, "NUMBER(38,0)")[0] for piece in node.head)
            if first is None or last is None:
                raise unsupported(f"in a block: FOR with a NULL bound, {node.head[0].place}")
            numbers = range(int(first), int(last) + 1)
            for number in reversed(numbers) if node.reverse else numbers:
                yield scope.new_child({node.name: Variable("NUMBER(38,0)", number, "BIGINT")})
        elif node.kind == "ROWS":
            result = self._rows(node.head[0], scope)
            for batch in result.table.to_batches():
                for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    described = zip(result.columns, cells, strict=True)
                    row = {str(kind[0]).upper(): Variable(None, cell, str(kind[1])) for kind, cell in described}
                    yield scope.new_child({node.name: row})
        else:
            while node.kind != "WHILE" or self._holds(node.head[0], scope):
                yield scope.new_child()
                if node.kind == "REPEAT" and self._holds(node.head[0], scope):
                    return

    def _rows(self, piece: Piece, scope: Scope) -> Result:
        """The rows of a RESULTSET, or of a cursor, whose query runs now."""
        known = scope.get(piece.words[0].name)
        if isinstance(known, blocks.Cursor):
            if len(known.query.words) == 1:
                return self._rows(known.query, scope)
            return self._query(Sql(known.query), scope)
        if not isinstance(known, Rows) or known.result is None:
            raise unsupported(f"in a block: {piece.words[0].text}, {piece.place}, is no cursor or RESULTSET with rows")
        return known.result

    def _raised(self, node: blocks.Raise, scope: Scope) -> _Failure:
        if not node.name and self._handled:
            return self._handled[-1]
        fault = scope.get(node.name)
        if not isinstance(fault, blocks.Fault):
            raise unsupported(f"in a block: RAISE {node.name}")
        return _Failure(fault.name, Refused(fault.message, fault.code, "P0001"), node.at.place, fault)

    def _returned(self, node: blocks.Return, scope: Scope) -> Result:
        if node.value is not None:
            text, values = filled(node.value, scope, bare=True)
            return self._evaluate(text, values, self._kind, node.value.place, self._column)
        known = scope.get(node.table)
        if not isinstance(known, Rows) or known.result is None:
            raise unsupported(f"in a block: RETURN {node.table}")
        return known.result


@contextmanager
def _failing(kind: str, place: str) -> Iterator[None]:
    """An error becomes an exception that handlers can take, but for a cancellation and what is not imitated."""
    try:
        yield
    except Exception as error:
        refused = as_refused(error)
        if refused is None or CURRENT.get().stop.is_set() or refused.message.startswith(NOT_SUPPORTED):
            raise
        raise _Failure(kind, refused, place) from error


def _takes(names: Sequence[str], failure: _Failure, scope: Scope) -> bool:
    return any(
        name == "OTHER" or (scope.get(name) is failure.fault if failure.fault is not None else name == failure.kind)
        for name in names
    )


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
    return {name: Variable(None, value) for name, value in zip(_GLOBALS, (count, *found, rows), strict=True)}
