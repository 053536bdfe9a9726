"""What was judged on a fact is judged again when the fact changes: releases, checks, orders, consents, sums, plans."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.followup.models import PlannedVisit
from clinic.harvest.models import Harvest
from clinic.processing.models import ProcessingRun
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.release.models import Release
from tests.bedside import released_product
from tests.factories import consented, course, eligible, published, ready_for_harvest
from tests.safety.driver import Ward
from tests.safety.scenes import scene

STALE = ("not released", "is released", "no longer", "changed", "again", "rule 46", "rule 50")


@scene
def own(ward: Ward):
    """A released bag of a patient's own cells, and its course."""
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


@scene
def cord(ward: Ward):
    """A released bag out of the bank, its course, its donor; both people's groups are known and agree."""
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    (bag,) = ward.banked(ward.donated(donor, version), version)
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    typings = ward.group(donor, "O", "negative")
    ward.group(mine.patient, "A", "positive")
    ward.assign(bag, mine)
    ward.release(bag)
    return bag, mine, donor, typings


def run_of(ward, bag):
    return ward.session.get(ProcessingRun, bag.run_id)


# a release rests on all of its evidence


@pytest.mark.rule(46)
@pytest.mark.hazard("H17")
def test_a_tenfold_amount_ends_the_release_that_rested_on_the_old_one(ward, own):
    bag, mine = own
    ward.amend("technologist", bag, amount=str(bag.amount * 10 if bag.amount < 50 else bag.amount * 2))
    tag = ward.tag(bag)
    ward.give(mine, bag)
    ward.not_given(bag, *STALE)
    assert "Released" not in tag


@pytest.mark.rule(46)
@pytest.mark.parametrize("fact", [{"volume": "9"}, {"vehicle": "Saline with 2 % human albumin"}])
def test_any_amended_fact_of_the_bag_ends_its_release(ward, own, fact):
    bag, mine = own
    ward.amend("technologist", bag, **fact)
    ward.give(mine, bag)
    ward.not_given(bag, *STALE)


@pytest.mark.rule(46)
@pytest.mark.rule(53)
def test_a_run_whose_freezing_medium_is_amended_takes_the_release_with_it(ward, own):
    bag, mine = own
    ward.amend("technologist", run_of(ward, bag), dmso_percent="10")
    ward.give(mine, bag)
    ward.not_given(bag, "not signed", "not verified", *STALE)


@pytest.mark.rule(46)
def test_a_run_that_was_amended_and_is_unsigned_gives_no_cells(ward, own):
    bag, mine = own
    ward.amend("technologist", run_of(ward, bag), preparation="Concentrated by another kit, lot unknown")
    ward.give(mine, bag)
    ward.not_given(bag, "not signed", "not verified", *STALE)


@pytest.mark.rule(31)
def test_a_harvest_whose_times_are_amended_takes_everything_made_of_it_back(ward, own):
    bag, mine = own
    harvest = ward.session.scalars(select(Harvest).where(Harvest.treatment_id == mine.id)).one()
    ward.amend(
        "nurse", harvest, performed_at=clock.now() - timedelta(hours=9), ended_at=clock.now() - timedelta(hours=8),
        time_out_at=clock.now() - timedelta(hours=10),
    )  # fmt: skip
    ward.give(mine, bag)
    ward.not_given(bag, "not signed", "expired", "rule 31", "rule 50", *STALE)


@pytest.mark.rule(17)
def test_a_determination_amended_to_incomplete_is_no_longer_a_yes(ward, cord):
    bag, mine, donor, _typings = cord
    ward.amend("nurse", donor.eligibilities[-1], outcome="incomplete")
    ward.give(mine, bag)
    ward.not_given(bag, "rule 17", "rule 18", "donor", *STALE)


@pytest.mark.rule(21)
@pytest.mark.hazard("H9")
def test_an_amended_blood_group_of_the_donor_is_compared_again(ward, cord):
    bag, mine, _donor, typings = cord
    ward.amend("technologist", typings[0], abo="AB", rhd="positive")
    ward.give(mine, bag)
    ward.not_given(bag, "rule 20", "rule 21", "blood group", *STALE)


