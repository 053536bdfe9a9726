"""What a day or a moment may not precede or follow is declared once, and form, record and amendment obey."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from clinic import clock
from clinic.errors import Problem, RuleBroken
from clinic.fields import Field, later
from clinic.followup.adverse_events import AdverseEvent
from clinic.harvest.models import Harvest
from clinic.patients.models import Patient, Weight
from tests.factories import boxes as moment_boxes
from tests.factories import consented, course, day_boxes, own_cells, patient, ready_for_harvest, team
from tests.reading import Page

PEOPLE = team()
AT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
CHILD = {"birth_date": date(2025, 11, 25), "allergies_asked_on": date(2026, 11, 1)}


def somebody(**facts):
    return patient(PEOPLE, at=AT, weight=None, **facts)


def weighed(one, moment, *, at=AT):
    return Weight.log(
        by=PEOPLE.nurse, at=at, patient=one, kg=Decimal(9), performed_at=moment, performed_by=PEOPLE.nurse
    )


def problems_of(refused):
    return {getattr(problem, "field", ""): str(problem) for problem in refused.value.problems}


@pytest.mark.parametrize(
    ("facts", "name", "said"),
    [
        ({"birth_date": date(74, 3, 1)}, "birth_date", "the year 74 is not possible"),
        ({"birth_date": date(997, 3, 1)}, "birth_date", "the year 997 is not possible"),
        ({"birth_date": date(1780, 3, 1)}, "birth_date", "the year 1780 is not possible"),
        ({"birth_date": date(2026, 11, 26)}, "birth_date", "is in the future"),
        ({"died_on": date(2031, 1, 1)}, "died_on", "is in the future"),
        ({"died_on": date(1950, 1, 1)}, "died_on", "is before “Born on”"),
        ({"allergies_asked_on": date(2031, 1, 1)}, "allergies_asked_on", "is in the future"),
    ],
)
def test_a_patient_s_days_are_possible_past_and_in_order(facts, name, said):
    with pytest.raises(RuleBroken) as refused:
        somebody(**facts)
    assert said in problems_of(refused)[name]


def test_a_child_born_today_on_the_site_s_clock_is_registered():
    auckland = team()
    auckland.site.zone = "Pacific/Auckland"
    early = datetime(2026, 5, 14, 14, 7, tzinfo=UTC)
    facts = {"birth_date": date(2026, 5, 15), "allergies_asked_on": date(2026, 5, 15)}
    assert patient(auckland, at=early, weight=None, **facts).birth_date == date(2026, 5, 15)


def test_nothing_is_done_to_a_patient_before_the_birth_or_after_the_death():
    child = somebody(**CHILD)
    with pytest.raises(RuleBroken, match=r"Weighed at, 1 Jan 2020, .* is before “Born on”, 25 Nov 2025"):
        weighed(child, datetime(2020, 1, 1, 9, tzinfo=UTC))
    child.died_on = date(2026, 11, 20)
    with pytest.raises(RuleBroken, match="is after “Died on”, 20 Nov 2026"):
        weighed(child, datetime(2026, 11, 21, 9, tzinfo=UTC))
    assert weighed(child, datetime(2026, 11, 20, 9, tzinfo=UTC)).kg == Decimal(9)


def event(of, **facts):
    facts = {
        "term": "Fever", "grade": "1", "serious": [], "from_cells": "possible", "from_harvest": "unlikely",
        "from_delivery": "unlikely", "expected": "expected", "outcome": "resolved", "aware_on": AT.date(),
        "performed_at": AT - timedelta(hours=5), "performed_by": PEOPLE.nurse,
    } | facts  # fmt: skip
    return AdverseEvent.report(by=PEOPLE.nurse, at=AT, treatment=of, **facts)


def test_an_event_is_learned_of_after_its_onset_and_reported_after_that():
    one = course(PEOPLE, somebody(), at=AT - timedelta(days=20))
    for facts, said in (
        ({"aware_on": date(2026, 11, 26)}, "is in the future"),
        ({"aware_on": date(2026, 11, 24)}, "is before “Onset”"),
        ({"reported_on": date(2031, 1, 1)}, "is in the future"),
        ({"reported_on": date(2020, 1, 1)}, "is before “Date we became aware”"),
    ):
        with pytest.raises(RuleBroken, match=said):
            event(one, **facts)


def test_an_event_may_be_written_down_after_the_death():
    one = course(PEOPLE, somebody(), at=AT - timedelta(days=20))
    one.patient.died_on = date(2026, 11, 22)
    assert event(one, performed_at=AT - timedelta(days=3)).term == "Fever"
    with pytest.raises(RuleBroken, match="is after “Died on”"):
        event(one)


def test_a_consent_is_not_withdrawn_before_it_was_given(team, session):
    consent = consented(course(team), team)
    with pytest.raises(RuleBroken, match="is before “Signed on paper at”"):
        consent.withdraw(
            by=team.nurse, at=clock.now(), performed_by=team.nurse, performed_at=datetime(2020, 1, 1, 9, tzinfo=UTC)
        )
    session.rollback()


def test_an_amendment_obeys_the_same_declarations():
    one = somebody()
    with pytest.raises(RuleBroken, match="is before “Born on”"):
        one.amend(by=PEOPLE.nurse, at=AT, reason="mistyped", died_on=date(1950, 1, 1))


def test_a_day_and_a_moment_are_compared_on_the_site_s_calendar():
    late = datetime(2026, 5, 14, 22, 30, tzinfo=UTC)
    assert later(date(2026, 5, 15), late, "Etc/UTC")
    assert not later(date(2026, 5, 15), late, "Europe/Berlin")
    assert Field(label="Day").problems(date(2026, 5, 15), at=late, zone="Europe/Berlin") == []


def test_a_problem_is_a_sentence_that_names_its_fact():
    problem = Problem("Weight: required", "kg")
    assert (problem, problem.field) == ("Weight: required", "kg")
    assert str(RuleBroken(problem, "Two")) == "Weight: required. Two."


def test_every_problem_of_a_form_is_shown_in_one_round_each_at_its_field(team, client_as, post, session):
    begun = ready_for_harvest(team)
    at = clock.now() - timedelta(hours=2)
    sent = moment_boxes("performed_at", at) | moment_boxes("ended_at", at - timedelta(hours=1)) | {
        "performed_by_id": team.nurse.id, "source": "bone_marrow", "body_site": "posterior_iliac_crest",
        "method": "needle_aspiration", "anaesthesia": "sedation", "volume": "1e8", "containers": "1",
        "anticoagulant": "acd_a",
    }  # fmt: skip
    answer = post(client_as("nurse"), f"/treatments/{begun.id}/harvests/new", sent)
    shown = Page.of(answer.text)
    assert answer.status_code == 422
    for sentence in ("“1e8” is not a number", "is before “Start”", "Side: required", "Fasting must be confirmed",
                     "Time-out at: required", "Anticoagulant lot: required"):  # fmt: skip
        assert sentence in shown, sentence
    for anchor in ("volume", "ended_at-d", "side-0", "time_out_at-d", "anticoagulant_lot"):
        assert f"#{anchor}" in shown.links, anchor
    assert session.query(Harvest).count() == 0


def test_a_record_s_refusal_is_shown_at_its_field(team, client_as, post, page, session):
    browser = client_as("nurse")
    sent = day_boxes("birth_date", date(1990, 5, 1)) | {
        "record_number": "MRN-1", "family_name": "Novak", "given_names": "Ana", "sex": "female",
        "allergy_status": "present",
    }  # fmt: skip
    answer = post(browser, "/patients/new", sent)
    assert answer.status_code == 422
    assert "#allergies" in Page.of(answer.text).links
    assert session.query(Patient).count() == 0


def test_a_marrow_harvest_is_not_asked_for_cd34_cells_in_the_blood(team, client_as, page):
    begun = ready_for_harvest(team)
    shown = page(client_as("nurse"), f"/treatments/{begun.id}/harvests/new")
    assert "CD34" not in shown
    assert "Side (optional)" not in shown


def test_own_cells_are_not_collected_before_the_donor_s_birth(team):
    begun = ready_for_harvest(team)
    donor = own_cells(begun, team)
    with pytest.raises(RuleBroken, match=r"Start, .* is before “Born on”"):
        Harvest.log(
            by=team.nurse, at=clock.now(), treatment=begun, donor=donor, performed_by=team.physician,
            performed_at=datetime(1950, 1, 1, tzinfo=UTC), ended_at=datetime(1950, 1, 1, 1, tzinfo=UTC),
        )  # fmt: skip
