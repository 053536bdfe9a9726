"""The statistics of the reports: published figures, what must always hold, and exact arithmetic beside them."""

from __future__ import annotations

from fractions import Fraction
from math import comb, exp, factorial, inf, isclose, isfinite
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinic.reports import control, statistics
from tests.reports.published import AML, BMT, BMT_CAUSES, FLOW, OVARIAN, SIX_MP, SLEEP, WAFERS, read

GAPS = [10, 25, 3, 40, 17, 60, 8]


def s(data, time):
    return statistics.at(statistics.survival(*data), time)


@pytest.mark.parametrize(("time", "share"), [
    (9, 0.909), (13, 0.818), (18, 0.716), (23, 0.614), (31, 0.491), (34, 0.368), (48, 0.184),
])  # fmt: skip
def test_survival_of_the_maintained_is_what_r_prints(time, share):
    """therneau/survival, tests/doaml.Rout.save; log-log limits of `conf.type = "log-log"` at day 13."""
    assert s(AML["maintained"], time).survival == pytest.approx(share, abs=0.0005)


def test_errors_and_log_log_limits_are_what_r_prints():
    thirteen = s(AML["maintained"], 13)
    assert thirteen.error == pytest.approx(0.1163, abs=0.00005)
    assert (thirteen.low, thirteen.high) == pytest.approx((0.447, 0.951), abs=0.0006)
    six = [s(SIX_MP["6-MP"], time) for time in (6, 7, 10, 13)]
    assert [one.survival for one in six] == pytest.approx([0.8571, 0.8067, 0.7529, 0.6902], abs=0.00005)
    assert [one.error for one in six] == pytest.approx([0.0764, 0.0869, 0.0963, 0.1068], abs=0.0001)


def test_medians_and_their_limits():
    """R prints 31 and 23 for aml; KMsurv's text 23 (13 to not reached) and 8 (4 to 11) for 6-MP."""
    assert [statistics.median_time(statistics.survival(*data))[0] for data in AML.values()] == [31, 23]
    assert [statistics.median_time(statistics.survival(*data)) for data in SIX_MP.values()] == [
        (23, 13, None),
        (8, 4, 11),
    ]
    dfs = [statistics.median_time(statistics.survival(*read(text))) for text in BMT.values()]
    assert dfs == [(418, 192, None), (2204, 641, None), (183, 113, 390)]


def test_disease_free_survival_of_klein_and_moeschberger():
    groups = [read(text) for text in BMT.values()]
    year = [s(data, 365) for data in groups]
    assert [one.survival for one in year] == pytest.approx([0.549199, 0.777778, 0.377778], abs=5e-7)
    assert [x for one in year for x in (one.low, one.high)] == pytest.approx(
        [0.378297, 0.691100, 0.641988, 0.867178, 0.239099, 0.515688], abs=5e-7
    )
    assert [(sum(events), len(events)) for _times, events in groups] == [(24, 38), (25, 54), (34, 45)]
    test = statistics.log_rank(groups)
    assert test is not None
    assert (test.statistic, test.freedom) == (pytest.approx(13.803722, abs=5e-7), 2)
    assert test.p == pytest.approx(0.00100591, abs=5e-9)


@pytest.mark.parametrize(("groups", "statistic", "p", "expected"), [
    (AML, 3.396389, 0.065339, (10.69, 7.31)), (SIX_MP, 16.792941, 4.1688e-05, None),
    (OVARIAN, 1.063, 0.303, (5.23, 6.77)),
])  # fmt: skip
def test_log_rank_tests_are_what_is_printed(groups, statistic, p, expected):
    test = statistics.log_rank(list(groups.values()))
    assert test is not None
    assert test.statistic == pytest.approx(statistic, abs=0.0005)
    assert test.p == pytest.approx(p, abs=0.0005, rel=0.01)
    if expected:
        assert test.expected == pytest.approx(expected, abs=0.006)
    assert sum(test.expected) == pytest.approx(sum(test.observed))


def test_competing_risks_are_no_complements_of_kaplan_meier():
    """Klein and Moeschberger's bmt, 42 relapses and 41 deaths in remission; agrees with lifelines to six digits."""
    times, causes = [time for time, _cause in BMT_CAUSES], [cause for _time, cause in BMT_CAUSES]
    assert (causes.count("relapse"), causes.count("death")) == (42, 41)
    found = statistics.incidence(times, causes)
    for day, relapse, death in ((100, 0.080292, 0.094891), (365, 0.212165, 0.204785), (730, 0.301199, 0.278940)):
        by_cause = [by for time, _n, by, _s in found if time <= day][-1]
        assert (by_cause["relapse"], by_cause["death"]) == pytest.approx((relapse, death), abs=5e-7)
    alone = statistics.survival(times, [cause == "relapse" for cause in causes])
    naive = [1 - (one.survival if (one := statistics.at(alone, day)) else 1) for day in (365, 730)]
    assert naive == pytest.approx([0.241183, 0.363770], abs=5e-7)


