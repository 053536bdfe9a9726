"""Rules of results and decisions, typed into their forms and brought in by a correction of what they rest on."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.idempotency import new_key
from clinic.processing.models import ProcessingRun
from clinic.products.models import Product
from clinic.protocols.content import QCSpec
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.release.models import Release
from tests.bedside import released_product
from tests.factories import harvested, published, ready_for_harvest

DAY = timedelta(days=1)
BAD = [
    ("viability", {"value": "69.9"}, 40),
    ("cd73", {"value": "94.9"}, 41),
    ("negative_markers", {"value": "2.1"}, 41),
    ("endotoxin", {"value": "40"}, 42),
    ("gram_stain", {"outcome": "organisms", "finding": "cocci"}, 43),
    ("sterility", {"outcome": "growth", "finding": "cocci"}, 43),
    ("mycoplasma", {"outcome": "positive"}, 43),
]


@pytest.fixture
def tested(ward):
    """A bag of a patient's own cells whose results all conform, and its course; nobody has decided on it."""
    mine = ready_for_harvest(ward.team, at=clock.now() - 60 * DAY, code="BM-MSC-MS")
    bag = released_product(mine, ward.team, made_at=clock.now() - 20 * DAY, released=False)
    bag.expires_at = clock.now() + 10 * DAY
    return ward.verified(bag), mine


def corrects(ward, record, who="technologist", **changed):
    """Amend a record and answer no question."""
    return ward.fill(who, f"/records/{record.id}/amendment", amend_reason="misread", **changed)


def not_released(ward, bag, rule):
    """Quality decides that it conforms, and is refused by a rule."""
    assert ward.decide(bag, "conforms").status_code in {409, 422}
    ward.said_no(f"rule {rule}")
    assert ward.session.scalar(select(Release)) is None


def test_what_conforms_is_released(ward, tested):
    bag, _mine = tested
    ward.release(bag)
    assert ward.tag(bag) == "Released", ward.refused


@pytest.mark.rule(40, 41, 42, 43, by="http")
@pytest.mark.parametrize(("test", "found", "rule"), BAD)
def test_a_result_out_of_its_limit_releases_nothing(ward, tested, test, found, rule):
    bag, _mine = tested
    assert ward.result(bag, test, **found).status_code == 303, ward.refused
    not_released(ward, bag, rule)


@pytest.mark.rule(40, 41, 42, 43, by="amendment")
@pytest.mark.parametrize(("test", "found", "rule"), [one for one in BAD if one[0] != "gram_stain"])
def test_a_result_that_is_corrected_out_of_its_limit_releases_nothing(ward, tested, test, found, rule):
    bag, _mine = tested
    (first,) = ward.results(bag, test)
    assert ward.amend("technologist", first, **found).status_code == 303, ward.refused
    ward.sign("technologist2", first)
    not_released(ward, bag, rule)


@pytest.mark.rule(43, by="http")
def test_no_exception_releases_germs(ward, tested):
    bag, _mine = tested
    ward.result(bag, "sterility", outcome="growth", finding="cocci")
    people = {"requested_by_id": ward.team.physician.id, "physician_told": ward.team.physician.id}
    answer = ward.decide(
        bag, "exceptional", reason="the only cells", benefit_risk="outweighs", patient_told=True,
        follow_up_plan="cultures daily", **people,
    )  # fmt: skip
    assert answer.status_code in {409, 422}
    ward.said_no("rule 43")


@pytest.mark.rule(39, by=("http", "amendment"))
@pytest.mark.parametrize("value", ["570", "0.05"])
def test_a_cd34_dose_in_an_unlikely_unit_is_asked_about(ward, value):
    says = DEMONSTRATIONS["BM-MSC-MS"]
    counted = says.model_copy(update={"qc": (*says.qc, QCSpec(test="cd34_dose", mandatory=False, source="own"))})
    mine = ready_for_harvest(ward.team, version=published(ward.team, "BM-CD34", content=counted))
    bag = ward.verified(released_product(mine, ward.team, released=False))
    assert ward.result(bag, "cd34_dose", value=value).status_code == 422
    ward.said_no("rule 39", "rule 38")
    ward.refused.clear()
    (first,) = ward.results(bag, "cd34_dose")
    assert corrects(ward, first, value=value).status_code == 422
    ward.said_no("rule 39")


@pytest.mark.rule(45, by="http")
def test_who_rejected_a_product_does_not_release_it_again(ward, tested):
    bag, _mine = tested
    assert ward.decide(bag, "reject", reason="the freezer alarm rang").status_code == 303, ward.refused
    assert ward.decide(bag, "conforms", reason="a false alarm").status_code in {409, 422}
    ward.said_no("rule 45")


@pytest.mark.rule(45, by="amendment")
def test_who_corrected_a_result_does_not_release_on_it(ward, tested):
    bag, _mine = tested
    ward.amend("quality", ward.results(bag, "viability")[0], value="96")
    sent = {"decision": "conforms", "idempotency_key": new_key()}
    answer = ward.browser("quality").post(f"/products/{bag.id}/release", data=sent)
    assert answer.status_code in {409, 422}
    assert "rule 45" in answer.text


@pytest.mark.rule(46, by=("http", "amendment"))
@pytest.mark.parametrize("how", ["a further result", "a correction"])
def test_what_comes_to_light_between_decision_and_signature_ends_the_decision(ward, tested, how):
    bag, _mine = tested
    ward.decide(bag, "conforms")
    decision = ward.session.scalar(select(Release))
    assert decision is not None, ward.refused
    if how == "a correction":
        ward.amend("technologist", ward.results(bag, "viability")[0], value="88")
    else:
        ward.result(bag, "viability", value="61")
    ward.sign("quality", decision)
    ward.said_no("rule 46")
    assert ward.tag(bag) != "Released"


@pytest.mark.rule(37, by="http")
def test_own_cells_of_two_patients_go_into_no_run_together(ward):
    mine, other = ready_for_harvest(ward.team), ready_for_harvest(ward.team)
    bags = [harvested(one, ward.team).products[0].id for one in (mine, other)]
    answer = ward.fill(
        "technologist", f"/treatments/{mine.id}/processing/new", inputs=bags,
        performed_by_id=ward.team.technologist.id, preparation="Concentrated",
    )  # fmt: skip
    assert answer.status_code in {409, 422}
    ward.said_no("rule 37")
    assert ward.session.scalar(select(ProcessingRun)) is None


@pytest.mark.rule(36, by=("http", "amendment"))
def test_no_more_comes_out_of_a_run_than_went_in(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = harvested(mine, ward.team).products[0]
    ward.fill(
        "technologist", f"/treatments/{mine.id}/processing/new", inputs=[bag.id],
        performed_by_id=ward.team.technologist.id, performed_at=clock.now() - timedelta(minutes=30),
        received_intact=True, received_temperature="20",
    )  # fmt: skip
    run = ward.session.scalar(select(ProcessingRun))
    filled = {"container": "bag", "alike": "1", "measure": "viable_cells", "amount": "70"}
    assert ward.fill("technologist", f"/runs/{run.id}/outputs/new", volume="61", **filled).status_code == 422
    ward.said_no("rule 36")
    assert ward.fill("technologist", f"/runs/{run.id}/outputs/new", volume="50", **filled).status_code == 303
    made = ward.session.scalars(select(Product).where(Product.run_id == run.id)).one()
    assert made.volume == Decimal(50)
    ward.refused.clear()
    assert ward.amend("technologist", run, waste_volume="11").status_code in {409, 422}
    ward.said_no("rule 36")
