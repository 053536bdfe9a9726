"""The downtime kit: what is needed for a day without the system, on a page and in a file, and who read it."""

from __future__ import annotations

import re
import stat

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from clinic import wording
from clinic.cli import clinic
from clinic.downtime.kinds import KINDS
from clinic.downtime.models import DowntimeKit
from clinic.fields import fields_of
from clinic.ledger.listener import set_actor
from clinic.ledger.models import LedgerEntry
from tests.bedside import released_product
from tests.databases import both_databases
from tests.factories import patient, ready_for_harvest
from tests.reading import Page
from tests.safety.driver import Sheet


def printed(browser, *, forms=True):
    """Ask for the kit as a person does."""
    sent = Sheet(browser.get("/downtime").text).form(["parts"])
    return browser.post("/downtime", data=sent | ({"parts": ["forms"]} if forms else {}))


@both_databases
def test_the_kit_has_the_day_the_courses_and_blank_forms(session, team, client_as):
    someone = patient(team, allergy_status="present", allergies="Penicillin", abo="A", rhd="positive")
    course = ready_for_harvest(team, someone)
    bag = released_product(course, team)
    waiting = ready_for_harvest(team)
    answer = printed(client_as("nurse"))
    assert answer.status_code == 200
    shown = Page.of(answer.text)
    assert shown.problems() == []
    for said in (
        someone.display_name, someone.record_number, course.chain_of_identity, "Penicillin", "right", bag.id,
        "Released", "Check at the bedside", waiting.patient.display_name, "Record the harvest", "Eligibility",
    ):  # fmt: skip
        assert said.lower() in shown.text.lower(), said
    for kind in KINDS.values():
        for fact in fields_of(kind.model).values():
            if fact.label not in {"Dose", "Dose per kg", "Dose counted as", "Body weight", "Dose calculation"}:
                assert fact.label in shown, f"{kind.title}: {fact.label}"


@pytest.mark.hazard("H17")
def test_the_paper_writes_doses_birth_dates_and_numbers_as_a_person_reads_them(session, team, client_as):
    someone = patient(team)
    course = ready_for_harvest(team, someone)
    released_product(course, team)
    answer = printed(client_as("nurse"), forms=False).text
    assert "&lt;sup&gt;" not in answer
    assert "× 10<sup>" in answer
    text = Page.of(answer).text
    assert "Born born" not in text
    assert wording.day(someone.birth_date) in text
    assert answer.count(f">{someone.record_number}<") == answer.count(f'class="k-num">{someone.record_number}<') >= 2


@both_databases
@pytest.mark.rule(70)
def test_reading_the_kit_is_in_the_ledger_before_it_is_shown_and_looking_at_the_form_is_not(session, team, client_as):
    course = ready_for_harvest(team)
    browser = client_as("nurse")
    assert browser.get("/downtime").status_code == 200
    assert session.scalar(select(DowntimeKit.id)) is None
    printed(browser, forms=False)
    session.expire_all()
    kit = session.scalars(select(DowntimeKit)).one()
    assert (kit.printed_by_id, kit.courses, kit.patients) == (team.nurse.id, [course.id], 1)
    entry = session.scalars(select(LedgerEntry).where(LedgerEntry.record == "downtime_kit")).one()
    assert entry.actor_id == team.nurse.id


@pytest.mark.hazard("H35")
def test_the_kit_is_of_one_s_own_site_and_not_for_who_reads_no_patients(session, team, southern_team, client_as):
    mine = ready_for_harvest(team)
    session.commit()
    set_actor(session, southern_team.physician.id)
    foreign = ready_for_harvest(southern_team)
    session.commit()
    text = printed(client_as("nurse")).text
    assert mine.id not in text or mine.patient.record_number in text
    assert foreign.patient.record_number not in text
    assert client_as("administrator").get("/downtime").status_code == 403


@pytest.fixture
def command(app, house, tmp_path, monkeypatch, session, team):
    """Run `clinic downtime` over the test's database."""
    monkeypatch.setenv("CLINIC_DATABASE_URL", house.store.url)
    monkeypatch.setenv("CLINIC_INSTANCE", str(tmp_path))
    monkeypatch.setenv("CLINIC_SECRET_KEY", "k" * 40)
    ready_for_harvest(team)
    session.commit()

    def run(*arguments):
        return CliRunner().invoke(clinic, ["downtime", *arguments])

    return run


@pytest.mark.slow
def test_the_command_writes_one_file_of_its_own_for_its_owner_alone(command, tmp_path, session, team):
    file = tmp_path / "kit.html"
    done = command("--out", str(file), "--as", "nurse@north.demo")
    assert done.exit_code == 0, done.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert not re.search(r'(src|href)="', text)
    assert "<style>" in text
    assert "MRN-" in text
    assert "MRN-" not in file.name
    session.expire_all()
    kit = session.scalars(select(DowntimeKit)).one()
    assert kit.printed_by_id == team.nurse.id
    session.commit()
    again = command("--out", str(file))
    assert again.exit_code == 0, again.output
    assert [path.name for path in tmp_path.glob(".downtime-*")] == []
    entry = session.scalars(
        select(LedgerEntry).where(LedgerEntry.record == "downtime_kit").order_by(LedgerEntry.key.desc())
    ).first()
    assert "command line" in entry.reason


@pytest.mark.slow
def test_the_command_replaces_no_other_file_and_lets_nobody_read_who_may_not(command, tmp_path):
    other = tmp_path / "letter.html"
    other.write_text("<html>a letter</html>")
    assert command("--out", str(other)).exit_code != 0
    assert other.read_text() == "<html>a letter</html>"
    assert command("--out", str(tmp_path / "a.html"), "--as", "administrator@north.demo").exit_code != 0
    assert command("--out", str(tmp_path / "a.html"), "--as", "nurse@north.demo", "--site", "south").exit_code != 0
    assert not (tmp_path / "a.html").exists()