@pytest.mark.rule(14)
@pytest.mark.rule(16)
def test_a_consent_amended_to_another_form_is_signed_again_before_anything_goes_on(ward, own):
    bag, mine = own
    ward.amend("physician", mine.patient.consents[-1], form_version="2.0")
    ward.give(mine, bag)
    ward.not_given(bag, "rule 14", "rule 16", "consent")


@pytest.mark.rule(14)
def test_a_coordinator_alone_gives_no_expired_consent_a_longer_life(ward):
    mine = course(ward.team, signed=True)
    eligible(mine, ward.team)
    consent = consented(mine, ward.team, signed=False, performed_by=ward.team.coordinator)
    ward.stands(consent, "coordinator")
    bag = released_product(mine, ward.team)
    ward.session.commit()
    consent.expires_on = clock.day(clock.now(), ward.team.site.zone) - timedelta(days=2)
    ward.session.flush()
    ward.stands(consent, "coordinator")
    until = (clock.now() + timedelta(days=90)).date()
    ward.amend(
        "coordinator", consent, **{"expires_on-d": until.day, "expires_on-m": until.month, "expires_on-y": until.year}
    )
    ward.sign("coordinator", consent)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 14", "consent", "expired", "second")


# the bedside check rests on its evidence, too


@pytest.mark.rule(26)
@pytest.mark.hazard("H3")
def test_an_order_amended_to_the_other_knee_gives_neither_knee_until_it_is_signed(ward, own):
    bag, mine = own
    ward.stands(mine, "physician")
    other = "left" if mine.side == "right" else "right"
    ward.amend("physician2", mine, side=other)
    ward.give(mine, bag, side=other)
    ward.not_given(bag, "rule 26", "order", "side", "signed", "consent")


@pytest.mark.rule(26)
def test_an_order_amended_between_check_and_start_ends_the_check(ward, own):
    bag, mine = own
    ward.stands(mine, "physician")
    check = ward.check(mine, bag)
    ward.amend("physician", mine, side="left" if mine.side == "right" else "right")
    ward.begin(check)
    ward.not_given(bag, "rule 26", "order", "side", "signed", "changed", "again")


@pytest.mark.rule(51)
@pytest.mark.rule(52)
def test_a_weight_amended_between_check_and_start_ends_the_check(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = released_product(mine, ward.team)
    check = ward.check(mine, bag)
    assert check.clear, ward.refused
    ward.amend("nurse", mine.patient.weights[0], kg="71")
    ward.begin(check)
    ward.not_given(bag, "rule 51", "rule 52", "weight", "changed", "again")


@pytest.mark.rule(46)
def test_a_result_amended_from_good_to_bad_between_check_and_start_stops_the_start(ward, own):
    bag, mine = own
    check = ward.check(mine, bag)
    ward.amend("technologist", ward.results(bag, "viability")[0], value="52")
    ward.begin(check)
    ward.not_given(bag, *STALE)


# results are corrected by one and confirmed by another


@pytest.mark.rule(40)
@pytest.mark.rule(45)
def test_quality_does_not_mend_a_failing_viability_and_release_on_it_alone(ward):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team, released=False, results={"viability": Decimal(55)}))
    for reading in ward.results(bag, "viability"):
        ward.amend("quality", reading, value="96", why="misread")
    ward.release(bag)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 40", "rule 43", "rule 45", "another person", "second", "confirm", "changed a result")


@pytest.mark.rule(43)
@pytest.mark.rule(45)
@pytest.mark.hazard("H26")
def test_quality_does_not_turn_organisms_into_none_and_release_on_it_alone(ward):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team, released=False))
    gram = ward.results(bag, "gram_stain")[0]
    ward.session.commit()
    gram.outcome = "organisms"
    ward.session.commit()
    ward.amend("quality", gram, outcome="no_organisms", why="artefact")
    ward.release(bag)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 43", "rule 45", "another person", "second", "confirm", "changed a result")


@pytest.mark.rule(43)
def test_a_technologist_alone_amends_no_growth_away(ward, own):
    bag, mine = own
    ward.result(bag, "sterility", outcome="growth", finding="Escherichia coli")
    grown = next(one for one in ward.results(bag, "sterility") if one.outcome == "growth")
    ward.amend("technologist", grown, outcome="no_growth", finding=None, why="contaminated plate")
    ward.release(bag)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 43", "another person", "second", "confirm", *STALE)


