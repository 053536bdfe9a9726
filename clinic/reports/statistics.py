"""The statistics of the reports, standard library only (ADR 16): every tail that they need is a finite sum.

Proved in the tests by published figures, by invariants, and by exact arithmetic with fractions.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import atan, ceil, cos, erfc, exp, inf, lgamma, log, log1p, pi, sin, sqrt
from statistics import NormalDist, fmean, stdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

Interval = tuple[float, float]
HALF = 0.5 + 1e-12
"""What counts as one half: a product of fractions may miss it by its last digit."""


# --- tails and intervals -----------------------------------------------------------------------------------------


def normal(level: float = 0.95) -> float:
    """Return the two-sided quantile of the normal distribution: 1.96 for 0.95."""
    return NormalDist().inv_cdf((1 + level) / 2)


def chi_square_tail(value: float, freedom: int) -> float:
    """Return P(χ² ≥ value) with whole degrees of freedom (Abramowitz and Stegun 26.4.4, 26.4.5)."""
    half, odd = value / 2, freedom % 2
    if half <= 0:
        return 1.0
    total = erfc(sqrt(half)) if odd else exp(-half)
    for step in range(1, (freedom + odd) // 2):
        power = step - 0.5 if odd else step
        total += exp(-half + power * log(half) - lgamma(power + 1))
    return total


def t_two_sided(value: float, freedom: int) -> float:
    """Return P(|T| ≥ |value|) with whole degrees of freedom (Abramowitz and Stegun 26.7.3, 26.7.4)."""
    angle = atan(abs(value) / sqrt(freedom))
    square, term, total = cos(angle) ** 2, 1.0, 0.0
    if freedom % 2 == 0:
        for step in range(1, freedom // 2 + 1):
            total, term = total + term, term * square * (2 * step - 1) / (2 * step)
        return max(0.0, 1 - sin(angle) * total)
    for step in range(1, (freedom - 1) // 2 + 1):
        total, term = total + term, term * square * 2 * step / (2 * step + 1)
    return max(0.0, 1 - 2 / pi * (angle + sin(angle) * cos(angle) * total))


def t_quantile(freedom: int, level: float = 0.95) -> float:
    """Return the two-sided quantile of Student's t; Newton's steps from the normal one, which lies below it."""
    at, scale = normal(level), lgamma((freedom + 1) / 2) - lgamma(freedom / 2) - log(freedom * pi) / 2
    for _step in range(60):
        density = exp(scale - (freedom + 1) / 2 * log1p(at * at / freedom))
        step = (t_two_sided(at, freedom) - (1 - level)) / (2 * density)
        at += step
        if abs(step) < 1e-12 * at:
            break
    return at


def mean_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """Return mean and its t interval; the limits are infinite for one value."""
    if len(values) < 2:
        return values[0], -inf, inf
    middle, half = fmean(values), t_quantile(len(values) - 1, level) * stdev(values) / sqrt(len(values))
    return middle, middle - half, middle + half


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    for _step in range(200):
        middle = (low + high) / 2
        if middle in {low, high}:
            break
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2


def _sum(first: float, ratio: Callable[[int], float], start: int, step: int, last: float) -> float:
    """Return first + first × ratio(start) + …, until a term changes nothing any more."""
    total = term = first
    at = start
    while at != last:
        term *= ratio(at)
        if total + term == total:
            break
        total, at = total + term, at + step
    return total


def binomial_tail(count: int, n: int, share: float) -> float:
    """Return P(X ≥ count) for a binomial X; ``count`` from 1, ``share`` below count ÷ n or near it."""
    first = lgamma(n + 1) - lgamma(count + 1) - lgamma(n - count + 1) + count * log(share) + (n - count) * log1p(-share)
    return _sum(exp(first), lambda at: (n - at) / (at + 1) * share / (1 - share), count, 1, n)


def clopper_pearson(count: int, n: int, level: float = 0.95) -> Interval:
    """Return the exact interval of count ÷ n (Clopper and Pearson, Biometrika 1934;26:404)."""
    return _lowest_share(count, n, level), 1 - _lowest_share(n - count, n, level)


def _lowest_share(count: int, n: int, level: float) -> float:
    if count == 0:
        return 0.0
    if count == n:
        return ((1 - level) / 2) ** (1 / n)
    return _root(lambda share: binomial_tail(count, n, share) - (1 - level) / 2, 0.0, count / n)


def wilson(count: int, n: int, level: float = 0.95) -> Interval:
    """Return the score interval of count ÷ n (Wilson, J Am Stat Assoc 1927;22:209)."""
    z, share = normal(level), count / n
    middle, half = share + z * z / (2 * n), z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
    return (0.0 if count == 0 else low), (1.0 if count == n else high)


def poisson_interval(count: int, level: float = 0.95) -> Interval:
    """Return the exact interval of a mean of which ``count`` events were seen (Garwood, Biometrika 1936;28:437)."""
    tail = (1 - level) / 2

    def at_least(mean: float) -> float:
        first = exp(-mean + count * log(mean) - lgamma(count + 1))
        return _sum(first, lambda at: mean / (at + 1), count, 1, inf)

    def at_most(mean: float) -> float:
        first = exp(-mean + count * log(mean) - lgamma(count + 1))
        return _sum(first, lambda at: at / mean, count, -1, 0)

    low = _root(lambda mean: at_least(mean) - tail, 0.0, float(count)) if count else 0.0
    highest = count + 10 * sqrt(count + 1) * normal(level) + 20
    return low, _root(lambda mean: tail - at_most(mean), float(count) or 1e-9, highest)


# --- time to an event --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One time of a survival curve: how many were at risk just before, had the event, and S with its limits."""

    time: float
    at_risk: int
    events: int
    survival: float
    error: float
    low: float | None
    high: float | None


