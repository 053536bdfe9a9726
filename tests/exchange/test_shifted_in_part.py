"""The research variant moves what is known in part so that it stays so, and agrees with the patient's other days."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from clinic import clock
from clinic.exchange.datasets import Column
from clinic.exchange.export_values import Around, value_of

ZONE = "Europe/Berlin"
SHIFTS = range(1, 366)


def told(value, known, shift, kind="shifted", on=date(2026, 5, 20)):
    around = Around(people={}, code="N", zone=ZONE, clock=ZoneInfo(ZONE), on=on, shift=timedelta(days=shift))
    around.precision = {"ended_at": known} if known else {}
    return value_of(Column(key="ended_at", heading="", kind=kind), value, around)


def ends(said):
    first, last = said.replace("~", "").split("/")
    begin = date.fromisoformat(f"{first}-01-01"[:10])
    if len(last) == 4:
        return begin, date(int(last), 12, 31)
    year, month = map(int, last.split("-"))
    return begin, date(year, month, monthrange(year, month)[1])


@pytest.mark.rule(73)
@pytest.mark.parametrize("known", ["month", "year"])
@pytest.mark.parametrize("month", [date(2020, 2, 1), date(2021, 2, 1), date(2020, 5, 1), date(2021, 1, 1)])
def test_what_is_known_in_part_can_be_on_every_day_that_it_could_be(month, known):
    month = month.replace(month=1) if known == "year" else month
    days = clock.span(month, known)
    for shift in SHIFTS:
        first, last = ends(told(month, known, shift))
        assert first <= days.first - timedelta(days=shift), "an exact day of that month moves into it"
        assert last >= days.last - timedelta(days=shift)
        assert last - first >= days.last - days.first, "never more exact than the source"
        assert last - first <= timedelta(days=91 if known == "month" else 731)


@pytest.mark.rule(73)
def test_how_a_month_lies_in_those_that_are_told_betrays_nothing():
    said = {}
    for month in range(1, 13):
        for shift in SHIFTS:
            first, last = told(date(2021, month, 1), "month", shift).split("/")
            said.setdefault(first, set()).add(last)
    assert all(len(lasts) == 1 for lasts in said.values()), said


@pytest.mark.rule(73)
def test_a_moment_of_the_last_evening_of_a_month_belongs_to_that_month():
    late = datetime(2020, 4, 30, 22, 0, tzinfo=UTC)  # midnight, 1 May in Berlin
    assert told(late, "month", 1) == "2020-04/2020-05"
    assert told(late, "day", 1) == "2020-04-30"
    assert told(date(2020, 5, 1), "estimated month", 40) == "2020-03~/2020-04~"
    assert told(None, "month", 40) is None


@pytest.mark.rule(73)
@pytest.mark.parametrize(("born", "known", "age"), [
    (date(1982, 1, 1), "year", "43/44"), (date(1982, 5, 1), "month", "43/44"), (date(1982, 3, 1), "month", 44),
    (date(1926, 1, 1), "year", 90), (date(2026, 1, 1), "year", 0), (None, "", None), (date(1982, 5, 21), "", 43),
])  # fmt: skip
def test_an_age_is_as_well_known_as_the_birth_date(born, known, age):
    assert told(born, known, 40, kind="age") == age
