"""What a reader of a comparison must know before believing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cortex_distill.answered import NOTHING_ELSE, is_local, is_simulated, not_cortex
from cortex_distill.comparison import Side
from cortex_distill.pair_tests import Apart, Pair
from cortex_distill.weak_spots import used_up


def cautions(sides: Sequence[Side], pairs: Sequence[Pair | Apart], role: str, evaluation_set: str) -> list[str]:
    """Sentences, the gravest first."""
    return [
        *_who_answered(sides),
        *_other_rows(pairs, sides, role),
        *_about_rows(sides, evaluation_set),
        *_refined(sides, evaluation_set),
        *_chance(role),
    ]


def _who_answered(sides: Sequence[Side]) -> Iterator[str]:
    names = {side.letter: {name for arm in side.arms for name in arm.served_by.split(", ")} for side in sides}
    fake = [letter for letter, who in names.items() if any(map(is_simulated, who))]
    local = [letter for letter, who in names.items() if letter not in fake and any(map(is_local, who))]
    if fake:
        yield f"simulated models answered{_in(fake, sides)}: {NOTHING_ELSE}"
    if local:
        said = [name for letter in local for name in names[letter] if is_local(name)]
        yield not_cortex(said, _in(local, sides))


def _in(letters: Sequence[str], sides: Sequence[Side]) -> str:
    return "" if len(letters) == len(sides) else f" in {', '.join(letters)}"


def _other_rows(pairs: Sequence[Pair | Apart], sides: Sequence[Side], role: str) -> Iterator[str]:
    apart = sum(isinstance(pair, Apart) for pair in pairs)
    if apart:
        which = "no pair" if apart == len(pairs) else f"{apart} of {len(pairs)} pairs do not"
        said = "shares a row: the tests are unpaired and see less" if apart == len(pairs) else "share a row"
        yield f"{which} {said}; a holdout that all of them use would be better"
    most = max((arm.n for side in sides for arm in side.arms if arm.role == role), default=0)
    partly = [pair for pair in pairs if isinstance(pair, Pair) and pair.rows < most]
    if partly:
        fewest = min(pair.rows for pair in partly)
        shared = f"at least {fewest:,} of up to {most:,}"
        yield f"{len(partly)} of {len(pairs)} pairs share only some of their rows ({shared})"


def _about_rows(sides: Sequence[Side], evaluation_set: str) -> Iterator[str]:
    if evaluation_set != "holdout":
        yield f"{evaluation_set} tickets are the teacher's own: they flatter, and say little about what people write"
        return
    about = dict.fromkeys(str((side.config.get("holdout") or {}).get("about") or "") for side in sides)
    yield from (f"holdout: {text}" for text in about if text)


def _refined(sides: Sequence[Side], evaluation_set: str) -> Iterator[str]:
    """Rows that showed what to ask more tickets for are no untouched rows of that run."""
    pairs = {side.letter: (side.config.get("refine") or {}).get("pairs", []) for side in sides}
    letters = [letter for letter in pairs if any(pair.get("seen_on") == evaluation_set for pair in pairs[letter])]
    if letters:
        yield used_up([evaluation_set], f" in {', '.join(letters)}")


def _chance(role: str) -> Iterator[str]:
    if role == "tuned student":
        yield (
            "one training each: the intervals say what another choice of rows might have changed, not what another"
            " training would"
        )