@pytest.mark.parametrize(("count", "n", "exact", "score"), [
    (81, 263, (0.252737, 0.367622), (0.255289, 0.366210)), (15, 148, (0.057844, 0.161650), (0.062386, 0.160487)),
    (0, 20, (0, 0.168433), (0, 0.161125)), (1, 29, (0.000873, 0.177644), (0.006113, 0.171755)),
    (105, 423, (0.207764, 0.292252), (0.209449, 0.291536)), (37, 3078, (0.008477, 0.016531), (0.008734, 0.016524)),
    (35, 11743, (0.002077, 0.004143), (0.002144, 0.004142)),
])  # fmt: skip
def test_intervals_of_shares(count, n, exact, score):
    """The first four: Newcombe, Stat Med 1998;17:857, table I."""
    assert statistics.clopper_pearson(count, n) == pytest.approx(exact, abs=6e-7)
    assert statistics.wilson(count, n) == pytest.approx(score, abs=6e-7)


@pytest.mark.parametrize(("count", "low", "high"), [
    (0, 0, 3.68888), (1, 0.02532, 5.57164), (5, 1.62349, 11.66833), (10, 4.79539, 18.39036), (35, 24.37878, 48.67653),
])  # fmt: skip
def test_intervals_of_counts(count, low, high):
    assert statistics.poisson_interval(count) == pytest.approx((low, high), abs=6e-6)


def test_student():
    for freedom, quantile in ((9, 2.262157), (30, 2.042272), (186, 1.972800)):
        assert statistics.t_quantile(freedom) == pytest.approx(quantile, abs=6e-7)
    assert statistics.t_quantile(1) == pytest.approx(12.7062047, abs=1e-6)
    assert statistics.mean_interval(SLEEP) == pytest.approx((-1.58, -2.459886, -0.700114), abs=6e-7)
    assert statistics.t_two_sided(-4.062128, 9) == pytest.approx(0.00283289, abs=1e-8)
    assert statistics.mean_interval([3.0]) == (3.0, -inf, inf)


def test_charts_over_time_are_what_nist_prints():
    flow = control.xmr(FLOW)
    assert (flow.center, *flow.limits[0]) == pytest.approx((50.81, 45.8159, 55.8041), abs=0.00005)
    wafers = control.p_chart(WAFERS, [50] * 30)
    assert wafers.limits[0] == pytest.approx((0.052428, 0.410239), abs=5e-7)
    assert [place + 1 for place in wafers.outside] == [15, 23]
    assert wafers.in_percent().limits[0] == pytest.approx((5.2428, 41.0239), abs=5e-5)
    assert wafers.in_percent().outside == wafers.outside
    gaps = control.g_chart(GAPS)
    assert (gaps.center, gaps.limits[0][1]) == pytest.approx((17, 94.6271), abs=0.00005)
    rates = control.u_chart([4, 4], [2.0, 8.0])
    assert (rates.center, *rates.limits[0]) == pytest.approx((0.8, 0, 0.8 + 3 * (0.8 / 2) ** 0.5))
    times = control.t_chart([3.0, 8.0, 2.0, 9.0])
    flat = control.xmr([time ** (1 / 3.6) for time in (3.0, 8.0, 2.0, 9.0)])
    assert times.center == pytest.approx(flat.center**3.6)
    assert times.limits[0][1] == pytest.approx((flat.limits[0][1] or 0) ** 3.6)


@pytest.mark.parametrize(("n", "longest", "fewest"), [
    (10, 6, 2), (12, 7, 3), (20, 7, 6), (24, 8, 8), (30, 8, 10), (50, 9, 19), (100, 10, 41),
])  # fmt: skip
def test_the_two_rules_of_anhoej(n, longest, fewest):
    """anhoej/qicharts2, vignettes/qicharts2.Rmd."""
    up_and_down = [float(place % 2) for place in range(n)]
    assert control.anhoej(up_and_down, 0.5) == (1, longest, n - 1, fewest)
    assert control.anhoej([*up_and_down, 0.5, 0.5], 0.5) == (1, longest, n - 1, fewest), (
        "points on the line do not count"
    )
    assert control.xmr([0.0] * (n // 2) + [1.0] * (n // 2)).shifted


def test_the_edges():
    """All gone at the last time: S is 0 and has no limits. Half of S is one half. Events come before censorings."""
    last = statistics.survival([5, 5, 5], [True, True, True])[-1]
    assert (last.survival, last.low, last.high) == (0.0, None, None)
    assert statistics.median_time(statistics.survival([1, 2, 3, 4], [True] * 4))[0] == 2
    assert [(one.at_risk, one.survival) for one in statistics.survival([3, 3], [True, False])] == [(2, 0.5)]
    assert statistics.survival([0, 4], [True, False])[0].survival == 0.5
    assert statistics.survival([7], [False]) == []
    assert statistics.median_time([]) == (None, None, None)
    assert statistics.log_rank([([1], [False]), ([2], [False])]) is None
    assert statistics.completeness([], [], 365) is None
    assert statistics.completeness([100, 365, 10], [False, False, True], 365) == pytest.approx(475 / 740)
    assert statistics.quantile([3, 1, 2, 4], 0.5) == 2
    assert statistics.quantile([], 0.9) is None
    assert statistics.event_quantile([1, 2, 3, 9], [True, True, True, False], 0.9) is None
    assert statistics.event_quantile([1, 2, 3, 9], [True, True, True, False], 0.5) == 2


people = st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=40)


@given(people, st.randoms())
def test_survival_falls_within_its_limits_whatever_the_order(rows, dice):
    steps = statistics.survival(*map(list, zip(*rows, strict=True)))
    before = 1.0
    for step in steps:
        assert 0 <= step.survival < before
        assert step.low is None or 0 <= step.low <= step.survival <= (step.high or 0) <= 1
        before = step.survival
    dice.shuffle(rows)
    assert statistics.survival(*map(list, zip(*rows, strict=True))) == steps


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_survival_without_censoring_is_the_share_still_without_the_event(times):
    for step in statistics.survival(times, [True] * len(times)):
        assert step.survival == pytest.approx(sum(time > step.time for time in times) / len(times), abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from([None, "a", "b", "c"])), min_size=1, max_size=40))