def survival(times: Sequence[float], events: Sequence[bool], level: float = 0.95) -> list[Step]:
    """Return the Kaplan–Meier curve, a step for each time of an event, with Greenwood's log-log limits.

    Events come before censorings of the same time. Where S is 1 or 0 there are no limits (as R and SAS print).
    """
    gone, had = Counter(times), Counter(time for time, event in zip(times, events, strict=True) if event)
    at_risk, share, variance, z, found = len(times), 1.0, 0.0, normal(level), []
    for time in sorted(gone):
        if had[time]:
            share *= 1 - had[time] / at_risk
            left = at_risk - had[time]
            variance = variance + had[time] / (at_risk * left) if left else inf
            low = high = None
            if left:
                spread = z * sqrt(variance) / abs(log(share))
                low, high = share ** exp(spread), share ** exp(-spread)
            error = share * sqrt(variance) if left else 0.0
            found.append(Step(time, at_risk, had[time], share if left else 0.0, error, low, high))
        at_risk -= gone[time]
    return found


def at(steps: Sequence[Step], time: float) -> Step | None:
    """Return the last step by a time; None before the first event, when S is 1."""
    return next((step for step in reversed(steps) if step.time <= time), None)


def median_time(steps: Sequence[Step]) -> tuple[float | None, float | None, float | None]:
    """Return the median and its limits (Brookmeyer and Crowley, Biometrics 1982;38:29); None: not reached.

    The median is the first time at which S is one half or less; so are its limits of the limits of S.
    """

    def first(pick: Callable[[Step], float | None]) -> float | None:
        return next((s.time for s in steps if (value := pick(s)) is not None and value <= HALF), None)

    return first(lambda s: s.survival), first(lambda s: s.low), first(lambda s: s.high)


@dataclass(frozen=True, slots=True)
class LogRank:
    """A log-rank test: the statistic, degrees of freedom, p, and observed and expected events by group."""

    statistic: float
    freedom: int
    p: float
    observed: tuple[int, ...]
    expected: tuple[float, ...]


