"""Whoever performs a step is authorized for it on that day, by form, by amendment, from paper (rules 2, 45)."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest
import time_machine
from sqlalchemy import select

from clinic import clock
from clinic.administration.models import Administration
from clinic.followup.adverse_events import AdverseEvent
from clinic.harvest.models import Harvest
from clinic.ledger.listener import set_actor
from clinic.ledger.verify import verify
from clinic.notices import Notice
from clinic.processing.models import ProcessingRun
from clinic.records import Origin
from clinic.release.models import Release
from clinic.requests.models import Request
from tests.bedside import released_product
from tests.databases import both_databases
from tests.downtime.papers import give as give_from_paper
from tests.downtime.papers import harvest as harvest_from_paper
from tests.factories import PASSWORD, course, eligible, harvested, ready_for_harvest
from tests.reading import Page
from tests.safety.authorizing import DAY, authorize
from tests.safety.driver import Ward
from tests.safety.moments import minutes
from tests.safety.test_judged_at_its_time import collect, harvests


@pytest.fixture(autouse=True)
def at_noon():
    """The next noon: no act of a test crosses midnight."""
    next_noon = datetime.combine(clock.today("Europe/Berlin") + DAY, time(12), UTC)
    with time_machine.travel(next_noon, tick=True):
        yield


# a form


@both_databases
@pytest.mark.rule(2)
def test_an_expired_authorization_stops_the_harvest_and_says_whose_since_when_and_who_helps(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse", "harvest", last=-3)
    answer = collect(ward, mine, ended=30)
    assert answer.status_code == 422
    said = Page.of(answer.text)
    for word in (ward.team.nurse.printed_name, "expired on", "Quality staff can renew it"):
        assert word in said, word
    assert 'value="ACD-1"' in answer.text
    assert not harvests(ward, mine)
    authorize(ward, "nurse", "harvest", first=0)
    assert collect(ward, mine, ended=30).status_code == 303, ward.refused


@pytest.mark.rule(2)
@pytest.mark.parametrize(("last", "works"), [(1, True), (0, True), (-1, False)])
def test_the_last_day_counts_whole_and_the_day_after_does_not(ward, last, works):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse", "harvest", last=last)
    assert collect(ward, mine, ended=30).status_code == (303 if works else 422), ward.refused


@pytest.mark.rule(2)
def test_an_authorization_that_starts_tomorrow_does_not_count_today(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse", "harvest", first=1)
    collect(ward, mine, ended=30)
    ward.said_no("only from")
    assert not harvests(ward, mine)


@pytest.mark.rule(2)
def test_who_never_had_one_is_refused_once_the_clinic_has_one_for_the_step(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse2", "harvest")
    collect(ward, mine, ended=30)
    ward.said_no("has no authorization for Harvest")
    assert collect(ward, mine, ended=30, performed_by_id=ward.team.nurse2.id).status_code == 303


@pytest.mark.rule(2)
def test_the_second_person_who_checks_the_label_needs_one_too(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse", "harvest")
    collect(ward, mine, ended=30, label_checked_by_id=ward.team.nurse2.id)
    ward.said_no(f"{ward.team.nurse2.printed_name} has no authorization")
    assert not harvests(ward, mine)
    authorize(ward, "nurse2", "harvest")
    assert collect(ward, mine, ended=30, label_checked_by_id=ward.team.nurse2.id).status_code == 303


def test_a_clinic_without_authorizations_for_the_step_asks_for_none(ward, southern_team):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse2", "processing")
    south = Ward(ward.session, southern_team, ward.client_as)
    authorize(south, "nurse", "harvest")
    assert collect(ward, mine, ended=30).status_code == 303, ward.refused


def test_a_late_entry_of_before_the_first_authorization_is_not_refused(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse2", "harvest", first=0)
    assert collect(ward, mine, ended=60 * 30).status_code == 303, ward.refused


@pytest.mark.rule(2)
def test_a_late_entry_is_judged_by_the_day_of_the_act(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse", "harvest", last=-2)
    collect(ward, mine, ended=60 * 30)
    ward.said_no("expired on")
    assert collect(ward, mine, ended=60 * 50).status_code == 303, ward.refused


# an amendment


@pytest.mark.rule(2)
@pytest.mark.parametrize("fact", ["person", "day"])
def test_no_act_is_amended_to_a_person_or_a_day_without_authorization(ward, fact):
    mine = ready_for_harvest(ward.team)
    made = harvested(mine, ward.team, at=minutes(2 * 24 * 60))
    authorize(ward, "physician", "harvest", last=-2)
    moved = {name: getattr(made, name) + DAY for name in ("performed_at", "ended_at", "time_out_at")}
    typed = {"performed_by_id": ward.team.nurse2.id} if fact == "person" else moved
    answer = ward.amend("physician", made, **typed)
    assert answer.status_code == 422
    ward.said_no("has no authorization" if fact == "person" else "expired on")
    assert not ward.session.get(Harvest, made.id).amendments


def test_another_correction_asks_nobody_for_an_authorization(ward):
    mine = ready_for_harvest(ward.team)
    made = harvested(mine, ward.team, at=minutes(2 * 24 * 60))
    authorize(ward, "nurse2", "harvest")
    assert ward.amend("nurse", made, anticoagulant_lot="ACD-2").status_code == 303, ward.refused


@pytest.mark.rule(45)
def test_a_no_waits_for_no_authorization_and_becomes_a_yes_only_with_one(ward):
    mine = course(ward.team, signed=True)
    decided = eligible(mine, ward.team, eligible=False, reasons="fever", active_infection=True)
    authorize(ward, "physician2", "eligibility")
    changed = {"eligible": True, "active_infection": False, "reasons": ""}
    ward.amend("physician", decided, **changed)
    ward.said_no("has no authorization for Eligibility")
    authorize(ward, "physician", "eligibility")
    assert ward.amend("physician", decided, **changed).status_code == 303, ward.refused


# paper


@pytest.mark.hazard("H37")
@pytest.mark.rule(2)
def test_what_is_copied_from_paper_is_kept_marked_and_reviewed(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse", "harvest", last=-1)
    assert harvest_from_paper(ward, mine).status_code == 303, ward.refused
    (made,) = harvests(ward, mine)
    assert "expired on" in " ".join(made.not_permitted)
    asked = ward.session.scalars(select(Request).where(Request.record_id == made.id, Request.asked_role == "quality"))
    assert "expired on" in " ".join(one.text for one in asked)
    assert ward.session.scalars(select(Notice).where(Notice.user_id == ward.team.quality.id)).first() is not None
    assert verify(ward.session) == []


@pytest.mark.hazard("H37")
@pytest.mark.rule(2)
def test_cells_given_on_paper_are_judged_at_the_day_of_the_paper(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team, made_at=minutes(6 * 60))
    authorize(ward, "nurse", "administration")
    assert give_from_paper(ward, mine, bag).status_code == 303, ward.refused
    made = ward.session.scalars(select(Administration)).one()
    said = [one for one in made.not_permitted if "authorization" in one]
    assert len(said) == 1
    assert ward.team.physician.printed_name in said[0]


@pytest.mark.hazard("H37")
@pytest.mark.rule(2)
def test_paper_that_is_corrected_to_somebody_without_one_is_marked(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse", "harvest")
    assert harvest_from_paper(ward, mine).status_code == 303, ward.refused
    (made,) = harvests(ward, mine)
    assert made.not_permitted == []
    assert ward.amend("nurse", made, performed_by_id=ward.team.nurse2.id).status_code == 303, ward.refused
    (made,) = harvests(ward, mine)
    assert "has no authorization for Harvest" in " ".join(made.not_permitted)


# the other steps


@pytest.mark.rule(2)
@pytest.mark.parametrize("lacking", ["nurse", "physician"])
def test_the_bedside_refuses_whoever_of_the_two_is_not_authorized(ward, lacking):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    authorize(ward, "physician" if lacking == "nurse" else "nurse", "administration")
    authorize(ward, lacking, "administration", last=-1)
    check = ward.check(mine, bag)
    assert check is not None
    assert not check.clear
    ward.not_given(bag, f"{ward.person(lacking).printed_name} is not authorized for Administration")
    authorize(ward, lacking, "administration", first=0)
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(2)
def test_an_authorization_that_is_ended_after_the_check_stops_the_start(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    own = authorize(ward, "nurse", "administration")
    authorize(ward, "physician", "administration")
    check = ward.check(mine, bag)
    assert check.clear, ward.refused
    ward.fill("quality", f"/authorizations/{own.id}/end", reason="Left the ward", password=PASSWORD)
    ward.begin(check)
    ward.not_given(bag, "no longer authorized for Administration")


def test_cells_that_run_are_ended_by_somebody_whose_authorization_ran_out(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    own = [authorize(ward, who, "administration") for who in ("nurse", "physician")]
    ward.give(mine, bag)
    made = ward.given(bag)
    assert made is not None, ward.refused
    for one in own:
        assert ward.fill("quality", f"/authorizations/{one.id}/end", reason="x", password=PASSWORD).status_code == 303
    answer = ward.end(made, ended_at=clock.now(), volume_given=str(bag.volume))
    assert answer.status_code == 303, ward.refused
    assert ward.sign("nurse", made).status_code == 303, ward.refused
    assert ward.sign("physician", made).status_code == 303, ward.refused


@pytest.mark.rule(45)
def test_who_decides_and_who_signs_a_release_is_authorized(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team, released=False)
    ward.verified(bag)
    authorize(ward, "quality2", "release", by="director")
    told = {"reason": "Culture pending", "physician_told": ward.team.physician.id}
    ward.decide(bag, "conditional", **told)
    ward.said_no(f"{ward.team.quality.printed_name} has no authorization for Release", "rule 45")
    assert ward.session.scalars(select(Release)).first() is None
    assert ward.decide(bag, "conditional", "quality2", **told).status_code == 303, ward.refused
    (decided,) = ward.session.scalars(select(Release))
    ward.refused.clear()
    assert ward.sign("quality", decided).status_code == 422
    ward.said_no(f"{ward.team.quality.printed_name} has no authorization for Release")
    assert ward.sign("quality2", decided).status_code == 303, ward.refused


@pytest.mark.parametrize("decision", ["hold", "reject"])
def test_a_hold_and_a_rejection_wait_for_no_authorization(ward, decision):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team, released=False)
    authorize(ward, "quality2", "release", by="director")
    assert ward.decide(bag, decision, reason="The bag leaks").status_code == 303, ward.refused


@pytest.mark.rule(2)
def test_the_second_person_of_a_run_is_authorized(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team, released=False)
    run = ward.session.get(ProcessingRun, bag.run_id)
    authorize(ward, "technologist", "processing")
    assert ward.sign("technologist2", run).status_code == 422
    ward.said_no(f"{ward.team.technologist2.printed_name} has no authorization for Processing")
    authorize(ward, "technologist2", "processing")
    assert ward.sign("technologist2", run).status_code == 303, ward.refused


def test_an_adverse_event_is_reported_by_everybody(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse2", "followup")
    at = clock.now()
    set_actor(ward.session, ward.team.nurse.id)
    event = AdverseEvent.report(
        by=ward.team.nurse, at=at, treatment=mine, performed_at=at, performed_by=ward.team.nurse,
        aware_on=clock.day(at, "Europe/Berlin"),
        term="Rash", grade="2", from_cells="possible", from_harvest="unlikely", from_delivery="unlikely",
        expected="expected", outcome="ongoing",
    )  # fmt: skip
    ward.session.add(event)
    ward.session.commit()


def test_the_history_that_is_imported_is_not_refused(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse2", "harvest")
    set_actor(ward.session, ward.team.quality.id)
    made = harvested(mine, ward.team, origin=Origin.IMPORTED, signed=False)
    ward.session.commit()
    assert ward.session.get(Harvest, made.id) is not None
