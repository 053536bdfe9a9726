"""The bell counts what is unread, a page opens it, and an e-mail tells that there is something, never what."""

from __future__ import annotations

import logging
import socketserver
import threading
from datetime import timedelta
from email import message_from_string

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.errors import SettingsWrong
from clinic.extensions import db
from clinic.followup.adverse_events import AdverseEvent
from clinic.ledger.listener import set_actor
from clinic.notices import Notice, NoticeMail, notify
from clinic.requests.mail import message, send_waiting
from config import Smtp, load
from tests.databases import both_databases
from tests.factories import harvested, patient, ready_for_harvest
from tests.safety.driver import Ward


@pytest.fixture
def ward(session, team, client_as):
    return Ward(session, team, client_as)


def tell(session, people, *, by, text="The culture grew", about=None):
    set_actor(session, by.id)
    made = notify(session, people, by=by, at=clock.now(), text=text, about=about)
    session.commit()
    return made


@both_databases
def test_the_bell_counts_and_opening_a_notice_leads_to_its_record_and_marks_it_read(
    session, team, client_as, post, page
):
    harvest = harvested(ready_for_harvest(team), team)
    (one, two) = [tell(session, [team.nurse], by=team.quality, about=harvest)[0] for _ in range(2)]
    browser = client_as("nurse")
    assert "2 unread" in page(browser, "/")
    led = post(browser, f"/notices/{one.id}/reading")
    assert led.location == f"/harvests/{harvest.id}"
    session.expire_all()
    assert one.read_at is not None
    assert two.read_at is None
    assert post(browser, "/notices/readings").status_code == 303
    session.expire_all()
    assert two.read_at is not None
    assert "unread" not in page(browser, "/notices").text


@both_databases
def test_nobody_reads_or_marks_the_notices_of_somebody_else(session, team, client_as, post, page):
    (one,) = tell(session, [team.nurse], by=team.quality, text="Only for the nurse")
    other = client_as("nurse", second=True)
    assert "Only for the nurse" not in page(other, "/notices")
    assert post(other, f"/notices/{one.id}/reading").location == "/notices"
    assert post(client_as("nurse", site="south"), f"/notices/{one.id}/reading").status_code == 404
    session.expire_all()
    assert one.read_at is None


def test_who_tells_and_who_has_left_are_told_nothing_and_nobody_is_told_twice(session, team):
    team.nurse2.active = False
    made = tell(session, [team.nurse, team.nurse, team.nurse2, team.quality], by=team.quality)
    assert [one.user_id for one in made] == [team.nurse.id]


def test_the_count_of_the_bell_costs_no_statement_of_its_own(session, team, client_as, queries):
    browser = client_as("nurse")
    browser.get("/notices")
    count = queries()
    browser.get("/notices")
    before = count()
    tell(session, [team.nurse], by=team.quality)
    count = queries()
    assert "1<span" in browser.get("/notices").text
    assert count() <= before


def test_more_than_can_be_counted_is_said_so(session, team, client_as):
    for number in range(101):
        notify(session, [team.nurse], by=team.quality, at=clock.now(), text=f"Notice {number}")
    session.commit()
    browser = client_as("nurse")
    assert "99+" in browser.get("/").text
    first = browser.get("/notices")
    assert first.text.count("is-unread") == 50
    assert "Next" in first.text


@pytest.mark.hazard("H29")
def test_a_serious_event_is_told_to_the_responsible_physician_and_to_quality(ward, team, session):
    course = ready_for_harvest(team)
    harvested(course, team)
    facts = {"term": "Fever", "grade": "3", "serious": ["hospitalisation"], "from_cells": "possible",
             "from_harvest": "unlikely", "from_delivery": "unlikely", "expected": "unexpected", "outcome": "ongoing",
             "performed_at": clock.now() - timedelta(hours=1), "performed_by_id": team.nurse.id}  # fmt: skip
    answer = ward.fill("nurse", f"/treatments/{course.id}/adverse-events/new", sure="seen", **facts)
    assert answer.status_code == 303, ward.refused
    event = session.scalars(select(AdverseEvent)).one()
    told = set(session.scalars(select(Notice.user_id).where(Notice.record_id == event.id)))
    assert told == {course.performed_by_id, team.quality.id, team.quality2.id}


# e-mail


class Post(socketserver.ThreadingTCPServer):
    """A mail server on this machine that keeps what it is sent; ``refuses``: it takes nobody's mail."""

    allow_reuse_address = daemon_threads = True
    refuses = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.mails: list[str] = []


