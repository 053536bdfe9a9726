"""What an auditor answers from the pages alone, and what the proof tells about a change behind the program."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.ledger.verify import verify
from clinic.patients.models import Alert
from tests.bedside import checked, given, released_product
from tests.factories import patient, ready_for_harvest
from tests.judging import decisions_on, valid_consent


@pytest.fixture
def infusion(session, team):
    """An infusion of released cells, whose end is not recorded yet."""
    course = ready_for_harvest(team)
    one = given(checked(course, released_product(course, team), team), team)
    session.commit()
    return one


def test_an_infusion_s_page_says_on_what_it_rested(client_as, page, infusion):
    shown = page(client_as("inspector"), f"/administrations/{infusion.id}")
    release = decisions_on(infusion.product)[-1]
    consent = valid_consent(infusion.treatment, infusion.performed_at)
    for said in (release.headline(), release.performed_by.printed_name, consent.headline(), "form 3.1"):
        assert said in shown
    assert f"/products/{infusion.product_id}/release" in shown.links
    assert f"/consents/{consent.id}" in shown.links
    assert f"/bedside-checks/{infusion.check_id}" in shown.links or any(infusion.check_id in x for x in shown.links)


@pytest.mark.hazard("H26")
def test_a_release_under_a_condition_stays_marked_on_the_infusion(client_as, page, session, team, infusion):
    release = decisions_on(infusion.product)[-1]
    release.decision, release.reason = "conditional", "14-day culture pending"
    session.commit()
    shown = page(client_as("inspector"), f"/administrations/{infusion.id}")
    assert f"{release.headline()}. 14-day culture pending" in shown


@pytest.mark.hazard("H17")
def test_a_dose_is_told_with_its_power_of_ten(client_as, page, infusion):
    shown = page(client_as("inspector"), f"/administrations/{infusion.id}").text
    dose = re.search(r"\bDose (\d\S*) (.{6})", shown)
    assert dose is not None
    assert dose[2].startswith("× 10"), shown[dose.start() : dose.end() + 20]


@pytest.mark.hazard("H22")
def test_a_change_far_into_a_long_text_is_shown_where_it_is(house, session, team):
    if house.store.url.startswith("postgresql"):
        pytest.fail("this test writes into a SQLite file behind the program")
    text = "Reacts to the dressing. " * 20
    alert = team.add(Alert.log(by=team.nurse, at=clock.now(), patient=patient(team), text=text))
    session.commit()
    changed = alert.id
    session.close()
    with closing(sqlite3.connect(house.store.file)) as connection:
        connection.execute("UPDATE alert SET text = ? WHERE id = ?", (f"{text[:-3]}X. ", changed))
        connection.commit()
    (fault,) = verify(session)
    assert (fault.table, fault.row, fault.column) == ("alert", changed, "text")
    said, written = re.findall("“([^”]*)”", fault.because)
    assert said != written
    assert len(said) < 70
    assert session.scalar(select(Alert.id)) == changed
