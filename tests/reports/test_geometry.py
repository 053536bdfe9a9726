"""The charts by numbers: where things are drawn, and that they can be told apart without colour."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.reports import control, geometry
from clinic.reports.geometry import Bar, Curve, Scale, Span

finite = st.floats(-1e6, 1e6)


def test_a_scale_maps_ends_to_ends_and_keeps_inside():
    y = Scale(0, 1, 330, 24)
    assert [y.at(value) for value in (0, 0.5, 1, 2, -1)] == [330, 177, 24, 24, 330]
    assert Scale(5, 5, 10, 20).at(5) == 10


@given(finite, st.floats(0.001, 1e6))
def test_ticks_are_round_inside_and_few(low, span):
    found = geometry.ticks(low, low + span)
    assert len(found) <= 8
    assert all(low - span * 1e-6 <= tick <= low + span * (1 + 1e-6) for tick in found)
    assert found == sorted(set(found))


@pytest.mark.parametrize(("last", "marks"), [
    (6, [0, 1, 2, 3, 4, 5, 6]), (28, [0, 7, 14, 21, 28]), (100, [0, 30, 60, 90]), (365, [0, 91, 182, 273, 364]),
    (2640, [0, 365, 730, 1095, 1460, 1825, 2190, 2555]),
])  # fmt: skip
def test_days_are_marked_by_weeks_months_or_years(last, marks):
    assert geometry.day_ticks(last) == marks


def test_a_curve_steps_down_and_its_numbers_at_risk_stand_below():
    drawn = geometry.curves(
        "c", "Alive", "Half.", [Curve("Marrow", [(7, 0.5)], [(7, 0.2, 0.8)], [7, 14, 14, 3], 14)],
        start=1.0, caption="", gone="Still at risk",
    )  # fmt: skip
    steps = next(path for path in drawn.paths if path.kind == "k1")
    assert steps.d == "M230.0 24.0H565.0V177.0H900.0"
    band = next(path for path in drawn.paths if path.kind == "band1")
    assert band.d == "M565.0 85.2L565.0 85.2H900.0L900.0 268.8H565.0Z"
    below = [text.words for text in drawn.texts if text.kind == "m"]
    assert below == [str(sum(time >= day for time in (7, 14, 14, 3))) for day in range(0, 15, 7)] == ["4", "3", "2"]
    assert "50 % Marrow" in [text.words for text in drawn.texts]
    assert drawn.key == [("k1", "Marrow, n = 4")]


def test_stacked_bars_add_up_and_are_hatched():
    drawn = geometry.bars("b", "Bars", "", [Bar("A", [3, 1], "4"), Bar("B", [0, 2], "2")], series=["One", "Two"])
    assert [(rect.kind, rect.pattern) for rect in drawn.rects] == [("s1", 0), ("s2", 1), ("s2", 1)]
    first, second, third = drawn.rects
    assert first.x == third.x == 330
    assert first.x + first.width == pytest.approx(second.x)
    assert first.width == pytest.approx(3 * second.width, abs=0.2)
    assert third.width == pytest.approx(2 * second.width, abs=0.2)
    assert all(rect.x + rect.width <= geometry.WIDTH for rect in drawn.rects)


def test_an_interval_spans_its_limits_and_marks_stand_on_the_same_scale():
    drawn = geometry.intervals("i", "Change", "", [Span("A", 2, 1, 3, "")], marks=[("placebo", 2, "under placebo")])
    span = next(line for line in drawn.lines if line.kind == "span")
    dot, mark = drawn.dots[0], next(line for line in drawn.lines if line.kind == "placebo")
    assert span.x1 < dot.x < span.x2
    assert dot.x == mark.x1 == pytest.approx((span.x1 + span.x2) / 2, abs=0.1)
    assert geometry.intervals("i", "Nothing", "", [Span("A", None, None, None, "none")]).dots == []


def test_a_chart_over_time_has_limits_until_it_shifts():
    calm = geometry.control("x", "", "", control.xmr([5.0, 8, 4, 7, 5, 30, 6, 4, 8, 5]), ["d"] * 10)
    assert [path.kind for path in calm.paths] == ["g1", "limit", "limit"]
    assert [dot.kind for dot in calm.dots].count("out") == 1
    moved = geometry.control("x", "", "", control.xmr([1.0] * 8 + [9.0] * 8), ["d"] * 16)
    assert [path.kind for path in moved.paths] == ["g1"]
    assert {dot.kind for dot in moved.dots} == {"p1"}


@given(st.lists(st.floats(-500, 500), min_size=1, max_size=40))
def test_every_point_is_drawn_inside_the_drawing(values):
    drawn = geometry.control("x", "", "", control.xmr(values), ["d"] * len(values))
    assert all(0 <= dot.x <= drawn.width and 0 <= dot.y <= drawn.height for dot in drawn.dots)


@given(st.lists(st.tuples(st.floats(0, 400), st.integers(1, 6)), max_size=8))
def test_labels_of_line_ends_never_hide_each_other(ends):
    placed = geometry._apart([(at, number, "x") for at, number in ends])
    assert all(after[0] - before[0] >= 17.9 for before, after in pairwise(placed))
