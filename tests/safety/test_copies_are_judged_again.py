"""What is copied from paper exempts the copied act alone, and nothing that is done to it later (H37; 14, 34, 50)."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from clinic import clock
from clinic.administration.models import Administration
from clinic.harvest.models import Harvest
from clinic.processing.models import ProcessingRun
from clinic.requests.models import Request
from tests.bedside import released_product
from tests.downtime.papers import ago, give, harvest, paper
from tests.factories import consented, course, eligible, harvested, ready_for_harvest


def one(ward, model):
    ward.session.expire_all()
    return ward.session.scalars(select(model)).one()


def reviewed(ward, act, word):
    """It is marked, quality is asked to review it, and the correction itself was taken."""
    ward.session.expire_all()
    assert any(word in said for said in act.not_permitted), act.paper
    asked = ward.session.scalars(select(Request).where(Request.record_id == act.id, Request.asked_role == "quality"))
    assert any(word in request.text for request in asked)


def copied_run(ward, of, product, **more):
    when = {"performed_at": ago(hours=6), "performed_by_id": ward.team.technologist.id}
    typed = when | {"inputs": [product.id], "received_temperature": "21", "received_intact": "yes"} | more
    about = paper(ward, paper_written_by_id=ward.team.technologist.id, paper_second_id="")
    answer = ward.fill("technologist", f"/treatments/{of.id}/paper/processing/new", sure="paper", **(about | typed))
    assert answer.status_code == 303, ward.refused
    return one(ward, ProcessingRun)


@pytest.mark.rule(14)
@pytest.mark.hazard("H37")
def test_a_copied_harvest_that_is_moved_to_before_the_consent_is_marked_and_its_cells_are_held(ward):
    mine = course(ward.team, signed=True)
    consented(mine, ward.team, at=clock.now() - timedelta(hours=3))
    eligible(mine, ward.team, at=clock.now() - timedelta(hours=3))
    harvest(ward, mine, hours=1)
    taken = one(ward, Harvest)
    assert taken.not_permitted == []
    moved = {"performed_at": ago(hours=4), "ended_at": ago(hours=3, minutes=30), "time_out_at": ago(hours=5)}
    assert ward.amend("physician", taken, **moved).status_code == 303, ward.refused
    reviewed(ward, taken, "consent")
    assert ward.tag(taken.products[0]) == "On hold"


@pytest.mark.rule(50)
@pytest.mark.hazard("H37")
def test_a_copied_run_that_is_moved_past_the_expiry_of_its_input_is_marked(ward):
    mine = ready_for_harvest(ward.team)
    product = harvested(mine, ward.team, at=clock.now() - timedelta(hours=9)).products[0]
    ward.session.commit()
    run = copied_run(ward, mine, product)
    assert run.not_permitted == []
    assert ward.amend("technologist", run, performed_at=ago(hours=1)).status_code == 303, ward.refused
    reviewed(ward, run, "expired")


@pytest.mark.rule(50)
@pytest.mark.hazard("H37")
def test_a_copied_administration_that_is_moved_past_the_expiry_is_marked(ward):
    mine = course(ward.team, signed=True)
    consented(mine, ward.team, at=clock.now() - timedelta(hours=9))
    eligible(mine, ward.team, at=clock.now() - timedelta(hours=9))
    bag = released_product(mine, ward.team, made_at=clock.now() - timedelta(hours=6))
    ward.session.commit()
    give(ward, mine, bag, hours=5)
    made = one(ward, Administration)
    assert made.not_permitted == []
    late = {"performed_at": ago(hours=1), "ended_at": ago(minutes=50)}
    assert ward.amend("nurse2", made, **late).status_code == 303, ward.refused
    reviewed(ward, made, "expired")


@pytest.mark.rule(50, by="amendment")
@pytest.mark.hazard("H37")
def test_a_copied_run_that_is_moved_to_after_a_hold_of_its_input_is_marked(ward):
    mine = ready_for_harvest(ward.team)
    bag = harvested(mine, ward.team, at=ago(hours=5)).products[0]
    bag.expires_at = clock.now() + timedelta(days=1)
    ward.session.commit()
    with time_machine.travel(ago(hours=3), tick=True):
        assert ward.decide(bag, "hold", reason="freezer alarm").status_code == 303, ward.refused
    run = copied_run(ward, mine, bag, performed_at=ago(hours=4))
    assert run.not_permitted == []
    assert ward.amend("technologist", run, performed_at=ago(hours=1)).status_code == 303, ward.refused
    reviewed(ward, run, "put it on hold (freezer alarm)")


@pytest.mark.rule(34)
@pytest.mark.hazard("H37")
def test_what_is_damaged_is_not_added_later_to_a_run_that_was_copied(ward):
    mine = ready_for_harvest(ward.team)
    first, second = (
        harvested(mine, ward.team, at=clock.now() - timedelta(hours=hours), side=side).products[0]
        for hours, side in ((3, "left"), (3.5, "right"))
    )
    ward.session.commit()
    bad = {"place": "lab", "temperature": "45", "intact": "no", "reason": "leaking, label of another patient"}
    ward.move("technologist", second, "received", performed_at=ago(minutes=60), **bad)
    run = copied_run(ward, mine, first, performed_at=ago(minutes=20))
    ward.fill("technologist", f"/runs/{run.id}/inputs/new", product_id=second.id, volume=str(second.volume))
    ward.said_no("rule 34")
    assert not second.uses
