"""A birth date of which the month or year is known is judged by both of its ends: likeness, age, and what follows."""

from __future__ import annotations

from datetime import date

import pytest

from clinic import clock
from clinic.patients.lookalikes import Perhaps, lookalikes, register
from clinic.patients.merging import contradictions
from clinic.patients.models import Patient
from clinic.patients.names import search_text
from clinic.patients.whole_person import youngest_on
from clinic.reports.dimensions import UNKNOWN, age_band, ages_at
from tests.factories import patient

TODAY = date(2026, 5, 20)


def born(day, known="", **facts):
    return Patient(birth_date=day, precision={"birth_date": known} if known else None, **facts)


@pytest.mark.parametrize(("day", "known", "ages", "said"), [
    (date(1982, 1, 1), "year", (43, 44), "43 or 44 y"),
    (date(1982, 5, 1), "month", (43, 44), "43 or 44 y"),
    (date(1982, 3, 1), "month", (44, 44), "44 y"),
    (date(1982, 5, 20), "", (44, 44), "44 y"),
    (date(2026, 1, 1), "year", (0, 0), "0 y"),
    (date(2026, 1, 1), "", (0, 0), "139 days"),
])  # fmt: skip
def test_an_age_has_two_ends_where_the_birth_date_has(day, known, ages, said):
    one = born(day, known)
    assert (one.ages_on(TODAY), one.age_text(TODAY)) == (ages, said)


@pytest.mark.rule(51)
def test_who_may_be_a_child_counts_as_one():
    turning = born(date(2008, 1, 1), "year")
    assert youngest_on([turning], TODAY) == 17
    assert youngest_on([born(date(2007, 1, 1), "year")], TODAY) == 18


@pytest.mark.parametrize(("age", "known", "asked"), [(56, "year", True), (57, "year", False), (56, "", False)])
def test_a_pregnancy_is_asked_for_unless_the_age_rules_it_out(team, age, known, asked):
    today = clock.today(team.site.zone)
    one = patient(team, birth_date=date(today.year - age, 1, 1), sex="female", weight=None)
    one.precision = {"birth_date": known} if known else None
    assert one.may_be_pregnant is (asked or (today.month, today.day) == (12, 31))


@pytest.mark.rule(11)
@pytest.mark.parametrize(("mine", "theirs", "why"), [
    ((date(1980, 1, 1), "year"), (date(1980, 5, 3), ""), "same name, perhaps the same birth date"),
    ((date(1980, 5, 3), ""), (date(1980, 5, 1), "month"), "same name, perhaps the same birth date"),
    ((date(1980, 1, 1), "year"), (date(1980, 1, 1), "year"), "same name, perhaps the same birth date"),
    ((date(1980, 1, 1), "year"), (date(1981, 5, 3), ""), "same name"),
    ((date(1980, 5, 3), ""), (date(1980, 5, 3), ""), "same name, same birth date"),
])  # fmt: skip
def test_a_birth_date_known_in_part_may_be_the_same_and_is_said_so(session, team, mine, theirs, why):
    other = patient(team, family_name="Quist", given_names="Vera", birth_date=theirs[0], weight=None)
    other.precision = {"birth_date": theirs[1]} if theirs[1] else None
    session.flush()
    facts = {"family_name": "Quist", "given_names": "Vera", "sex": "female", "record_number": "NEW-1"}
    precision = {"birth_date": mine[1]} if mine[1] else None
    with pytest.raises(Perhaps) as asked:
        register(session, by=team.nurse, at=clock.now(), birth_date=mine[0], precision=precision,
                 allergy_status="not_asked", **facts)  # fmt: skip
    (alike,) = asked.value.alike
    assert alike.why == why
    assert ("1 Jan" in alike.words) is False, "no day is made up"


@pytest.mark.rule(11)
def test_all_who_were_born_in_a_year_are_not_alike(session, team):
    people = [patient(team, family_name=name, birth_date=date(1980, 1, 1), weight=None) for name in ("Adler", "Brandt")]
    for one in people:
        one.precision = {"birth_date": "year"}
    session.flush()
    assert lookalikes(session, people[0])[0] == []
    assert search_text(people[0]).endswith(" 1980")


@pytest.mark.rule(11)
def test_records_contradict_each_other_where_a_death_cannot_be_on_one_day(session, team):
    same = {"family_name": "Quist", "given_names": "Vera", "birth_date": date(1980, 5, 3), "sex": "female"}
    one, other = (patient(team, weight=None, **same) for _ in range(2))
    one.died_on, one.precision, other.died_on = date(2024, 1, 1), {"died_on": "year"}, date(2024, 5, 3)
    assert contradictions(one, other) == []
    other.died_on = date(2025, 5, 3)
    other.birth_date = date(1981, 5, 3)
    assert contradictions(one, other) == ["born 3 May 1980 and 3 May 1981", "died on 2024 and 3 May 2025"]


def test_reports_put_an_age_in_a_band_where_both_its_ends_are():
    span = clock.span(date(1982, 1, 1), "year")
    assert ages_at(span, TODAY, None) == (43, 44)
    for year, band in ((1982, "40"), (1986, UNKNOWN), (1985, "40")):
        course = type("Course", (), {"ages": ages_at(clock.span(date(year, 1, 1), "year"), TODAY, None)})
        assert age_band(course) == band, year
