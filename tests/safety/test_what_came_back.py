"""What came back or was corrected is held until somebody else has looked; results follow the cells."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.harvest.models import Harvest
from clinic.processing.models import InProcessCount, Manipulation, ProcessingRun
from clinic.release.results import QCResult
from tests.bedside import released_product
from tests.factories import harvested, ready_for_harvest
from tests.safety.bench import begun, fills
from tests.safety.driver import Ward
from tests.safety.moments import minutes
from tests.safety.scenes import scene


@scene
def own(ward: Ward):
    """A released syringe of a patient's own cells, to be kept at 18 to 25 °C, and its course."""
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


# what came back


@pytest.mark.rule(60)
@pytest.mark.hazard("H28")
def test_what_came_back_is_issued_again_once_quality_has_signed(ward, own):
    bag, mine = own
    ward.move("technologist", bag, "issued", handed_to="N. Rask", intact=True, temperature="21")
    ward.move("nurse", bag, "returned", place="Laboratory", intact=True, temperature="21")
    assert ward.tag(bag) == "On hold"
    assert ward.move("technologist", bag, "issued", handed_to="N. Rask").status_code in {409, 422}
    ward.said_no("authorized")
    ward.give(mine, bag)
    ward.not_given(bag, "authorized")
    assert ward.sign("technologist", bag.movements[-1]).status_code == 403
    assert ward.sign("quality", bag.movements[-1]).status_code == 303
    assert ward.tag(bag) != "On hold"
    assert ward.move("technologist", bag, "issued", handed_to="N. Rask", intact=True).status_code == 303
    ward.give(mine, bag)
    assert ward.given(bag), ward.refused


# one corrects, another confirms


@pytest.mark.rule(45, by="amendment")
@pytest.mark.hazard("H17")
@pytest.mark.parametrize("fact", ["volume", "amount"])
def test_a_corrected_amount_waits_for_a_second_person(ward, own, fact):
    bag, _mine = own
    ward.amend("technologist", bag, **{fact: str(getattr(bag, fact) + 1)})
    ward.decide(bag, "conforms")
    ward.said_no("waiting for a second signature")
    ward.sign("technologist", bag)
    ward.said_no("second person confirms")
    assert ward.sign("technologist2", bag).status_code == 303
    ward.session.expire_all()
    assert bag.unconfirmed is None


@pytest.mark.hazard("H10")
@pytest.mark.rule(50, by="amendment")
def test_a_later_expiry_waits_for_a_second_person_and_a_shorter_one_does_not(ward, own):
    bag, mine = own
    latest = bag.expires_at
    assert ward.amend("technologist", bag, expires_at=latest + timedelta(minutes=1)).status_code in {409, 422}
    ward.said_no("later than the protocol allows")
    assert ward.amend("technologist", bag, expires_at=minutes(-30)).status_code == 303
    assert ward.tag(bag) != "On hold"
    assert ward.amend("technologist", bag, expires_at=minutes(-60)).status_code == 303
    assert ward.tag(bag) == "On hold"
    ward.give(mine, bag)
    ward.not_given(bag, "waiting for a second signature")
    ward.sign("quality", bag)
    assert ward.tag(bag) != "On hold"


@pytest.mark.rule(45)
@pytest.mark.rule(31)
@pytest.mark.parametrize("fact", ["ended_at", "volume"])
def test_corrected_times_or_volume_of_a_harvest_wait_for_another_physician(ward, own, fact):
    bag, _mine = own
    harvest = ward.session.scalars(select(Harvest)).one()
    changed = {"ended_at": harvest.ended_at - timedelta(minutes=3), "volume": "61"}[fact]
    assert ward.amend("physician", harvest, **{fact: changed}).status_code == 303
    ward.sign("physician", harvest)
    ward.decide(bag, "conforms")
    ward.said_no("waiting for a second signature")
    ward.sign("physician2", harvest)
    ward.session.expire_all()
    assert harvest.unconfirmed is None