def log_rank(groups: Sequence[tuple[Sequence[float], Sequence[bool]]]) -> LogRank | None:
    """Return the log-rank test of two groups or more (Mantel 1966; Peto 1972); None where it cannot be told."""
    size = len(groups)
    gone = [Counter(times) for times, _events in groups]
    had = [Counter(t for t, e in zip(times, events, strict=True) if e) for times, events in groups]
    risk, expected = [len(times) for times, _events in groups], [0.0] * size
    covariance = [[0.0] * size for _row in range(size)]
    for time in sorted(set().union(*gone)):
        n, d = sum(risk), sum(one[time] for one in had)
        if d and n:
            for i in range(size):
                expected[i] += d * risk[i] / n
                for j in range(size):
                    share = (risk[i] / n if i == j else 0.0) - risk[i] * risk[j] / n / n
                    covariance[i][j] += d * (n - d) / (n - 1) * share if n > 1 else 0.0
        risk = [left - one[time] for left, one in zip(risk, gone, strict=True)]
    observed = tuple(sum(one.values()) for one in had)
    apart = [seen - meant for seen, meant in zip(observed, expected, strict=True)][:-1]
    solved = _solve([row[:-1] for row in covariance[:-1]], apart)
    if solved is None:
        return None
    statistic = max(0.0, sum(x * y for x, y in zip(apart, solved, strict=True)))
    return LogRank(statistic, size - 1, chi_square_tail(statistic, size - 1), observed, tuple(expected))


def _solve(matrix: list[list[float]], right: Sequence[float]) -> list[float] | None:
    """Return the solution of a small linear system by Gauss; None where it has none."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    size = len(rows)
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        if abs(rows[pivot][column]) < 1e-12:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for row in range(size):
            if row != column:
                factor = rows[row][column] / rows[column][column]
                rows[row] = [x - factor * y for x, y in zip(rows[row], rows[column], strict=True)]
    return [row[-1] / row[place] for place, row in enumerate(rows)] if size else None


def incidence(
    times: Sequence[float], causes: Sequence[Hashable]
) -> list[tuple[float, int, dict[Hashable, float], float]]:
    """Return cumulative incidences with competing events (Aalen and Johansen 1978): time, at risk, by cause, S.

    A cause of None is a censoring. At every time the incidences and S together are 1.
    """
    gone, had = Counter(times), Counter(zip(times, causes, strict=True))
    kinds = sorted({cause for cause in causes if cause is not None}, key=str)
    total: dict[Hashable, float] = dict.fromkeys(kinds, 0.0)
    at_risk, share, found = len(times), 1.0, []
    for time in sorted(gone):
        events = sum(had[time, kind] for kind in kinds)
        if events:
            for kind in kinds:
                total[kind] += share * had[time, kind] / at_risk
            share *= 1 - events / at_risk
            found.append((time, at_risk, dict(total), share))
        at_risk -= gone[time]
    return found


def completeness(times: Iterable[float], events: Iterable[bool], horizon: float) -> float | None:
    """Return Clark's C: time observed ÷ time that could have been observed (Lancet 2002;359:1309); None: nobody."""
    pairs = list(zip(times, events, strict=True))
    seen = sum(min(time, horizon) for time, _event in pairs)
    whole = sum(min(time, horizon) if event else horizon for time, event in pairs)
    return seen / whole if whole else None


def quantile(values: Iterable[float], share: float) -> float | None:
    """Return the smallest value with at least a share of all values at or below it; None of nothing."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None


def event_quantile(times: Sequence[float], events: Sequence[bool], share: float) -> float | None:
    """Return the time by which a share had the event, those still waiting counted as censored; None: not reached."""
    target = 1 - share + 1e-12
    return next((step.time for step in survival(times, events) if step.survival <= target), None)
