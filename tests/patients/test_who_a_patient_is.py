"""A patient with one name, and a birth date that is known in part, estimated or unknown."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from clinic.patients.models import Patient

SAID = {"record_number": "MRN-77001", "sex": "female", "allergy_status": "none_known"}


def registered(client_as, post, session, boxes, **changed):
    browser = client_as("coordinator")
    answer = post(browser, "/patients/new", boxes, **(SAID | {"family_name": "Suharti", "given_names": ""} | changed))
    session.expire_all()
    found = session.scalar(select(Patient).where(Patient.record_number == "MRN-77001"))
    return answer, found, browser


@pytest.mark.hazard("H4")
@pytest.mark.parametrize(
    ("typed", "more", "born", "shown"),
    [
        (("3", "5", "1980"), {}, date(1980, 5, 3), "3 May 1980"),
        (("", "5", "1980"), {}, date(1980, 5, 1), "May 1980"),
        (("", "", "1980"), {}, date(1980, 1, 1), "1980"),
        (("", "", "1980"), {"birth_note": "estimated"}, date(1980, 1, 1), "about 1980"),
        (("", "", ""), {"birth_note": "unknown"}, None, "not known"),
    ],
)
def test_one_name_and_what_is_known_of_the_birth_date_are_enough(
    client_as, post, page, session, typed, more, born, shown
):
    boxes = dict(zip(("birth_date-d", "birth_date-m", "birth_date-y"), typed, strict=True))
    answer, patient, browser = registered(client_as, post, session, boxes, **more)
    assert answer.status_code == 303, answer.text
    assert patient.birth_date == born
    assert patient.display_name == "SUHARTI"
    assert shown in page(browser, f"/patients/{patient.id}")


@pytest.mark.parametrize(
    ("boxes", "more", "said"),
    [
        ({}, {}, "or choose “Unknown”"),
        ({"birth_date-y": "1980"}, {"family_name": ""}, "needs only one"),
        ({"birth_date-d": "3", "birth_date-y": "1980"}, {}, "enter day, month and year"),
        ({"birth_date-y": "74"}, {}, "four digits"),
    ],
)
def test_what_is_missing_is_asked_for(client_as, post, session, boxes, more, said):
    answer, patient, _browser = registered(client_as, post, session, boxes, **more)
    assert (answer.status_code, patient) == (422, None)
    assert said in answer.text


def test_the_age_of_a_year_alone_is_two_numbers():
    assert Patient(birth_date=date(2008, 1, 1), precision={"birth_date": "year"}).ages_on(date(2026, 6, 1)) == (17, 18)
    assert Patient(birth_date=date(2008, 1, 1)).ages_on(date(2026, 6, 1)) == (18, 18)
