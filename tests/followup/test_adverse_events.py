"""Adverse events: what must be said, what goes together, and the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.errors import RuleBroken, Unconfirmed
from clinic.followup.adverse_events import ASSESSED, CAUSALITY, EXPECTED, SERIOUS, AdverseEvent
from clinic.followup.event_rules import SUSPECTED
from clinic.followup.event_views import day_box
from clinic.treatments.models import Treatment
from tests.factories import course, patient, team

PEOPLE = team()
COURSE = course(PEOPLE)
AT = datetime(2026, 5, 20, 9, 0, tzinfo=UTC)
MILD = {
    "term": "Fever",
    "grade": "1",
    "serious": [],
    "from_cells": "possible",
    "from_harvest": "unlikely",
    "from_delivery": "unlikely",
    "expected": "expected",
    "outcome": "resolved",
    "aware_on": AT.date(),
    "performed_at": AT - timedelta(hours=5),
    "performed_by": PEOPLE.nurse,
}
SEVERE = {"serious": ["hospitalisation"], "expected": "unexpected", "grade": "3"}


def event(of: object = COURSE, **facts: object) -> AdverseEvent:
    """An event reported by the nurse."""
    return AdverseEvent.report(by=PEOPLE.nurse, at=AT, treatment=of, **(MILD | facts))


def earlier_course() -> Treatment:
    """A course ordered a few weeks before the event, of a patient registered before it."""
    return course(PEOPLE, patient(PEOPLE, at=AT - timedelta(days=40), weight=None), at=AT - timedelta(days=30))


@pytest.mark.rule(64)
@pytest.mark.parametrize("missing", ["term", "performed_at", "outcome", "aware_on"])
def test_an_event_says_what_happened_when_and_how_it_ended(missing: str) -> None:
    with pytest.raises(RuleBroken, match="required"):
        event(**{missing: None})


@pytest.mark.rule(64)
@pytest.mark.parametrize("missing", ASSESSED)
def test_an_event_is_signed_when_a_physician_has_assessed_all_of_it(missing: str) -> None:
    made = event(**{missing: None})
    with pytest.raises(RuleBroken, match=r"Assess the event before you sign it.*rule 64"):
        made.sign(by=PEOPLE.physician, at=AT)
    with pytest.raises(RuleBroken, match=r"required \(rule 64\)"):
        made.assess(at=AT, **{name: MILD[name] for name in ASSESSED if name != missing})
    made.assess(at=AT, **{name: MILD[name] for name in ASSESSED})
    assert made.sign(by=PEOPLE.physician, at=AT)
    with pytest.raises(RuleBroken, match="assessed already"):
        made.assess(at=AT, grade="2")


def signed(**facts: object) -> AdverseEvent:
    """An event that a physician has assessed and signed."""
    made = event(**facts)
    made.sign(by=PEOPLE.physician, at=AT)
    return made


@pytest.mark.rule(67)
@pytest.mark.parametrize("facts", [dict.fromkeys(ASSESSED), {"expected": "expected"}, {"from_cells": "unlikely"}])
def test_the_clock_of_a_serious_event_runs_until_a_physician_has_signed_that_none_is_due(facts: dict) -> None:
    made = event(**(SEVERE | facts))
    assert made.report_due_on == date(2026, 6, 4)
    if not made.unassessed:
        made.sign(by=PEOPLE.physician, at=AT)
        assert made.report_due_on is None


@pytest.mark.rule(67)
@pytest.mark.parametrize(
    "change",
    [
        {"expected": "expected"},
        {"serious": []},
        {"from_cells": "unlikely"},
        {"aware_on": AT.date() + timedelta(days=1)},
        {"reported_on": AT.date()},
    ],
)
def test_a_correction_that_stops_or_lengthens_the_clock_counts_when_another_person_has_signed_it(change: dict) -> None:
    made, later = signed(**SEVERE), AT + timedelta(days=2)
    second = team().physician
    second.printed_name = "Dr Second Physician"
    made.amend(by=PEOPLE.physician, at=later, reason="read again", **change)
    assert made.unconfirmed is not None
    made.sign(by=PEOPLE.physician, at=later)
    assert (made.report_due_on, made.clock_days) == (date(2026, 6, 4), 15), "its author alone stops nothing"
    made.sign(by=second, at=later)
    assert made.unconfirmed is None
    assert made.report_due_on != date(2026, 6, 4)
    made.amend(by=PEOPLE.physician, at=later, reason="a word", narrative="More about it.")
    assert made.report_due_on != date(2026, 6, 4), "what was confirmed stays so"


@pytest.mark.rule(67)
def test_a_correction_that_shortens_the_clock_counts_at_once() -> None:
    made = signed(**SEVERE)
    made.amend(by=PEOPLE.nurse, at=AT, reason="ventilated", serious=["life_threatening"])
    assert (made.clock_days, made.report_due_on, made.unconfirmed) == (7, date(2026, 5, 27), None)


@pytest.mark.rule(65)
@pytest.mark.parametrize(
    "half",
    [
        {"grade": "5"},
        {"outcome": "fatal"},
        {"serious": ["death"]},
        {"grade": "5", "outcome": "fatal"},
        {"outcome": "fatal", "serious": ["death"]},
    ],
)
def test_grade_five_fatal_and_death_go_together(half: dict) -> None:
    one = earlier_course()
    one.patient.died_on = date(2026, 5, 19)
    with pytest.raises(RuleBroken, match="all three or none"):
        event(one, **half)


@pytest.mark.rule(65)
def test_a_fatal_event_writes_the_day_of_death_into_the_patients_record() -> None:
    one = earlier_course()
    fatal = {"grade": "5", "outcome": "fatal", "serious": ["death"]}
    with pytest.raises(RuleBroken, match="Died on: required"):
        event(one, **fatal)
    made = event(one, died_on=date(2026, 5, 20), **fatal)
    assert made.is_serious
    assert one.patient.died_on == date(2026, 5, 20)
    assert one.patient.amendments[0].changes["died_on"] == [None, "2026-05-20"]
    with pytest.raises(RuleBroken, match="needs the outcome"):
        event(died_on=date(2026, 5, 20))


@pytest.mark.rule(66)
def test_a_high_grade_alone_is_not_serious_and_a_hospital_stay_is() -> None:
    with pytest.raises(Unconfirmed, match="no criterion of seriousness"):
        event(grade="4")
    sure = {"confirmed": {"grade": "a figure of the laboratory, without symptoms"}}
    assert not event(grade="4", **sure).is_serious
    assert event(grade="1", serious=["hospitalisation"]).is_serious


@pytest.mark.rule(67)
@given(
    st.lists(st.sampled_from(sorted(set(SERIOUS) - {"death"})), unique=True),
    st.sampled_from(sorted(EXPECTED)),
    st.tuples(*[st.sampled_from(sorted(CAUSALITY))] * 3),
)
def test_a_clock_runs_only_for_what_is_serious_unexpected_and_suspected(
    serious: list[str], expected: str, causes: tuple[str, ...]
) -> None:
    made = event(
        serious=serious,
        expected=expected,
        **dict(zip(("from_cells", "from_harvest", "from_delivery"), causes, strict=True)),
    )
    made.sign(by=PEOPLE.physician, at=AT)
    runs = bool(serious) and expected == "unexpected" and bool(set(causes) & SUSPECTED)
    assert made.clock_days == ((7 if "life_threatening" in serious else 15) if runs else None)


@pytest.mark.rule(67)
@pytest.mark.parametrize(
    ("serious", "last"), [(["hospitalisation"], date(2026, 6, 4)), (["life_threatening"], date(2026, 5, 27))]
)
def test_the_clock_counts_calendar_days_from_the_day_we_learned_of_it(serious: list[str], last: date) -> None:
    made = event(**SEVERE | {"serious": serious})
    assert made.report_due_on == last
    assert made.clock_day(AT.date()) == 0
    assert made.clock_day(last) == made.clock_days


@pytest.mark.rule(67)
def test_an_overdue_report_stays_in_sight_until_it_is_sent() -> None:
    made = event(**SEVERE)
    late = date(2026, 6, 5)
    box = day_box(made, late)
    assert box is not None
    assert (box["state"], box["fig"]) == ("over", "1 day")
    with pytest.raises(RuleBroken, match=r"Report sent to: required \(rule 67\)"):
        made.send_report(at=AT + timedelta(days=16), reported_on=date(2026, 5, 21), reported_to="")
    with pytest.raises(RuleBroken, match="is before"):
        made.send_report(at=AT + timedelta(days=16), reported_on=date(2026, 5, 1), reported_to="Authority")
    made.reported_on = None
    made.send_report(at=AT + timedelta(days=16), reported_on=date(2026, 5, 21), reported_to="Authority, 26-114")
    with pytest.raises(RuleBroken, match="already"):
        made.send_report(at=AT + timedelta(days=16), reported_on=date(2026, 5, 22), reported_to="Authority")
    assert day_box(made, late) is None


@pytest.mark.rule(68)
def test_the_end_never_lies_before_the_onset() -> None:
    with pytest.raises(RuleBroken, match="is before “Onset”"):
        event(ended_at=AT - timedelta(hours=6))
