"""Rules of visits, scores and adverse events, typed into their forms and brought in by a correction."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit, OutcomeScore, PlannedVisit
from tests.bedside import checked, given, released_product
from tests.factories import boxes, day_boxes, ready_for_harvest

ASSESSED = {
    "grade": "3", "from_cells": "possible", "from_harvest": "unlikely", "from_delivery": "probable",
    "expected": "unexpected",
}  # fmt: skip
DEAD = [
    {"grade": "5"},
    {"outcome": "fatal"},
    {"serious": ["death"]},
    {"grade": "5", "outcome": "fatal"},
    {"grade": "5", "outcome": "fatal", "serious": ["death"]},
]


@pytest.fixture
def treated(ward):
    """A course whose cells were given just now."""
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    given(checked(mine, ward.verified(released_product(mine, ward.team)), ward.team), ward.team)
    return mine


def corrects(ward, record, who="nurse", **changed):
    """Amend a record and answer no question."""
    return ward.fill(who, f"/records/{record.id}/amendment", amend_reason="misread", **changed)


def reports(ward, course, who="physician", **changed):
    """Send the form of an adverse event with some facts changed."""
    typed = {
        "term": "Septic arthritis", "serious": ["hospitalisation"], "outcome": "ongoing",
        "performed_by_id": ward.person(who).id, **boxes("performed_at", clock.now()),
        **day_boxes("aware_on", clock.today("Europe/Berlin")), **(ASSESSED if who == "physician" else {}),
    }  # fmt: skip
    typed |= {"seriousness": "no"} if changed.get("serious") == [] else {}
    return ward.fill(who, f"/treatments/{course.id}/adverse-events/new", **(typed | changed))


@pytest.fixture
def event(ward, treated):
    """An event that a physician has reported and assessed."""
    assert reports(ward, treated).status_code == 303, ward.refused
    return ward.session.scalar(select(AdverseEvent))


@pytest.mark.rule(65, by="http")
@pytest.mark.parametrize("changed", DEAD)
def test_grade_five_fatal_and_death_are_reported_together_with_the_day(ward, treated, changed):
    assert reports(ward, treated, **changed).status_code == 422
    ward.said_no("rule 65")
    assert ward.session.scalar(select(AdverseEvent)) is None


@pytest.mark.rule(65, by="amendment")
@pytest.mark.parametrize("changed", DEAD)
def test_no_correction_makes_an_event_fatal_by_halves(ward, event, changed):
    assert corrects(ward, event, "physician", **changed).status_code == 422
    ward.said_no("rule 65")


@pytest.mark.rule(66, by=("http", "amendment"))
@pytest.mark.parametrize("serious", [["yes"], ["4"], ["severe", "hospitalisation"]])
def test_seriousness_has_a_criterion_and_severity_is_none(ward, event, serious):
    assert reports(ward, event.treatment, serious=serious).status_code == 422
    ward.said_no("rule 66")
    ward.refused.clear()
    assert corrects(ward, event, "physician", serious=serious).status_code == 422
    ward.said_no("rule 66")
    assert event.serious == ["hospitalisation"]


@pytest.mark.rule(66)
def test_a_high_grade_alone_stays_not_serious(ward, treated):
    assert reports(ward, treated, serious=[], grade="4").status_code == 422
    ward.said_no("no criterion of seriousness applies")
    sure = {"grade-sure": "yes", "grade-why": "A figure of the laboratory without symptoms"}
    assert reports(ward, treated, serious=[], grade="4", **sure).status_code == 303, ward.refused
    assert not ward.session.scalar(select(AdverseEvent)).is_serious


@pytest.mark.rule(64, by="http")
@pytest.mark.parametrize("left", [*ASSESSED])
def test_an_event_is_not_signed_before_it_is_assessed_whole(ward, treated, left):
    assert reports(ward, treated, **{left: ""}).status_code == 303, ward.refused
    ward.sign("physician", ward.session.scalar(select(AdverseEvent)))
    ward.said_no("rule 64")


@pytest.mark.rule(64, by="amendment")
def test_an_assessment_that_is_taken_out_again_is_not_signed(ward, event):
    ward.amend("physician", event, from_cells="")
    ward.sign("physician", event)
    ward.said_no("rule 64")


@pytest.mark.rule(67, by=("http", "amendment"))
def test_a_report_is_sent_once_and_its_clock_is_stopped_by_no_one_alone(ward, event):
    assert event.clock_days == 15
    assert ward.sign("physician", event).status_code == 303, ward.refused
    assert ward.amend("physician", event, expected="expected").status_code == 303
    ward.session.expire_all()
    assert event.clock_days == 15
    url, today = f"/adverse-events/{event.id}/report", day_boxes("reported_on", clock.today("Europe/Berlin"))
    assert ward.fill("quality", url, **today, reported_to="").status_code in {409, 422}
    ward.said_no("rule 67")


@pytest.mark.rule(68, by="amendment")
@pytest.mark.rule(69, by="amendment")
def test_a_corrected_onset_lies_before_the_end_and_after_the_first_procedure(ward, event):
    assert corrects(ward, event, "physician", performed_at=clock.now() - timedelta(days=50)).status_code == 422
    ward.said_no("rule 68")
    assert corrects(ward, event, "physician", ended_at=clock.now() - timedelta(days=1)).status_code == 422
    ward.said_no("rule 69")


def visits(ward, course, **changed):
    """Send the form of the first planned visit that is open."""
    plan = ward.session.scalars(
        select(PlannedVisit).where(PlannedVisit.treatment_id == course.id).order_by(PlannedVisit.number)
    ).first()
    typed = {
        "performed_by_id": ward.team.nurse.id,
        "made": "made",
        "alive": "yes",
        "new_symptoms": "no",
        **boxes("performed_at", clock.now()),
    }
    url = f"/planned-visits/{plan.id}/visit"
    return ward.fill("nurse", url, sure="out of its window", **(typed | changed))


@pytest.mark.rule(62, by=("http", "amendment"))
def test_a_missed_visit_says_why_and_a_lost_patient_was_called_three_times(ward, treated):
    assert visits(ward, treated, made="missed").status_code == 422
    ward.said_no("rule 62")
    assert visits(ward, treated).status_code == 303, ward.refused
    visit = ward.session.scalar(select(FollowUpVisit))
    for changed in ({"made": "missed"}, {"made": "lost", "missed_reason": "no answer"}):
        ward.refused.clear()
        assert ward.amend("nurse", visit, **changed).status_code == 422
        ward.said_no("rule 62")


@pytest.mark.rule(63, by=("http", "amendment"))
@pytest.mark.parametrize("score", ["11", "3.3", "0.5"])
def test_a_score_lies_in_range_and_steps_of_its_instrument(ward, treated, score):
    assert visits(ward, treated, score_edss=score).status_code == 422
    ward.said_no("rule 63")
    assert visits(ward, treated, score_edss="3.5").status_code == 303, ward.refused
    ward.refused.clear()
    assert corrects(ward, ward.session.scalar(select(OutcomeScore)), value=score).status_code == 422
    ward.said_no("rule 63")


@pytest.mark.rule(70, by=("http", "amendment"))
def test_nothing_is_corrected_without_a_reason_and_nothing_is_deleted(ward, event):
    url = f"/records/{event.id}"
    assert ward.fill("physician", f"{url}/amendment", term="Another term").status_code == 422
    with pytest.raises(Exception, match="rule 70"):
        event.amend(by=ward.team.physician, at=clock.now(), reason=" ", term="Another term")
    ward.session.rollback()
    assert ward.browser("physician").delete(url).status_code in {404, 405}
    assert ward.session.scalar(select(AdverseEvent)).term == "Septic arthritis"
