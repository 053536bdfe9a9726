"""Who is asked to look at a record, who answers, what is signed, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.access import ROUTES, WRITERS, Role
from clinic.ledger.models import LedgerEntry
from clinic.ledger.verify import verify
from clinic.notices import Notice
from clinic.record_pages import PAGES
from clinic.records import Signature
from clinic.requests.models import Comment, Request
from tests.databases import both_databases
from tests.factories import PASSWORD, day_boxes, harvested, ready_for_harvest
from tests.safety.driver import Sheet, Ward

pytestmark = both_databases


@pytest.fixture
def ward(session, team, client_as):
    return Ward(session, team, client_as)


@pytest.fixture
def harvest(team):
    """A harvest of marrow: collected by the nurse, signed by the physician."""
    return harvested(ready_for_harvest(team), team)


def ask(ward, record, whom, *, who="nurse", kind="second_check", text="Is the volume right?", **typed):
    whom = whom if isinstance(whom, str) else whom.id
    return ward.fill(who, f"/records/{record.id}/requests/new", kind=kind, whom=whom, text=text, **typed)


def last(ward, model=Request):
    ward.session.expire_all()
    return ward.session.scalars(select(model).order_by(model.recorded_at.desc(), model.id)).first()


def answer(ward, who, request, said="agree", words="Seen.", **typed):
    return ward.fill(who, f"/requests/{request.id}/answer", answer=said, answer_text=words, **typed)


@pytest.mark.hazard("H24")
def test_a_second_check_is_asked_seen_on_today_signed_and_shown_on_the_record(ward, team, harvest, page):
    assert ask(ward, harvest, team.nurse2, who="physician").status_code == 303
    made, url = last(ward), f"/harvests/{harvest.id}"
    today = page(ward.browser("nurse2"), "/")
    assert "Requests to me" in today
    assert harvest.treatment.patient.display_name in today
    assert "Second check: Harvest" in today
    assert "Requests to me" not in page(ward.browser("nurse"), "/")
    assert answer(ward, "nurse2", made).status_code == 422
    ward.said_no("password")
    assert answer(ward, "nurse2", made, password="wrong-password-15").status_code == 422
    assert last(ward).open
    assert answer(ward, "nurse2", made, words="Read again: 60 mL.", password=PASSWORD).status_code == 303
    signature = ward.session.scalars(select(Signature).where(Signature.record_id == made.id)).one()
    assert (signature.meaning, signature.signed_by_id) == ("verification", team.nurse2.id)
    shown = page(ward.browser("quality"), url)
    for said in ("Second check: agrees", team.nurse2.printed_name, "Read again: 60 mL."):
        assert said in shown
    assert not list(verify(ward.session))


@pytest.mark.hazard("H24")
def test_an_answer_is_no_signature_under_the_record_itself(ward, team):
    mine = harvested(ready_for_harvest(team), team, signed=False)
    ask(ward, mine, team.nurse2, who="physician", kind="review")
    answer(ward, "nurse2", last(ward), password=PASSWORD)
    ward.session.expire_all()
    assert not mine.signed


@pytest.mark.hazard("H25")
@pytest.mark.rule(2)
@pytest.mark.parametrize("whom", ["nurse", "physician"])
def test_who_did_or_recorded_the_record_is_never_its_second_person(ward, team, harvest, whom):
    harvest.amend(by=team.physician, at=clock.now(), reason="slip", volume=harvest.volume + 1)
    team.add(harvest)
    assert ask(ward, harvest, ward.person(whom), who="quality").status_code == 422
    ward.said_no("another person")
    assert last(ward) is None


@pytest.mark.hazard("H25")
@pytest.mark.rule(2)
def test_a_role_is_asked_and_who_did_the_record_does_not_answer_for_it(ward, team, harvest):
    ask(ward, harvest, "role:nurse", who="quality")
    assert answer(ward, "nurse", last(ward), password=PASSWORD).status_code == 422
    ward.said_no("rule 2", "another person")
    assert answer(ward, "physician", last(ward), password=PASSWORD).status_code == 422
    ward.said_no("asked of nurse")
    assert answer(ward, "nurse2", last(ward), password=PASSWORD).status_code == 303


@pytest.mark.parametrize(("who", "said"), [("inspector", "Choose"), ("administrator", "Choose")])
def test_a_role_that_writes_in_no_record_is_not_offered(ward, team, harvest, who, said):
    assert ask(ward, harvest, ward.person(who)).status_code == 422
    ward.said_no(said.lower(), said)


def test_who_has_left_is_not_asked_even_where_the_form_was_opened_before(ward, team, harvest):
    browser, url = ward.browser("physician"), f"/records/{harvest.id}/requests/new"
    assert team.nurse2.printed_name in browser.get(url).text
    team.nurse2.active = False
    ward.session.commit()
    assert ask(ward, harvest, team.nurse2, who="physician").status_code == 422
    assert last(ward) is None


@pytest.mark.hazard("H35")
def test_another_site_s_person_is_not_asked(ward, southern_team, harvest):
    assert ask(ward, harvest, southern_team.nurse).status_code == 422
    assert last(ward) is None


@pytest.mark.hazard("H21")
def test_a_record_that_was_changed_meanwhile_is_read_again_before_the_answer(ward, team, harvest):
    ask(ward, harvest, team.nurse2, who="physician")
    made, url = last(ward), f"/requests/{last(ward).id}/answer"
    browser = ward.browser("nurse2")
    sheet = Sheet(browser.get(url).text).form(["answer"])
    harvest.amend(by=team.physician, at=clock.now(), reason="slip", volume=harvest.volume + 1)
    team.add(harvest)
    told = browser.post(url, data=sheet | {"answer": "agree", "answer_text": "Right.", "password": PASSWORD})
    assert told.status_code == 422
    assert "changed since you opened it" in told.text
    assert "Right." in told.text
    assert last(ward).open
    assert answer(ward, "nurse2", made, password=PASSWORD).status_code == 303
    harvest.amend(by=team.physician, at=clock.now(), reason="slip", volume=harvest.volume + 1)
    team.add(harvest)
    assert "of an earlier version" in ward.browser("quality").get(f"/harvests/{harvest.id}").text


def test_an_opinion_needs_no_password_and_a_disagreement_needs_words(ward, team, harvest):
    ask(ward, harvest, team.quality, kind="opinion")
    assert answer(ward, "quality", last(ward), "disagree", words="").status_code == 422
    ward.said_no("In words")
    assert answer(ward, "quality", last(ward), "disagree", words="It is too little.").status_code == 303
    assert "Disagrees" in ward.browser("inspector").get(f"/harvests/{harvest.id}").text
    assert answer(ward, "quality", last(ward), "agree").status_code == 422
    ward.said_no("answered already")


def test_a_request_is_withdrawn_by_who_asked_with_a_reason_and_stays_readable(ward, team, harvest):
    ask(ward, harvest, team.quality, kind="opinion")
    url = f"/requests/{last(ward).id}/withdrawal"
    assert ward.fill("quality", url, reason="no").status_code == 422
    ward.said_no("by the person who asked")
    assert ward.fill("nurse", url, reason="").status_code == 422
    assert ward.fill("nurse", url, reason="Settled on the telephone").status_code == 303
    assert "Settled on the telephone" in ward.browser("quality").get(f"/harvests/{harvest.id}").text
    assert "Requests to me" not in ward.browser("quality").get("/").text
    assert answer(ward, "quality", last(ward), "answered").status_code == 422
    ward.said_no("withdrawn")


def test_the_day_by_which_an_answer_is_wanted_is_not_over(ward, team, harvest):
    yesterday = clock.today("Europe/Berlin") - timedelta(days=1)
    assert ask(ward, harvest, team.quality, kind="opinion", **day_boxes("due_on", yesterday)).status_code == 422
    ward.said_no("this day is over")


def test_each_part_is_told_to_the_other(ward, team, harvest, page):
    ask(ward, harvest, "role:quality", kind="opinion")
    told = ward.session.scalars(select(Notice.user_id)).all()
    assert sorted(told) == sorted([team.quality.id, team.quality2.id])
    shown = page(ward.browser("quality"), "/notices")
    assert f"{team.nurse.printed_name} asks for your opinion" in shown
    answer(ward, "quality", last(ward), "answered", words="Fine.")
    assert "answered" in page(ward.browser("nurse"), "/notices")


def test_every_kind_of_record_can_be_asked_about_and_who_may_be_asked_may_read_it(app):
    readers = WRITERS - {Role.ADMINISTRATOR}
    shown = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert len(PAGES) > 20
    for endpoint in ("requests.of_record", "requests.show", "harvest.show", "products.show", "release.release"):
        assert endpoint in shown
        assert readers <= (ROUTES[endpoint] or set())


def test_nothing_of_it_is_deleted_and_the_ledger_tells_it(ward, team, harvest):
    ask(ward, harvest, team.quality, kind="opinion", text="Is this the right side?")
    answer(ward, "quality", last(ward), "answered", words="Yes, the right one.")
    acts = ward.session.scalars(select(LedgerEntry.act).where(LedgerEntry.record == "request")).all()
    assert acts == ["insert", "update"]
    ledger = ward.browser("quality").get("/ledger").text
    assert "request" in ledger
    assert "Is this the right side?" in ledger


# comments


def test_a_comment_is_shown_on_the_record_and_the_timeline_and_is_never_edited(ward, team, harvest, page):
    text = "The bag was warm to the touch <b>twice</b>."
    assert ward.fill("technologist", f"/records/{harvest.id}/comments/new", text=text).status_code == 303
    patient = harvest.treatment.patient_id
    for url in (f"/harvests/{harvest.id}", f"/records/{harvest.id}/comments", f"/patients/{patient}/timeline"):
        shown = page(ward.browser("inspector"), url)
        assert "The bag was warm to the touch <b>twice</b>." in shown
        assert team.technologist.printed_name in shown
    made = last(ward, Comment)
    assert ward.browser("technologist").get(f"/records/{made.id}/amendment").status_code == 403


def test_a_comment_is_struck_with_a_reason_by_its_writer_or_quality_and_stays_readable(ward, team, harvest):
    ward.fill("technologist", f"/records/{harvest.id}/comments/new", text="Wrong bag.", sure="the ward asked")
    url = f"/comments/{last(ward, Comment).id}/strike"
    assert ward.fill("nurse", url, reason="I do not like it").status_code == 422
    ward.said_no("by the person who wrote it")
    assert ward.fill("technologist", url, reason="").status_code == 422
    assert ward.fill("technologist", url, reason="It was another course").status_code == 303
    assert ward.fill("quality", url, reason="again").status_code == 422
    shown = ward.browser("nurse").get(f"/harvests/{harvest.id}").text
    assert "<del>Wrong bag.</del>" in shown
    assert "It was another course" in shown


def test_a_course_a_product_and_a_patient_have_comments_too(ward, team, harvest, page):
    for row in (harvest.treatment, harvest.products[0], harvest.treatment.patient):
        assert ward.fill("nurse", f"/records/{row.id}/comments/new", text=f"About {row.KIND}").status_code == 303
        assert f"About {row.KIND}" in page(ward.browser("quality"), f"/records/{row.id}/comments")
    shown = page(ward.browser("quality"), f"/patients/{harvest.treatment.patient_id}/timeline")
    assert "About TR" in shown
    assert "About PT" in shown


def test_an_empty_comment_is_refused_at_its_box(ward, harvest):
    assert ward.fill("nurse", f"/records/{harvest.id}/comments/new", text="  ").status_code == 422
    assert last(ward, Comment) is None
