"""A finding that two of the laboratory corrected brings no release back; cells that run are told of corrections."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.administration import step as giving
from clinic.administration.sums import used
from clinic.patients.models import Weight
from clinic.processing.models import ProcessingRun
from clinic.release.results import QCResult
from tests.bedside import released_product
from tests.factories import PASSWORD, ready_for_harvest
from tests.judging import records_of
from tests.safety.scenes import scene


@scene
def bag(ward):
    """A released bag of own cells."""
    return ward.verified(released_product(ready_for_harvest(ward.team), ward.team))


BAD = {
    "viability": ({"value": "40"}, {"value": "88"}),
    "gram_stain": (
        {"outcome": "organisms", "finding": "Gram-positive cocci"}, {"outcome": "no_organisms", "finding": ""},
    ),
}  # fmt: skip


@pytest.mark.rule(43)
@pytest.mark.rule(45)
@pytest.mark.hazard("H9")
@pytest.mark.parametrize("test", sorted(BAD))
def test_a_bad_result_that_two_technologists_corrected_asks_quality_again(ward, bag, test):
    mine, (wrong, right) = bag.treatment, BAD[test]
    at = clock.now() - timedelta(minutes=1)
    ward.result(bag, test, who="technologist2", sampled_at=at, sure="read twice", **wrong)
    found = ward.session.scalars(select(QCResult).where(QCResult.test == test).order_by(QCResult.recorded_at)).all()[-1]
    assert ward.tag(bag) == "On hold", ward.refused
    assert ward.amend("technologist2", found, **right).status_code == 303, ward.refused
    assert ward.tag(bag) == "On hold"
    ward.sign("technologist", found)
    assert ward.tag(bag) == "In quarantine"
    assert not ward.check(mine, bag).clear
    shown = ward.browser("quality").get(f"/products/{bag.id}/release").text
    assert "was corrected after the decision" in shown
    told = {"reason": "sample and printout compared", "physician_told": ward.team.physician.id}
    answer = ward.decide(bag, "conditional", **told)
    assert answer.status_code == 303, ward.refused
    ward.fill("quality", answer.location, password=PASSWORD)
    assert ward.tag(bag) == "Released, result pending", ward.refused


@pytest.mark.rule(43)
def test_a_result_that_was_never_corrected_still_fulfills_what_was_awaited(ward, bag):
    at = clock.now() - timedelta(minutes=1)
    ward.result(bag, "viability", who="technologist2", value="93", sampled_at=at)
    assert ward.tag(bag) in {"Released", "Released, result pending"}


@pytest.mark.rule(31)
@pytest.mark.rule(51)
@pytest.mark.parametrize("what", ["run", "weight"])
def test_cells_that_run_are_stopped_where_what_made_them_or_their_dose_was_corrected(ward, what):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team))
    ward.give(mine, bag)
    given = ward.given(bag)
    assert given is not None, ward.refused
    assert giving.stop_because(records_of(mine), given, clock.now()) == []
    if what == "run":
        run = ward.session.get(ProcessingRun, bag.run_id)
        assert ward.amend("technologist", run, notes="another bag was on the bench").status_code == 303, ward.refused
    else:
        weight = ward.session.scalars(select(Weight).where(Weight.patient_id == mine.patient_id)).first()
        assert ward.amend("nurse", weight, kg="30").status_code == 303, ward.refused
        assert "Stop giving these cells" in ward.browser("nurse").get("/").text, "before anybody confirmed it"
        ward.sign("nurse2", weight)
    assert "Stop giving these cells" in ward.browser("nurse").get(f"/administrations/{given.id}").text, ward.refused


@pytest.mark.rule(52)
@pytest.mark.rule(59)
def test_what_one_person_says_was_not_issued_is_asked_about_and_stays_part_of_the_dose(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team))
    ward.give(mine, bag)
    given = ward.given(bag)
    whole = given.volume_issued
    half = str(whole / 2)
    form = f"/records/{given.id}/amendment"
    assert ward.fill("nurse", form, amend_reason="half is in the tray", volume_issued=half).status_code == 422
    ward.said_no("Volume issued")
    assert ward.amend("nurse", given, volume_issued=half).status_code == 303, ward.refused
    ward.end(given, volume_given=half, volume_wasted="0", volume_returned="0")
    ward.session.expire_all()
    assert used(ward.given(bag)) == Decimal(whole)
