"""Scans of paper, and what a check, a hold and a result on paper say of then and now."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import func, select

from clinic import clock
from clinic.administration.models import Administration, BedsideCheck
from clinic.administration.vital_signs import VitalSigns
from clinic.attachments import files as scans
from clinic.attachments.models import Attachment, AttachmentContent
from clinic.demo import laboratory
from clinic.extensions import db
from clinic.harvest.models import Harvest
from clinic.ledger.models import LedgerEntry
from clinic.release.models import Release
from tests.bedside import released_product
from tests.databases import both_databases
from tests.downtime.papers import FACTS, ago, give, harvest, one, paper
from tests.factories import harvested, ready_for_harvest
from tests.safety.driver import Sheet, Ward, _written
from tests.safety.scenes import scene

PDF = b"%PDF-1.7\nsynthetic scan of a sheet\n%%EOF\n"


PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20 + b"IEND\xaeB`\x82"


JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 20 + b"\xff\xd9"


@pytest.fixture
def ward(session, team, client_as):
    return Ward(session, team, client_as)


# scans


@pytest.mark.hazard("H37")
def test_the_scan_can_be_sent_with_what_is_copied_from_it(ward, team):
    mine = ready_for_harvest(team)
    url = f"/treatments/{mine.id}/paper/harvest/new"
    assert send(ward.browser("nurse2"), url, written(ward), "sheet.pdf", b"no scan").status_code == 422
    told = send(ward.browser("nurse2"), url, written(ward), "sheet.pdf", b"no scan").text
    assert "can be attached" in told
    assert "ACD-1" in told
    assert send(ward.browser("nurse2"), url, written(ward), "sheet.pdf", PDF).status_code == 303
    assert one(ward, Attachment).record_id == one(ward, Harvest).id


def written(ward):
    facts = paper(ward) | FACTS | {
        "performed_at": ago(hours=5, minutes=40), "ended_at": ago(hours=5), "time_out_at": ago(hours=5, minutes=45),
        "performed_by_id": ward.team.nurse.id, "passes": "10",
    }  # fmt: skip
    return _written(facts)


@both_databases
@pytest.mark.parametrize(("name", "content"), [("a.pdf", PDF), ("b.PNG", PNG), ("c.jpeg", JPEG)])
def test_a_scan_is_kept_with_its_hash_and_given_out_as_an_attachment(ward, team, session, name, content):
    mine = ready_for_harvest(team)
    harvest(ward, mine)
    taken, browser = one(ward, Harvest), ward.browser("nurse2")
    assert "scan of the paper is missing" in browser.get(f"/harvests/{taken.id}").text
    answer = attach(ward, taken, name, content)
    assert answer.status_code == 303, answer.text
    scan = one(ward, Attachment)
    told = ward.browser("inspector").get(f"/attachments/{scan.id}")
    assert told.data == content
    assert told.headers["Content-Disposition"].startswith("attachment; filename=HV-")
    assert told.headers["X-Content-Type-Options"] == "nosniff"
    assert name not in str(told.headers)
    ledger = session.scalars(select(LedgerEntry).where(LedgerEntry.record == "paper_scan")).one()
    assert ledger.after["sha256"] == scan.sha256
    assert ward.client_as("administrator").get(f"/attachments/{scan.id}").status_code == 403
    assert ward.client_as("nurse", site="south").get(f"/attachments/{scan.id}").status_code == 404
    assert attach(ward, taken, name, content).status_code == 422


def attach(ward, record, name, content, who="nurse2"):
    return send(ward.browser(who), f"/records/{record.id}/attachments/new", {}, name, content, "file")


def send(browser, url, typed, name, content, box="paper_scan"):
    """Send a form with a scan as a browser does; the test client would leave its own copy of a large one open."""
    sent, mark = Sheet(browser.get(url).text).form([box]) | typed, "--a-mark-of-the-tests"
    lines = [
        f'{mark}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, values in sent.items()
        for value in values
        if key not in {"do", box}
    ]
    head = f'{mark}\r\nContent-Disposition: form-data; name="{box}"; filename="{name}"\r\n\r\n'
    body = "".join([*lines, head]).encode() + content + f"\r\n{mark}--\r\n".encode()
    return browser.post(url, data=body, content_type=f"multipart/form-data; boundary={mark[2:]}")


@pytest.mark.parametrize(("name", "content", "said"), [
    ("a.pdf", b"<html><script>alert(1)</script></html>", "can be attached"),
    ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "can be attached"),
    ("a.png", PDF, "does not match"),
    ("a.pdf.exe", PDF, "does not match"),
    ("a.pdf", b"%PDF-1.7 cut off", "can be attached"),
    ("a.pdf", b"", "can be attached"),
    ("../../a.pdf", b"%PDF-" + b"x" * scans.MOST + b"%%EOF", "larger than 10 MB"),
])  # fmt: skip
def test_what_is_no_scan_is_refused_at_its_box(ward, team, name, content, said):
    mine = ready_for_harvest(team)
    harvest(ward, mine)
    answer = attach(ward, one(ward, Harvest), name, content)
    assert answer.status_code == 422
    assert said in answer.text
    assert ward.session.scalar(select(func.count()).select_from(Attachment)) == 0


def test_a_flood_is_refused_before_it_is_read(ward, team):
    mine = ready_for_harvest(team)
    harvest(ward, mine)
    answer = attach(ward, one(ward, Harvest), "a.pdf", b"%PDF-" + b"x" * 17 * 1024 * 1024)
    assert answer.status_code == 413


def test_a_person_attaches_only_so_much_in_a_day(ward, team, monkeypatch):
    monkeypatch.setattr(scans, "QUOTA", 100)
    mine = ready_for_harvest(team)
    harvest(ward, mine)
    taken = one(ward, Harvest)
    assert attach(ward, taken, "a.pdf", PDF).status_code == 303
    answer = attach(ward, taken, "b.pdf", PDF + b" " * 80)
    assert answer.status_code == 422
    assert "too much today" in answer.text


def test_a_scan_that_was_changed_behind_the_program_is_found(app, ward, team, session):
    mine = ready_for_harvest(team)
    harvest(ward, mine)
    attach(ward, one(ward, Harvest), "a.pdf", PDF)
    with app.app_context():
        assert list(scans.disagreements(db.session())) == []
        db.session.scalars(select(AttachmentContent)).one().content = b"another sheet"
        db.session.commit()
        assert "not the one" in " ".join(scans.disagreements(db.session()))
        db.session.remove()


def test_a_scan_belongs_only_to_what_was_copied_from_paper(ward, team):
    mine = harvested(ready_for_harvest(team), team)
    assert ward.browser("nurse").get(f"/records/{mine.id}/scan").status_code == 404


def test_the_check_and_the_vital_signs_on_paper_are_marked_too(ward, team, session):
    mine = ready_for_harvest(team)
    bag = released_product(mine, team, made_at=ago(hours=6), volume=Decimal(10))
    give(ward, mine, bag)
    assert one(ward, BedsideCheck).paper is not None
    assert one(ward, VitalSigns).paper is not None


@scene
def held_later(ward):
    """A bag that was released three and a half hours ago, with a sibling."""
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team, made_at=ago(hours=5), released=False))
    laboratory.release(ward.team, mine, bag, ago(hours=3, minutes=30), decision="conditional")
    return mine, bag


@pytest.mark.hazard("H37")
@pytest.mark.rule(50)
@pytest.mark.parametrize("no", ["hold", "reject"])
def test_a_hold_that_was_set_after_the_giving_is_said_of_now_and_not_of_then(ward, held_later, no):
    mine, bag = held_later
    assert ward.decide(bag, no, reason="Broken seal seen in the tank").status_code == 303, ward.refused
    assert give(ward, mine, bag, hours=3).status_code == 303, ward.refused
    made = one(ward, Administration)
    assert made.not_permitted == []
    assert made.bedside_check.clear
    assert any("not released" in said and "rule 50" in said for said in made.paper["now"])


@pytest.mark.hazard("H37")
@pytest.mark.rule(50)
def test_a_hold_that_was_there_at_the_giving_is_said_of_then_whatever_was_decided_since(ward, held_later):
    mine, bag = held_later
    _decided(ward, bag, "hold", ago(hours=3, minutes=15))
    laboratory.release(ward.team, mine, bag, ago(hours=2), decision="conditional")
    assert give(ward, mine, bag, hours=3).status_code == 303, ward.refused
    made = one(ward, Administration)
    assert any("not released" in said and "rule 50" in said for said in made.not_permitted)
    assert not made.bedside_check.clear


@pytest.mark.hazard("H37")
@pytest.mark.rule(43)
def test_growth_that_was_read_after_the_giving_is_said_of_now_and_not_of_then(ward, held_later):
    mine, bag = held_later
    times = {"sampled_at": ago(hours=2), "performed_at": ago(hours=1)}
    answer = ward.result(bag, "gram_stain", outcome="organisms", finding="cocci", sure="x", **times)
    assert answer.status_code == 303, ward.refused
    assert give(ward, mine, bag, hours=3).status_code == 303, ward.refused
    made = one(ward, Administration)
    assert made.not_permitted == []
    assert any("not released" in said for said in made.paper["now"])


@pytest.mark.hazard("H37")
@pytest.mark.rule(50)
def test_a_start_that_is_corrected_to_after_a_hold_is_marked(ward, held_later, session):
    mine, bag = held_later
    assert give(ward, mine, bag, hours=3).status_code == 303, ward.refused
    _decided(ward, bag, "hold", ago(hours=2, minutes=45))
    made = one(ward, Administration)
    assert made.not_permitted == []
    for record in (made, made.bedside_check):
        record.amend(by=ward.team.nurse2, at=clock.now(), reason="Misread", performed_at=ago(hours=2, minutes=30))
    session.commit()
    assert any("put it on hold" in said for said in one(ward, Administration).not_permitted)


def _decided(ward, bag, decision, at):
    made = Release.log(
        by=ward.team.quality, at=at, performed_by=ward.team.quality, performed_at=at, product_id=bag.id, product=bag,
        site_id=bag.site_id, decision=decision, reason="Broken seal",
    )  # fmt: skip
    ward.session.add(made)
    ward.session.commit()