@pytest.mark.rule(50)
def test_the_expiry_follows_a_corrected_end_of_the_collection(ward, own):
    bag, _mine = own
    harvest = ward.session.scalars(select(Harvest)).one()
    before = bag.expires_at
    ward.amend("physician", harvest, ended_at=harvest.ended_at - timedelta(minutes=10))
    ward.session.expire_all()
    assert abs(before - bag.expires_at - timedelta(minutes=10)) < timedelta(minutes=1)


@pytest.mark.rule(45)
@pytest.mark.rule(38)
def test_a_corrected_count_of_a_run_waits_for_a_second_person(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    taken = harvested(mine, ward.team, at=clock.now() - timedelta(hours=5)).products[0]
    run = begun(ward, mine, taken)
    ward.fill(
        "technologist", f"/runs/{run.id}/counts/new", counted="viable", concentration="7", volume="10", viability="61",
        performed_at=minutes(60), performed_by_id=ward.team.technologist.id,
    )  # fmt: skip
    fills(ward, run)
    ward.fill(
        "technologist", f"/runs/{run.id}/end", ended_at=minutes(30), waste_volume="50", sure="see the batch sheet"
    )
    ward.sign("technologist", run)
    ward.amend("technologist", ward.session.scalars(select(InProcessCount)).one(), viability="91")
    ward.sign("technologist", run)
    ward.session.expire_all()
    assert run.unconfirmed is not None
    ward.sign("quality", run)
    ward.session.expire_all()
    assert run.unconfirmed is None


@pytest.mark.rule(44, by="amendment")
@pytest.mark.parametrize("fact", ["sampled_at", "performed_at"])
def test_an_interim_culture_is_not_made_final_by_its_times(ward, fact):
    mine = ready_for_harvest(ward.team, at=clock.now() - timedelta(days=60), code="BM-MSC-MS")
    bag = released_product(mine, ward.team, made_at=clock.now() - timedelta(days=20), released=False)
    for one in ward.results(bag, "sterility"):
        ward.session.delete(one)
    ward.result(bag, "sterility", outcome="no_growth", sampled_at=minutes(60 * 24 * 5), performed_at=minutes(5))
    (culture,) = ward.results(bag, "sterility")
    assert culture.interim
    changed = {"sampled_at": minutes(60 * 24 * 19), "performed_at": minutes(1)}[fact]
    ward.amend("technologist", culture, **{fact: changed})
    ward.session.expire_all()
    assert culture.interim or culture.unconfirmed is not None
    if fact == "sampled_at":
        ward.verified(bag)
        ward.decide(bag, "conforms")
        ward.said_no("waiting for a second signature")


@pytest.mark.rule(44)
@pytest.mark.rule(69)
def test_no_sample_is_older_than_the_run_that_made_the_cells(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = released_product(mine, ward.team, released=False)
    run = ward.session.get(ProcessingRun, bag.run_id)
    before = ward.session.query(QCResult).count()
    ward.result(bag, "viability", value="91", sampled_at=run.performed_at - timedelta(minutes=1))
    ward.said_no("rule 69")
    ward.session.expire_all()
    assert ward.session.query(QCResult).count() == before
    ward.result(bag, "viability", value="91", sampled_at=run.performed_at + timedelta(minutes=1))
    assert ward.session.query(QCResult).count() == before + 1


@pytest.mark.rule(35)
@pytest.mark.parametrize(("lot", "taken"), [("L-1", 0), (None, 1)])
def test_a_lot_without_its_expiry_cannot_be_judged(ward, lot, taken):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    run = begun(ward, mine, harvested(mine, ward.team, at=clock.now() - timedelta(hours=5)).products[0])
    ward.fill(
        "technologist", f"/runs/{run.id}/manipulations/new", kind="wash", lot=lot, performed_at=minutes(60),
        performed_by_id=ward.team.technologist.id,
    )  # fmt: skip
    assert ward.session.query(Manipulation).count() == taken
