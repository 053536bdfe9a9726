"""Forms as nobody's page sends them: more boxes, other kinds, doubled, huge; drafts and signatures of other people."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from clinic import idempotency
from clinic.accounts.models import SignIn
from clinic.drafts import Draft
from clinic.patients.models import Patient, Weight
from clinic.records import Signature
from tests import factories
from tests.databases import both_databases
from tests.factories import PASSWORD, boxes, day_boxes
from tests.reading import Page

NOON = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)
REGISTERING = {"record_number": "N-9001", "family_name": "Okonkwo", "given_names": "Chidi", "sex": "male",
               "allergy_status": "not_asked", **day_boxes("birth_date", date(1981, 5, 20))}  # fmt: skip


@pytest.fixture
def smuggled(southern_team, team):
    """What no form asks for: twenty boxes with which somebody would like to be somebody or somewhere else."""
    return {
        "id": "PT-000000000", "site_id": southern_team.site.id, "site": "south", "version_id": "9",
        "origin": "imported",
        "source_note": "x", "not_recorded": '{"family_name": "x"}', "confirmed": '{"kg": "x"}',
        "recorded_by_id": team.director.id, "recorded_by": team.director.id, "recorded_at": "2001-01-01T00:00:00Z",
        "patient_id": "PT-000000000", "treatment_id": "TR-000000000", "signed": "1", "signatures": "1",
        "content_hash": "0" * 64, "died_on": "2001-01-01", "merged_into_id": "PT-000000000", "role": "director",
        "search_text": "x", "name_key": "x", "is_synthetic": "1", "__class__": "x", "course_day": "3",
    }  # fmt: skip


def untouched(row, people, site):
    assert row.id != "PT-000000000"
    assert row.site_id == site.id
    assert row.origin == "clinic"
    assert row.recorded_by_id == people.nurse.id
    assert row.recorded_at.year > 2020
    assert row.source_note == ""
    assert row.not_recorded == {}


@pytest.mark.hazard("H2")
def test_boxes_that_no_form_has_are_left_alone_when_a_record_is_made(client_as, post, session, team, smuggled):
    browser = client_as("nurse")
    assert post(browser, "/patients/new", REGISTERING | smuggled).status_code == 303
    made = session.scalars(select(Patient).where(Patient.record_number == "N-9001")).one()
    untouched(made, team, team.site)
    assert made.died_on is None
    assert made.search_text != "x"
    facts = boxes("performed_at", datetime.now(UTC) - timedelta(hours=1)) | {
        "performed_by_id": team.nurse.id, "kg": "70.5",
    }  # fmt: skip
    assert post(browser, f"/patients/{made.id}/weights/new", facts | smuggled).status_code == 303
    session.expire_all()
    weight = session.scalars(select(Weight).where(Weight.patient_id == made.id)).one()
    untouched(weight, team, team.site)
    assert weight.course_day is None
    assert not weight.signed


@pytest.mark.hazard("H2")
def test_boxes_that_no_form_has_are_left_alone_when_a_record_is_corrected(client_as, post, session, team, smuggled):
    one = factories.patient(team)
    weight = session.scalars(select(Weight).where(Weight.patient_id == one.id)).one()
    session.commit()
    before = {name: getattr(weight, name) for name in ("id", "site_id", "patient_id", "recorded_by_id", "recorded_at")}
    facts = boxes("performed_at", weight.performed_at) | {
        "performed_by_id": weight.performed_by_id, "kg": "71.5", "amend_reason": "Misread.",
        "version": str(weight.version),
    }  # fmt: skip
    session.commit()
    assert post(client_as("nurse"), f"/records/{weight.id}/amendment", smuggled | facts).status_code == 303
    session.expire_all()
    assert {name: getattr(weight, name) for name in before} == before
    assert str(weight.kg) == "71.5"


@both_databases
@pytest.mark.parametrize(
    "typed", ["\0", "a\0b", "A" * 200_000, "\u202e", "\U0001f600" * 100, "9" * 5000, "'--", "%00"], ids=range(8)
)
def test_whatever_is_typed_is_answered_and_never_breaks(client_as, post, session, team, typed):
    one = factories.patient(team)
    session.commit()
    browser = client_as("nurse")
    for url in ("/patients/new", f"/patients/{one.id}/weights/new", f"/patients/{one.id}/alerts/new",
                f"/records/{one.id}/amendment", "/patients", "/products", "/scan"):  # fmt: skip
        shown = Page.of(browser.get(url).text)
        names = [box["name"] for box in shown.inputs if box.get("name")]
        answer = post(browser, url, shown.hidden | dict.fromkeys(names, typed))
        assert answer.status_code < 500, url
        assert ("\0" in typed) == (answer.status_code == 400), url


def test_doubled_boxes_and_boxes_with_brackets_break_nothing(client_as, session, team):
    one = factories.patient(team)
    session.commit()
    browser = client_as("nurse")
    for url in ("/patients/new", f"/patients/{one.id}/weights/new", f"/records/{one.id}/amendment", "/patients"):
        names = [box["name"] for box in Page.of(browser.get(url).text).inputs if box.get("name")]
        for sent in ({name: ["1", "2"] for name in names}, {f"{name}[]": "1" for name in names}):
            answer = browser.post(url, data={**sent, "idempotency_key": idempotency.new_key()})
            assert answer.status_code in {200, 303, 409, 422}, url


def test_a_key_that_is_doubled_or_endless_is_refused_or_taken_once(client_as):
    browser = client_as("nurse")
    for key in ("k" * 100_000, ["k" * 24, "j" * 24], "k" * 19):
        assert browser.post("/patients/new", data={"idempotency_key": key}).status_code in {400, 422}


def test_a_draft_is_shown_to_nobody_else_on_the_same_tablet(client_as, post, session, team):
    one = factories.patient(team)
    session.commit()
    url = f"/patients/{one.id}/alerts/new"
    first, other = client_as("nurse"), client_as("nurse", second=True)
    assert post(first, url, text="Private worry", do="draft").status_code == 303
    assert "Private worry" in first.get(url).text
    assert "Private worry" not in other.get(url).text
    assert url not in other.get("/").text
    assert url in first.get("/").text


def test_a_session_that_ran_out_keeps_the_form_and_one_that_was_ended_does_not(client_as, post, session, team):
    one = factories.patient(team)
    session.commit()
    url = f"/patients/{one.id}/alerts/new"
    with time_machine.travel(NOON, tick=False) as now:
        slow, gone, signed_out = client_as("nurse"), client_as("nurse", second=True), client_as("physician")
        for entry in session.scalars(select(SignIn)).all()[2:]:
            entry.ended_at = NOON
        session.commit()
        assert post(signed_out, url, text="Planted").status_code == 302
        now.shift(timedelta(minutes=20))
        assert post(slow, url, text="Typed in a pause").status_code == 302
        now.shift(timedelta(hours=13))
        assert post(gone, url, text="The next day").status_code == 302
    kept = session.scalars(select(Draft.typed)).all()
    assert [typed["text"] for typed in kept] == [["Typed in a pause"]]


def signature_form(browser, weight):
    page = Page.of(browser.get(f"/records/{weight.id}/signature").text)
    return {"version": page.hidden["version"]}


@pytest.mark.hazard("H24")
def test_a_signature_needs_the_password_and_what_was_read(client_as, post, session, team):
    one = factories.patient(team, weight=None)
    weight = team.add(
        Weight.log(by=team.nurse, at=datetime.now(UTC), patient=one, kg=factories.Decimal("70.5"),
                   performed_at=datetime.now(UTC) - timedelta(hours=1), performed_by=team.nurse)
    )  # fmt: skip
    session.commit()
    browser, url = client_as("nurse"), f"/records/{weight.id}/signature"
    read = signature_form(browser, weight)

    def count():
        session.expire_all()
        found = session.scalar(select(func.count()).select_from(Signature).where(Signature.record_id == weight.id))
        session.commit()
        return found

    for password in ("", "wrong", f"{PASSWORD} ", PASSWORD.upper()):
        assert post(browser, url, read, password=password).status_code == 422
    for version in ("", "0", "99", "1e0", f"{read['version']} "):
        assert post(browser, url, password=PASSWORD, version=version).status_code == 409
    assert count() == 0
    facts = boxes("performed_at", weight.performed_at) | {
        "performed_by_id": team.nurse.id, "kg": "71.5", "amend_reason": "Misread.", **read,
    }  # fmt: skip
    assert post(client_as("nurse", second=True), f"/records/{weight.id}/amendment", facts).status_code == 303
    assert post(browser, url, read, password=PASSWORD).status_code == 409, "what was read is no longer what stands"
    assert count() == 0
    assert post(browser, url, signature_form(browser, weight), password=PASSWORD).status_code == 303
    assert count() == 1
    assert not re.search(PASSWORD, browser.get(f"/weights/{weight.id}").text)
