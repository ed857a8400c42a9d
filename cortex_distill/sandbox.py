"""The Jinja in which prompt templates run: nothing random, nothing without end, nothing that reaches further."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from jinja2 import StrictUndefined, TemplateRuntimeError, Undefined
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment


class _Sandbox(ImmutableSandboxedEnvironment):
    """Nothing random (a prompt is part of a ledger key), nothing that grows without end.

    A line that holds only a tag leaves no line in the prompt. So does the end of a line of text that ends in a tag:
    there `+%}` keeps it.
    """

    intercepted_binops = frozenset({"*", "**"})

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
            autoescape=False,
            undefined=StrictUndefined,
            finalize=_printed,
        )
        self.globals = {"range": self.globals["range"], "namespace": self.globals["namespace"]}
        self.filters["tojson"] = partial(json.dumps, ensure_ascii=False)  # Jinja's own writes I'm as I\\u0027m
        del self.filters["random"]

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not all(isinstance(side, int | float) for side in (left, right)):
            raise SecurityError(f"{operator} works on no such values here; write the text out")
        return super().call_binop(context, operator, left, right)


def _printed(value: Any) -> Any:
    if not isinstance(value, Undefined) and (callable(value) or isinstance(value, Iterator)):
        raise TemplateRuntimeError("prints a function or a generator; add () to call it, or | list, or | join(', ')")
    return value


SANDBOX = _Sandbox()
_WRONG_VALUES = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError)
FAILURES = (TemplateError, SyntaxError, RecursionError, MemoryError, *_WRONG_VALUES)  # what a template can raise
