"""Groups, allergies and medicines meet what the bag holds; sums are a person's."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.harvest.models import Harvest
from tests.bedside import released_product
from tests.factories import harvested, patient, published, ready_for_harvest

if TYPE_CHECKING:
    from clinic.treatments.models import Treatment
    from tests.safety.driver import Ward
from tests.safety.recipients import recipient
from tests.safety.scenes import scene


@scene
def cord(ward: Ward) -> Any:
    """The protocol of cord tissue cells out of a bank."""
    return published(ward.team, "UC-MSC-RA")


# groups, allergies, the living


@pytest.mark.rule(21, by="http")
def test_a_blood_group_mismatch_is_not_passed_over_in_silence(ward, cord):
    donor = ward.giver()
    (bag,) = ward.banked(ward.donated(donor, cord), cord)
    mine = recipient(ward, donor)
    ward.group(donor, "AB", "positive")
    ward.group(mine.patient, "O", "negative")
    ward.assign(bag, mine)
    ward.release(bag)
    ward.give(mine, bag, because="")
    ward.not_given(bag, "rule 21", "blood group", "ABO")


@pytest.mark.rule(21)
def test_the_groups_of_the_bags_donor_are_compared_and_not_those_of_the_named_one(ward, cord):
    named, other = ward.giver(), ward.giver()
    (bag,) = ward.banked(ward.donated(other, cord), cord)
    mine = recipient(ward, named)
    for who, abo in ((named, "O"), (mine.patient, "O"), (other, "B")):
        ward.group(who, abo, "negative")
    ward.assign(bag, mine)
    ward.release(bag)
    ward.give(mine, bag, because="")
    ward.not_given(bag, "rule 21", "blood group", "ABO", "another donor", "rule 17")


@pytest.mark.rule(20, by="amendment")
def test_typings_that_one_person_corrected_still_disagree_until_another_one_confirms(ward, cord):
    donor = ward.giver()
    (bag,) = ward.banked(ward.donated(donor, cord), cord)
    mine = recipient(ward, donor)
    ward.group(donor, "AB", "positive")
    typed = ward.group(mine.patient, "O", "positive")
    ward.assign(bag, mine)
    ward.release(bag)
    for one in typed:
        assert ward.amend("technologist", one, abo="AB").status_code == 303, ward.refused
        assert ward.sign("technologist", one).status_code == 303, ward.refused
    assert ward.amend("coordinator", mine.patient, abo="AB").status_code == 303, ward.refused
    ward.give(mine, bag, because="")
    ward.not_given(bag, "rule 21", "blood group", "ABO", "do not agree")
    assert "Blood group" in ward.browser("technologist2").get("/").text
    for one in typed:
        assert ward.sign("technologist2", one).status_code == 303, ward.refused
    assert all(one.unconfirmed is None for one in typed)


@pytest.mark.rule(23)
@pytest.mark.parametrize("medium", ["10 % DMSO in own plasma", "20 % human albumin"])
def test_an_allergy_on_the_patients_record_meets_what_the_bag_holds(ward, medium):
    who = patient(ward.team, allergy_status="present", allergies="human albumin (anaphylaxis), DMSO (hives)")
    mine = ready_for_harvest(ward.team, who)
    bag = released_product(mine, ward.team, cryo_medium=medium, dmso_percent=Decimal(10))
    ward.give(mine, bag)
    ward.not_given(bag, "rule 23", "allerg")


@pytest.mark.rule(23)
@pytest.mark.parametrize("said", ["Humanalbumin", "Albumen (rash)", "human serum products"])
def test_an_allergy_is_understood_in_other_spellings(ward, said):
    mine = ready_for_harvest(ward.team, patient(ward.team, allergy_status="present", allergies=said))
    bag = released_product(mine, ward.team, vehicle="20 % human albumin")
    ward.give(mine, bag)
    ward.not_given(bag, "rule 23", "allerg")


@pytest.mark.rule(23)
def test_an_allergy_that_only_an_alert_names_meets_what_the_bag_holds(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team, vehicle="20 % human albumin")
    ward.fill("nurse", f"/patients/{mine.patient_id}/alerts/new", text="ANAPHYLAXIS to human albumin 2019")
    ward.give(mine, bag)
    ward.not_given(bag, "rule 23", "allerg")


@pytest.mark.rule(23)
def test_an_allergy_learned_between_check_and_start_stops_the_start(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team, vehicle="20 % human albumin")
    check = ward.check(mine, bag)
    ward.fill(
        "nurse",
        f"/patients/{mine.patient_id}/allergies",
        allergy_status="present",
        allergies="human albumin (anaphylaxis)",
        amend_reason="the daughter brought the card",
    )
    ward.begin(check)
    ward.not_given(bag, "rule 23", "allerg")


@pytest.mark.rule(23)
def test_allergies_that_nobody_asked_about_stop_the_cells(ward):
    who = patient(ward.team, allergy_status="not_asked", allergies_asked_on=None)
    mine = ready_for_harvest(ward.team, who)
    bag = released_product(mine, ward.team)
    ward.give(mine, bag)
    ward.not_given(bag, "allerg")


@pytest.mark.rule(65)
def test_nothing_is_given_to_a_patient_who_has_died(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    ward.amend("coordinator", mine.patient, died_on=None, **day("died_on", -1))
    ward.give(mine, bag)
    ward.not_given(bag, "died", "dead", "deceased", "death")


def day(name: str, days: int) -> dict[str, str]:
    """A day in the boxes of a form, so many from today."""
    on = (clock.now() + timedelta(days=days)).date()
    return {f"{name}-d": str(on.day), f"{name}-m": str(on.month), f"{name}-y": str(on.year)}


# medicines on the order


@pytest.mark.rule(24)
def test_an_anticoagulant_on_the_order_is_asked_about_before_the_harvest(ward):
    mine = ready_for_harvest(ward.team, medication="apixaban 5 mg twice a day, metformin")
    collect(ward, mine)
    ward.said_no("rule 24", "apixaban", "anticoagulant is", "anticoagulants")
    assert not harvests(ward, mine)


@pytest.mark.rule(24)
@pytest.mark.rule(25)
@pytest.mark.parametrize("medicine", ["Sintrom", "Clexane 40", "Coumadin", "Fragmin", "Nurofen", "Medrol", "Decortin"])
def test_a_brand_name_on_the_order_is_asked_about_too(ward, medicine):
    mine = ready_for_harvest(ward.team, medication=medicine)
    collect(ward, mine)
    ward.said_no("rule 24", "rule 25", "anticoagulant", "washout")
    assert not harvests(ward, mine)


@pytest.mark.rule(25, by="http")
def test_an_anti_inflammatory_on_the_order_is_asked_about_before_the_harvest(ward):
    mine = ready_for_harvest(ward.team, medication="ibuprofen 400 mg as needed")
    collect(ward, mine)
    ward.said_no("rule 25", "ibuprofen", "anti-inflammatory", "NSAID", "washout")
    assert not harvests(ward, mine)


@pytest.mark.rule(24)
@pytest.mark.parametrize("medicine", ["apixaban 5 mg twice a day", "ibuprofen 400 mg as needed"])
def test_the_bedside_asks_about_what_the_order_says_that_the_patient_takes(ward, medicine):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    ward.session.commit()
    mine.medication = medicine
    ward.session.flush()
    ward.stands(mine, "physician")
    ward.give(mine, bag, because="")
    ward.not_given(bag, "rule 24", "rule 25", medicine.split()[0])


def collect(ward: Ward, of: Treatment, **typed: Any) -> Any:
    """The nurse logs a harvest of marrow that ended a quarter of an hour ago."""
    now = clock.now().replace(second=0, microsecond=0)
    facts = {
        "performed_at": now - timedelta(minutes=55), "ended_at": now - timedelta(minutes=15),
        "time_out_at": now - timedelta(minutes=60), "performed_by_id": ward.team.nurse.id,
        "source": of.source, "body_site": "posterior_iliac_crest", "side": "right",
        "method": "needle_aspiration", "anaesthesia": "local", "volume": "60", "passes": "10",
        "anticoagulant": "acd_a", "anticoagulant_volume": "6", "anticoagulant_lot": "ACD-1", "containers": "1",
        "anticoagulant_expires_on-d": "1", "anticoagulant_expires_on-m": "1", "anticoagulant_expires_on-y": "2031",
    }  # fmt: skip
    return ward.fill("nurse", f"/treatments/{of.id}/harvests/new", **(facts | typed))


def harvests(ward: Ward, of: Treatment) -> list[Any]:
    """What was collected in a course."""
    ward.session.expire_all()
    return list(ward.session.scalars(select(Harvest).where(Harvest.treatment_id == of.id)))


# sums are a person's


@pytest.mark.rule(52)
@pytest.mark.rule(61)
def test_two_courses_of_one_patient_give_no_two_full_doses_in_an_hour(ward):
    who = patient(ward.team)
    first, second = (ready_for_harvest(ward.team, who, code="BM-MSC-MS") for _course in range(2))
    bags = [released_product(one, ward.team, amount="110") for one in (first, second)]
    ward.give(first, bags[0])
    assert ward.given(bags[0]), ward.refused
    ward.give(second, bags[1])
    ward.not_given(bags[1], "rule 52", "rule 61", "dose")


@pytest.mark.rule(53)
def test_a_freezing_medium_without_its_percentage_cannot_be_judged_and_stops(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = released_product(
        mine, ward.team, cryo_medium="DMSO in own plasma", dmso_percent=None,
        frozen_at=clock.now() - timedelta(hours=2), thawed_at=clock.now() - timedelta(minutes=5),
    )  # fmt: skip
    ward.give(mine, bag)
    ward.not_given(bag, "rule 53", "DMSO")


@pytest.mark.rule(53)
def test_dmso_is_added_up_over_all_courses_of_a_person(ward):
    who = patient(ward.team, weight="20")
    first, second = (ready_for_harvest(ward.team, who, code="BM-MSC-MS", weight_kg=Decimal(20)) for _course in range(2))
    bags = [
        released_product(
            one, ward.team, volume="100", results={"endotoxin": Decimal("0.1")}, cryo_medium="10 % DMSO",
            dmso_percent=Decimal(10), frozen_at=clock.now() - timedelta(hours=2),
            thawed_at=clock.now() - timedelta(minutes=5),
        )
        for one in (first, second)
    ]  # fmt: skip
    ward.give(first, bags[0])
    assert ward.given(bags[0]), ward.refused
    ward.give(second, bags[1])
    ward.not_given(bags[1], "rule 53", "DMSO")


@pytest.mark.rule(29)
def test_lidocaine_of_two_harvests_on_one_day_is_one_dose(ward):
    mine = ready_for_harvest(ward.team)
    harvested(mine, ward.team, lidocaine_mg=Decimal(400), at=clock.now() - timedelta(hours=3))
    collect(ward, mine, side="left", lidocaine_mg="400")
    ward.said_no("rule 29", "lidocaine")
    assert len(harvests(ward, mine)) == 1


@pytest.mark.rule(28)
def test_marrow_of_two_courses_on_one_day_is_one_loss(ward):
    who = patient(ward.team, weight="12")
    first, second = (ready_for_harvest(ward.team, who, weight_kg=Decimal(12)) for _course in range(2))
    harvested(first, ward.team, volume=Decimal(140), anticoagulant_volume=Decimal(14))
    collect(ward, second, volume="140", anticoagulant_volume="14", passes="20")
    ward.said_no("rule 28", "ml/kg")
    assert not harvests(ward, second)
