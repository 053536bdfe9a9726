"""After a night of downtime the paper is copied: what happened is kept, and never as if it had been on time (H37)."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from clinic import clock
from clinic.administration.models import Administration
from clinic.administration.vital_signs import VitalSigns
from clinic.consent.models import Consent
from clinic.demo import laboratory
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit
from clinic.harvest.models import Harvest
from clinic.ledger.verify import verify
from clinic.notices import Notice
from clinic.pathway.sweeping import disagreements
from clinic.processing.models import ProcessingRun
from clinic.products.models import Product
from clinic.release.models import Release
from clinic.release.results import QCResult
from clinic.requests.models import Request
from tests.bedside import released_product
from tests.databases import both_databases
from tests.downtime.papers import FACTS, ago, give, harvest, one, paper
from tests.factories import PASSWORD, consented, course, day_boxes, eligible, harvested, ready_for_harvest
from tests.safety.driver import Ward


@pytest.fixture
def ward(session, team, client_as):
    return Ward(session, team, client_as)


@both_databases
@pytest.mark.slow
@pytest.mark.hazard("H37")
def test_a_night_of_downtime_is_entered_and_the_one_that_went_wrong_is_seen(ward, team, session, page):
    mine, other = ready_for_harvest(team), ready_for_harvest(team)
    bag = released_product(mine, team, made_at=ago(hours=6))
    foreign = released_product(other, team, made_at=ago(hours=6))
    third = ready_for_harvest(team)
    # a harvest in the night, as it should be
    answer = harvest(ward, third)
    assert answer.status_code == 303, ward.refused
    taken = session.scalars(select(Harvest).where(Harvest.treatment_id == third.id)).one()
    assert taken.paper["then"] == []
    assert taken.paper["written_by_id"] == team.nurse.id
    assert taken.performed_at < taken.recorded_at - timedelta(hours=4)
    shown = page(ward.browser("quality"), f"/harvests/{taken.id}")
    assert "Entered late, from paper" in shown
    assert "would have been refused" not in shown
    # results of the night
    product = taken.products[0]
    typed = {"performed_at": ago(hours=2), "performed_by_id": team.technologist.id, "sampled_at": ago(hours=4),
             }  # fmt: skip
    url = f"/treatments/{third.id}/paper/results/new?of={product.id}"
    form = ward.browser("technologist").get(url).text
    typed |= _first_value(form)
    answer = ward.fill("technologist", url, **(paper(ward, paper_second_id="") | typed))
    assert answer.status_code == 303, ward.refused
    read = session.scalars(select(QCResult).where(QCResult.product_id == product.id)).all()
    assert read
    assert all(result.paper is not None for result in read)
    # one administration as it should be …
    assert give(ward, mine, bag).status_code == 303, ward.refused
    right = session.scalars(select(Administration).where(Administration.product_id == bag.id)).one()
    assert right.not_permitted == []
    assert right.bedside_check.clear
    # … and one that gave the wrong bag
    assert give(ward, third, foreign, hours=3).status_code == 303, ward.refused
    wrong = session.scalars(select(Administration).where(Administration.product_id == foreign.id)).one()
    said = " ".join(wrong.not_permitted)
    assert "rule 1" in said
    assert "another patient" in said
    assert not wrong.bedside_check.clear
    for url in (f"/administrations/{wrong.id}", f"/treatments/{third.id}", f"/patients/{third.patient_id}/timeline"):
        shown = page(ward.browser("physician"), url)
        assert "would have been refused" in shown, url
    assert page(ward.browser("physician"), f"/treatments/{third.id}/paper")
    table = ward.browser("quality").get(f"/patients/{third.patient_id}/timeline.csv").text
    assert "Failed when it happened" in table
    assert "Recorded by" in table
    # quality has a task, and what shares cells with either is held
    today = page(ward.browser("quality"), "/")
    assert "Review: Administration" in today
    held = {row.product_id for row in session.scalars(select(Release).where(Release.decision == "hold"))}
    assert product.id in held
    assert ward.tag(product) == "On hold"
    assert set(session.scalars(select(Notice.user_id))) >= {team.quality.id, team.quality2.id, team.nurse.id}
    session.commit()
    assert not list(verify(session))
    assert not list(disagreements(session, clock.now()))


def _first_value(form):
    """Fill the first test that has a number with a value."""
    names = re.findall(r'name="(\w+_value)"', form)
    return {names[0]: "1"} if names else {re.findall(r'name="(\w+_outcome)"', form)[0]: "no_growth"}


@both_databases
@pytest.mark.hazard("H25")
@pytest.mark.hazard("H37")
def test_who_did_it_and_the_second_person_confirm_the_copy_with_their_signatures(ward, team, session, page):
    mine = ready_for_harvest(team)
    harvest(ward, mine)
    taken = one(ward, Harvest)
    asked = {row.asked_of_id: row for row in session.scalars(select(Request))}
    assert set(asked) == {team.nurse.id, team.physician2.id}
    assert asked[team.physician2.id].kind == "second_check"
    for who, request in (("nurse", asked[team.nurse.id]), ("physician2", asked[team.physician2.id])):
        assert "Requests to me" in page(ward.browser(who), "/")
        answer = ward.fill(who, f"/requests/{request.id}/answer", answer="agree", answer_text="", password=PASSWORD)
        assert answer.status_code == 303, ward.refused
    shown = page(ward.browser("inspector"), f"/harvests/{taken.id}")
    assert "Second check: agrees" in shown
    assert "Review: agrees" in shown


@pytest.mark.hazard("H37")
@pytest.mark.rule(14)
def test_a_harvest_without_consent_really_happened_and_is_marked_in_red(ward, team, session, page):
    mine = course(team, signed=True)
    eligible(mine, team)
    consented(mine, team, at=clock.now() - timedelta(hours=1))
    assert harvest(ward, mine).status_code == 303, ward.refused
    taken = one(ward, Harvest)
    assert any("rule 14" in said or "consent" in said.lower() for said in taken.not_permitted)
    shown = page(ward.browser("quality"), f"/harvests/{taken.id}")
    assert "it would have been refused" in shown
    review = session.scalars(select(Request).where(Request.asked_role == "quality")).one()
    assert "consent" in review.text.lower()


@pytest.mark.hazard("H37")
def test_the_same_harvest_by_the_ordinary_form_is_still_refused(ward, team):
    mine = course(team, signed=True)
    eligible(mine, team)
    consented(mine, team, at=clock.now() - timedelta(hours=1))
    answer = ward.browser("nurse").get(f"/treatments/{mine.id}/harvests/new")
    assert "Entering from paper?" in answer.text
    moments = {"performed_at": ago(hours=5, minutes=40), "ended_at": ago(hours=5), "time_out_at": ago(hours=6)}
    typed = FACTS | moments | {"performed_by_id": team.nurse.id}
    ward.fill("nurse", f"/treatments/{mine.id}/harvests/new", sure="yes", **typed)
    assert ward.session.scalar(select(func.count()).select_from(Harvest)) == 0


@pytest.mark.hazard("H37")
@pytest.mark.rule(50)
def test_cells_that_were_not_released_are_recorded_as_given_and_their_siblings_are_held(ward, team, session):
    mine = ready_for_harvest(team)
    collected = harvested(mine, team, at=ago(hours=8), contained=False, signed=False)
    for _ in range(2):
        collected.collect(by=team.nurse, at=ago(hours=7), volume=Decimal(30))
    team.add(collected)
    bag, sibling = collected.products
    assert give(ward, mine, bag).status_code == 303, ward.refused
    made = one(ward, Administration)
    assert any("not released" in said and "rule 50" in said for said in made.not_permitted)
    assert (ward.tag(bag), ward.tag(sibling)) == ("Given", "On hold")
    ward.decide(sibling, "conforms")
    assert ward.tag(sibling) == "On hold"


@pytest.mark.hazard("H37")
@pytest.mark.rule(50)
def test_a_release_that_was_signed_after_the_cells_were_given_had_not_been_there(ward, team):
    mine = ready_for_harvest(team)
    bag = ward.verified(released_product(mine, team, made_at=ago(hours=3), released=False))
    laboratory.release(team, mine, bag, clock.now(), decision="conditional")
    assert give(ward, mine, bag, hours=2).status_code == 303, ward.refused
    assert any("after this" in said for said in one(ward, Administration).not_permitted)


@pytest.mark.hazard("H37")
@pytest.mark.rule(50)
@pytest.mark.rule(69)
def test_a_start_that_is_corrected_to_before_the_release_is_marked_too(ward, team, session):
    mine = ready_for_harvest(team)
    bag = ward.verified(released_product(mine, team, made_at=ago(hours=5), released=False))
    laboratory.release(team, mine, bag, ago(hours=3, minutes=30), decision="conditional")
    assert give(ward, mine, bag, hours=3).status_code == 303, ward.refused
    made = one(ward, Administration)
    assert made.not_permitted == []
    made.amend(by=team.nurse2, at=clock.now(), reason="Misread", performed_at=ago(hours=4))
    made.bedside_check.amend(by=team.nurse2, at=clock.now(), reason="Misread", performed_at=ago(hours=4))
    session.commit()
    assert any("after this" in said and "rule 50" in said for said in one(ward, Administration).not_permitted)
    assert any(
        "after this" in row.text for row in session.scalars(select(Request).where(Request.asked_role == "quality"))
    )


@pytest.mark.hazard("H37")
@pytest.mark.rule(69)
def test_cells_are_not_given_on_paper_before_they_were_there(ward, team):
    mine = ready_for_harvest(team)
    bag = released_product(mine, team, made_at=ago(hours=3))
    assert give(ward, mine, bag, hours=9).status_code == 422
    ward.said_no("rule 69")


@pytest.mark.hazard("H37")
@pytest.mark.rule(59)
def test_an_administration_that_was_stopped_early_is_copied_as_such(ward, team):
    mine = ready_for_harvest(team)
    bag = released_product(mine, team, made_at=ago(hours=6), volume=Decimal(10))
    stopped = {"volume_given": "4", "volume_wasted": "6", "partial_reason": "Rash", "outcome": "aborted"}
    assert give(ward, mine, bag, **stopped | {"outcome": "voided"}).status_code == 422
    assert give(ward, mine, bag, **stopped).status_code == 303, ward.refused
    made = one(ward, Administration)
    assert (made.outcome, made.volume_given) == ("aborted", 4)
    assert "stopped early" in made.headline()


@pytest.mark.hazard("H37")
def test_what_cannot_have_been_so_is_still_a_fault_at_its_box_and_nothing_typed_is_lost(ward, team):
    mine = ready_for_harvest(team)
    answer = harvest(ward, mine, volume="60000", paper_why="other", paper_note="", paper_written_by_id="")
    assert answer.status_code == 422
    for said in ("Written on paper by", "Which reason", "60000 mL is not possible"):
        assert said in answer.text, said
    assert "ACD-1" in answer.text
    assert ward.session.scalar(select(func.count()).select_from(Harvest)) == 0


@pytest.mark.hazard("H37")
def test_nothing_is_filled_in_with_now_and_me(ward, team):
    mine = ready_for_harvest(team)
    shown = ward.browser("nurse").get(f"/treatments/{mine.id}/paper/harvest/new").text
    assert "refilled: now" not in shown
    assert "refilled: me" not in shown


@pytest.mark.hazard("H15")
def test_cells_that_are_recorded_as_given_are_not_given_on_paper_too(ward, team):
    mine = ready_for_harvest(team)
    bag = released_product(mine, team, made_at=ago(hours=6))
    assert give(ward, mine, bag).status_code == 303, ward.refused
    assert give(ward, mine, bag).status_code == 422
    ward.said_no("recorded as given already")
    assert give(ward, mine, bag, product_scan="nonsense").status_code == 422


@pytest.mark.rule(2)
def test_one_person_alone_is_no_pair_on_paper_either(ward, team):
    mine = ready_for_harvest(team)
    bag = released_product(mine, team, made_at=ago(hours=6))
    assert give(ward, mine, bag, paper_second_id=team.nurse.id).status_code == 422
    ward.said_no("rule 2")
    assert give(ward, mine, bag, paper_second_id="").status_code == 422


@pytest.mark.hazard("H37")
@pytest.mark.parametrize("kind", ["consent", "visit", "adverse-event", "vital-signs", "processing"])
def test_every_other_kind_is_copied_from_paper_with_both_times(ward, team, session, kind):
    mine = ready_for_harvest(team)
    harvested(mine, team, at=ago(hours=9))
    at = {"performed_at": ago(hours=4), "performed_by_id": team.nurse.id}
    typed = {
        "consent": {"scope": "data_use", "form_version": "3", "signer": "patient", "signer_name": "A"},
        "visit": {"made": "made", "name": "Unscheduled visit", "alive": "yes"},
        "adverse-event": {"term": "Fever", "grade": "2", "from_cells": "possible", "from_harvest": "unlikely",
                          "from_delivery": "unlikely", "expected": "expected", "outcome": "ongoing",
                          "seriousness": "no"}
        | day_boxes("aware_on", clock.today("Europe/Berlin")),
        "vital-signs": {"spo2": "98", "temperature": "36.6", "systolic": "120", "pulse": "70"},
        "processing": {"inputs": session.scalars(select(Product.id)).first(), "performed_by_id": team.technologist.id,
                       "preparation": "selected", "environment": "a_in_b", "received_intact": True,
                       "received_temperature": "20"},
    }[kind]  # fmt: skip
    model = {"consent": Consent, "visit": FollowUpVisit, "adverse-event": AdverseEvent, "vital-signs": VitalSigns,
             "processing": ProcessingRun}[kind]  # fmt: skip
    who = "technologist2" if kind == "processing" else "nurse2"
    answer = ward.fill(who, f"/treatments/{mine.id}/paper/{kind}/new", sure="so it says", **(paper(ward) | at | typed))
    assert answer.status_code == 303, ward.refused
    ward.session.expire_all()
    made = ward.session.scalars(select(model).where(model.recorded_by_id == ward.person(who).id)).one()
    assert made.paper["why"] == "outage"
    assert made.performed_at == at["performed_at"]
