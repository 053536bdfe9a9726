"""What the cells are decides, not what a course names: donors, siblings, parents, groups, allergies, whole persons."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from clinic import clock
from clinic.judged_lines import ProductLine
from clinic.pathway.projection import store
from clinic.pathway.sweeping import disagreements
from clinic.products.models import Product
from clinic.protocols.demonstration import DEMONSTRATIONS
from tests.bedside import released_product
from tests.factories import patient, published, ready_for_harvest

if TYPE_CHECKING:
    from clinic.treatments.models import Treatment
    from tests.safety.driver import Ward
from tests.safety.recipients import recipient
from tests.safety.scenes import scene

GERMS = ("rule 43", "growth", "organisms", "on hold", "contaminat")


@scene
def cord(ward: Ward) -> Any:
    """The protocol of cord tissue cells out of a bank."""
    return published(ward.team, "UC-MSC-RA")


def out_of_the_bank(ward: Ward, product: Product, to: Treatment) -> None:
    """Assign and release, as far as the product lets; then to the bedside."""
    ward.assign(product, to)
    ward.release(product)
    ward.give(to, product)


# what is right is given: without these the refusals below would prove nothing


def test_the_patients_own_cells_are_given(ward):
    mine = ready_for_harvest(ward.team)
    product = released_product(mine, ward.team)
    ward.give(mine, product)
    assert ward.given(product) is not None, ward.refused


def test_an_eligible_donors_banked_cells_are_assigned_released_and_given(ward, cord):
    donor = ward.giver()
    bag, _spare = ward.banked(ward.donated(donor, cord), cord, bags=2)
    out_of_the_bank(ward, bag, recipient(ward, donor))
    assert ward.given(bag) is not None, ward.refused


# the donor


@pytest.mark.rule(17)
@pytest.mark.hazard("H13")
def test_the_donor_of_the_bag_is_judged_and_not_the_one_whom_the_course_names(ward, cord):
    named, infected = ward.giver(), ward.giver()
    (bag,) = ward.banked(ward.donated(infected, cord), cord)
    ward.determine(infected, "ineligible", signed=True, hiv_nat="reactive", hbv_nat="reactive")
    out_of_the_bank(ward, bag, recipient(ward, named))
    ward.not_given(bag, "rule 17", "rule 18", "donor is not eligible", "another donor", "donor of these cells")


@pytest.mark.rule(17)
def test_one_ineligible_donor_of_a_pool_keeps_the_whole_pool_back(ward, cord):
    good, bad = ward.giver(), ward.giver()
    donations = [ward.donated(good, cord), ward.donated(bad, cord)]
    pool = ward.giver(donor_number="POOL-4711")
    (bag,) = ward.banked(donations, cord, donor=pool)
    ward.determine(bad, "ineligible", signed=True, hcv_nat="reactive")
    out_of_the_bank(ward, bag, recipient(ward, pool))
    ward.not_given(bag, "rule 17", "rule 18", "donor")


@pytest.mark.rule(18, by="http")
def test_urgent_need_of_one_patient_excuses_no_other_donors_cells(ward, cord):
    excused, infected = ward.giver(), ward.giver()
    (bag,) = ward.banked(ward.donated(infected, cord), cord)
    last = ward.determine(excused, "ineligible", signed=False, syphilis="reactive")
    last.urgent_need, last.physician_told = "only donor there is", "Dr I. Novak, 08:10"
    ward.stands(last, "physician")
    ward.determine(infected, "ineligible", signed=True, hiv_nat="reactive")
    out_of_the_bank(ward, bag, recipient(ward, excused))
    ward.not_given(bag, "rule 17", "rule 18", "donor")


@pytest.mark.rule(4)
def test_a_sisters_directed_cells_go_to_nobody_but_her_sister(ward, cord):
    named, unrelated = patient(ward.team), patient(ward.team)
    sister = ward.giver(kind="related", donor_number=None, name="Berta Lind", relation="sibling", relative_of=named)
    (bag,) = ward.banked(ward.donated(sister, cord), cord)
    theirs = ready_for_harvest(ward.team, unrelated, code="UC-MSC-RA")
    ward.fill("physician", f"/treatments/{theirs.id}/donor", donor_id=sister.id)
    out_of_the_bank(ward, bag, theirs)
    ward.not_given(bag, "rule 4", "directed", "named recipient", "only for", "relative of")


@pytest.mark.rule(4)
def test_a_relatives_cells_whose_recipient_nobody_recorded_go_to_nobody(ward, cord):
    brother = ward.giver(kind="related", donor_number=None, name="Bodo Lind", relation="sibling", relative_of=None)
    (bag,) = ward.banked(ward.donated(brother, cord), cord)
    theirs = recipient(ward, brother)
    out_of_the_bank(ward, bag, theirs)
    ward.not_given(bag, "rule 4", "relative")


@pytest.mark.rule(4)
def test_directed_cells_named_for_another_patient_after_their_release_are_not_given(ward, cord):
    named = patient(ward.team)
    sister = ward.giver(kind="related", donor_number=None, name="Berta Lind", relation="sibling", relative_of=named)
    mine = ready_for_harvest(ward.team, named, code="UC-MSC-RA", donor=sister)
    (bag,) = ward.banked(ward.donated(sister, cord), cord)
    ward.assign(bag, mine)
    ward.release(bag)
    sister.relative_of = patient(ward.team)
    ward.session.flush()
    ward.give(mine, bag)
    ward.not_given(bag, "rule 4", "directed", "named recipient", "only for", "relative of", "no longer")


# sisters and parents


@pytest.mark.rule(43)
@pytest.mark.hazard("H9")
@pytest.mark.hazard("H29")
def test_growth_in_one_of_four_bags_stops_the_other_three_at_once(ward, cord):
    donor = ward.giver()
    first, second, *_rest = ward.banked(ward.donated(donor, cord), cord, bags=4)
    mine = recipient(ward, donor)
    ward.assign(second, mine)
    ward.release(second)
    ward.result(first, "sterility", outcome="growth", finding="Escherichia coli")
    tag = ward.tag(second)
    ward.give(mine, second)
    ward.not_given(second, *GERMS)
    assert "Released" not in tag


@pytest.mark.rule(43)
@pytest.mark.hazard("H9")
def test_growth_in_the_harvests_own_culture_stops_what_was_made_of_it(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    raw = harvest_bag(ward, mine)
    ward.result(raw, "sterility", outcome="growth", finding="Staphylococcus aureus", sampled_at=raw.performed_at)
    ward.give(mine, bag)
    ward.not_given(bag, *GERMS)


@pytest.mark.rule(43)
@pytest.mark.hazard("H9")
def test_growth_in_a_donation_follows_its_bags_into_another_patients_course(ward, cord):
    donor = ward.giver()
    donation = ward.donated(donor, cord)
    first, second = ward.banked(donation, cord, bags=2)
    mine, theirs = recipient(ward, donor), recipient(ward, donor)
    for bag, to in ((first, mine), (second, theirs)):
        ward.assign(bag, to)
        ward.release(bag)
    ward.result(first, "sterility", outcome="growth", finding="Escherichia coli")
    ward.give(theirs, second)
    ward.not_given(second, *GERMS)


@pytest.mark.rule(50)
@pytest.mark.parametrize("decision", ["hold", "reject"])
def test_a_no_to_the_parent_stops_what_was_split_from_it(ward, decision):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    ward.decide(harvest_bag(ward, mine), decision, reason="freezer alarm during the night")
    ward.give(mine, bag)
    ward.not_given(bag, "hold", "reject")


def harvest_bag(ward: Ward, of: Treatment) -> Product:
    """The container of a course that its run took."""
    return ward.session.scalars(
        select(Product).where(Product.treatment_id == of.id, Product.harvest_id.is_not(None))
    ).one()


# the specification


@pytest.mark.rule(40)
@pytest.mark.hazard("H8")
def test_a_release_holds_for_the_specification_that_judged_it_and_for_no_stricter_one(ward):
    strict = DEMONSTRATIONS["UC-MSC-RA"]
    loose = strict.model_copy(update={"qc": tuple(spec for spec in strict.qc if spec.test != "potency")})
    banked_under = published(ward.team, "UC-MSC-BANK", content=loose)
    published(ward.team, "UC-MSC-RA")
    donor = ward.giver()
    (bag,) = ward.banked(ward.donated(donor, banked_under), banked_under)
    ward.release(bag)
    mine = recipient(ward, donor)
    ward.assign(bag, mine)
    ward.give(mine, bag)
    ward.not_given(bag, "not released", "no longer", "another protocol", "potency", "judged")


def test_the_proof_finds_the_stored_state_of_a_banked_bag_that_was_changed(ward, cord):
    (bag,) = ward.banked(ward.donated(ward.giver(), cord), cord)
    ward.session.commit()
    store(ward.session, [], {bag.id}, clock.now())
    ward.session.commit()
    assert list(disagreements(ward.session, clock.now())) == []
    line = ward.session.get(ProductLine, bag.id)
    for changed in ({"state": "released"}, {"changes_at": clock.now() + timedelta(days=9000)}):
        kept = {name: getattr(line, name) for name in changed}
        ward.session.execute(update(ProductLine).where(ProductLine.product_id == bag.id).values(**changed))
        (said,) = disagreements(ward.session, clock.now())
        assert bag.id in said
        ward.session.execute(update(ProductLine).where(ProductLine.product_id == bag.id).values(**kept))
