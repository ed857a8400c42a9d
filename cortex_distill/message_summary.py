"""What came of an inbox, in numbers and sentences; the report and the terminal show the same MessageSummary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from cortex_distill.answered import is_local, is_simulated, not_cortex
from cortex_distill.funnel import Stage
from cortex_distill.metrics import Interval, figure

if TYPE_CHECKING:
    from cortex_distill.ledger import Asked
    from cortex_distill.summary import Spent
    from cortex_distill.verdicts import Verdict

NOT_SENT = "Nothing was sent to anyone: messages are rows of MESSAGES, for a person to look at"


class Duel(NamedTuple):
    """Two variants, judged side by side; every count is of tickets."""

    first: str
    second: str
    first_better: int  # in both orders
    second_better: int
    neither: int
    judged: int  # with a verdict in both orders
    always_first: int  # whatever was read first was called the better one
    always_second: int
    unreadable: int  # without a verdict in one of the orders, or both
    equal: int = 0  # the same message, which nobody was asked about

    @property
    def n(self) -> int:
        """Pairs that count."""
        return self.judged + self.equal

    @property
    def disagreed(self) -> int:
        """Pairs whose two verdicts differ: ties that say more about the judge than about the messages."""
        return self.judged - self.first_better - self.second_better - self.neither

    @property
    def ties(self) -> int:
        """Pairs in which neither is shown to be better."""
        return self.n - self.first_better - self.second_better


class Judged(NamedTuple):
    """A Duel with what can be said about it."""

    duel: Duel
    verdict: Verdict  # its differences are wins less losses, as a share of n

    @property
    def rate(self) -> float:
        """The first variant's share of wins, a tie as half of one, in [0, 1]."""
        return (1 + self.verdict.difference) / 2

    @property
    def interval(self) -> Interval:
        """95 % interval of `rate`."""
        return Interval(*((1 + bound) / 2 for bound in self.verdict.interval))

    @property
    def text(self) -> str:
        """One sentence, which calls no winner inside the noise."""
        from cortex_distill.verdicts import p_text  # noqa: PLC0415  takes a second

        duel, (low, high) = self.duel, self.interval
        better, worse = (duel.first, duel.second) if self.rate >= 0.5 else (duel.second, duel.first)
        said = f"{better} is better than {worse}"
        said = said if self.verdict.is_shown else f"no difference shown between {duel.first} and {duel.second}"
        counts = f"{duel.first} won {duel.first_better}, {duel.second} won {duel.second_better}, {duel.ties} ties"
        rate = f"win rate of {duel.first} {figure(self.rate, low, high)}, a tie as half a win"
        return f"{said}: {counts}, n = {duel.n}; {rate}; exact McNemar (sign test) p {p_text(self.verdict.p_value)}"

    @property
    def bias(self) -> str:
        """What the two orders say about the judge; '' if they always agreed."""
        duel = self.duel
        if not duel.disagreed and not duel.unreadable:
            return ""
        said = f"in {duel.disagreed} of {duel.judged} pairs the two orders disagree, which counts as a tie"
        said += f" ({duel.always_first} times it was the message read first, {duel.always_second} times the other)"
        return said + (f"; {duel.unreadable} pairs have no readable verdict and do not count" * bool(duel.unreadable))


class Kept(NamedTuple):
    """The messages of one variant on one channel, counted."""

    variant: str
    channel: str
    messages: int
    ok: int
    too_long: int
    flagged: int
    no_answer: int
    asked_again: int
    most: int  # words that are allowed
    longest: int  # words of the longest message
    mean: float


class Shown(NamedTuple):
    """One message, to be looked at."""

    ticket_id: str
    variant: str
    category: str
    channel: str
    request: str
    message: str
    words: int
    remark: str  # its status, and what was found


class MessageSummary(NamedTuple):
    """Everything that the report of an inbox says."""

    experiment: str
    run_id: str
    engine: str
    inbox: str
    student: str  # who sorted it, in a sentence
    stages: Sequence[Stage]
    same_id: int
    by_category: Sequence[tuple[str, int]]
    kept: Sequence[Kept]
    compared: Sequence[Judged]
    examples: Sequence[Shown]
    marked: Sequence[Shown]  # too long or flagged
    calls: Sequence[Asked]
    spent: Sequence[Spent]
    served_by: Sequence[str]
    redacted: Sequence[str]
    prompts: dict[str, str]
    model: str
    artifact: str = ""  # the id of the one that shows it in Prefect

    @property
    def calls_made(self) -> int:
        """Model calls that this run paid for."""
        return sum(asked.made for asked in self.calls)

    def total(self, what: str) -> int:
        """A count of Kept over all variants and channels."""
        return sum(int(getattr(one, what)) for one in self.kept)

    @property
    def headline(self) -> str:
        """`70 messages to 70 tickets: 66 ok, 3 too long, 1 flagged, 0 without an answer; 0 model calls`."""
        n, tickets = self.total("messages"), sum(tickets for _, tickets in self.by_category)
        counts = (f"{self.total('ok')} ok, {self.total('too_long')} too long, {self.total('flagged')} flagged,"
                  f" {self.total('no_answer')} without an answer")  # fmt: skip
        return f"{n} messages to {tickets} tickets: {counts}; {self.calls_made} model calls; nothing was sent"

    @property
    def warnings(self) -> list[str]:
        """What a reader must know before believing a message."""
        if any(map(is_simulated, self.served_by)):
            return ["simulated models answered: these messages show that the machinery works, and nothing else"]
        return [not_cortex(self.served_by)] if any(map(is_local, self.served_by)) else []
