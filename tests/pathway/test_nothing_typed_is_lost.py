"""Nothing typed is lost: drafts of every form, after every way in which a session ends; both sides of a conflict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import delete, func, insert, select

from clinic import clock, idempotency, wording
from clinic.accounts.models import SignIn, User
from clinic.drafts import MOST, Draft
from clinic.patients.models import Weight
from tests import factories
from tests.factories import PASSWORD, boxes
from tests.reading import Page

ALLERGIC = {"allergy_status": "present", "allergies": "Latex"}
NOON = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)


@pytest.fixture
def weight(team, session):
    one = factories.patient(team)
    found = session.scalars(select(Weight).where(Weight.patient_id == one.id)).one()
    session.commit()
    return found


def correction(weight, **typed):
    return boxes("performed_at", weight.performed_at) | {
        "performed_by_id": weight.performed_by_id, "kg": "81.5", "amend_reason": "Scale misread",
        "version": str(weight.version), **typed,
    }  # fmt: skip


def hidden(browser, url):
    return Page.of(browser.get(url).text).hidden


def filled_in(browser, url, *texts):
    shown = browser.get(url)
    assert shown.status_code == 200
    assert "is filled in" in shown.text
    for text in texts:
        assert text in shown.text
    return shown.text


def test_a_draft_of_a_correction_comes_back_with_its_reason(client_as, post, weight):
    browser, url = client_as("nurse"), f"/records/{weight.id}/amendment"
    assert post(browser, url, correction(weight), do="draft").status_code == 303
    html = filled_in(browser, url, "81.5", "Scale misread")
    sent = Page.of(html).hidden
    answer = post(browser, url, correction(weight, version=sent["version"]))
    assert answer.status_code == 303
    assert "is filled in" not in browser.get(url).text


@pytest.mark.hazard("H18")
def test_a_draft_never_hides_what_somebody_else_saved_in_the_meantime(client_as, post, session, weight):
    browser, url = client_as("nurse"), f"/records/{weight.id}/amendment"
    post(browser, url, correction(weight), do="draft")
    colleague = client_as("nurse", second=True)
    assert post(colleague, url, correction(weight, kg="79", amend_reason="Shoes off")).status_code == 303
    sent = hidden(browser, url)
    both = post(browser, url, correction(weight, version=sent["version"]))
    assert both.status_code == 409
    for side in ("81.5", "79", "Scale misread", "Shoes off"):
        assert side in both.text
    again = next(link for link in Page.of(both.text).links if "seen=" in link)
    seen = Page.of(filled_in(browser, again, "81.5", "Scale misread")).hidden["version"]
    assert post(browser, again, correction(weight, version=seen)).status_code == 303
    session.expire_all()
    assert str(session.get(Weight, weight.id).kg) == "81.5"


def test_the_page_of_two_versions_shows_time_person_and_reason_of_both(client_as, post, session, weight, team):
    url, later = f"/records/{weight.id}/amendment", clock.now().replace(second=0, microsecond=0) - timedelta(minutes=30)
    first = post(client_as("nurse", second=True), url, correction(weight, kg="79", amend_reason="Shoes off"))
    assert first.status_code == 303
    typed = correction(weight, version="1") | boxes("performed_at", later) | {"performed_by_id": team.physician.id}
    text = Page.of(post(client_as("nurse"), url, typed).text).text
    for side in (wording.moment(later, "Europe/Berlin"), wording.moment(weight.performed_at, "Europe/Berlin"),
                 team.physician.printed_name, "Scale misread", "Shoes off", team.nurse2.printed_name):  # fmt: skip
        assert side in text, side


def test_a_signature_on_a_changed_record_shows_the_record_and_no_password(client_as, post, weight):
    browser, url = client_as("nurse"), f"/records/{weight.id}/signature"
    answer = post(browser, url, password=PASSWORD, version="99")
    assert answer.status_code == 409
    assert PASSWORD not in answer.text
    assert "The record now" in answer.text


def ended(session, browser):
    with browser.session_transaction() as cookie:
        token = cookie["token"]
    from clinic.identifiers import fingerprint  # noqa: PLC0415 - as the fixture of signed-in browsers does

    session.scalars(select(SignIn).where(SignIn.token_hash == fingerprint(token))).one().ended_at = clock.now()
    session.commit()


@pytest.mark.parametrize("form", ["a correction", "allergies", "an alert"])
@pytest.mark.parametrize("how", ["idle", "signed out elsewhere", "signed out here"])
def test_whatever_ends_the_session_the_form_comes_back_filled_in(client_as, post, session, weight, form, how):
    patient_id = weight.patient_id
    url, typed, kept = {
        "a correction": (f"/records/{weight.id}/amendment", correction(weight), "Scale misread"),
        "allergies": (f"/patients/{patient_id}/allergies", ALLERGIC, "Latex"),
        "an alert": (f"/patients/{patient_id}/alerts/new", {"text": "Falls easily"}, "Falls easily"),
    }[form]  # fmt: skip
    with time_machine.travel(datetime.now(UTC), tick=False) as now:
        browser = client_as("nurse")
        sent = hidden(browser, url)
        if how == "idle":
            now.shift(timedelta(minutes=20))
        elif how == "signed out elsewhere":
            ended(session, browser)
        else:
            browser.delete_cookie("session")
        answer = post(browser, url, {**sent, **typed, "idempotency_key": idempotency.new_key()})
        assert answer.status_code == 302
        assert "/login" in answer.location
        assert url in answer.location
        filled_in(client_as("nurse"), url, kept)


def test_a_form_of_another_tabs_sign_in_is_kept_for_who_typed_it(app, client_as, post, session, weight, user):
    app.config["WTF_CSRF_ENABLED"] = True
    url, browser = f"/patients/{weight.patient_id}/alerts/new", client_as("nurse")
    old = hidden(browser, url)
    with browser.session_transaction() as cookie:
        cookie["csrf_token"] = "of another session"
    answer = post(browser, url, {**old, "text": "Falls easily"})
    assert (answer.status_code, answer.location) == (303, url)
    filled_in(browser, url, "Falls easily")
    other = client_as("physician")
    answer = post(other, url, {**old, "text": "Typed by the nurse"})
    assert (answer.status_code, answer.location) == (303, "/")
    assert "Typed by the nurse" not in other.get(url).text
    filled_in(browser, url, "Typed by the nurse")


def test_nobody_plants_a_draft_for_somebody_else(app, client_as, post, session, weight, user):
    app.config["WTF_CSRF_ENABLED"] = True
    url, browser = f"/patients/{weight.patient_id}/alerts/new", client_as("nurse")
    nurse = user("nurse").id
    session.commit()
    for forged in ("", nurse, f"{nurse}.x.y", hidden(browser, url)["typed_by"][:-2]):
        assert post(browser, url, text="Planted", typed_by=forged, csrf_token="x").status_code == 400
    assert session.scalars(select(Draft)).all() == []
    sent = hidden(browser, url)
    session.get(User, nurse).active = False
    session.commit()
    browser.delete_cookie("session")
    post(browser, url, {**sent, "text": "After the last day of work"})
    assert session.scalars(select(Draft)).all() == []


def test_what_is_typed_is_kept_by_itself_and_a_saved_form_leaves_no_draft(client_as, post, session, weight):
    browser, url = client_as("nurse"), f"/patients/{weight.patient_id}/alerts/new"
    sent = {**hidden(browser, url), "text": "Falls easily", "may_go_on": "yes", "password": "never kept"}
    answer = post(browser, url, sent, do="autosave")
    assert (answer.status_code, answer.text) == (204, "")
    filled_in(browser, url, "Falls easily")
    assert "never kept" not in str(session.scalars(select(Draft.typed)).all())
    session.commit()
    assert post(browser, url, sent).status_code == 303
    assert post(browser, url, sent, do="autosave").status_code == 204
    assert session.scalars(select(Draft)).all() == []


def test_two_forms_at_one_address_keep_two_drafts_and_one_is_discarded(client_as, post, team):
    bag = factories.harvested(factories.ready_for_harvest(team), team).products[0]
    browser, url = client_as("technologist"), f"/products/{bag.id}/movements"
    post(browser, f"{url}?kind=stored", {"place": "Tank 2"}, do="draft")
    assert "is filled in" not in browser.get(f"{url}?kind=discarded").text
    filled_in(browser, f"{url}?kind=stored", "Tank 2")
    assert f"{url}?kind=stored" in browser.get("/").text
    answer = post(browser, f"{url}?kind=stored", {"place": "Tank 2"}, do="discard")
    assert answer.location.endswith(f"{url}?kind=stored")
    assert "is filled in" not in browser.get(f"{url}?kind=stored").text


def test_the_answer_to_the_idle_warning_keeps_the_session_and_says_when_it_is_over(client_as):
    with time_machine.travel(NOON, tick=False) as now:
        browser = client_as("nurse")
        for _turn in range(3):
            now.shift(timedelta(minutes=14))
            assert browser.get("/session").status_code == 204
        now.shift(timedelta(minutes=16))
        assert browser.get("/session").status_code == 302


@pytest.fixture
def many(session, user):
    """As many drafts of the nurse as are kept."""
    rows = [
        {"id": f"DR-{n}", "user_id": user("nurse").id, "path": f"/somewhere/{n}", "title": f"Form {n}", "typed": {},
         "at": clock.now() - timedelta(days=1, minutes=n)} for n in range(MOST)
    ]  # fmt: skip
    session.execute(insert(Draft), rows)
    session.commit()


def test_one_draft_too_many_is_refused_with_what_to_do_and_keeps_what_was_typed(client_as, post, session, weight, many):
    browser, url = client_as("nurse"), f"/patients/{weight.patient_id}/alerts/new"
    sent = {**hidden(browser, url), "text": "Falls easily"}
    answer = post(browser, url, sent, do="draft")
    shown = Page.of(answer.text)
    assert (answer.status_code, shown.problems()) == (409, [])
    assert f"You already have {MOST} drafts" in shown.text
    assert "/somewhere/3" in shown.links
    assert shown.hidden["text"] == "Falls easily", "one button sends it again"
    beside = post(browser, url, sent, do="autosave")
    assert (beside.status_code, beside.text) == (409, f"Draft not saved: you already have {MOST} drafts.")
    assert session.scalar(select(func.count()).select_from(Draft)) == MOST
    session.execute(delete(Draft).where(Draft.id == "DR-3"))
    assert post(browser, url, shown.hidden, do="draft").status_code == 303
    filled_in(browser, url, "Falls easily")
    assert post(browser, url, sent, do="draft").status_code == 303, "a draft that is there already is kept up"


def test_with_many_drafts_a_form_of_a_session_that_ran_out_is_still_kept(client_as, post, session, weight, many):
    url = f"/patients/{weight.patient_id}/alerts/new"
    with time_machine.travel(NOON, tick=False) as now:
        browser = client_as("nurse")
        sent = {**hidden(browser, url), "text": "Falls easily"}
        now.shift(timedelta(minutes=16))
        post(browser, url, sent)
    assert session.scalar(select(func.count()).select_from(Draft)) == MOST + 1


def test_a_draft_that_is_too_long_is_refused_with_its_limit(client_as, post, session, weight):
    browser, url = client_as("nurse"), f"/patients/{weight.patient_id}/alerts/new"
    sent = {**hidden(browser, url), "text": "x" * 100_000}
    answer = post(browser, url, sent, do="draft")
    assert answer.status_code == 409
    assert "100,000 characters" in Page.of(answer.text).text
    assert post(browser, url, sent, do="autosave").status_code == 409
    assert session.scalars(select(Draft)).all() == []


@pytest.mark.hazard("H35")
@pytest.mark.parametrize("do", ["draft", "autosave"])
def test_no_draft_is_kept_at_the_address_of_a_record_of_another_site(client_as, post, session, weight, do):
    browser = client_as("nurse", site="south")
    for one in (weight.patient_id, "PT-000000000"):
        answer = post(browser, f"/patients/{one}/alerts/new", {"text": "Falls easily"}, do=do)
        assert answer.status_code == 404, one
    assert post(browser, f"/records/{weight.id}/amendment", {"kg": "80"}, do=do).status_code == 404
    assert session.scalars(select(Draft)).all() == []
