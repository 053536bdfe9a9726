"""The ledger is read in sentences, by those whose trade it is, and nobody learns of patients there who may not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from clinic import clock
from clinic.ledger.listener import set_actor
from tests.factories import harvested, patient, ready_for_harvest


@pytest.fixture
def amended(session, team):
    harvest = harvested(ready_for_harvest(team), team)
    session.commit()
    set_actor(session, team.physician.id, "The bag was weighed again.")
    harvest.amend(by=team.physician, at=clock.now(), reason="The bag was weighed again.", volume=Decimal(62))
    session.commit()
    set_actor(session, team.physician.id)
    return harvest


def test_a_correction_reads_as_a_sentence(amended, client_as, page):
    shown = page(client_as("quality"), "/ledger")
    assert f"Dr I. Novak amended the harvest {amended.id} Volume collected 60 mL → 62 mL" in shown
    assert "Reason: “The bag was weighed again.”" in shown
    assert f"Dr I. Novak signed the harvest {amended.id}" in shown


@pytest.mark.parametrize("role", ["quality", "director", "inspector"])
def test_those_whose_trade_it_is_read_it(amended, client_as, page, role):
    assert amended.id in page(client_as(role), "/ledger").html


def test_an_administrator_reads_of_accounts_and_of_no_patient(amended, client_as, page, user):
    for address in (
        "/ledger",
        "/ledger?kind=harvest",
        f"/ledger?record={amended.id}",
        f"/ledger?who={amended.performed_by_id}",
    ):
        shown = page(client_as("administrator"), address)
        assert "recorded the harvest" not in shown
        assert "Novak, Dr" not in shown
        assert "Volume collected" not in shown.html
    nurse = user("nurse")
    shown = page(client_as("administrator"), "/ledger")
    assert f"created the account of {nurse.printed_name} {nurse.id}" in shown
    assert "uniquifier" not in shown


@pytest.mark.hazard("H35")
def test_another_clinic_s_entries_are_not_there(amended, client_as, page, user):
    south = client_as("quality", site="south")
    for address in (
        "/ledger",
        f"/ledger?record={amended.id}",
        f"/ledger?who={user('physician').id}",
        "/ledger?kind=harvest",
    ):
        assert amended.id not in page(south, address).text


def test_the_filters_find_person_kind_day_and_record(amended, client_as, page, user):
    quality = client_as("quality")
    assert "recorded the harvest" in page(quality, "/ledger?kind=harvest")
    assert "the patient" not in page(quality, "/ledger?kind=harvest").text.split("Show all")[1]
    assert "No matching entries" in page(quality, f"/ledger?who={user('nurse', second=True).id}")
    day = clock.local(clock.now(), "Europe/Berlin").date()
    boxes = f"/ledger?day-d={day.day}&day-m={day.month}&day-y={day.year}"
    assert amended.id in page(quality, boxes).html
    assert "No matching entries" in page(quality, "/ledger?day-d=1&day-m=1&day-y=2020")
    assert amended.id in page(quality, f"/ledger?day={day:%Y-%m-%d}").html
    assert "No matching entries" in page(quality, "/ledger?day=2020-01-01")
    about = page(quality, f"/ledger?record={amended.id.lower()}")
    assert f"Dr I. Novak amended the harvest {amended.id}" in about


@pytest.mark.parametrize(
    "asked",
    [
        "day=31.12.2026",
        "day=9999-12-31",
        "day='",
        "record=HV-1",
        "kind=nonsense",
        "who=%27",
        "before=x",
        "before=-1",
        "before=9999999999999999999",
    ],
)
def test_whatever_is_typed_into_the_filter_is_answered(amended, client_as, page, asked):
    page(client_as("quality"), f"/ledger?{asked}")


def test_pages_follow_each_other_without_a_gap_or_a_repeat(session, team, client_as, page, queries):
    for _ in range(60):
        patient(team, weight=None)
    session.commit()
    quality, seen, url = client_as("quality"), [], "/ledger?kind=patient"
    while url:
        count = queries()
        shown = page(quality, url)
        assert count() <= 8
        rows = shown.html.split('c-ledger__no c-num">')[1:]
        seen += [int(row.split("<")[0]) for row in rows]
        url = next(
            (
                link
                for link in shown.links
                if "before=" in link and int(link.rpartition("before=")[2].split("&")[0]) == seen[-1]
            ),
            None,
        )
    assert len(seen) == 60
    assert seen == sorted(set(seen), reverse=True)


def test_a_password_shows_in_no_entry(session, team, client_as, page):
    secret = team.nurse.password
    team.nurse.password = "$argon2id$new"
    session.commit()
    shown = page(client_as("administrator"), "/ledger")
    assert secret not in shown.html
    assert "$argon2" not in shown.html
    assert "reset, never shown" in shown.html