class Handler(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self):
        self.say("220 loopback")
        while line := self.rfile.readline().decode().strip():
            word = line.split(" ")[0].upper()
            if word == "DATA":
                self.say("354 go on")
                kept = []
                while (part := self.rfile.readline().decode()) != ".\r\n":
                    kept.append(part)
                self.server.mails.append("".join(kept))
                self.say("250 kept")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("550 nobody here" if self.server.refuses and word == "RCPT" else "250 ok")


@pytest.fixture
def post_office():
    with Post() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def smtp_of(server):
    return Smtp(host="127.0.0.1", port=server.server_address[1], security="none", sender="clinic@north.demo")


def mailed(app, smtp, at=None):
    with app.app_context():
        count = send_waiting(db.session(), smtp, at or clock.now(), "https://clinic.example")
        db.session.remove()
    return count


@both_databases
def test_a_mail_says_how_many_notices_wait_and_nothing_of_them(app, session, team, post_office):
    someone = patient(team)
    for _ in range(2):
        tell(session, [team.nurse], by=team.quality, text=f"Released: {someone.display_name}", about=someone)
    tell(session, [team.physician], by=team.quality, text="x")
    assert mailed(app, smtp_of(post_office)) == 2
    (sent,) = [text for text in post_office.mails if "nurse@north.demo" in text]
    parsed = message_from_string(sent)
    assert parsed["Subject"] == "You have 2 new notices in Cellcourse"
    assert "https://clinic.example/notices" in sent
    for secret in (someone.family_name, someone.record_number, someone.id, "Released", team.quality.printed_name):
        assert secret not in sent
    assert mailed(app, smtp_of(post_office)) == 0
    assert len(post_office.mails) == 2


def test_what_was_read_or_is_old_or_is_for_who_has_left_is_not_mailed(app, session, team, post_office):
    (read,) = tell(session, [team.nurse], by=team.quality)
    read.read_at = clock.now()
    tell(session, [team.nurse2], by=team.quality)
    team.nurse2.active = False
    session.commit()
    tell(session, [team.physician], by=team.quality)
    assert mailed(app, smtp_of(post_office), clock.now() + timedelta(days=2)) == 0
    assert mailed(app, smtp_of(post_office)) == 1


def test_a_mail_that_fails_is_tried_again_later_and_its_log_names_nobody(app, session, team, post_office, caplog):
    tell(session, [team.nurse], by=team.quality)
    post_office.refuses = True
    with caplog.at_level(logging.WARNING):
        assert mailed(app, smtp_of(post_office)) == 0
    assert "SMTPRecipientsRefused" in caplog.text
    assert "nurse" not in caplog.text
    post_office.refuses = False
    assert mailed(app, smtp_of(post_office)) == 0
    assert mailed(app, smtp_of(post_office), clock.now() + timedelta(minutes=11)) == 1
    assert session.scalars(select(NoticeMail.tries)).all() == [2]


def test_without_a_mail_server_nothing_is_sent_and_nothing_fails(app, session, team, post_office):
    tell(session, [team.nurse], by=team.quality)
    assert mailed(app, None) == 0
    away = Smtp(host="127.0.0.1", port=9, security="none", sender="clinic@north.demo", password="a-secret")
    assert mailed(app, away) == 0
    assert "a-secret" not in repr(away)


def test_a_header_cannot_be_broken_by_an_address():
    with pytest.raises(ValueError, match="linefeed"):
        message("clinic@north.demo", "nurse@north.demo\r\nBcc: all@example", 1, "")


@pytest.mark.parametrize(("settings", "said"), [
    ({"CLINIC_SMTP_PORT": "smtp"}, "CLINIC_SMTP_PORT"),
    ({"CLINIC_SMTP_SECURITY": "maybe"}, "CLINIC_SMTP_SECURITY"),
    ({"CLINIC_SMTP_SECURITY": "none", "CLINIC_SMTP_USER": "u@x"}, "CLINIC_SMTP_SECURITY"),
    ({"CLINIC_SMTP_FROM": "nobody"}, "CLINIC_SMTP_FROM"),
])  # fmt: skip
def test_a_mail_setting_that_cannot_work_is_refused_at_start(tmp_path, settings, said):
    base = {"CLINIC_INSTANCE": str(tmp_path), "CLINIC_SECRET_KEY": "k" * 40, "CLINIC_SMTP_HOST": "mail.example",
            "CLINIC_SMTP_FROM": "clinic@example.org"}  # fmt: skip
    assert load(base).smtp is not None
    with pytest.raises(SettingsWrong, match=said):
        load(base | settings)
