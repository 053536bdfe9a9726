"""An infection that an alert tells of counts until a physician says that it is over (rules 23, 45)."""

from __future__ import annotations

import pytest

from clinic.patients.models import Alert
from tests.safety.reacting import newest
from tests.safety.test_a_no_is_not_taken_back_alone import confirmed
from tests.safety.test_written_since_the_decision import alert, own, stopped

__all__ = ["own"]

pytestmark = [pytest.mark.rule(23), pytest.mark.rule(45)]
SEPSIS = "Blood culture positive since this morning"


def closed(ward, who):
    answer = ward.fill(who, f"/alerts/{newest(ward, Alert).id}/closing", reason="was a mistake")
    assert answer.status_code == 303, ward.refused


@pytest.fixture
def runs(ward, own):
    """Cells run, and a nurse writes of an infection."""
    bag, mine = own
    ward.give(mine, bag)
    alert(ward, mine, SEPSIS)
    assert SEPSIS in stopped(ward)
    return bag, mine


@pytest.mark.parametrize(
    ("who", "goes_on"), [("nurse", True), ("coordinator", True), ("nurse2", True), ("physician", False)]
)
def test_only_a_physician_ends_the_stop_of_cells_that_run_for_an_infection(ward, runs, who, goes_on):
    closed(ward, who)
    assert (SEPSIS in stopped(ward)) is goes_on
    if goes_on:
        confirmed(ward, "physician")
        assert not stopped(ward)


def test_another_word_of_the_same_nurse_takes_the_infection_not_away(ward, runs):
    assert ward.amend("nurse", newest(ward, Alert), text="Hard of hearing").status_code == 303, ward.refused
    assert SEPSIS in stopped(ward)
    assert "counts at the bedside" in ward.browser("nurse").get(f"/patients/{runs[1].patient_id}").text
    confirmed(ward, "physician")
    assert not stopped(ward)


def test_who_wrote_the_infection_into_the_alert_of_a_colleague_is_its_author_too(ward, own):
    bag, mine = own
    ward.give(mine, bag)
    alert(ward, mine, "Hard of hearing")
    assert ward.amend("nurse2", newest(ward, Alert), text=SEPSIS).status_code == 303, ward.refused
    assert SEPSIS in stopped(ward)
    closed(ward, "nurse2")
    assert SEPSIS in stopped(ward)


def test_at_the_bedside_the_infection_stops_until_a_physician_has_closed_it(ward, own):
    bag, mine = own
    alert(ward, mine, SEPSIS)
    closed(ward, "nurse")
    check = ward.check(mine, bag)
    assert any(SEPSIS in one["because"] for one in check.reasons), check.reasons
    confirmed(ward, "physician")
    check = ward.check(mine, bag)
    assert check.clear, check.reasons
    assert not any(SEPSIS in line["left"] for line in check.warnings)
