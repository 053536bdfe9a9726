"""An adverse event that nobody has assessed stops cells unless all that is written of it is plainly mild (rule 23)."""

from __future__ import annotations

import pytest

from tests.safety.reacting import adverse_event, assess
from tests.safety.test_written_since_the_decision import own, stopped

__all__ = ["own"]

pytestmark = [pytest.mark.rule(23)]

UNCLEAR = (
    "SaO2 79 % on room air, MAP 45", "Quincke swelling, 170 bpm, labored breathing", "Hard to wake", "Splinter",
    "Зуд", "Cough, 39.6", "Itching +++",
)  # fmt: skip


@pytest.mark.parametrize("grade", ["", "1"])
@pytest.mark.parametrize("term", UNCLEAR)
def test_it_stops_until_a_physician_has_assessed_it(ward, own, term, grade):
    bag, mine = own
    event = adverse_event(ward, mine, term, outcome="resolved", **({"grade": grade} if grade else {}))
    ward.give(mine, bag)
    ward.not_given(bag, "A physician has not assessed")
    with ward.later(minutes=5):
        assess(ward, event, grade="1")
        check = ward.check(mine, bag)
        assert check.clear, check.reasons


def test_what_its_narrative_tells_counts_too(ward, own):
    bag, mine = own
    adverse_event(ward, mine, "Cough", outcome="resolved", narrative="MAP 45 for an hour")
    ward.give(mine, bag)
    ward.not_given(bag, "A physician has not assessed")


@pytest.mark.parametrize("term", ["Cough after walk", "Headache", "Itching of one arm", "Mild nausea"])
def test_a_plainly_mild_one_stays_a_question(ward, own, term):
    bag, mine = own
    adverse_event(ward, mine, term, outcome="resolved")
    check = ward.check(mine, bag)
    assert check.clear, check.reasons
    assert any(term in line["left"] for line in check.warnings)


def test_it_stops_cells_that_run(ward, own):
    bag, mine = own
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused
    adverse_event(ward, mine, "Cough after walk", outcome="resolved")
    assert not stopped(ward)
    adverse_event(ward, mine, "MAP 45", outcome="resolved")
    assert "MAP 45" in stopped(ward)
