"""Each act is judged at the moment when it happened and at the moment when it is recorded, in either order."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.administration.models import Administration
from clinic.harvest.models import Harvest
from clinic.processing.models import ProcessingRun
from clinic.release.results import QCResult
from tests.bedside import frozen, released_product
from tests.factories import consented, course, eligible, harvested, ready_for_harvest
from tests.safety.driver import Ward
from tests.safety.moments import minutes
from tests.safety.scenes import scene

ORDER = ("before", "after", "order", "rule 69", "earlier", "later")


def collect(ward: Ward, of, *, ended: int, **typed):
    """The nurse logs a harvest of marrow that ended so many minutes ago."""
    facts = {
        "performed_at": minutes(ended + 40), "ended_at": minutes(ended), "time_out_at": minutes(ended + 45),
        "performed_by_id": ward.team.nurse.id, "source": of.source, "body_site": "posterior_iliac_crest",
        "side": "right", "method": "needle_aspiration", "anaesthesia": "local", "volume": "60", "passes": "10",
        "anticoagulant": "acd_a", "anticoagulant_volume": "6", "anticoagulant_lot": "ACD-1", "containers": "1",
        "anticoagulant_expires_on-d": "1", "anticoagulant_expires_on-m": "1", "anticoagulant_expires_on-y": "2031",
    }  # fmt: skip
    return ward.fill("nurse", f"/treatments/{of.id}/harvests/new", **(facts | typed))


def harvests(ward: Ward, of):
    ward.session.expire_all()
    return ward.session.scalars(select(Harvest).where(Harvest.treatment_id == of.id)).all()


# the yes was there when it happened


@pytest.mark.rule(14)
@pytest.mark.rule(69)
def test_a_harvest_of_before_the_consent_is_not_made_right_by_it(ward):
    mine = course(ward.team, signed=True)
    eligible(mine, ward.team)
    consented(mine, ward.team, at=clock.now() - timedelta(hours=2))
    collect(ward, mine, ended=60 * 24 * 3)
    ward.said_no("rule 14", "rule 69", "consent")
    assert not harvests(ward, mine)


@pytest.mark.rule(23)
@pytest.mark.rule(69)
def test_a_harvest_of_before_the_eligibility_is_not_made_right_by_it(ward):
    mine = course(ward.team, signed=True)
    consented(mine, ward.team)
    eligible(mine, ward.team, at=clock.now() - timedelta(hours=2))
    collect(ward, mine, ended=60 * 24 * 3)
    ward.said_no("rule 23", "rule 69", "eligib")
    assert not harvests(ward, mine)


@pytest.mark.rule(69, by="amendment")
def test_a_harvest_is_not_amended_to_a_day_without_consent(ward):
    mine = ready_for_harvest(ward.team)
    record = harvested(mine, ward.team)
    answer = ward.amend(
        "physician", record, performed_at=minutes(60 * 24 * 19 + 40), ended_at=minutes(60 * 24 * 19),
        time_out_at=minutes(60 * 24 * 19 + 45),
    )  # fmt: skip
    assert answer.status_code in {409, 422}, "a harvest four days before the consent was taken"
    ward.said_no("rule 14", "rule 23", "rule 69", "consent", "eligib")


@pytest.mark.rule(14)
@pytest.mark.rule(69)
def test_a_consent_is_not_amended_to_after_the_harvest_that_rests_on_it(ward):
    mine = ready_for_harvest(ward.team)
    harvested(mine, ward.team)
    released_product(mine, ward.team)
    ward.amend("physician", mine.patient.consents[-1], performed_at=minutes(5))
    ward.session.expire_all()
    ward.said_no("rule 14", "rule 69", "consent")
    assert mine.patient.consents[-1].performed_at < clock.now() - timedelta(days=1), "the consent stays where it was"


# the order of events, at entry


@pytest.mark.rule(69)
def test_no_run_begins_before_its_cells_were_collected(ward):
    mine = ready_for_harvest(ward.team)
    bag = harvested(mine, ward.team).products[0]
    answer = ward.fill(
        "technologist", f"/treatments/{mine.id}/processing/new", inputs=[bag.id], performed_at=minutes(60 * 30),
        received_intact=True, received_temperature="20",
    )  # fmt: skip
    assert answer.status_code in {409, 422}
    ward.said_no("rule 69", "before", "collect", "harvest")
    assert ward.session.scalar(select(ProcessingRun)) is None


@pytest.mark.rule(69)
def test_no_result_is_read_before_its_product_was_made(ward):
    mine = ready_for_harvest(ward.team)
    bag = harvested(mine, ward.team).products[0]
    ward.result(bag, "tnc", value="8", performed_at=minutes(60 * 30), sampled_at=minutes(60 * 31))
    ward.session.expire_all()
    assert ward.session.scalar(select(QCResult)) is None
    ward.said_no("rule 69", *ORDER)


@pytest.mark.rule(69)
@pytest.mark.hazard("H9")
def test_no_sample_is_older_than_the_cells_that_it_speaks_for(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    before = len(ward.results(bag, "sterility"))
    ward.result(bag, "sterility", outcome="no_growth", sampled_at=minutes(60 * 24 * 365))
    ward.session.expire_all()
    assert len(ward.results(bag, "sterility")) == before
    ward.said_no("rule 69", "sample", *ORDER)


@pytest.mark.rule(69)
def test_nothing_thaws_before_it_was_frozen(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = released_product(mine, ward.team, frozen_at=minutes(60))
    ward.move("technologist", bag, "thawed", performed_at=minutes(60 * 24), place="Laboratory")
    ward.session.expire_all()
    assert bag.thawed_at is None, "thawed a day before it was frozen"
    ward.said_no("rule 69", "rule 54", *ORDER)


@pytest.mark.rule(69)
def test_nothing_moves_before_it_was_made(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    ward.move("technologist", bag, "stored", performed_at=minutes(60 * 24 * 40), place="Tank 2")
    ward.session.expire_all()
    assert not bag.movements, "stored before it existed"
    ward.said_no("rule 69", *ORDER)


@pytest.mark.rule(54)
@pytest.mark.rule(69, by="http")
def test_no_start_lies_before_the_thaw(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = released_product(mine, ward.team, frozen_at=minutes(180), thawed_at=minutes(1))
    check = ward.check(mine, bag)
    ward.begin(check, performed_at=minutes(20))
    ward.not_given(bag, "rule 69", "rule 54", *ORDER)


@pytest.mark.rule(69)
def test_no_start_lies_before_the_release(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    ward.give(mine, bag)
    record = ward.given(bag)
    assert record, ward.refused
    ward.amend("nurse", record, performed_at=minutes(60 * 5))
    ward.said_no("rule 69", "released", "check", *ORDER)


# the order of events, at amendment of either end


@scene
def signed(ward: Ward) -> Administration:
    """An administration of half an hour ago, ended and signed by both."""
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    ward.give(mine, bag)
    record = ward.given(bag)
    assert record, ward.refused
    ward.end(record, volume_given=str(bag.volume))
    for who in ("nurse", "physician"):
        assert ward.sign(who, record).status_code == 303, ward.refused
    ward.refused.clear()
    return record


@pytest.mark.rule(69)
@pytest.mark.hazard("H21")
def test_a_signed_administration_is_not_moved_back_to_before_its_cells_existed(ward, signed):
    was = signed.performed_at
    answer = ward.amend("nurse", signed, performed_at=minutes(60 * 24 * 30))
    assert answer.status_code in {409, 422}
    ward.said_no("rule 69", "check", *ORDER)
    assert ward.given(signed.product).performed_at == was


@pytest.mark.rule(69)
def test_a_harvest_is_not_amended_to_after_what_was_made_of_it(ward, signed):
    record = ward.session.scalars(select(Harvest)).one()
    answer = ward.amend("physician", record, performed_at=minutes(4), ended_at=minutes(2), time_out_at=minutes(5))
    assert answer.status_code in {409, 422}
    ward.said_no("rule 69", *ORDER)


@pytest.mark.rule(69)
def test_a_run_is_not_amended_to_after_the_cells_were_given(ward, signed):
    run = ward.session.scalars(select(ProcessingRun)).one()
    answer = ward.amend("technologist", run, performed_at=minutes(1), ended_at=minutes(0))
    assert answer.status_code in {409, 422}
    ward.said_no("rule 69", *ORDER)


# times after thaw


@pytest.mark.rule(54)
@pytest.mark.hazard("H11")
def test_an_end_three_hours_after_the_thaw_is_asked_about(ward):
    mine, bag = frozen(ward.team, 10)
    ward.give(mine, bag)
    record = ward.given(bag)
    assert record, ward.refused
    with ward.later(minutes=184):
        answer = ward.end(record, ended_at=minutes(0), volume_given=str(bag.volume))
        ward.session.expire_all()
        said = ward.browser("nurse").get(f"/administrations/{record.id}").text.lower()
    asked = answer.status_code in {409, 422}
    assert asked or "deviation" in said, "194 minutes after the thaw, 60 are allowed, and nobody was asked"
    if asked:
        ward.said_no("rule 54", "thaw", "194")


@pytest.mark.rule(54)
@pytest.mark.hazard("H10")
def test_a_container_written_down_before_its_freezing_expires_and_thaws_all_the_same(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    taken = harvested(mine, ward.team, at=clock.now() - timedelta(hours=5)).products[0]
    ward.fill(
        "technologist", f"/treatments/{mine.id}/processing/new", inputs=[taken.id], performed_at=minutes(120),
        received_intact=True, received_temperature="20", performed_by_id=ward.team.technologist.id,
    )  # fmt: skip
    ward.session.expire_all()
    run = ward.session.scalars(select(ProcessingRun)).one()
    amount = str(mine.says.dose.usual * Decimal("72.5"))
    ward.fill(
        "technologist", f"/runs/{run.id}/outputs/new", container="bag", alike="1", volume="10",
        measure=mine.says.dose.measure, amount=amount,
    )  # fmt: skip
    ward.fill(
        "technologist", f"/runs/{run.id}/manipulations/new", kind="cryopreserve", performed_at=minutes(100),
        ended_at=minutes(60), performed_by_id=ward.team.technologist.id,
    )  # fmt: skip
    ward.session.expire_all()
    (bag,) = run.outputs
    end = minutes(60) + timedelta(days=mine.says.expiry.frozen_days)
    shown = ward.browser("technologist").get(f"/products/{bag.id}").text
    assert f"{end:%b %Y}" in shown, "what was frozen has an end"
    ward.give(mine, bag)
    ward.not_given(bag, "rule 54", "thaw")
