"""The kind of a donor is corrected with a reason; cells wait for a second person and are judged anew (3, 4, 17)."""

from __future__ import annotations

import pytest

from tests.factories import patient
from tests.safety.test_who_the_donor_is import banked, confirm

__all__ = ["banked"]

pytestmark = [pytest.mark.rule(17), pytest.mark.hazard("H3")]
WHY = {"reason": "registered with the wrong kind"}


def corrects(ward, donor, who="coordinator", **typed):
    return ward.fill(who, f"/donors/{donor.id}/kind", **(WHY | typed))


def test_an_unrelated_donor_who_is_a_sister_waits_for_a_second_person(ward, banked):
    bag, mine, donor = banked
    number = mine.patient.record_number
    typed = {"kind": "related", "patient_number": number, "relation": "sibling", "name": "Ada Lind"}
    assert corrects(ward, donor, **typed).status_code == 303, ward.refused
    ward.session.refresh(donor)
    assert (donor.kind, donor.relation, donor.relative_of_id) == ("related", "sibling", mine.patient_id)
    assert ward.tag(bag) == "On hold"
    ward.give(mine, bag)
    ward.not_given(bag, "no second person has confirmed")
    (correction,) = donor.amendments
    assert confirm(ward, "coordinator", donor, correction).status_code == 422
    assert confirm(ward, "nurse", donor, correction).status_code == 303, ward.refused
    assert ward.tag(bag) == "Released"
    ward.give(mine, bag)
    assert ward.given(bag), ward.refused


@pytest.mark.rule(4)
def test_a_relative_of_somebody_else_is_judged_by_the_new_kind(ward, banked):
    bag, mine, donor = banked
    other = patient(ward.team)
    ward.session.commit()
    typed = {"kind": "related", "patient_number": other.record_number, "relation": "cousin", "name": "Ada Lind"}
    assert corrects(ward, donor, **typed).status_code == 303, ward.refused
    (correction,) = donor.amendments
    confirm(ward, "nurse", donor, correction)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 4", "rule 17", "rule 18")


@pytest.mark.rule(3)
def test_cells_that_are_the_patients_own_after_all_go_to_nobody_else(ward, banked):
    bag, mine, donor = banked
    other = patient(ward.team)
    ward.session.commit()
    typed = {"kind": "self", "patient_number": other.record_number}
    assert corrects(ward, donor, **typed).status_code == 303, ward.refused
    ward.session.expire_all()
    assert (donor.kind, donor.patient_id, donor.donor_number, bag.relation) == ("self", other.id, None, "autologous")
    (correction,) = donor.amendments
    assert confirm(ward, "nurse", donor, correction).status_code == 303, ward.refused
    ward.sign("quality", bag)
    ward.give(mine, bag)
    ward.not_given(bag, "another patient's own cells", "rule 3")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"kind": "unrelated"}, "this kind already"),
        ({"kind": "related", "relation": "sibling", "name": "Ada Lind"}, "record number"),
        ({"kind": "related", "relation": "sibling", "patient_number": "nobody-1"}, "no patient of this clinic"),
        ({"kind": "cord", "patient_number": "nobody-1"}, "linked by the course"),
        ({"kind": "cord", "donor_number": ""}, "Donor number"),
        ({"kind": "cord", "reason": ""}, "Reason"),
    ],
)
def test_what_is_wrong_is_refused_with_what_to_do(ward, banked, typed, said):
    bag, _mine, donor = banked
    assert corrects(ward, donor, **typed).status_code == 422
    ward.said_no(said)
    ward.session.refresh(donor)
    assert donor.kind == "unrelated"
    assert ward.tag(bag) == "Released"


def test_the_kind_is_not_corrected_by_who_does_not_know_the_donor(ward, banked):
    _bag, _mine, donor = banked
    assert corrects(ward, donor, "quality", kind="cord").status_code == 403
