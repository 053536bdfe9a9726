"""What changes after a release, what leaves the clinic, what has no end: asked again at issue and bedside."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.administration.dose_change import DoseChange
from clinic.harvest.models import Harvest
from clinic.processing.models import ProcessingRun
from tests.bedside import released_product
from tests.downtime.papers import ago, harvest
from tests.factories import PASSWORD, consented, course, eligible, published, ready_for_harvest
from tests.safety.scenes import scene


@scene
def own(ward):
    mine = ready_for_harvest(ward.team)
    return mine, released_product(mine, ward.team)


def banked(ward, donor, cord):
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    bag, *_rest = ward.banked(ward.donated(donor, cord), cord)
    ward.assign(bag, mine)
    ward.release(bag)
    return mine, bag


@pytest.mark.rule(17)
def test_cells_of_another_donor_than_the_order_names_are_not_given(ward):
    cord = published(ward.team, "UC-MSC-RA")
    donor, other = ward.giver(), ward.giver()
    mine, bag = banked(ward, donor, cord)
    assert ward.tag(bag) == "Released"
    url = f"/treatments/{mine.id}/donor"
    assert ward.fill("physician", url, donor_id=other.id, reason="named wrongly").status_code == 303, ward.refused
    ward.sign("physician", mine)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 17")
    assert ward.move("technologist", bag, "issued").status_code in {409, 422}
    assert ward.fill("physician", url, donor_id=donor.id, reason="corrected").status_code == 303, ward.refused
    ward.sign("physician", mine)
    ward.release(bag)
    ward.give(mine, bag)
    assert ward.given(bag), ward.refused


@pytest.mark.rule(4)
def test_a_relative_of_another_patient_is_not_named_as_donor(ward):
    patient = ready_for_harvest(ward.team).patient
    sister = ward.giver(kind="related", relation="sibling", relative_of=patient, donor_number=None)
    mine = course(ward.team, code="UC-MSC-RA", signed=True)
    ward.session.commit()
    assert ward.fill("physician", f"/treatments/{mine.id}/donor", donor_id=sister.id).status_code in {409, 422}


@pytest.mark.rule(34)
@pytest.mark.parametrize("way", ["given", "issued"])
def test_what_was_shipped_away_is_here_again_only_when_somebody_says_so(ward, own, way):
    mine, bag = own
    ward.move("technologist", bag, "shipped", place="Clinic South", handed_to="Courier", temperature="20")
    if way == "issued":
        assert ward.move("technologist", bag, "issued").status_code in {409, 422}
    ward.give(mine, bag)
    ward.not_given(bag, "shipped")
    ward.move("technologist", bag, "returned", place="Laboratory", temperature="20", intact="yes", reason="not needed")
    ward.session.expire_all()
    ward.sign("quality", bag.movements[-1])
    ward.give(mine, bag)
    assert ward.given(bag), ward.refused


@pytest.mark.rule(50)
@pytest.mark.hazard("H10")
def test_cells_without_an_end_are_neither_released_nor_given(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = released_product(mine, ward.team, released=False, expires_at=None)
    assert bag.without_end
    ward.verified(bag)
    answer = ward.decide(bag, "conforms")
    assert answer.status_code in {409, 422}
    ward.said_no("until when")
    ward.give(mine, bag)
    ward.not_given(bag, "until when")


@pytest.mark.rule(52)
@pytest.mark.hazard("H17")
def test_a_dose_far_from_the_protocols_is_not_approved_by_one_physician(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    now = clock.now()
    facts = {"frozen_at": now - timedelta(hours=3), "thawed_at": now - timedelta(minutes=5)}
    bag = released_product(mine, ward.team, amount=Decimal(700), **facts)
    url = f"/treatments/{mine.id}/dose-change"
    assert ward.fill("physician", url, low="0", high="0", reason="none").status_code == 422
    assert ward.fill("physician", url, low="0", high="1000", reason="x").status_code == 303
    (change,) = ward.session.scalars(select(DoseChange)).all()
    ward.sign("physician", change)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 52")
    ward.sign("quality", change)
    ward.give(mine, bag)
    assert ward.given(bag), ward.refused


@pytest.mark.rule(52)
@pytest.mark.hazard("H17")
def test_a_lower_dose_counts_from_the_moment_it_is_written(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    now = clock.now()
    facts = {"frozen_at": now - timedelta(hours=3), "thawed_at": now - timedelta(minutes=5)}
    bag = released_product(mine, ward.team, **facts)
    url = f"/treatments/{mine.id}/dose-change"
    assert ward.fill("physician2", url, low="0.4", high="0.5", reason="renal failure").status_code == 303
    ward.give(mine, bag)
    ward.not_given(bag, "rule 52")


@pytest.mark.rule(2)
@pytest.mark.hazard("H24")
@pytest.mark.parametrize("stranger", ["physician2", "nurse2"])
def test_who_was_not_there_does_not_sign_as_author(ward, own, stranger):
    mine, bag = own
    ward.give(mine, bag)
    made = ward.given(bag)
    ward.end(made, volume_given="10")
    url = f"/records/{made.id}/signature"
    assert ward.fill(stranger, url, password=PASSWORD).status_code in {403, 409, 422}
    ward.session.expire_all()
    assert made.present_signatures == []
    assert ward.fill("nurse", url, password=PASSWORD).status_code == 303, ward.refused


@pytest.mark.rule(14)
@pytest.mark.hazard("H37")
def test_cells_that_were_collected_on_paper_without_consent_wait_for_quality(ward):
    team = ward.team
    mine = course(team, signed=True)
    ward.session.commit()
    assert harvest(ward, mine, hours=2).status_code == 303, ward.refused
    now = clock.now()
    consented(mine, team, at=now - timedelta(minutes=50))
    eligible(mine, team, at=now - timedelta(minutes=40))
    ward.session.commit()
    taken = mine_harvest(ward, mine)
    assert taken.not_permitted
    ward.sign("physician", taken)
    (raw,) = taken.products
    assert ward.tag(raw) == "On hold"
    assert ago(hours=1) < now
    assert not ward.session.scalars(select(ProcessingRun)).all()


def mine_harvest(ward, mine):
    ward.session.expire_all()
    return ward.session.scalars(select(Harvest).where(Harvest.treatment_id == mine.id)).one()


def test_an_amendment_that_corrects_nothing_moves_no_moment_by_its_seconds(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    bag.expires_at = clock.now().replace(second=37, microsecond=0) + timedelta(hours=1)
    ward.session.commit()
    before = bag.expires_at
    assert ward.amend("technologist", bag, why="looked at it").status_code in {409, 422}
    assert ward.amend("technologist", bag, name="Concentrate, second label").status_code == 303, ward.refused
    assert bag.expires_at == before
    assert "expires_at" not in bag.amendments[-1].changes
