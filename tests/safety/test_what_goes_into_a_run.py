"""What quality holds or rejected goes into no run, and the refusal says who decided, why, and what to do (rule 50)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.processing.models import ProcessingRun
from tests.factories import harvested, published, ready_for_harvest
from tests.safety.scenes import scene

pytestmark = [pytest.mark.rule(50)]
RECEIVED = {"received_temperature": "21", "received_intact": "yes"}


@scene
def two_sides(ward):
    """Two containers of one patient's own cells."""
    mine = ready_for_harvest(ward.team)
    right = harvested(mine, ward.team)
    left = harvested(mine, ward.team, at=clock.now() - timedelta(hours=2, minutes=30), side="left")
    return mine, right.products[0], left.products[0]


def runs(ward):
    ward.session.expire_all()
    return ward.session.scalars(select(ProcessingRun)).all()


def begin(ward, mine, *bags):
    url = f"/treatments/{mine.id}/processing/new"
    return ward.fill("technologist", url, sure="ok", inputs=[one.id for one in bags], **RECEIVED)


def test_what_quality_rejected_goes_into_no_run(ward, two_sides):
    mine, bag, other = two_sides
    assert ward.decide(bag, "reject", reason="Freezer alarm.").status_code == 303, ward.refused
    assert begin(ward, mine, bag).status_code == 422
    ward.said_no("rejected it (Freezer alarm). Use another container, or ask quality")
    ward.said_no("rule 50")
    assert not runs(ward)
    assert begin(ward, mine, other).status_code == 303, ward.refused
    (run,) = runs(ward)
    more = {"product_id": bag.id, "volume": str(bag.volume)}
    assert ward.fill("technologist", f"/runs/{run.id}/inputs/new", sure="ok", **more).status_code == 422
    assert not bag.uses


def test_fresh_cells_on_hold_are_processed_and_what_is_made_of_them_is_on_hold(ward, two_sides):
    """A hold on what nobody has processed could never be lifted: there is no product to decide on yet."""
    mine, bag, _other = two_sides
    assert ward.decide(bag, "hold", reason="Freezer alarm.").status_code == 303, ward.refused
    assert begin(ward, mine, bag).status_code == 303, ward.refused
    (run,) = runs(ward)
    made = {
        "name": "MNC, Marrow", "cell_type": "mnc", "container": "syringe", "alike": "1", "volume": "6",
        "measure": "tnc_8", "amount": "6", "place": "Bench 2", "temperature": "21",
    }  # fmt: skip
    answer = ward.fill("technologist", f"/runs/{run.id}/outputs/new", sure="ok", **made)
    assert answer.status_code == 303, ward.refused
    ward.session.expire_all()
    (child,) = runs(ward)[0].outputs
    ward.give(mine, child)
    ward.not_given(child, "rule 50")
    assert ward.tag(child) == "On hold"


def test_nothing_of_the_bank_that_quality_stopped(ward):
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    bag = ward.donated(donor, version, at=clock.now() - timedelta(hours=3))
    ward.session.commit()
    assert ward.decide(bag, "reject", reason="clots").status_code == 303, ward.refused
    facts = {"inputs": [bag.id], "protocol_version_id": version.id, "preparation": "washed", **RECEIVED}
    assert ward.fill("technologist", "/processing/new", sure="ok", **facts).status_code == 422
    ward.said_no("rejected it (clots)")