def test_incidences_and_survival_are_one(rows):
    for _time, _n, by_cause, left in statistics.incidence([row[0] for row in rows], [row[1] for row in rows]):
        assert sum(by_cause.values()) + left == pytest.approx(1)


@given(people, people)
def test_log_rank_does_not_ask_who_comes_first(one, other):
    groups = [tuple(map(list, zip(*rows, strict=True))) for rows in (one, other)]
    test, back = statistics.log_rank(groups), statistics.log_rank(groups[::-1])
    assert (test is None) == (back is None)
    if test is not None and back is not None:
        assert test.statistic == pytest.approx(back.statistic, abs=1e-6)
        assert 0 <= test.p <= 1


@given(st.integers(1, 400), st.data())
def test_intervals_hold_the_share_and_mirror(n, data):
    count = data.draw(st.integers(0, n))
    for interval in (statistics.clopper_pearson, statistics.wilson):
        low, high = interval(count, n)
        assert 0 <= low <= count / n <= high <= 1
        assert (1 - high, 1 - low) == pytest.approx(interval(n - count, n), abs=1e-9)


# The second oracle: sums of fractions, which round nowhere


def exact_binomial(count, n, share):
    p = Fraction(share)
    return sum(Fraction(comb(n, i)) * p**i * (1 - p) ** (n - i) for i in range(count, n + 1))


@settings(max_examples=30)
@given(st.integers(1, 60), st.data())
def test_exact_limits_leave_exactly_the_tail(n, data):
    count = data.draw(st.integers(1, n))
    low, high = statistics.clopper_pearson(count, n)
    assert float(exact_binomial(count, n, low)) == pytest.approx(0.025, rel=1e-9)
    if count < n:
        assert float(1 - exact_binomial(count + 1, n, high)) == pytest.approx(0.025, rel=1e-9)


@settings(max_examples=30)
@given(st.integers(0, 80))
def test_limits_of_a_count_leave_exactly_the_tail(count):
    low, high = statistics.poisson_interval(count)
    below = sum(Fraction(high) ** i / factorial(i) for i in range(count + 1))
    assert float(below) * exp(-high) == pytest.approx(0.025, rel=1e-9)
    if count:
        under = sum(Fraction(low) ** i / factorial(i) for i in range(count))
        assert 1 - float(under) * exp(-low) == pytest.approx(0.025, rel=1e-7)


@given(st.floats(0.05, 6), st.integers(1, 60))
def test_tails_of_student_agree_with_its_density_summed_up(value, freedom):
    """Simpson's rule over the density, whose constant is a product of fractions and π."""
    density = [(1 + (value * place / 400) ** 2 / freedom) ** (-(freedom + 1) / 2) for place in range(401)]
    area = (density[0] + density[-1] + 4 * sum(density[1:-1:2]) + 2 * sum(density[2:-1:2])) * value / 1200
    constant = Fraction(1)
    for step in range(freedom - 1, 1, -2):
        constant *= Fraction(step, step - 1)
    scale = float(constant) / freedom**0.5 / (2 if freedom % 2 == 0 else 3.141592653589793)
    assert statistics.t_two_sided(value, freedom) == pytest.approx(1 - 2 * scale * area, abs=2e-7)


@given(st.floats(0.001, 40))
def test_chi_square_with_one_and_two_degrees_is_what_its_kin_say(value):
    assert isclose(statistics.chi_square_tail(value, 1), 2 * NormalDist().cdf(-(value**0.5)), abs_tol=1e-12)
    assert isclose(statistics.chi_square_tail(value, 2), exp(-value / 2))
    assert all(isfinite(statistics.chi_square_tail(value, freedom)) for freedom in range(1, 12))
    rising = [statistics.chi_square_tail(value, freedom) for freedom in range(1, 12)]
    assert rising == pytest.approx(sorted(rising), abs=1e-12)
