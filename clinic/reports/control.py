"""Control charts: limits of three standard deviations, and the two Anhøj rules as the one signal of a shift.

No other run rules: those of Western Electric are tuned to 20 to 30 points and raise false alarms beyond.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import log2, sqrt
from statistics import fmean, median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

D2 = 1.128
"""Mean range of two normal values in standard deviations: limits are 3 ÷ 1.128 mean moving ranges from the mean."""
RANGE_LIMIT = 3.267
"""Upper limit of moving ranges, in mean moving ranges."""
FEWEST = 10
"""Points from which the rules of a shift mean something."""


@dataclass(frozen=True, slots=True)
class Control:
    """A control chart: points, center, limits for each point (or None), outside points, and whether it shifted."""

    points: tuple[float, ...]
    center: float
    limits: tuple[tuple[float | None, float | None], ...]
    outside: tuple[int, ...]
    run: int
    longest_allowed: int
    crossings: int
    fewest_allowed: int

    @property
    def shifted(self) -> bool:
        """Whether one of the two rules says that the process changed (Anhøj and Olesen, PLoS One 2014)."""
        return len(self.points) >= FEWEST and (self.run > self.longest_allowed or self.crossings < self.fewest_allowed)

    def in_percent(self) -> Control:
        """Return a chart of shares as one of percentages; what lies outside stays the same."""
        limits = tuple(tuple(None if end is None else 100 * end for end in pair) for pair in self.limits)
        points = tuple(100 * point for point in self.points)
        return replace(self, points=points, center=100 * self.center, limits=limits)


def anhoej(points: Sequence[float], center: float) -> tuple[int, int, int, int]:
    """Return longest run, longest allowed, crossings, fewest allowed; points on the center do not count."""
    sides = [point > center for point in points if point != center]
    if not sides:
        return 0, 0, 0, 0
    longest, run, crossings = 1, 1, 0
    for before, now in pairwise(sides):
        run = run + 1 if now == before else 1
        crossings, longest = crossings + (now != before), max(longest, run)
    n = len(sides)
    return longest, round(log2(n) + 3), crossings, _half_quantile(n - 1)


def _half_quantile(n: int) -> int:
    """Return the 5 % quantile of a binomial with a share of one half, in whole numbers."""
    total, term, needed = 0, 1, -(-(2**n) // 20)
    for count in range(n + 1):
        total += term
        if total >= needed:
            return count
        term = term * (n - count) // (count + 1)
    return n


def _chart(points: Sequence[float], center: float, limits: Sequence[tuple[float | None, float | None]]) -> Control:
    outside = tuple(
        place
        for place, (point, (low, high)) in enumerate(zip(points, limits, strict=True))
        if (low is not None and point < low) or (high is not None and point > high)
    )
    run, longest, crossings, fewest = anhoej(points, center)
    return Control(tuple(points), center, tuple(limits), outside, run, longest, crossings, fewest)


def xmr(values: Sequence[float]) -> Control:
    """Return the chart of individual values: mean ± 3 ÷ 1.128 mean moving ranges.

    Moving ranges above their own limit are left out of the mean (Nelson 1982).
    """
    ranges = [abs(after - before) for before, after in pairwise(values)]
    middle, spread = fmean(values), fmean(ranges) if ranges else 0.0
    kept = [one for one in ranges if one <= RANGE_LIMIT * spread]
    spread = fmean(kept) if kept else spread
    half = 3 * spread / D2
    ends = (middle - half, middle + half) if ranges else (None, None)
    return _chart(values, middle, [ends] * len(values))


def p_chart(counts: Sequence[int], sizes: Sequence[int]) -> Control:
    """Return the chart of shares: mean ± 3 √(p(1 − p) ÷ n), never below 0 or above 1."""
    share = sum(counts) / sum(sizes)
    ends = [3 * sqrt(share * (1 - share) / size) for size in sizes]
    points = [count / size for count, size in zip(counts, sizes, strict=True)]
    return _chart(points, share, [(max(0.0, share - half), min(1.0, share + half)) for half in ends])


def u_chart(counts: Sequence[int], sizes: Sequence[float]) -> Control:
    """Return the chart of rates: mean ± 3 √(u ÷ n), never below 0."""
    rate = sum(counts) / sum(sizes)
    ends = [3 * sqrt(rate / size) for size in sizes]
    points = [count / size for count, size in zip(counts, sizes, strict=True)]
    return _chart(points, rate, [(max(0.0, rate - half), rate + half) for half in ends])


def g_chart(gaps: Sequence[int]) -> Control:
    """Return the chart of opportunities between rare events: center the median, limits mean ± 3 √(m(m + 1))."""
    middle = fmean(gaps)
    half = 3 * sqrt(middle * (middle + 1))
    ends = (max(0.0, middle - half), middle + half)
    return _chart([float(gap) for gap in gaps], float(median(gaps)), [ends] * len(gaps))


def t_chart(times: Sequence[float]) -> Control:
    """Return the chart of times between rare events: XmR of time^(1 ÷ 3.6), raised back (Nelson 1994)."""
    flat = xmr([time ** (1 / 3.6) for time in times])
    back = [tuple(None if end is None else max(0.0, end) ** 3.6 for end in ends) for ends in flat.limits]
    return _chart(list(times), max(0.0, flat.center) ** 3.6, [(low, high) for low, high in back])
