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
    assert steps.d == "M60.0 24.0H290.0V177.0H520.0"
    band = next(path for path in drawn.paths if path.kind == "band1")
    assert band.d == "M290.0 85.2L290.0 85.2H520.0L520.0 268.8H290.0Z"
    below = [text.words for text in drawn.texts if text.kind == "m"]
    assert below == [str(sum(time >= day for time in (7, 14, 14, 3))) for day in range(0, 15, 7)] == ["4", "3", "2"]
    assert "50 % Marrow" in [text.words for text in drawn.texts]
    assert drawn.key == [("k1", "Marrow, n = 4")]


def test_stacked_bars_add_up_and_are_hatched():
    drawn = geometry.bars("b", "Bars", "", [Bar("A", [3, 1], "4"), Bar("B", [0, 2], "2")], series=["One", "Two"])
    assert [(rect.kind, rect.pattern) for rect in drawn.rects] == [("s1", 0), ("s2", 1), ("s2", 1)]
    first, second, third = drawn.rects
    assert first.x == third.x == geometry.LABELS
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


TABLET = 731
"""Pixels that a sheet leaves for a chart on a tablet held upright."""
LONG = "Graft-versus-host disease, steroid refractory, after an unrelated donor: Month 12 after dose 2"


def ends_of(text):
    """Return from where to where a text is drawn; a letter of 14 units is about 6.6 wide, a bold one 7.4."""
    kinds = text.kind.split()
    width = len(text.words) * (6.2 if "s" in kinds else 6.6 if not kinds or kinds[0] in "em" else 7.4)
    left = text.x - (width if "e" in kinds else width / 2 if "m" in kinds else 0)
    return left, left + width


@pytest.mark.parametrize("drawn", [
    geometry.curves("c", "", "", [Curve(LONG[:44], [(70, 0.5)], [], [7, 2920], 2920),
                    Curve("B", [(9, 0.1)], [], [9], 9)], start=1.0, caption="", gone="Still at risk"),
    geometry.bars("b", "", "", [Bar(LONG, [148, 61], "209 (100.0 %)"), Bar("B", [1], "1")], series=["One", "Two"]),
    geometry.intervals("i", "", "", [Span(LONG, 54.3, 38.5, 67.6, "148 of 209 known")], unit=" cm",
                       marks=[("placebo", 52, "36 studies: 52 %"), ("reached", 99, "27 trials: 70.5 %")],
                       ends=(0, 100)),
    geometry.control("x", "", "", control.xmr([5.25, 1208, 4, 7, 5, 30, 6, 4, 8, 5]), ["26 Nov 2026"] * 10),
])  # fmt: skip
def test_a_chart_fits_a_tablet_with_text_that_can_be_read(drawn):
    assert 14 * TABLET / drawn.width >= 12
    for text in drawn.texts:
        left, right = ends_of(text)
        assert left >= 0, text
        assert right <= drawn.width, text
    for line in drawn.lines:
        assert 0 <= min(line.x1, line.x2) <= max(line.x1, line.x2) <= drawn.width
    rows = sorted((text.y, *ends_of(text), text.words) for text in drawn.texts)
    for one, other in pairwise(rows):
        assert one[0] != other[0] or one[2] <= other[1] + 1, (one, other)


def test_the_label_of_a_row_is_whole_on_two_lines():
    label = "Osteoarthritis of the knee: Month 3 after dose 2"
    drawn = geometry.bars("b", "", "", [Bar(label, [1], "1")], series=["One"])
    said = [text for text in drawn.texts if text.kind == "e"]
    assert " ".join(text.words for text in said) == label
    assert [text.y for text in said] == sorted({text.y for text in said})
