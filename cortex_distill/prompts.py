"""Prompt templates: what the file knows is rendered once in Python, what a row knows becomes SQL.

Templates are sandboxed Jinja. A row value can only be printed, so that its place in the text is all that matters.
"""

import re
import secrets
import traceback
from collections.abc import Mapping
from functools import lru_cache

from jinja2 import TemplateSyntaxError, nodes

from cortex_distill.errors import ConfigError
from cortex_distill.markup import visible
from cortex_distill.sandbox import FAILURES, SANDBOX
from cortex_distill.spelling import suggestion
from cortex_distill.sql import Sql, bind, call
from cortex_distill.template_places import Place


class TemplateFailure(ConfigError):
    """A template that cannot be rendered, with the line inside it."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(line, what)  # both, so that the error survives pickling
        self.line, self.what = line, what

    def __str__(self) -> str:
        return visible(f"template line {self.line}: {self.what}")


def problems(template: str, place: Place) -> list[tuple[int, str]]:
    """What is wrong with a template, as (line inside it from 1, message), sorted; an empty list if nothing is."""
    try:
        tree = SANDBOX.parse(template)
    except TemplateSyntaxError as error:
        return [(error.lineno, f"is not a template: {error.message}; see the Jinja manual")]
    except (RecursionError, ValueError):
        return [(1, "is not a template: nested too deeply or with a number too long; write it more simply")]
    check = _Check(place)
    check.body(tree.body, frozenset(), captured=False)
    unused = [(1, f"never uses {name}; write {{{{ {name} }}}} where it belongs") for name in place.must - check.used]
    return sorted({*check.found, *unused})


class _Check:
    """Walks a template with the names that are local at each point (loop and set variables)."""

    def __init__(self, place: Place) -> None:
        self.place, self.known = place, place.file | place.row | SANDBOX.globals.keys()
        self.found: set[tuple[int, str]] = set()
        self.used: set[str] = set()

    def body(self, body: list[nodes.Node], local: frozenset[str], *, captured: bool) -> frozenset[str]:
        for node in body:
            local = self.statement(node, local, captured)
        return local

    def statement(self, node: nodes.Node, local: frozenset[str], captured: bool) -> frozenset[str]:
        """The names that are local after the statement. `captured`: what it prints is not yet the prompt."""
        match node:
            case nodes.Output():
                for child in node.nodes:
                    self.expression(child, local, printed=not captured)
            case nodes.For(recursive=False):
                self.loop(node, local, captured)
            case nodes.If():
                return self.branches(node, local, captured)
            case nodes.With():
                for value in node.values:
                    self.expression(value, local)
                self.body(node.body, local.union(*map(_targets, node.targets)), captured=captured)
            case nodes.Assign():
                self.expression(node.node, local)
                return local | _targets(node.target)
            case nodes.AssignBlock() | nodes.FilterBlock():
                self.expression(node.filter, local)
                self.body(node.body, local, captured=True)
                return local | _targets(node.target) if isinstance(node, nodes.AssignBlock) else local
            case _:
                self.refuse(node)
        return local

    def loop(self, node: nodes.For, local: frozenset[str], captured: bool) -> None:
        self.expression(node.iter, local)
        inner = local | _targets(node.target) | {"loop"}
        self.expression(node.test, inner)
        self.body(node.body, inner, captured=captured)
        self.body(node.else_, local, captured=captured)

    def branches(self, node: nodes.If, local: frozenset[str], captured: bool) -> frozenset[str]:
        """A name is local after an `if` only when every branch sets it."""
        ends = [self.body(node.else_, local, captured=captured)]
        for branch in (node, *node.elif_):
            self.expression(branch.test, local)
            ends.append(self.body(branch.body, local, captured=captured))
        return frozenset.intersection(*ends)

    def refuse(self, node: nodes.Node) -> None:
        tag = {"FromImport": "from", "CallBlock": "call", "For": "for … recursive", "Scope": "autoescape"}
        name = tag.get(type(node).__name__, type(node).__name__.lower())
        line = next((part.lineno for part in (node, *node.find_all(nodes.Node)) if part.lineno), 1)
        self.found.add((line, f"{{% {name} %}} is not allowed here; use for, if, set and with only"))

    def expression(self, node: nodes.Node | None, local: frozenset[str], *, printed: bool = False) -> None:
        if isinstance(node, nodes.Name):
            self.name(node, local, printed)
        elif isinstance(node, nodes.Filter | nodes.Test):
            registry: Mapping[str, object] = SANDBOX.filters if isinstance(node, nodes.Filter) else SANDBOX.tests
            if node.name not in registry:
                kind = type(node).__name__.lower()
                self.found.add((node.lineno, f"no such {kind} '{node.name}'; {suggestion(node.name, registry.keys())}"))
        for child in node.iter_child_nodes() if node else ():
            self.expression(child, local)

    def name(self, node: nodes.Name, local: frozenset[str], printed: bool) -> None:
        name = node.name
        if name in local:
            return
        self.used.add(name)
        if name in self.place.never:
            self.found.add((node.lineno, f"{{{{ {name} }}}} {self.place.why_never}"))
        elif name not in self.known:
            hint = suggestion(name, self.place.file | self.place.row)
            self.found.add((node.lineno, f"unknown name '{name}'; {hint}"))
        elif name in self.place.row and not printed:
            self.found.add((node.lineno, f"{name} differs per row, so it can only be printed: write {{{{ {name} }}}}"))


def _targets(node: nodes.Node) -> frozenset[str]:
    names = frozenset(child.name for child in node.find_all(nodes.Name))
    return names | {node.name} if isinstance(node, nodes.Name) else names


_compiled = lru_cache(maxsize=256)(SANDBOX.from_string)


def render(template: str, values: Mapping[str, object]) -> str:
    """The text of a template whose names are all known to the file. Raises TemplateFailure, a ConfigError."""
    try:
        return _compiled(template).render(values)
    except TemplateSyntaxError as error:
        raise TemplateFailure(error.lineno, f"is not a template: {error.message}") from error
    except FAILURES as error:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == "<template>"), None)
        raise TemplateFailure(line or 1, " ".join(str(error).split()) or type(error).__name__) from error


def to_sql(template: str, values: Mapping[str, object], columns: Mapping[str, str]) -> Sql:
    """A SQL text expression of the prompt of each row: `CONCAT(?, COALESCE(column, ''), …)`, or its only piece.

    `columns` maps row names to trusted SQL expressions of type text; a name in both maps means the column.
    Row names print a marker made for this call, and the text is cut at the markers, so no value is read twice.
    Raises ConfigError, also when a row value is used for anything but printing.
    """
    found = problems(template, Place(frozenset(values), frozenset(columns)))
    if found:
        raise TemplateFailure(*found[0])
    marks = {f"row{secrets.token_hex(16)}": name for name in columns}
    text = render(template, {**values, **{name: mark for mark, name in marks.items()}})
    pieces = re.split(f"({'|'.join(marks)})", text) if marks else [text]
    column = {mark: Sql(f"COALESCE({columns[name]}, '')") for mark, name in marks.items()}
    parts = [column.get(piece) or bind(piece) for piece in pieces if piece] or [bind("")]
    return parts[0] if len(parts) == 1 else call("CONCAT", *parts)
