"""The report's part about labels: who agrees with whom about them, and which categories are taken for each other."""

from cortex_distill.agreement import Between, Mixed, Trust
from cortex_distill.markup import breakable, escaped, table
from cortex_distill.summary import Summary

SHOWN = 20  # pairs of categories
NONE = "–"
_SAID = (
    "Raw agreement and Cohen's kappa, each with its 95 % interval, as if tickets were independent. The teacher stands"
    " by every ticket that it wrote, so it has a kappa with the vote alone. The vote is asked, blind, about tickets"
    " that the judges kept: against a judge that kept them all it shows nothing."
)


def trust(summary: Summary) -> str:
    """Agreement and mixed-up neighbours; '' where a single judge is all there was."""
    found = summary.trust
    if found is None:
        return ""
    parts = ["## How far the labels can be trusted", f"Vote: {escaped(found.vote, 600)}." if found.vote else ""]
    if rows := [_between(one) for one in found.between]:
        parts += [table(["who", "and who", "n", "agree", "kappa"], rows, left=2), _SAID]
    parts += [_mixed(found)] if found.mixed else []
    return "\n\n".join(part for part in parts if part)


def _between(one: Between) -> list[str]:
    names = [breakable(escaped(name)) for name in (one.first, one.second)]
    return [*names, f"{one.n:,}", one.agreement, one.kappa or NONE]


def _mixed(found: Trust) -> str:
    rows = [_row(one) for one in found.mixed[:SHOWN]]
    more = f"\n\n{len(found.mixed) - SHOWN} more pairs are left out." if len(found.mixed) > SHOWN else ""
    header = ["written for", "the vote says", "for example", "tickets", "of"]
    return f"### Taken for each other\n\n{table(header, rows, left=3)}{more}"


def _row(one: Mixed) -> list[str]:
    return [escaped(one.category), escaped(one.vote), escaped(one.example), f"{one.tickets:,}", f"{one.of:,}"]
