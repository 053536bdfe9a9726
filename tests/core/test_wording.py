"""One way to write a name, a day, a moment, a duration, a figure with its unit, and how urgent something is."""

from __future__ import annotations

import ast
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import clinic
from clinic import clock, wording
from clinic.templating import units, unmarked

BERLIN = "Europe/Berlin"
ROOM = Path(clinic.__file__).parent


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        ("6.4", "×10⁶/kg", "6.4 × 10⁶/kg"),
        ("0.064", "×10⁸/kg", "6.4 × 10⁶/kg"),
        ("3.25461", "×10⁸/kg", "3.25 × 10⁸/kg"),
        ("1500", "×10⁶", "1.5 × 10⁹"),
        ("0.5", "×10⁶/kg", "0.5 × 10⁶/kg"),
        ("0", "×10⁶/kg", "0 × 10⁶/kg"),
        ("12345.6", "mL", "12\u202f346 mL"),
        ("0.0041237", "EU/kg", "0.00412 EU/kg"),
        ("-3.14159", "°C", "−3.14 °C"),
        ("0.5", "×10⁻³ g", "0.5 × 10⁻³ g"),
    ],
)
def test_a_worked_out_figure_has_three_significant_figures_one_exponent_style_and_its_unit(value, unit, said):
    assert wording.figure(Decimal(value), unit) == said


def test_a_written_figure_keeps_all_its_digits():
    assert wording.quantity(Decimal("6.400"), "×10⁶/kg") == "6.400 × 10⁶/kg"
    assert wording.quantity(Decimal("0.0640"), "×10⁸/kg") == "6.40 × 10⁶/kg"
    assert wording.quantity(None, "mL") == "not recorded"


@given(
    st.decimals(min_value="0.0001", max_value=10**9, places=4).filter(bool),
    st.integers(min_value=-9, max_value=12),
)
def test_another_exponent_never_changes_what_a_figure_is_worth(value, power):
    unit = f"×10{str(power).translate(wording.RAISED)}/kg"
    said = wording.quantity(value, unit).replace("\u202f", "").removesuffix("/kg")
    number, _times, exponent = said.partition(" × 10")
    written = Decimal(number).scaleb(int(exponent.translate(wording.LOWERED) or 0))
    assert written == value.scaleb(power)


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(minutes=14), "14 min"),
        (timedelta(hours=2, minutes=14), "2 h 14 min"),
        (timedelta(hours=47, minutes=59), "47 h 59 min"),
        (timedelta(days=3, hours=5), "3 days"),
        (timedelta(days=-3), "3 days"),
        (timedelta(days=800), "2 years 2 months"),
        (timedelta(days=730), "2 years"),
        (timedelta(days=761), "2 years 1 month"),
        (timedelta(days=5 * 365 - 1), "4 years 11 months"),
    ],
)
def test_a_duration_is_said_in_minutes_hours_days_or_years(span, said):
    assert wording.duration(span) == said


def test_a_name_has_its_family_name_in_capitals_and_else_a_number():
    assert wording.person("Weber", "Anna") == "WEBER, Anna"
    assert wording.person(None, "Anna") == "Anna"
    assert wording.person("", None, "N-1") == "Name not recorded (N-1)"


def test_a_moment_is_written_on_the_sites_clock_and_no_more_of_it_than_is_known():
    at = datetime(2026, 11, 22, 12, 55, tzinfo=UTC)
    assert wording.moment(at, BERLIN) == "22 Nov 2026, 13:55"
    start = clock.start_of(date(2015, 4, 1), BERLIN)
    assert [wording.moment(start, BERLIN, known) for known in ("day", "month", "year", "estimated year")] == [
        "1 Apr 2015",
        "Apr 2015",
        "2015",
        "about 2015",
    ]
    assert [wording.iso(start, BERLIN, known) for known in ("day", "month", "year", "estimated month")] == [
        "2015-04-01",
        "2015-04",
        "2015",
        "2015-04~",
    ]


def test_the_hour_that_came_twice_says_which_of_the_two_it_is():
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert wording.moment(first, BERLIN) == "25 Oct 2026, 02:30 (summer time)"
    assert wording.moment(second, BERLIN) == "25 Oct 2026, 02:30 (winter time)"
    wall = datetime(2026, 10, 25, 2, 30)  # noqa: DTZ001 - the wall clock
    assert clock.from_wall(wall, BERLIN, second=False) == first
    assert clock.from_wall(wall, BERLIN, second=True) == second


def test_numbered_things_stand_in_the_order_of_their_numbers():
    names = ["A1", "A10", "A11", "A2", "A", "B1", "12", "2"]
    assert sorted(names, key=wording.natural) == ["2", "12", "A", "A1", "A2", "A10", "A11", "B1"]


def test_a_day_begins_on_the_sites_clock_and_belongs_to_it():
    for zone in ("Pacific/Auckland", "America/Los_Angeles", "America/Sao_Paulo", BERLIN):
        for on in (date(2018, 11, 4), date(2026, 3, 29), date(2026, 10, 25), date(2026, 6, 1)):
            assert clock.day(clock.start_of(on, zone), zone) == on
            assert clock.day(clock.start_of(on, zone) - timedelta(seconds=1), zone) == on - timedelta(days=1)


NOT_OF_A_MOMENT = {"clock.py", "commands/tables.py"}
"""Where a date is taken of something that is no moment: the clock itself, and a day typed on the command line."""


def _sources():
    return [(path.relative_to(ROOM).as_posix(), path) for path in sorted(ROOM.rglob("*.py"))]


def test_only_the_clock_takes_the_date_of_a_moment():
    found = [
        f"{name}:{node.lineno}"
        for name, path in _sources()
        if name not in NOT_OF_A_MOMENT and not name.startswith("demo/")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "date"
        if not node.args and not node.keywords
    ]
    assert not found, "ask clock.day(moment, zone) for the site's day"


def test_only_wording_knows_how_days_and_times_are_written():
    shape = re.compile(r"%-?d %[bB]|%[bB] %Y|%H:%M")
    allowed = {"wording.py", "clock.py"}
    texts = [*_sources(), *((path.relative_to(ROOM).as_posix(), path) for path in sorted(ROOM.rglob("*.html")))]
    found = [
        f"{name}:{number}"
        for name, path in texts
        if name not in allowed
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if shape.search(line) or ".strftime(" in line
    ]
    assert not found, "ask clinic.wording how it is written"


@given(st.text(alphabet="ab <>&×10⁰⁶⁻₂₄/kg", max_size=30))
def test_text_with_raised_figures_comes_back_without_its_markup(text):
    """Ten to the sixth is never read, exported or printed as one hundred and six."""
    plain = re.sub("× ?10", "× 10", text)
    assert unmarked(units(text)).split() == plain.split()


@pytest.mark.parametrize(
    ("text", "said"),
    [("Slip", "“Slip”."), ("Improving on antibiotics.", "“Improving on antibiotics.”"), ("Why? ", "“Why?”")],
)
def test_quoted_words_end_with_one_full_stop(text, said):
    assert wording.quoted(text) == said
