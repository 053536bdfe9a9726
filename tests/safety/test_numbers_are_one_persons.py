"""A number that a patient or donor ever had is never another's, and an old wristband opens nothing (rules 1, 17)."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.administration.models import BedsideCheck
from clinic.exchange import importing
from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from tests.bedside import released_product
from tests.factories import PASSWORD, day_boxes, patient, ready_for_harvest
from tests.safety.driver import VITALS


@pytest.fixture
def replaced(ward):
    """A patient whose record number was replaced, and the old number."""
    one = patient(ward.team)
    ward.session.commit()
    old = one.record_number
    assert ward.amend("coordinator", one, record_number="TMP-1").status_code == 303
    return one, old


def scanned(ward, mine, bag, number):
    second = {"second_person_id": ward.team.physician.id, "password": PASSWORD, "own_password": PASSWORD}
    return ward.fill(
        "nurse", f"/treatments/{mine.id}/bedside", **VITALS, patient_scan=number, product_scan=bag.id, **second
    )


@pytest.mark.rule(1)
@pytest.mark.hazard("H1")
@pytest.mark.parametrize("spelled", [str, str.lower, lambda number: number.replace("-", " ")])
def test_an_amendment_gives_no_patient_a_number_of_another(ward, replaced, spelled):
    _one, old = replaced
    other = patient(ward.team)
    ward.session.commit()
    assert ward.amend("coordinator", other, record_number=spelled(old)).status_code == 422
    ward.said_no("another patient's until")


@pytest.mark.rule(1)
@pytest.mark.parametrize("spelled", [str, str.lower])
def test_a_new_patient_gets_no_number_of_another(ward, replaced, spelled):
    _one, old = replaced
    new = {"family_name": "Neu", "given_names": "Nora", "sex": "female", "allergy_status": "not_asked"}
    born = day_boxes("birth_date", date(1980, 1, 1))
    answer = ward.fill("coordinator", "/patients/new", sure="yes", record_number=spelled(old), **new, **born)
    assert answer.status_code == 422
    ward.said_no("another patient's until")
    assert ward.session.scalar(select(Patient).where(Patient.family_name == "Neu")) is None


@pytest.mark.rule(1)
@pytest.mark.parametrize("spelled", [str, str.lower])
def test_an_import_gives_nobody_a_number_of_another(ward, replaced, tmp_path, spelled):
    _one, old = replaced
    table = tmp_path / "patients.csv"
    headings = "Record number,Family name,Given names,Born on,Sex,Allergies"
    table.write_text(f"{headings}\n{spelled(old)},Neu,Nora,1980-01-01,Female,Not asked yet\n")
    report = importing.run(ward.session, "patients", table, None, ward.team.coordinator, clock.now(), dry_run=False)
    assert "was replaced on" in " ".join(map(str, report.problems))


@pytest.mark.rule(1)
def test_a_patient_gets_the_own_old_number_back(ward, replaced):
    one, old = replaced
    assert ward.amend("coordinator", one, record_number=old).status_code == 303, ward.refused


@pytest.mark.rule(1)
@pytest.mark.hazard("H1")
def test_an_old_wristband_opens_nothing(ward):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team))
    ward.session.commit()
    old = mine.patient.record_number
    ward.amend("coordinator", mine.patient, record_number="TMP-1")
    assert scanned(ward, mine, bag, old).status_code == 422
    ward.said_no("This wristband carries a number that was replaced on")


@pytest.mark.rule(1)
@pytest.mark.hazard("H1", "H3")
def test_an_old_wristband_never_matches_who_has_the_number_now(ward, replaced):
    """The number was given to another patient before that was refused."""
    _one, old = replaced
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team))
    mine.patient.record_number = old
    ward.session.commit()
    assert scanned(ward, mine, bag, old).status_code == 422
    ward.said_no("print a new one")
    assert not [one for one in ward.session.scalars(select(BedsideCheck)) if one.clear]


@pytest.mark.rule(17)
@pytest.mark.hazard("H27")
@pytest.mark.parametrize("spelled", ["ZK-7712", "zk 77 12", "ZK7712"])
def test_no_donor_gets_a_number_of_another(ward, spelled):
    first = ward.giver(donor_number="ZK-7712")
    ward.session.commit()
    assert ward.amend("physician", first, donor_number="ZK-7713").status_code == 303, ward.refused
    answer = ward.fill("physician", "/donors/new", kind="unrelated", donor_number=spelled, sex="female")
    assert answer.status_code == 422
    ward.said_no("was that of donor")
    second = ward.giver()
    ward.session.commit()
    assert ward.amend("physician", second, donor_number=spelled).status_code == 422
    assert ward.session.scalar(select(Donor).where(Donor.donor_number == spelled)) is None
