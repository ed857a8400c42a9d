"""Between the statements and their models: no answer is paid twice because a statement failed or the engine was killed.

Each answer is on disk before its call counts as over, and stays there until the statement that made or used it has
succeeded; then it is forgotten, and the same statement asks again. What a failed statement leaves, the next that asks
the same of the same model takes. Inside an explicit transaction, too, an answer is kept until its statement has
succeeded, not until COMMIT.
"""

import hashlib
import heapq
import json
import threading
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cortex_distill.local.cortex.answer_store import AnswerStore, Asked
from cortex_distill.local.cortex.usage import Counted
from cortex_distill.local.providers import Answer, Call, CallError, Provider
from cortex_distill.local.session.journal import Statement


class _Kept(NamedTuple):
    number: int
    counted: bool
    """Whether its tokens stand with the statement that made it, which failed; a killed engine has counted nothing."""


class _Held:
    """What one statement has made or taken so far."""

    def __init__(self) -> None:
        self.answers: list[tuple[Asked, int]] = []
        self.draws: dict[bytes, list[int]] = defaultdict(list)

    def add(self, asked: Asked, number: int) -> None:
        """An answer that it has made or taken, by its number in the store."""
        self.answers.append((asked, number))


class Answers:
    """Asks the provider for statements. Thread-safe: DuckDB asks for batches side by side."""

    def __init__(self, provider: Provider, folder: Path) -> None:
        """Raises SetupError if what is kept in that folder cannot be opened."""
        self._provider, self._store = provider, AnswerStore(folder)
        self._guard = threading.Lock()
        self._held: dict[str, _Held] = defaultdict(_Held)
        self._free: dict[Asked, list[_Kept]] = defaultdict(list)
        for asked, number in self._store.all():
            self._free[asked].append(_Kept(number, counted=False))
        self._next_draw: dict[bytes, int] = {}
        self._returned: dict[bytes, list[int]] = defaultdict(list)

    def complete(self, calls: Sequence[Call], statement: Statement) -> list[Answer | CallError]:
        """An answer or a failure for each call, in order: kept ones first, the others from the provider.

        An answer that is told on this very thread comes from a model of this machine that takes one call after the
        other: it is written soon, beside the next. One from elsewhere comes from calls side by side, which may be
        dear: it is written before its place goes to another.
        """
        with self._guard:
            held = self._held[statement.id]
            asked = self._asked(calls, held)
            taken = self._taken(asked, held)
        missing = [place for place in range(len(calls)) if place not in taken]
        here = threading.get_ident()

        def heard(at: int, answer: Answer) -> None:
            if (call := asked[missing[at]]) is not None:
                keep = self._store.keep_soon if threading.get_ident() == here else self._store.keep
                keep(call, answer, held.add)

        pending = [
            calls[at]._replace(draw=call.draw) if (call := asked[at]) and call.draw else calls[at] for at in missing
        ]
        said = self._provider.complete(pending, statement.stop, heard)
        if not taken:
            return said
        answers = {**taken, **dict(zip(missing, said, strict=True))}
        return [answers[place] for place in range(len(calls))]

    def end(self, statement: Statement, *, succeeded: bool) -> None:
        """The statement is over: forget what it needed, or leave that and its draws to the next."""
        with self._guard:
            held = self._held.pop(statement.id, None)
        if held is None:
            return
        self._store.write_now()
        with self._guard:
            if succeeded:
                if held.answers or held.draws:
                    draws = {key: self._next_draw[key] for key in held.draws}
                    self._store.settle((number for _, number in held.answers), draws)
                return
            for asked, number in held.answers:
                self._free[asked].append(_Kept(number, counted=True))
            for key, numbers in held.draws.items():
                for number in numbers:
                    heapq.heappush(self._returned[key], number)

    def close(self) -> None:
        """Close the file; what unfinished statements have made stays in it."""
        self._store.close()

    def _asked(self, calls: Sequence[Call], held: _Held) -> list[Asked | None]:
        """The calls with the numbers of their draws; None for one to whose model nobody answers."""
        heads: dict[tuple[str, Path | None, int, int], str | None] = {}
        asked: list[Asked | None] = []
        for call in calls:
            of = (call.model, call.weights, id(call.parameters), id(call.schema))  # rows of a statement share these
            if of not in heads:
                heads[of] = self._head(call)
            if (head := heads[of]) is None:
                asked.append(None)
                continue
            text = head + "".join([f"{len(one['content'])}{one['role']}{one['content']}" for one in call.messages])
            key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            asked.append(Asked(key, self._draw(key, held) if call.parameters.get("temperature") else 0))
        return asked

    def _head(self, call: Call) -> str | None:
        """Who is asked, and how."""
        try:
            who = f"tuned {call.weights.name}" if call.weights else self._provider.served_by(call.model)
        except CallError:
            return None  # the provider will say so, too
        return json.dumps([who, call.model, call.parameters, call.schema])

    def _draw(self, key: bytes, held: _Held) -> int:
        """Number of this draw of a call: a model with a temperature should not say the same each time.

        Numbers that failed statements took are taken first, since their answers may be kept.
        """
        if returned := self._returned.get(key):
            number = heapq.heappop(returned)
        else:
            number = self._next_draw[key] if key in self._next_draw else self._store.next_draw(key)
            self._next_draw[key] = number + 1
        held.draws[key].append(number)
        return number

    def _taken(self, asked: Sequence[Asked | None], held: _Held) -> dict[int, Answer]:
        """The kept answers that nobody uses, for the places that can use them."""
        taken: dict[int, Answer] = {}
        for place, call in enumerate(asked if self._free else ()):
            if call is not None and (kept := self._free.get(call)):
                number, counted = kept.pop()
                answer = self._store.read(number)
                taken[place] = Counted(*answer) if counted else answer
                held.add(call, number)
                if not kept:
                    del self._free[call]
        return taken
