"""A day is the site's own, and of a moment no more is told than is known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

import clinic.harvest.models  # noqa: F401 - the whole graph is mapped
from clinic import clock, record_display
from clinic.consent.models import Consent, Standing
from clinic.errors import RuleBroken
from clinic.patients.models import Patient, Weight
from clinic.processing.models import Manipulation
from tests.factories import consented, course, harvested, patient, team

AUCKLAND, ANGELES, BERLIN = "Pacific/Auckland", "America/Los_Angeles", "Europe/Berlin"


def staff(zone):
    people = team()
    people.site.zone = zone
    return people


def at(zone, *wall):
    return clock.from_wall(datetime(*wall), zone)  # noqa: DTZ001 - the wall clock


def test_a_child_born_today_is_taken_at_two_in_the_morning_in_auckland():
    people, now = staff(AUCKLAND), at(AUCKLAND, 2026, 11, 25, 2, 7)
    assert now.date() == date(2026, 11, 24)
    asked = {"allergies_asked_on": date(2026, 11, 25), "weight": None}
    assert patient(people, at=now, birth_date=date(2026, 11, 25), **asked).birth_date == date(2026, 11, 25)
    with pytest.raises(RuleBroken, match="Born on, 26 Nov 2026, is in the future"):
        patient(people, at=now, birth_date=date(2026, 11, 26), **asked)


@pytest.mark.hazard("H12")
@pytest.mark.parametrize("zone", [AUCKLAND, ANGELES, BERLIN])
def test_a_patient_signs_alone_from_the_eighteenth_birthday_of_the_sites_calendar_on(zone):
    people = staff(zone)
    young = patient(people, weight=None, birth_date=date(2008, 11, 25), at=at(zone, 2026, 1, 1, 12))
    one = course(people, young, at=at(zone, 2026, 1, 2, 12))
    with pytest.raises(RuleBroken, match="was 17 when it was signed"):
        consented(one, people, at=at(zone, 2026, 11, 24, 17), signed=False)
    assert consented(one, people, at=at(zone, 2026, 11, 25, 0, 5), signed=False).performed_at


@pytest.mark.parametrize("zone", [AUCKLAND, ANGELES, BERLIN])
def test_a_consent_may_end_on_the_day_on_which_it_is_signed(zone):
    people = staff(zone)
    one, day = course(people, patient(people, weight=None)), date(2026, 11, 24)
    signed = consented(one, people, at=at(zone, 2026, 11, 24, 17), expires_on=day)
    assert signed.standing(at(zone, 2026, 11, 24, 23, 59)) is Standing.VALID
    assert signed.standing(at(zone, 2026, 11, 25, 0, 1)) is Standing.EXPIRED
    with pytest.raises(RuleBroken, match="is before “Signed on paper at”"):
        consented(one, people, at=at(zone, 2026, 11, 24, 17), expires_on=day - timedelta(days=1))
    assert isinstance(signed, Consent)


@pytest.mark.rule(35)
def test_a_lot_may_be_used_to_the_end_of_its_last_day():
    for zone in (AUCKLAND, ANGELES):
        people = staff(zone)

        def used(*wall, people=people, zone=zone):
            moment = at(zone, *wall)
            return Manipulation.log(
                by=people.technologist, at=moment, performed_at=moment, performed_by=people.technologist,
                run_id="RN-1", kind="wash", lot="L1", lot_expires_on=date(2026, 11, 24),
            )  # fmt: skip

        assert used(2026, 11, 24, 23, 50)
        with pytest.raises(RuleBroken, match="Lot L1 expired on 24 Nov 2026"):
            used(2026, 11, 25, 0, 10)


@pytest.mark.rule(7)
def test_the_year_of_a_donation_number_is_that_of_the_sites_calendar():
    people = staff(AUCKLAND)
    moment = at(AUCKLAND, 2027, 1, 1, 8)
    one = course(people, patient(people, weight=None, at=moment), at=moment)
    made = harvested(one, people, at=moment, contained=False, signed=False, din="G123426654321")
    assert not [question for question in made.questions() if question.name == "din"]
    made.din = "G123425654321"
    assert "collected in 2027" in next(q.question for q in made.questions() if q.name == "din")


@pytest.mark.parametrize(
    ("born", "on", "said"),
    [
        (date(2026, 2, 25), date(2026, 11, 25), "9 months"),
        (date(2026, 2, 25), date(2026, 11, 24), "8 months"),
        (date(2024, 12, 31), date(2026, 11, 30), "22 months"),
        (date(2026, 11, 24), date(2026, 11, 25), "1 day"),
        (date(2024, 11, 25), date(2026, 11, 25), "2 y"),
    ],
)
def test_months_of_age_are_counted_by_the_calendar(born, on, said):
    assert Patient(birth_date=born).age_text(on) == said


def weighed(people, moment, **facts):
    return Weight.log(
        by=people.nurse, at=datetime(2026, 11, 25, tzinfo=UTC), patient=patient(people, weight=None), kg=70,
        performed_at=moment, performed_by=people.nurse, **facts,
    )  # fmt: skip


def shown(record, label, zone=BERLIN):
    return {name: value for name, value, _note in record_display.facts(record, zone)}[label]


def test_the_history_of_an_amendment_tells_its_times_on_the_sites_clock():
    people = staff(BERLIN)
    one = weighed(people, datetime(2026, 11, 22, 12, 55, tzinfo=UTC))
    one.amend(
        by=people.nurse, at=datetime(2026, 11, 23, tzinfo=UTC), reason="read wrong",
        performed_at=datetime(2026, 11, 22, 13, 5, tzinfo=UTC),
    )  # fmt: skip
    (_when, _who, _why, changes, _covers) = record_display.amendments(one, BERLIN)[0]
    assert changes == [("Weighed at", "22 Nov 2026, 13:55", "22 Nov 2026, 14:05")]


def test_a_moment_of_which_only_the_day_is_known_is_shown_without_a_time_until_it_is_corrected():
    people = staff(BERLIN)
    one = weighed(people, clock.start_of(date(2015, 4, 1), BERLIN), precision={"performed_at": "day"})
    assert shown(one, "Weighed at") == "1 Apr 2015"
    assert not record_display.late(one, BERLIN)
    one.amend(
        by=people.nurse, at=datetime(2026, 11, 23, tzinfo=UTC), reason="found", performed_at=at(BERLIN, 2015, 4, 2, 9)
    )
    assert shown(one, "Weighed at") == "2 Apr 2015, 09:00"
    assert record_display.amendments(one, BERLIN)[0][3] == [("Weighed at", "1 Apr 2015", "2 Apr 2015, 09:00")]
    assert one.precision is None


def test_a_signature_from_before_precision_was_kept_still_covers():
    people = staff(BERLIN)
    one = weighed(people, datetime(2026, 11, 22, 12, 55, tzinfo=UTC))
    assert "precision" not in one.content()
    one.sign(by=people.nurse, at=datetime(2026, 11, 23, tzinfo=UTC))
    assert one.signed
    one.precision = {"performed_at": "day"}
    assert not one.signed


def test_characters_that_nobody_sees_are_taken_out_of_every_text():
    people = staff(BERLIN)
    one = patient(
        people,
        weight=None,
        family_name="Mül\u00adler\u200b",
        given_names="\u202aAnna\u202c\u2060",
        record_number="\ufeffN-1",
    )
    assert (one.family_name, one.given_names, one.record_number) == ("Müller", "Anna", "N-1")
    one.amend(by=people.nurse, at=datetime(2026, 11, 25, tzinfo=UTC), reason="married", family_name="Ode\u200e")
    assert one.family_name == "Ode"
