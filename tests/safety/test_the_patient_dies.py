"""After a death nothing new is given, and what had begun is ended and corrected (rules 23, 69; hazard H29)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit
from clinic.harvest.models import Harvest
from clinic.ledger.listener import set_actor
from clinic.processing.models import ProcessingRun
from tests.bedside import released_product
from tests.downtime.papers import give as give_on_paper
from tests.factories import day_boxes, harvested, patient, ready_for_harvest
from tests.safety.scenes import scene
from tests.safety.test_two_records_of_one_person import merge

ZONE = "Europe/Berlin"
pytestmark = [pytest.mark.rule(69), pytest.mark.hazard("H29")]


def today(days=0):
    return clock.today(ZONE) - timedelta(days=days)


def dies(ward, who, days=0):
    set_actor(ward.session, ward.team.physician.id)
    who.amend(by=ward.team.physician, at=clock.now(), reason="told by the ward", died_on=today(days))
    ward.session.commit()


@scene
def infusion(ward):
    """An infusion that runs, and a second bag."""
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag, other = (
        ward.verified(released_product(mine, ward.team, made_at=clock.now() - timedelta(hours=hours)))
        for hours in (6, 5)
    )
    ward.session.commit()
    ward.give(mine, bag)
    given = ward.given(bag)
    assert given is not None, ward.refused
    return mine, given, other


def fatal(ward, mine):
    died = day_boxes("aware_on", today()) | day_boxes("died_on", today())
    return ward.fill(
        "nurse", f"/treatments/{mine.id}/adverse-events/new", sure="seen", term="Arrhythmia", serious=["death"],
        performed_at=clock.now() - timedelta(minutes=15), outcome="fatal", **died,
    )  # fmt: skip


@pytest.mark.parametrize("days", [0, 2])
def test_an_infusion_during_which_the_patient_dies_is_ended_signed_and_corrected(ward, infusion, days):
    mine, given, other = infusion
    with ward.later(minutes=40):
        assert fatal(ward, mine).status_code == 303, ward.refused
        ended, facts = clock.now() - timedelta(minutes=10), {"volume_given": "6"}
        with ward.later(days=days):
            if days:
                facts |= {"because": "patient died", "rest": "discarded"}
                answer = ward.fill("nurse", f"/administrations/{given.id}/abort", ended_at=ended, **facts)
            else:
                facts |= {"volume_wasted": "4", "partial_reason": "patient died"}
                answer = ward.end(given, ended_at=ended, **facts)
            assert answer.status_code == 303, ward.refused
            assert ward.sign("nurse", given).status_code == 303, ward.refused
            again = ward.amend("nurse", given, ended_at=ended - timedelta(minutes=1))
            assert again.status_code == 303, ward.refused
            ward.give(mine, other)
            ward.not_given(other, "has died")


def test_a_run_and_a_harvest_of_the_day_of_death_are_ended_and_corrected(ward):
    mine = ready_for_harvest(ward.team)
    harvest = harvested(mine, ward.team)
    ward.session.commit()
    url = f"/treatments/{mine.id}/processing/new"
    bag = harvest.products[0]
    ward.fill("technologist", url, sure="ok", inputs=[bag.id], received_temperature="21", received_intact="yes")
    run = ward.session.scalars(select(ProcessingRun)).one()
    dies(ward, mine.patient)
    end = {"waste_volume": str(bag.volume), "loss_reason": "the patient died", "discarded": "yes"}
    answer = ward.fill("technologist", f"/runs/{run.id}/end", sure="the patient died", outcome="stopped", **end)
    assert answer.status_code == 303, ward.refused
    taken = ward.session.get(Harvest, harvest.id)
    later = ward.amend("physician", taken, ended_at=taken.ended_at + timedelta(minutes=2))
    assert later.status_code == 303, ward.refused
    assert ward.fill("technologist", url, inputs=[bag.id]).status_code >= 400


def test_a_paper_copy_of_what_was_given_before_the_death_is_not_marked(ward, infusion):
    mine, _given, other = infusion
    dies(ward, mine.patient)
    assert give_on_paper(ward, mine, other, hours=1).status_code == 303, ward.refused
    assert not [said for said in ward.given(other).paper["then"] if "died" in str(said)]


@pytest.mark.parametrize("whose", ["own", "merged"])
def test_nobody_is_seen_alive_after_the_death(ward, infusion, whose):
    mine, given, _other = infusion
    dead = mine.patient
    if whose == "merged":
        dead = patient(ward.team)
        ward.session.commit()
        merge(ward, mine, dead)
    now = {"performed_at": clock.now() + timedelta(days=3, hours=-1)}
    ward.end(given, ended_at=clock.now() + timedelta(minutes=1), volume_given="10")
    dies(ward, dead)
    ward.refused.clear()
    with ward.later(days=3):
        visits, course = f"/treatments/{mine.id}/visits/new", mine.patient_id
        assert ward.fill("nurse", visits, sure="x", made="made", name="Call", **now).status_code == 422
        event = {"term": "Fever", "outcome": "recovering", "seriousness": "no", **day_boxes("aware_on", today())}
        url = f"/treatments/{mine.id}/adverse-events/new"
        assert ward.fill("nurse", url, sure="x", **(event | now)).status_code == 422
        assert ward.fill("nurse", f"/patients/{course}/weights/new", kg="70", **now).status_code == 422
        typing = {"abo": "A", "rhd": "positive", "sample_number": "S1", **now}
        assert ward.fill("technologist", f"/patients/{course}/blood-groups/new", **typing).status_code == 422
        assert all("rule 69" in said for said in ward.refused), ward.refused
        gone = ward.fill("nurse", visits, sure="x", made="made", alive="no", name="Call", **now)
        assert gone.status_code == 303, ward.refused
        before = clock.now() - timedelta(days=4)
        assert ward.fill("nurse", url, sure="x", performed_at=before, **event).status_code == 303, ward.refused


@pytest.mark.rule(69)
def test_an_event_does_not_end_after_the_death(ward, infusion):
    mine, given, _other = infusion
    began = clock.now() + timedelta(minutes=2)
    event = {"term": "Fever", "outcome": "recovering", "seriousness": "no", **day_boxes("aware_on", today())}
    url = f"/treatments/{mine.id}/adverse-events/new"
    ward.end(given, ended_at=clock.now() + timedelta(minutes=1), volume_given="10")
    dies(ward, mine.patient)
    with ward.later(days=3):
        after = clock.now() - timedelta(hours=1)
        assert ward.fill("nurse", url, sure="x", performed_at=began, ended_at=after, **event).status_code == 422
        ward.said_no("before this", "rule 69")
        assert ward.fill("nurse", url, sure="x", performed_at=began, **event).status_code == 303, ward.refused
        fever = ward.session.scalars(select(AdverseEvent)).one()
        assert ward.amend("nurse", fever, ended_at=after).status_code == 422
        ward.said_no("before this", "rule 69")
        assert ward.amend("nurse", fever, ended_at=began + timedelta(minutes=1)).status_code == 303, ward.refused


@pytest.mark.rule(69)
def test_a_day_of_death_before_the_end_of_an_event_is_refused(ward, infusion):
    mine, given, _other = infusion
    ward.end(given, ended_at=clock.now() + timedelta(minutes=1), volume_given="10")
    event = {"term": "Fever", "outcome": "resolved", "seriousness": "no", **day_boxes("aware_on", today())}
    url, died = f"/treatments/{mine.id}/adverse-events/new", today()
    began = clock.now() + timedelta(minutes=2)
    with ward.later(days=3):
        ended = clock.now() - timedelta(hours=1)
        assert ward.fill("nurse", url, sure="x", **event, performed_at=began, ended_at=ended).status_code == 303, (
            ward.refused
        )
        assert ward.amend("physician", mine.patient, **day_boxes("died_on", died)).status_code >= 400
        ward.said_no("before an adverse event ended on")


def test_a_day_of_death_before_a_visit_is_refused(ward, infusion):
    mine, _given, _other = infusion
    url, said = f"/treatments/{mine.id}/visits/new", {"made": "made", "name": "Call", "new_symptoms": "no"}
    assert ward.fill("nurse", url, sure="x", performed_at=clock.now(), **said).status_code == 303
    assert ward.amend("physician", mine.patient, **day_boxes("died_on", today(2))).status_code >= 400
    ward.said_no("before cells were given", "before a visit was made")
    assert ward.session.scalars(select(FollowUpVisit)).all()
    assert not ward.session.scalars(select(AdverseEvent)).all()


@pytest.mark.rule(65, by="amendment")
def test_a_fatal_event_stays_fatal_while_the_record_says_that_the_patient_died(ward, infusion):
    mine, _given, _other = infusion
    with ward.later(minutes=30):
        assert fatal(ward, mine).status_code == 303, ward.refused
        event = ward.session.scalars(select(AdverseEvent)).one()
        assert ward.amend("nurse", event, outcome="resolved", serious=[], grade="1").status_code == 422
        ward.said_no("rule 65", "take back the day of death first")
        ward.session.expire_all()
        assert (event.outcome, event.serious) == ("fatal", ["death"])
