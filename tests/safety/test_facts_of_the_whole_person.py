"""What is known on any record of a person counts: weight, blood group, age, death, pregnancy (rules 20, 21, 51, 52)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.administration import person_checks
from clinic.administration.known_facts import GroupConflict
from clinic.administration.verdict import Verdict
from clinic.patients.merging import PatientMerge
from tests.bedside import released_product
from tests.factories import PASSWORD, day_boxes, patient, published, ready_for_harvest

ZORN = {"family_name": "Zorn", "given_names": "Eva", "birth_date": date(1970, 1, 1)}


def merged(ward, one, other):
    """Two people confirm that two records are one person's."""
    ward.session.commit()
    url = f"/patients/{one.id}/merges/new"
    assert (
        ward.fill(
            "coordinator", url, number=other.record_number, reason="same passport seen", sure="one is mistyped"
        ).status_code
        == 303
    )
    merge = ward.session.scalars(select(PatientMerge)).one()
    assert ward.fill("quality", f"/merges/{merge.id}/confirmation", password=PASSWORD).status_code == 303
    ward.session.expire_all()


@pytest.fixture
def both(ward):
    one, other = patient(ward.team, **ZORN), patient(ward.team, **ZORN)
    return one, other


def banked(ward, recipient, *, code="UC-MSC-RA", giver=None):
    """Cells of an unrelated donor, released for a patient's course."""
    version, donor = published(ward.team, code), giver or ward.giver()
    mine = ready_for_harvest(ward.team, recipient, code=code, donor=donor)
    (bag,) = ward.banked(ward.donated(donor, version), version)
    return bag, mine, donor


def released(ward, bag, mine):
    ward.session.commit()
    ward.assign(bag, mine)
    ward.release(bag)


@pytest.mark.rule(51, 52)
@pytest.mark.hazard("H27")
def test_the_latest_weight_on_any_record_counts(ward, both):
    one, other = both
    mine = ready_for_harvest(ward.team, one, code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team))
    merged(ward, one, other)
    weighed = ward.fill(
        "nurse", f"/patients/{other.id}/weights/new", kg="40", sure="child scale", performed_at=clock.now()
    )
    assert weighed.status_code == 303, ward.refused
    check = ward.check(mine, bag)
    if check is None or check.clear:
        assert "40 kg" in " ".join(f"{line['left']} {line['right']}" for line in check.evidence)
    ward.begin(check, because="")
    ward.not_given(bag, "rule 52", "rule 51")


@pytest.mark.rule(51)
@pytest.mark.hazard("H27")
def test_a_weight_on_the_other_record_is_known(ward, both):
    one, other = both
    mine = ready_for_harvest(ward.team, one, code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team))
    merged(ward, one, other)
    with ward.later(days=25):
        at = clock.now() - timedelta(minutes=5)
        assert ward.fill("nurse", f"/patients/{other.id}/weights/new", kg="72.5", performed_at=at).status_code == 303
        assert one.weight_at(clock.now()).kg == Decimal("72.5")
        check = ward.check(mine, bag)
        assert not [reason for reason in check.reasons if reason["rule"] == 51]


@pytest.mark.rule(21)
@pytest.mark.hazard("H27")
@pytest.mark.parametrize("typed", [True, False])
def test_the_group_on_the_other_record_is_compared(ward, both, typed):
    one, other = both
    bag, mine, donor = banked(ward, one)
    donor.abo, donor.rhd = "AB", "positive"
    if typed:
        ward.group(other, "O", "negative")
    other.abo, other.rhd = "O", "negative"
    merged(ward, one, other)
    released(ward, bag, mine)
    ward.begin(ward.check(mine, bag), because="")
    ward.not_given(bag, "rule 21")


@pytest.mark.rule(20)
@pytest.mark.hazard("H27")
def test_two_records_with_other_groups_do_not_agree(ward, both):
    one, other = both
    bag, mine, donor = banked(ward, one)
    ward.group(donor, "O", "negative")
    ward.group(one, "O", "negative")
    ward.group(other, "A", "negative")
    merged(ward, one, other)
    released(ward, bag, mine)
    ward.begin(ward.check(mine, bag))
    ward.not_given(bag, "do not agree")


UNKNOWN = [
    pytest.param(("AB", "positive"), (None, None), id="recipient not known"),
    pytest.param((None, None), ("O", "negative"), id="donor not known"),
    pytest.param(("A", "positive"), ("A", None), id="RhD of the recipient not known"),
    pytest.param(("A", None), ("A", "negative"), id="RhD of the donor not known"),
    pytest.param((None, "negative"), ("A", "negative"), id="ABO of the donor not known"),
]


@pytest.mark.rule(21)
@pytest.mark.parametrize(("cells", "recipient"), UNKNOWN)
def test_a_group_that_is_not_known_wants_a_reason(ward, cells, recipient):
    taker = patient(ward.team)
    bag, mine, donor = banked(ward, taker)
    (donor.abo, donor.rhd), (taker.abo, taker.rhd) = cells, recipient
    released(ward, bag, mine)
    check = ward.check(mine, bag)
    ward.begin(check, because="")
    ward.not_given(bag, "cannot be compared")
    ward.begin(check, because="expanded cells without red cells")
    assert ward.given(bag) is not None, ward.refused


def test_own_cells_are_not_asked_for_groups(ward):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team))
    check = ward.check(mine, bag)
    assert not [line for line in check.evidence if line["check"].startswith("Blood groups")]


@pytest.mark.rule(23)
@pytest.mark.hazard("H27")
def test_a_death_on_the_other_record_counts(ward, both):
    one, other = both
    mine = ready_for_harvest(ward.team, one)
    bag = ward.verified(released_product(mine, ward.team))
    merged(ward, one, other)
    today = clock.day(clock.now(), "Europe/Berlin")
    assert ward.amend("nurse", other, **day_boxes("died_on", today)).status_code == 303, ward.refused
    ward.give(mine, bag)
    ward.not_given(bag, "died")


@pytest.mark.rule(20, 21)
@pytest.mark.parametrize(("asked", "stops"), [(True, [20]), (False, [])])
def test_where_the_protocol_asks_for_typings_a_group_that_is_not_known_stops(monkeypatch, asked, stops):
    conflict = GroupConflict("ABO not known RhD not known", "O RhD negative", unknown=True)
    monkeypatch.setattr(person_checks, "group_conflicts", lambda _records, _product: [conflict])
    says = SimpleNamespace(screening=SimpleNamespace(two_blood_groups=asked))
    bedside = SimpleNamespace(course=SimpleNamespace(patient_id="PT-1", says=says), records=None)
    verdict = Verdict()
    person_checks.blood_groups(verdict, bedside, None)
    assert [one.rule for one in verdict.blocked] == stops
    assert [line.rule for line in verdict.warnings] == ([] if asked else [21])
    assert all("Type both from two samples" in one.because for one in verdict.blocked)