@pytest.mark.rule(45)
@pytest.mark.hazard("H9")
def test_who_rejected_a_product_does_not_release_it_again(ward, own):
    bag, mine = own
    ward.decide(bag, "reject", reason="wrong bag in the freezer box")
    rejected = max(ward.session.scalars(select(Release)), key=lambda one: one.recorded_at)
    ward.sign("quality", rejected)
    ward.release(bag)
    ward.give(mine, bag)
    ward.not_given(bag, "reject", "overturn", "other people", "two")


# sums hold across records and at amendment


@pytest.mark.rule(59)
@pytest.mark.hazard("H16")
def test_an_administration_is_not_amended_to_more_than_its_bag_held(ward, own):
    bag, mine = own
    ward.give(mine, bag)
    record = ward.given(bag)
    assert record, ward.refused
    ward.end(record, volume_given="10", performed_by_id=ward.team.nurse.id)
    ward.refused.clear()
    ward.amend("nurse", record, volume_issued="60", volume_given="60")
    ward.said_no("rule 36", "rule 59", "container", "hold", "60 mL")
    assert ward.given(bag).volume_given in {None, 10}


@pytest.mark.rule(36)
@pytest.mark.hazard("H16")
def test_what_a_run_took_out_of_a_bag_is_not_given_to_a_patient_as_well(ward, own):
    bag, mine = own
    ward.fill("technologist", f"/treatments/{mine.id}/processing/new", inputs=[bag.id], preparation="Washed")
    ward.session.expire_all()
    (taken,) = bag.uses
    taken.volume = Decimal(9)
    ward.session.flush()
    ward.give(mine, bag, volume_issued="10")
    ward.not_given(bag, "rule 36", "rule 50", "rule 52", "left", "processing", "1 mL")


@pytest.mark.rule(36)
@pytest.mark.hazard("H16")
def test_a_run_makes_no_more_of_a_bag_after_the_bag_was_given(ward, own):
    bag, mine = own
    ward.fill("technologist", f"/treatments/{mine.id}/processing/new", inputs=[bag.id], preparation="Washed")
    ward.session.expire_all()
    (taken,) = bag.uses
    taken.volume = Decimal(9)
    ward.session.flush()
    ward.give(mine, bag, volume_issued="1", volume_given=None)
    answer = ward.fill(
        "technologist", f"/runs/{taken.run_id}/outputs/new", name="Washed cells", cell_type=bag.cell_type,
        container="bag", alike="1", volume="19", measure=bag.measure, amount="50",
    )  # fmt: skip
    assert answer.status_code in {409, 422}, "19 mL came out of 9"


@pytest.mark.rule(36)
def test_an_amendment_of_a_runs_waste_makes_no_volume_out_of_nothing(ward, own):
    bag, _mine = own
    answer = ward.amend("technologist", run_of(ward, bag), waste_volume="500")
    assert answer.status_code in {409, 422}
    ward.said_no("rule 36", "more came out")


@pytest.mark.rule(62)
def test_planned_visits_follow_an_amended_start(ward, own):
    bag, mine = own
    ward.give(mine, bag)
    record = ward.given(bag)
    assert record, ward.refused
    with ward.later(days=2):
        ward.amend("nurse", record, performed_at=clock.now() - timedelta(days=1))
        ward.session.expire_all()
        plans = ward.session.scalars(select(PlannedVisit).where(PlannedVisit.treatment_id == mine.id)).all()
        first = next(plan for plan in plans if plan.day == 1)
        moved = ward.given(bag).performed_at
        shown = ward.browser("nurse").get(f"/treatments/{mine.id}/visits").text
    assert (
        first.due_on == (clock.local(moved, "Europe/Berlin") + timedelta(days=1)).date() or "no longer agree" in shown
    )


@pytest.mark.rule(16)
def test_a_course_whose_version_was_followed_by_a_stricter_one_does_not_take_its_old_consent_along(ward, own):
    bag, mine = own
    strict = DEMONSTRATIONS["BMAC-KNEE"].model_copy(update={"vehicle": "Saline with 2 % human albumin"})
    newer = published(ward.team, "BMAC-KNEE", content=strict)
    answer = ward.amend("physician", mine.patient.consents[-1], protocol_version_id=newer.id, form_version="4.0")
    assert answer.status_code < 500
    ward.give(mine, bag)
    ward.not_given(bag, "rule 14", "rule 16", "consent", "another version")
