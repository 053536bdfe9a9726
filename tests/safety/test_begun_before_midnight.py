"""Cells that run over a midnight are judged by the clock of their start (rules 14, 23, 44)."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from clinic import clock
from clinic.consent.models import Consent
from tests.factories import published, ready_for_harvest
from tests.safety.reacting import decide
from tests.safety.test_written_since_the_decision import alert, stopped


def late():
    """Return 23:40 at the clinic, in winter."""
    return clock.now().replace(hour=22, minute=40)


def banked(ward):
    """A course with two bags of a donor's cells, which make one dose together."""
    cord, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    bags = ward.banked(ward.donated(donor, cord), cord, bags=2, amount="36.25")
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    for bag in bags:
        ward.assign(bag, mine)
        ward.release(bag)
    return mine, bags


@pytest.mark.rule(23)
@pytest.mark.parametrize("hours", [0.5, 10, 30])
def test_own_cells_run_on_over_midnight(ward, hours):
    mine, (bag, _other) = banked(ward)
    with time_machine.travel(late(), tick=True):
        ward.give(mine, bag)
        assert ward.given(bag) is not None, ward.refused
        assert not stopped(ward)
        with ward.later(hours=hours):
            assert not stopped(ward)
            page = ward.browser("nurse").get(f"/administrations/{ward.given(bag).id}").text
            assert "Stop giving" not in page
            alert(ward, mine, "Patient refuses further cells")
            assert "refuses further cells" in stopped(ward), "what is new still stops"


@pytest.mark.rule(23)
def test_the_second_bag_of_a_dose_runs_on_after_midnight(ward):
    mine, bags = banked(ward)
    start = late()
    with time_machine.travel(start, tick=True):
        ward.give(mine, bags[0])
        with ward.later(minutes=10):
            ward.end(ward.given(bags[0]))
    with time_machine.travel(start + timedelta(minutes=30), tick=True):
        ward.give(mine, bags[1])
        assert ward.given(bags[1]) is not None, ward.refused
        assert not stopped(ward)
        with ward.later(hours=26):
            assert not stopped(ward)


@pytest.mark.rule(14, 23)
def test_the_last_day_of_decision_and_consent_ends_no_cells_that_run(ward):
    mine, (bag, _other) = banked(ward)
    today = clock.today("Europe/Berlin")
    ward.sign("physician", decide(ward, mine, valid_until=today))
    consent = ward.session.query(Consent).filter_by(patient_id=mine.patient_id).one()
    consent.expires_on = today
    consent.sign(by=consent.performed_by, at=clock.now())
    ward.session.commit()
    with time_machine.travel(late(), tick=True):
        ward.give(mine, bag)
        assert ward.given(bag) is not None, ward.refused
        with ward.later(minutes=30):
            assert not stopped(ward)
            ward.sign("physician", decide(ward, mine, eligible=False, reasons="fever"))
            assert "not eligible" in stopped(ward)
