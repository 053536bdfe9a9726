"""What a test finds of the cells holds every container that shares them; what it finds of a bag holds the bag."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic.processing.models import ProcessingRun
from clinic.protocols.catalogues import QC_TESTS
from clinic.protocols.content import QCSpec, Range
from clinic.release.evidence import out_of_limit
from clinic.release.results import QCResult
from tests.bedside import released_product
from tests.factories import published, ready_for_harvest

pytestmark = [pytest.mark.hazard("H9"), pytest.mark.hazard("H29")]
BAD_OF_ALL = [
    ("endotoxin", {"value": "80"}), ("karyotype", {"outcome": "abnormal", "finding": "47,XY,+8"}),
    ("cd90", {"value": "20"}), ("cd45", {"value": "40"}), ("mycoplasma", {"outcome": "positive"}),
    ("replicating_virus", {"outcome": "positive"}), ("pluripotent_cells", {"value": "2"}),
]  # fmt: skip


@pytest.fixture
def sisters(ward):
    """Two bags of one run; the first one is released for a course."""
    cord, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    course = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    mine, other = ward.banked(ward.donated(donor, cord), cord, bags=2)
    ward.assign(mine, course)
    return mine, other, course


@pytest.mark.rule(41)
@pytest.mark.rule(42)
@pytest.mark.parametrize(("test", "found"), BAD_OF_ALL)
def test_a_bad_result_of_the_cells_in_another_bag_holds_this_one(ward, sisters, test, found):
    mine, other, course = sisters
    ward.release(mine)
    assert ward.result(other, test, sure="read twice", **found).status_code == 303, ward.refused
    assert ward.tag(mine) == "On hold"
    ward.give(course, mine)
    ward.not_given(mine, QC_TESTS[test].label)
    assert ward.decide(mine, "conforms").status_code in {409, 422}


@pytest.mark.rule(43)
@pytest.mark.rule(45)
def test_what_two_of_the_laboratory_corrected_in_another_bag_is_decided_on_again(ward, sisters):
    mine, other, course = sisters
    ward.release(mine)
    assert ward.tag(mine) == "Released"
    ward.result(other, "mycoplasma", outcome="positive", sure="read twice")
    found = ward.results(other, "mycoplasma")[-1]
    assert ward.amend("technologist", found, outcome="negative").status_code == 303, ward.refused
    ward.sign("technologist2", found)
    assert ward.tag(mine) == "In quarantine"
    ward.give(course, mine)
    ward.not_given(mine, "release")
    ward.release(mine)
    assert ward.tag(mine) == "Released", ward.refused


@pytest.mark.rule(40)
def test_the_viability_of_another_bag_is_asked_about(ward, sisters):
    mine, other, course = sisters
    ward.result(other, "viability", value="30", sure="read twice")
    assert ward.decide(mine, "conforms").status_code in {409, 422}
    ward.said_no("rule 40", "Viability 30 %")
    answer = ward.decide(mine, "conforms", reason="That bag thawed on the way; this one was counted again")
    ward.fill("quality", answer.location, password="cellcourse-demo-1")
    assert ward.tag(mine) == "Released"
    ward.give(course, mine, because="")
    ward.not_given(mine, "rule 40")
    ward.give(course, mine, because="Counted again: 91 %")
    assert ward.given(mine) is not None, ward.refused


@pytest.mark.rule(42)
@pytest.mark.parametrize(("asked", "kept", "bad"), [(5, 2, False), (2, 5, True), (None, 2, True), (None, 5, False)])
def test_the_limit_of_the_bag_s_own_protocol_judges_what_another_bag_shows(ward, sisters, asked, kept, bad):
    """The same 3 EU/mL would pass or fail in this bag itself; where its protocol is silent, the other's limit holds."""
    mine, other, course = sisters
    limits = {most: QCSpec(test="endotoxin", limit=Range(None, most), source="EP 2.6.14") for most in (2, 5)}
    content = course.says.model_copy(update={"qc": (limits[asked],) if asked else ()})
    mine.treatment.protocol_version = published(ward.team, f"OTHER-{asked}-{kept}", content=content)
    found = QCResult(product_id=other.id, test="endotoxin", value=3, comparator="=", limit=limits[kept].model_dump())
    assert out_of_limit(found, mine) is bad
    ward.session.expunge_all()


def parent_of(ward, bag):
    run = ward.session.get(ProcessingRun, bag.run_id)
    return run.inputs[0].product, run.performed_at - timedelta(minutes=5)


@pytest.mark.rule(42)
@pytest.mark.parametrize(("test", "found"), BAD_OF_ALL[:3])
def test_a_bad_result_in_what_it_was_made_of_holds_the_bag(ward, test, found):
    course = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = ward.verified(released_product(course, ward.team))
    parent, before = parent_of(ward, bag)
    assert ward.result(parent, test, sure="yes", sampled_at=before, **found).status_code == 303, ward.refused
    ward.give(course, bag)
    ward.not_given(bag, QC_TESTS[test].label)


@pytest.mark.rule(41)
@pytest.mark.parametrize(
    ("test", "found"), [*BAD_OF_ALL[:3], ("cd73", {"value": "2"}), ("appearance", {"outcome": "fail"})]
)
def test_a_bad_result_of_the_bag_counts_though_the_protocol_does_not_ask(ward, test, found):
    course = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(course, ward.team))
    assert test not in {spec.test for spec in course.says.qc}
    assert ward.result(bag, test, sure="read twice", **found).status_code == 303, ward.refused
    ward.give(course, bag)
    ward.not_given(bag, QC_TESTS[test].label)
    answer = ward.decide(bag, "conditional", reason="culture pending", physician_told=ward.team.physician.id)
    assert answer.status_code in {409, 422}


@pytest.mark.rule(45)
def test_whoever_corrects_such_a_result_does_not_free_the_bag(ward, sisters):
    mine, other, course = sisters
    ward.release(mine)
    ward.result(other, "karyotype", outcome="abnormal", finding="+8")
    (read,) = ward.results(other, "karyotype")[-1:]
    assert ward.amend("technologist", read, outcome="normal").status_code == 303, ward.refused
    ward.give(course, mine)
    ward.not_given(mine, "karyotype")
