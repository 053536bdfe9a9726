"""A table brings no cells that its order does not name, none that last longer, and no result before its time."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.processing.models import ProcessingRun
from clinic.products.models import Product
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.release.results import QCResult
from tests.factories import consented, course
from tests.rules.conftest import ago, written

GIVEN = {"administration.performed_at": ago(5), "administration.volume_given": "10"}
OTHER = [
    ({"product.source": "adipose_tissue"}, "product.source", 1),
    ({"product.cell_type": "hsc"}, "product.cell_type", 1),
    ({"harvest.source": "adipose_tissue"}, "harvest.source", 1),
    ({"product.relation": "allogeneic"}, "product.relation", 3),
]


@pytest.mark.rule(1, by="import")
@pytest.mark.rule(3, by="import")
@pytest.mark.parametrize(("facts", "column", "rule"), OTHER)
def test_cells_that_are_here_are_those_of_their_order(take, facts, column, rule):
    report = take(facts)
    assert column in [fault.column for fault in report.problems], report.sentences()
    assert f"rule {rule}" in " ".join(report.sentences())
    was_given = take(GIVEN | facts, confirmed={"rule 1": "as the paper record says"})
    assert bool(was_given.refused) is (rule == 3), was_given.sentences()


def test_cells_on_the_way_to_what_the_protocol_gives_come_in(take):
    assert not take({"product.cell_type": "mnc"}).refused


FRESH = {"harvest.performed_at": ago(3), "product.performed_at": ago(2.9), "product.expires_at": "na"}


@pytest.mark.rule(50, by="import")
@pytest.mark.parametrize("ended", [{}, {"harvest.ended_at": ago(2.98)}, {"product.collected_at": ago(2.98)}])
def test_fresh_cells_are_counted_from_the_safe_side(ward, take, ended):
    late = take(FRESH | ended | {"product.expires_at": written(clock.now() + timedelta(days=9))}, code="BMAC-KNEE",
                confirmed={"rule 14": "on paper"})  # fmt: skip
    assert [fault.column for fault in late.problems] == ["product.expires_at"], late.sentences()
    assert not take(FRESH | ended, code="BMAC-KNEE", confirmed={"rule 14": "on paper"}).refused
    bag = ward.session.scalars(select(Product)).one()
    assert bag.end < clock.now() - timedelta(days=2)
    assert ward.tag(bag) == "Expired"


@pytest.mark.rule(44, by="import")
@pytest.mark.parametrize(("sampled", "waits"), [({}, True), ({"qc.sampled_at": ago(2)}, True),
                                               ({"qc.sampled_at": ago(30)}, False)])  # fmt: skip
def test_a_culture_of_cells_that_are_here_is_final_when_its_sample_is_old_enough(ward, mine, sampled, waits):
    _course, bag = mine({"qc.sterility": "no_growth"} | sampled)
    assert ward.results(bag, "sterility")[0].interim is waits
    assert (ward.tag(bag) == "Released") is not waits
    if waits:
        ward.said_no("its sample is too young" if sampled else "sample was taken is not recorded")


def test_a_culture_of_cells_that_were_given_is_as_the_table_says(ward, take):
    report = take(GIVEN | {"qc.sterility": "no_growth"})
    assert not report.refused
    assert not ward.session.scalars(select(QCResult)).one().interim


@pytest.mark.rule(14, by="import")
def test_own_cells_that_were_collected_since_the_clinic_records_consents_are_asked_about(ward, take):
    now = {"harvest.performed_at": ago(0.04), "product.performed_at": ago(0.02)}
    for facts in (now, GIVEN | {"administration.performed_at": ago(0.01)} | now):
        if facts is not now:
            consented(course(ward.team), ward.team, at=clock.now() - timedelta(days=30))
            ward.session.commit()
        report = take(facts)
        assert "harvest.performed_at" in [fault.column for fault in report.problems], report.sentences()
        assert "rule 14" in " ".join(report.sentences())
    assert not take(now, confirmed={"rule 14": "the consent is on paper"}).refused


@pytest.mark.rule(50, by="amendment")
def test_what_is_made_of_cells_without_an_end_of_collection_is_counted_from_its_start(ward, mine):
    begun = clock.now().replace(second=0, microsecond=0) - timedelta(hours=1)
    facts = {"harvest.performed_at": clock.local(begun, "Europe/Berlin").strftime("%Y-%m-%d %H:%M")}
    facts |= {"product.performed_at": "na", "product.measure": "na", "product.amount": "na"}
    facts |= {"product.expires_at": "na", "treatment.body_site": "knee", "treatment.side": "right"}
    tests = tuple(spec.test for spec in DEMONSTRATIONS["BMAC-KNEE"].qc)
    _course, raw = mine(facts, code="BMAC-KNEE", without=tests, release=False, confirmed={"rule 14": "on paper"})
    people, at = ward.team, clock.now()
    run = people.add(
        ProcessingRun.log(by=people.technologist, at=at, treatment=raw.treatment, performed_at=at,
                          performed_by=people.technologist, preparation="Concentrated")
    )  # fmt: skip
    run.take(raw, by=people.technologist, at=at)
    made = run.make(by=people.technologist, at=at, volume=Decimal(5), name="BMAC", cell_type="mnc", container="syringe")
    people.add(run)
    assert (made.collected_at, made.expires_at) == (None, begun + timedelta(hours=4))
    late = ward.amend("technologist", made, expires_at=at + timedelta(days=9))
    assert late.status_code in {409, 422}
    ward.said_no("cannot be later than the protocol allows")
