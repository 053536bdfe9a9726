"""The ground that all other tests stand on."""

from __future__ import annotations

from sqlalchemy import func, select

from clinic.accounts.models import User
from clinic.patients.models import Patient
from tests.databases import both_databases
from tests.factories import harvested, patient, ready_for_harvest

pytestmark = both_databases


def test_each_test_finds_the_clinic_as_the_first_one_did(session, team):
    assert session.scalar(select(func.count()).select_from(Patient)) == 0
    assert session.scalar(select(func.count()).select_from(User)) == 32
    patient(team)
    session.commit()


def test_what_one_test_commits_is_gone_in_the_next(session, team):
    assert session.scalar(select(func.count()).select_from(Patient)) == 0
    patient(team)
    session.commit()


def test_a_request_sees_what_the_test_wrote(session, team, client_as, page):
    one = patient(team, family_name="Quandt")
    assert "QUANDT" in page(client_as("nurse"), f"/patients/{one.id}")
    assert one.family_name == "Quandt"


def test_a_course_is_made_with_the_verbs_of_the_pages(session, team):
    harvest = harvested(ready_for_harvest(team), team)
    session.commit()
    assert harvest.signed
    assert harvest.products[0].treatment_id == harvest.treatment_id
