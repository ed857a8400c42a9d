"""Which differences so many rows could show at all: true ones that a test would find four times in five."""

import math

import numpy as np
from scipy.special import bdtr, bdtrc, bdtrik  # the functions behind scipy.stats.binom, forty times as fast here

PRECISION = 0.0005  # of a difference
POWER = 0.8  # the convention since Cohen (1988), Statistical Power Analysis, section 2.4


def smallest_paired(n: int, discordant: float, alpha: float) -> float | None:
    """The smallest true difference of two accuracies on the same n rows that exact McNemar finds with POWER.

    `discordant` is the share of rows on which one of the two alone is right; a larger difference needs more of it,
    and has it. None if n rows cannot show any difference.
    """

    def missing(difference: float) -> float:
        return paired_power(n, max(discordant, difference), difference, alpha) - POWER

    if n < 1 or missing(1.0) < 0:
        return None
    too_small, found = 0.0, 1.0
    while found - too_small > PRECISION:  # scipy.optimize does no better here, and takes a third of a second to import
        middle = (too_small + found) / 2
        too_small, found = (middle, found) if missing(middle) < 0 else (too_small, middle)
    return found


def paired_power(n: int, discordant: float, difference: float, alpha: float) -> float:
    """Chance that exact McNemar rejects at `alpha`: over how many of n rows are discordant, and how those fall."""
    spread = 6 * math.sqrt(n * discordant * (1 - discordant)) + 1  # beyond it lies less than 1e-8
    counts = np.arange(max(1, int(n * discordant - spread)), min(n, int(n * discordant + spread)) + 1)
    most = np.floor(bdtrik(alpha / 2, counts, 0.5))  # the largest count of the rarer kind that rejects
    most = np.where(bdtr(most, counts, 0.5) <= alpha / 2, most, -1)  # or none
    lean = (discordant + difference) / (2 * discordant) if discordant else 0.5
    rejects = np.where(most < 0, 0.0, bdtr(most, counts, lean) + bdtrc(counts - most - 1, counts, lean))
    chances = bdtr(counts, n, discordant) - bdtr(counts - 1, n, discordant)
    return float((chances * rejects).sum())


def smallest_unpaired(first_n: float, second_n: float, share: float, alpha: float) -> float | None:
    """The same for two groups of different rows around an accuracy of `share`; None if they can show none.

    By the arcsine transformation, Cohen (1988), section 6.2, which is no guide below ten rows a group.
    """
    if min(first_n, second_n) < 10:
        return None
    from statsmodels.stats.power import NormalIndPower  # noqa: PLC0415  takes a second, which paired power needs not

    h = float(NormalIndPower().solve_power(nobs1=first_n, ratio=second_n / first_n, alpha=alpha, power=POWER))
    middle = 2 * math.asin(math.sqrt(min(max(share, 0.0), 1.0)))
    low, high = max(0.0, middle - h / 2), min(math.pi, middle + h / 2)
    return None if h >= math.pi else math.sin(high / 2) ** 2 - math.sin(low / 2) ** 2
