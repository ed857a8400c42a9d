"""What every step shares: when Prefect tries it again, and how its progress is shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any

from cortex_distill.ledger import Progress
from cortex_distill.session import SqlError

if TYPE_CHECKING:
    from prefect import task as task

# A session cannot be hashed: with a cache policy Prefect would log a traceback for every task. None is as good as
# prefect's NO_CACHE, and needs no import.
NO_CACHE = None
SECONDS_BETWEEN_REPORTS = 5.0


class LazyTask:
    """A Prefect task that is made when it is first run: Prefect takes a second to import, and whoever only wants
    what a step would do (`distill plan`) need not wait for it. `fn` is the function itself."""

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        self.fn, self._options = function, options
        update_wrapper(self, function)

    @cached_property
    def _made(self) -> Any:
        from prefect import task  # noqa: PLC0415  see above

        return task(**{"cache_policy": NO_CACHE, **self._options})(self.fn)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._made(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._made, name)


if not TYPE_CHECKING:

    def task(**options: Any) -> Callable[[Callable[..., Any]], LazyTask]:
        """Prefect's decorator, with no cache, as LazyTask."""
        return lambda function: LazyTask(function, options)


def is_transient(task: Any, task_run: Any, state: Any) -> bool:
    """Whether Prefect should run the task again: only for statements that failed in passing."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, SqlError) and error.transient


# Trying a step again is harmless: it replaces its own rows, and the ledger makes no answered call twice.
ON_CORTEX: dict[str, Any] = {
    "retries": 4,
    "retry_delay_seconds": [2, 4, 8, 16],
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_transient,
    "cache_policy": NO_CACHE,
}


def named_by_round(step: str) -> Callable[..., str]:
    """What Prefect calls a task whose parameter `now` is a Round; after the first round its number is in the name."""

    def name(parameters: dict[str, Any]) -> str:
        now = parameters.get("now")
        return now.title(step) if now else step

    return name


# Whoever wants to draw progress in this process, e.g. the command line. Prefect gets a log line and an artifact.
listeners: list[Callable[[str, Progress], None]] = []


@contextmanager
def progress(title: str) -> Iterator[Callable[[Progress], None]]:
    """A reporter for ledger.ask: listeners hear every report, Prefect one in SECONDS_BETWEEN_REPORTS."""
    shown = _Shown(title)
    yield shown.report


class _Shown:
    def __init__(self, title: str) -> None:
        self.title = title
        self.artifact: Any = None
        self.last = 0.0

    def report(self, now: Progress) -> None:
        for listener in listeners:
            listener(self.title, now)
        if now.done < now.calls and time.monotonic() - self.last < SECONDS_BETWEEN_REPORTS:
            return
        self.last = time.monotonic()
        from prefect.exceptions import MissingContextError  # noqa: PLC0415  see LazyTask

        with suppress(MissingContextError):  # outside a flow there is nobody to show it to
            self._to_prefect(now)

    def _to_prefect(self, now: Progress) -> None:
        from prefect import get_run_logger  # noqa: PLC0415  see LazyTask
        from prefect.artifacts import create_progress_artifact, update_progress_artifact  # noqa: PLC0415

        pace = f", {now.done / now.seconds:.1f} calls/s" if now.seconds > 0 else ""
        failed = f", {now.failed} failed" if now.failed else ""
        get_run_logger().info("%s: %d of %d calls%s%s", self.title, now.done, now.calls, failed, pace)
        share = 100.0 * now.done / now.calls
        if self.artifact is None:
            self.artifact = create_progress_artifact(share, description=f"{self.title} ({now.model})")
        else:
            update_progress_artifact(self.artifact, share)


def log(message: str, *values: object) -> None:
    """A line in the run's log; nothing outside a flow."""
    from prefect import get_run_logger  # noqa: PLC0415  see LazyTask
    from prefect.exceptions import MissingContextError  # noqa: PLC0415

    with suppress(MissingContextError):
        get_run_logger().info(message, *values)
