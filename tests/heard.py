"""What loggers say while something runs, whatever handlers Prefect's set-up takes away at the start of a flow."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def heard(level: int = logging.INFO) -> Iterator[list[str]]:
    """Every record of every logger with its traceback, Prefect's from INFO on and the others' from `level` on."""
    lines: list[str] = []
    told = logging.Logger.callHandlers
    form = logging.Formatter("%(name)s %(message)s")

    def listen(logger: logging.Logger, record: logging.LogRecord) -> None:
        lines.append(form.format(record))
        told(logger, record)

    root, before = logging.getLogger(), logging.getLogger().level
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.Logger, "callHandlers", listen)
        root.setLevel(level)
        try:
            yield lines
        finally:
            root.setLevel(before)
