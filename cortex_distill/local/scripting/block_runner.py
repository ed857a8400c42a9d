"""A block runs: each statement goes through the session's ordinary door, variables as binds.

Source: docs: developer-guide/snowflake-scripting. Statements of a block have no ids of their own here.
"""

from collections.abc import Iterator, Sequence

from fakesnow import statement_type

from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.scripting import block_parser, blocks
from cortex_distill.local.scripting.block_evaluate import GLOBALS, Evaluator, Execute, Failure
from cortex_distill.local.scripting.block_values import Row, Rows, Scope, Variable, filled
from cortex_distill.local.scripting.blocks import Immediate, Node, Piece, Sql
from cortex_distill.local.session.journal import CURRENT
from cortex_distill.local.wire.results import Result


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
    scope = Scope({**{name: Variable(None) for name in GLOBALS}, **(arguments or {})})
    runner = _Runner(execute, column, kind)
    try:
        runner.block(block, scope)
    except _Returned as returned:
        return returned.result._replace(kind=statement_type.UNKNOWN)
    except Failure as failure:
        raise failure.uncaught() from failure
    except _Leave as leave:
        raise unsupported("in a block: BREAK or CONTINUE outside of a loop of that label") from leave
    return execute(f'SELECT CAST(NULL AS {kind or "VARCHAR"}) AS "{column}"', [])._replace(kind=statement_type.UNKNOWN)


class _Runner(Evaluator):
    def __init__(self, execute: Execute, column: str, kind: str | None) -> None:
        super().__init__(execute)
        self._column, self._kind = column, kind
        self._handled: list[Failure] = []

    def block(self, node: blocks.Block, outer: Scope) -> None:
        """DECLARE, then the body; an error of the body goes to the first handler that takes it."""
        scope = outer.new_child()
        self._run(node.declared, scope)
        try:
            self._run(node.body, scope)
        except Failure as failure:
            taken = next((body for names, body in node.handlers if _takes(names, failure, scope)), None)
            if taken is None:
                raise
            error = failure.error
            told = {"SQLCODE": error.code, "SQLERRM": error.message, "SQLSTATE": error.state}
            self._handled.append(failure)
            try:
                self._run(taken, scope.new_child({name: Variable(None, value) for name, value in told.items()}))
            finally:
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
                self.query(node, scope)
            case blocks.Declare():
                target = Rows() if (node.kind or "").upper() == "RESULTSET" else Variable(node.kind)
                if node.value is not None:
                    self.give(target, node.value, scope)
                scope[node.name] = target
            case blocks.Cursor() | blocks.Fault():
                scope[node.name] = node
            case blocks.Assign():
                known = scope.get(node.name)
                value = node.query if isinstance(known, Rows) else node.value
                if not isinstance(known, Variable | Rows) or value is None:
                    raise unsupported(f"in a block: the assignment to {node.name}, {node.value.place}")
                self.give(known, value, scope)
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

    def _branch(self, node: blocks.Branch, scope: Scope) -> None:
        subject = None
        if node.subject is not None:
            subject = Variable(None)
            subject.value, subject.described = self.value(node.subject, scope, None)
        for condition, body in node.branches:
            if self.holds(condition, scope, subject):
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
            first, last = (self.value(piece, scope, "NUMBER(38,0)")[0] for piece in node.head)
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
            while node.kind != "WHILE" or self.holds(node.head[0], scope):
                yield scope.new_child()
                if node.kind == "REPEAT" and self.holds(node.head[0], scope):
                    return

    def _rows(self, piece: Piece, scope: Scope) -> Result:
        """The rows of a RESULTSET, or of a cursor, whose query runs now."""
        known = scope.get(piece.words[0].name)
        if isinstance(known, blocks.Cursor):
            if len(known.query.words) == 1:
                return self._rows(known.query, scope)
            return self.query(Sql(known.query), scope)
        if not isinstance(known, Rows) or known.result is None:
            raise unsupported(f"in a block: {piece.words[0].text}, {piece.place}, is no cursor or RESULTSET with rows")
        return known.result

    def _raised(self, node: blocks.Raise, scope: Scope) -> Failure:
        if not node.name and self._handled:
            return self._handled[-1]
        fault = scope.get(node.name)
        if not isinstance(fault, blocks.Fault):
            raise unsupported(f"in a block: RAISE {node.name}")
        return Failure(fault.name, Refused(fault.message, fault.code, "P0001"), node.at.place, fault)

    def _returned(self, node: blocks.Return, scope: Scope) -> Result:
        if node.value is not None:
            text, values = filled(node.value, scope, bare=True)
            return self.evaluate(text, values, self._kind, node.value.place, self._column)
        known = scope.get(node.table)
        if not isinstance(known, Rows) or known.result is None:
            raise unsupported(f"in a block: RETURN {node.table}")
        return known.result


def _takes(names: Sequence[str], failure: Failure, scope: Scope) -> bool:
    return any(
        name == "OTHER" or (scope.get(name) is failure.fault if failure.fault is not None else name == failure.kind)
        for name in names
    )
