"""What the cells are, cell type and tissue, is compared with the order and the protocol wherever they come nearer."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.harvest.models import Harvest
from clinic.processing.models import ProcessingRun
from clinic.products.models import Product
from clinic.products.what_cells import not_together, wrong_cells
from clinic.protocols.cells import given_types, on_the_way
from clinic.protocols.demonstration import DEMONSTRATIONS
from tests.bedside import released_product
from tests.factories import published, ready_for_harvest
from tests.judging import records_of
from tests.safety.scenes import scene

if TYPE_CHECKING:
    from tests.safety.driver import Ward


@scene
def bank(ward: Ward) -> Any:
    """A cord bag that fits a course under the cord protocol, and an adipose bag of the same donor."""
    cord, fat = published(ward.team, "UC-MSC-RA"), published(ward.team, "AD-MSC-KNEE")
    donor = ward.giver()
    (right,) = ward.banked(ward.donated(donor, cord), cord)
    (wrong,) = ward.banked(ward.donated(donor, fat), fat)
    return ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor), right, wrong


@pytest.mark.rule(1, by="http")
@pytest.mark.hazard("H1")
def test_adipose_cells_are_not_assigned_to_an_order_for_cord_tissue(ward, bank):
    course, right, wrong = bank
    answer = ward.assign(wrong, course)
    assert answer.status_code in {409, 422}
    ward.said_no("adipose tissue; the order is for umbilical cord tissue")
    ward.assign(right, course)
    ward.release(right)
    check = ward.check(course, right)
    line = next(line for line in check.evidence if line["check"] == "Cells")
    assert "cord tissue" in line["left"]
    assert "stromal" in line["right"]
    ward.begin(check)
    assert ward.given(right) is not None, ward.refused


@pytest.mark.rule(1, by="amendment")
@pytest.mark.parametrize("facts", [{"cell_type": "ipsc"}, {"source": "adipose_tissue"}])
def test_a_container_that_is_corrected_to_other_cells_waits_and_is_not_given(ward, bank, facts):
    course, right, _wrong = bank
    ward.assign(right, course)
    ward.release(right)
    assert ward.amend("technologist", right, **facts).status_code == 303
    ward.session.expire_all()
    assert right.unconfirmed is not None
    assert ward.tag(right) == "On hold"
    ward.sign("quality", right)
    ward.decide(right, "conforms")
    ward.give(course, right)
    ward.not_given(right, "rule 1")


@pytest.mark.rule(1, by="amendment")
def test_an_order_that_is_corrected_after_the_release_asks_for_other_cells(ward):
    course = ready_for_harvest(ward.team)
    bag = released_product(course, ward.team)
    course.source = "adipose_tissue"
    ward.stands(course, "physician")
    assert ward.tag(bag) == "On hold"
    ward.give(course, bag)
    ward.not_given(bag, "the order is for adipose tissue")


@pytest.mark.rule(37, by="http")
def test_two_tissues_are_not_pooled_and_a_run_makes_what_its_protocol_makes(ward, bank):
    course, _right, _wrong = bank
    cord, fat = published(ward.team, "UC-MSC-RA"), published(ward.team, "AD-MSC-KNEE")
    one, other = ward.donated(course.donor, cord), ward.donated(course.donor, fat)
    facts = {
        "protocol_version_id": cord.id,
        "inputs": [one.id, other.id],
        "preparation": cord.says.preparation,
        "performed_by_id": ward.team.technologist.id,
        "received_intact": True,
        "received_temperature": "4",
        "performed_at": clock.now() - timedelta(minutes=10),
    }
    assert ward.fill("technologist", "/processing/new", **facts).status_code in {409, 422}
    ward.said_no("not pooled")
    facts["inputs"] = [one.id]
    answer = ward.fill("technologist", "/processing/new", **facts)
    assert answer.status_code == 303, ward.refused
    url = f"{answer.location}/outputs/new"
    out = {"name": "Cells", "container": "bag", "alike": "1", "volume": "10", "measure": "viable_cells", "amount": "9"}
    assert ward.fill("technologist", url, cell_type="hsc", **out).status_code in {409, 422}
    ward.said_no("not hematopoietic progenitor cells")
    assert ward.fill("technologist", url, cell_type="msc", **out).status_code == 303, ward.refused
    ward.fill(
        "technologist",
        f"{answer.location}/inputs/new",
        product_id=other.id,
        received_intact=True,
        received_temperature="4",
    )
    run = ward.session.scalars(select(ProcessingRun).order_by(ProcessingRun.recorded_at.desc())).first()
    assert len(run.inputs) == 1


@pytest.mark.rule(1)
def test_the_harvest_says_what_the_cells_are_when_the_label_says_something_else(ward, bank):
    course, _right, wrong = bank
    for one in ward.session.scalars(select(Product).where(Product.donor_id == course.donor_id)):
        one.source = "cord_tissue"
    ward.session.commit()
    ward.assign(wrong, course)
    ward.said_no("rule 1", "adipose tissue")


WAYS = {
    "BM-MSC-MS": ({"msc", "mnc"}, {"hsc", "svf", "ipsc", "ev"}),
    "UC-MSC-RA": ({"msc"}, {"hsc", "mnc", "svf", "ipsc", "ev"}),
    "AD-MSC-KNEE": ({"msc", "svf"}, {"mnc", "hsc"}),
    "EV-WELLNESS": ({"ev", "msc"}, {"mnc", "ipsc", "hsc"}),
    "BMAC-KNEE": ({"mnc"}, {"msc", "svf", "hsc"}),
}


@pytest.mark.parametrize("code", sorted(DEMONSTRATIONS))
def test_each_protocol_makes_what_it_gives_and_pools_only_where_it_combines(code):
    says = DEMONSTRATIONS[code]
    made = on_the_way(says.cell_type, says.manipulations, says.sources)
    assert says.cell_type in given_types(says.cell_type, says.manipulations) <= made
    may, may_not = WAYS.get(code, (set(), set()))
    assert may <= made
    assert not may_not & made
    assert not not_together(says, says.sources[:1])
    assert bool(not_together(says, [*says.sources, "cord_blood", "adipose_tissue"])) is True
    if len(says.sources) > 1:
        assert bool(not_together(says, says.sources)) is (says.cell_type != "combination")


@pytest.mark.rule(26, by="amendment")
def test_source_place_and_method_of_a_collection_are_corrected_together_and_its_cells_follow(ward, bank):
    course, right, _wrong = bank
    raw = ward.session.scalars(select(Product).where(Product.source == "cord_tissue", Product.run_id.is_(None))).one()
    harvest = ward.session.get(Harvest, raw.harvest_id)
    answer = ward.amend("nurse", harvest, source="adipose_tissue")
    assert answer.status_code in {409, 422}
    ward.said_no("Method does not fit")
    ward.said_no("Body site does not fit")
    fat = {"source": "adipose_tissue", "body_site": "abdomen", "method": "manual_lipoaspiration"}
    assert ward.amend("nurse", harvest, **fat).status_code == 303, ward.refused
    ward.session.expire_all()
    assert {raw.source, right.source} == {"adipose_tissue"}
    assert harvest.unconfirmed is not None
    ward.assign(right, course)
    ward.said_no("adipose tissue; the order is for umbilical cord tissue")


@pytest.mark.rule(3, by="http")
def test_whose_cells_they_are_is_asked_of_the_harvest_and_not_of_the_label(ward):
    mine, theirs = ready_for_harvest(ward.team), ready_for_harvest(ward.team)
    own, other = released_product(mine, ward.team), released_product(theirs, ward.team)
    for bag in (own, other):
        bag.relation = "allogeneic"
    ward.session.commit()
    for bag, course, gone in ((own, mine, "yes"), (other, theirs, "")):
        harvest = ward.session.scalars(select(Harvest).where(Harvest.treatment_id == course.id)).one()
        if not gone:
            for one in [harvest, *harvest.products, bag]:
                one.donor_id, one.donor = own.donor_id, own.donor
            ward.session.commit()
        check = ward.check(course, bag)
        line = next(line for line in check.evidence if line["check"] == "Own cells, by their harvest")
        assert line["ok"] is bool(gone)
    ward.said_no("another patient's own cells")


@pytest.mark.rule(1)
@pytest.mark.parametrize("cell_type", ["combination", "mnc", "hsc", "svf"])
def test_a_combination_that_is_pooled_is_of_all_its_tissues_and_of_nothing_less(ward, cell_type):
    course = ready_for_harvest(ward.team, code="BMAC-SVF-HIP")
    bag = released_product(course, ward.team)
    bag.cell_type = cell_type
    ward.session.commit()
    ward.give(course, bag)
    ward.not_given(bag, "the protocol combines" if cell_type == "combination" else "the protocol gives combination")


@pytest.mark.rule(1)
def test_a_tissue_gives_no_cells_that_it_does_not_hold(ward):
    course = ready_for_harvest(ward.team)
    bag = released_product(course, ward.team)
    bag.cell_type = "svf"
    ward.session.commit()
    said = [one.sentence for one in wrong_cells(records_of(course), bag)]
    assert any("bone marrow, which holds no" in one for one in said), said
