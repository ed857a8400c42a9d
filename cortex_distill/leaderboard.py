"""The leaderboard as Markdown that renders in both Prefect UIs: the winner in words, a dot plot, tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from cortex_distill.answered import NOT_CORTEX, NOTHING_ELSE
from cortex_distill.charts import Mark, dot_plot
from cortex_distill.markup import artifact_key, breakable, escaped, run_link, table
from cortex_distill.standings import PLACES, Standing, Standings

DRAWN = 12  # runs in one plot; the table below it has them all
NONE = "–"
RUN_HEADER = ["run", "accuracy", "rows", "experiment", "what is special; who answered"]
ANSWERED = {
    "simulated": f"simulated models answered: {NOTHING_ELSE}",
    "local": f"models on this machine answered: {NOT_CORTEX}",
}
BY = {"simulated": "simulated models", "local": "models on this machine", "cortex": "Cortex"}


def key(engine: str) -> str:
    """The artifact's key. Engines may share one, in theory."""
    return artifact_key("leaderboard", engine)


def markdown(engine: str, found: Standings) -> str:
    """The whole page. Who answered stands in the first line, unless all was Cortex."""
    rankings = (part for ranking in _rankings(found) for part in _ranking(ranking))
    parts = [_answered(found), *rankings, _every_run(engine, found)]
    return "\n\n".join(part for part in parts if part) + "\n"


def description(found: Standings) -> str:
    """One line of Markdown for lists of artifacts: who leads in each ranking."""
    return "; ".join(escaped(winner(ranking)) for ranking in _rankings(found)) or "no run has ended yet"


def _rankings(found: Standings) -> list[list[Standing]]:
    return [list(each) for _, each in groupby(found.ranked, lambda s: (s.experiment, s.evaluation_set, s.kind))]


def winner(ranking: Sequence[Standing]) -> str:
    """`support_tickets: best with fine_tune.max_epochs=2, 71% of 100 right`; plain text. Where the next ones lie
    within the winner's interval it is only the best so far."""
    first = ranking[0]
    places = [one.place for one in ranking]
    if sum(place > 0 for place in places) == 1:
        said = "the tuned student got" if len(ranking) == 1 else "the newest run got"
    elif places.count(1) > 1:
        said = f"{places.count(1)} runs share the first place,"
    else:
        said = f"best{' so far' if _near(ranking) else ''} with {first.special},"
    who = " (simulated)" if first.kind == "simulated" else ""
    return f"{first.experiment}: {said} {first.tuned.value if first.tuned else 0:.0%} of {first.n} right{who}"


def _near(ranking: Sequence[Standing]) -> int:
    """How many others lie within the interval of the first."""
    low = ranking[0].tuned.low if ranking[0].tuned else 0
    return sum(bool(one.place and one.tuned and one.tuned.value >= low) for one in ranking[1:])


def _answered(found: Standings) -> str:
    kinds = dict.fromkeys(one.kind for one in (*found.ranked, *found.newest))
    where = " (where the table says so)" if len(kinds) > 1 else ""
    said = [f"{text[0].upper()}{text[1:]}{where}" for kind, text in ANSWERED.items() if kind in kinds]
    return "\n\n".join(f"⚠️ **{escaped(text)}.**" for text in said)


def _ranking(ranking: Sequence[Standing]) -> Iterator[str]:
    first = ranking[0]
    where = "the holdout" if first.evaluation_set == "holdout" else f"{first.evaluation_set} tickets"
    yield f"## {breakable(escaped(winner(ranking)))}"
    yield escaped(_told(ranking, where), 1000)
    placed = [one for one in ranking if one.place]
    marks = [mark for one in placed[:DRAWN] for mark in _marks(one)]
    yield dot_plot(marks, f"{first.experiment} on {where}, n = {first.n}\nanswered by {BY[first.kind]}")
    yield _places(ranking)
    if len(ranking) == PLACES:
        yield f"Configs beyond the first {PLACES} are in EXPERIMENTS."
    if len(placed) < len(ranking):
        yield f"{NONE} in the first column: measured on other rows than the newest run, so it cannot be ranked with it."


def _told(ranking: Sequence[Standing], where: str) -> str:
    """What the winner's figures mean, for somebody who sees them for the first time."""
    first = ranking[0]
    right = [figure and round(figure.value * first.n) for figure in (first.tuned, first.base, first.teacher)]
    interval = f"{first.tuned.low:.2f}–{first.tuned.high:.2f}" if first.tuned else NONE
    said = f"After fine-tuning, {first.student} sorted {right[0]} of {first.n} requests of {where} right"
    said += f" (95 % interval {interval})."
    said += f" Before, with its best prompt: {right[1]}." if first.base else ""
    said += f" Its teacher {first.teacher_model}: {right[2]}." if first.teacher else ""
    said += "" if first.evaluation_set == "holdout" else " The teacher wrote these tickets, which flatters everybody."
    if near := _near(ranking):
        others = "The next one lies" if near == 1 else f"The next {near} lie"
        said += f" {others} within this interval: their order may be chance."
    return said


def _marks(one: Standing) -> Iterator[Mark]:
    row = f"{one.place}. {one.special}\n{one.run_id[:8]}, {one.ended_at:%d %b %H:%M}"
    for series, figure in (("base student", one.base), ("tuned student", one.tuned), ("teacher", one.teacher)):
        if figure:
            yield Mark(row, series, *figure)


def _places(ranking: Sequence[Standing]) -> str:
    rows = [
        [
            str(one.place or NONE),
            _accuracy(one),
            NONE if one.gain is None else f"{one.gain:+.2f}",
            NONE if one.kept is None else f"{one.kept:.0%}",
            _link(one),
            f"{breakable(escaped(one.special))}; {breakable(escaped(one.served_by))}",
        ]
        for one in ranking
    ]
    return table(["#", "accuracy", "over base", "of teacher", "run", "what is special; who answered"], rows, left=6)


def _every_run(engine: str, found: Standings) -> str:
    rows = [run_cells(one) for one in found.newest]
    more = found.runs - len(rows)
    rest = f"\n\n{more:,} older runs are in EXPERIMENTS." if more else ""
    return f"### Every run on {escaped(engine)}, newest first\n\n{table(RUN_HEADER, rows, left=5)}{rest}"


def run_cells(one: Standing) -> list[str]:
    """Cells under RUN_HEADER."""
    return [
        _link(one),
        _accuracy(one),
        one.evaluation_set,
        breakable(escaped(one.experiment)),
        f"{breakable(escaped(one.special))}; {breakable(escaped(one.served_by))}",
    ]


def _link(one: Standing) -> str:
    return f"{run_link(one.run_id[:8], one.run_id)} {one.ended_at:%d\xa0%b\xa0%H:%M}"


def _accuracy(one: Standing) -> str:
    """The figure in bold, with its interval and the number of rows."""
    if (figure := one.tuned) is None:
        return "not tuned"
    together = f"({figure.low:.2f}–\u2060{figure.high:.2f})"  # a word joiner: an interval is not broken after its dash
    return f"**{figure.value:.2f}** {together} n\xa0=\xa0{one.n}"
