"""How far a person and the judge agree about tickets, beyond chance."""

import warnings
from typing import NamedTuple

from statsmodels.stats.inter_rater import cohens_kappa

from cortex_distill.metrics import figure


class Agreement(NamedTuple):
    """Tickets that both decided about, counted."""

    both_kept: int
    judge_only: int  # kept by the judge, dropped by the person
    person_only: int  # dropped by the judge, kept by the person
    both_dropped: int

    @property
    def n(self) -> int:
        """Tickets with a mark."""
        return sum(self)

    @property
    def same(self) -> int:
        """Tickets about which the two agree."""
        return self.both_kept + self.both_dropped

    @property
    def text(self) -> str:
        """Raw agreement and kappa, as people are shown them."""
        return f"{self.same} of {self.n} marked as the judge did, {kappa_text(self)}"


def kappa_text(found: Agreement) -> str:
    """`Cohen's kappa 0.55 (0.28–0.82)`, with the 95 % interval of its large-sample standard error.

    Without an interval where that error is 0, which few rows make it and certainty does not; undefined where both
    put every ticket on the same side. Source: Fleiss, Cohen, Everitt (1969), as statsmodels computes it.
    """
    if found.n in (found.both_kept, found.both_dropped):
        return "Cohen's kappa undefined (only one kind of ticket)"
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # of a z value that nobody reads here
        result = cohens_kappa([[found.both_kept, found.judge_only], [found.person_only, found.both_dropped]])
    kappa = float(result.kappa)
    if float(result.std_kappa) < 1e-9:
        return f"Cohen's kappa {kappa:.2f} (too few marks for an interval)"
    low, high = max(-1.0, float(result.kappa_low)), min(1.0, float(result.kappa_upp))
    return f"Cohen's kappa {figure(kappa, low, high)}"
