"""Visits in their windows, scores within their instrument, and the change since baseline."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.errors import RuleBroken, Unconfirmed
from clinic.followup.charts import charts, scores_table
from clinic.followup.models import ContactAttempt, FollowUpVisit, OutcomeScore, PlannedVisit, plan_visits
from clinic.protocols.catalogues import INSTRUMENTS, score_fault
from tests.factories import course, team

PEOPLE = team()
COURSE = course(PEOPLE)
AT = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)
DAY_ZERO = date(2026, 5, 14)


def plans() -> list[PlannedVisit]:
    """The visits of the course, its first cells given on day zero."""
    return plan_visits(COURSE, DAY_ZERO, by=PEOPLE.nurse)


def visit(**facts: object) -> FollowUpVisit:
    """A visit made."""
    facts = {"treatment": COURSE, "performed_at": AT, "performed_by": PEOPLE.nurse} | facts
    return FollowUpVisit.log(by=PEOPLE.nurse, at=facts.pop("at", AT), **facts)


@pytest.mark.rule(62)
def test_visits_are_planned_from_the_day_of_administration_with_their_windows() -> None:
    by_name = {plan.name: plan for plan in plans()}
    month = by_name["Month 3"]
    assert month.due_on == date(2026, 8, 12)
    assert (month.opens_on, month.closes_on) == (date(2026, 8, 5), date(2026, 8, 19))
    assert month.instruments[0] == "vas_pain_cm"
    assert by_name["Day 7 safety contact"].contact


@pytest.mark.rule(62)
@pytest.mark.parametrize(
    ("day", "standing"),
    [
        (date(2026, 8, 4), "planned"),
        (date(2026, 8, 5), "open"),
        (date(2026, 8, 19), "open"),
        (date(2026, 8, 20), "overdue"),
    ],
)
def test_a_visit_is_planned_open_or_overdue_by_its_window(day: date, standing: str) -> None:
    month = next(plan for plan in plans() if plan.name == "Month 3")
    assert month.standing(day) == standing


@pytest.mark.rule(62)
def test_a_visit_that_was_written_down_is_done_or_missed_for_good() -> None:
    for made, standing in (("made", "done"), ("missed", "missed")):
        month = next(plan for plan in plans() if plan.name == "Month 3")
        visit(
            plan=month, name=month.name, made=made, missed_reason="did not come",
            performed_at=AT + timedelta(days=90), at=AT + timedelta(days=90),
        )  # fmt: skip
        assert month.standing(date(2030, 1, 1)) == standing


@pytest.mark.rule(62)
def test_a_missed_visit_says_why() -> None:
    with pytest.raises(RuleBroken, match="why the visit was missed"):
        visit(made="missed")


@pytest.mark.rule(62)
def test_lost_to_follow_up_needs_three_contacts_without_an_answer() -> None:
    month = plans()[-1]

    def contact(result: str) -> None:
        month.contacts.append(
            ContactAttempt.log(
                by=PEOPLE.nurse,
                at=AT,
                plan_id=month.id,
                way="call",
                result=result,
                performed_at=AT,
                performed_by=PEOPLE.nurse,
            )
        )

    for result in ("not_reached", "message", "reached"):
        contact(result)
    with pytest.raises(RuleBroken, match="3 contacts without an answer; 2 are"):
        visit(plan=month, made="lost", missed_reason="moved away")
    contact("not_reached")
    assert visit(plan=month, made="lost", missed_reason="moved away").made == "lost"


def test_a_dead_patients_visit_wants_the_day_of_death_first() -> None:
    with pytest.raises(RuleBroken, match="date of death"):
        visit(alive=False, made="missed", missed_reason="died")


@pytest.mark.rule(63)
@pytest.mark.parametrize(
    ("instrument", "value"),
    [
        ("vas_pain_cm", "10.1"),
        ("vas_pain_cm", "5.05"),
        ("edss", "0.5"),
        ("edss", "6.2"),
        ("asia", "5"),
        ("ra_cdai", "77"),
        ("koos_pain", "-1"),
    ],
)
def test_a_score_outside_its_instruments_range_or_steps_is_refused(instrument: str, value: str) -> None:
    with pytest.raises(RuleBroken, match=INSTRUMENTS[instrument].label.split()[0]):
        visit().score(instrument, by=PEOPLE.nurse, at=AT, value=Decimal(value))


@pytest.mark.rule(63)
@given(st.sampled_from(sorted(INSTRUMENTS)), st.decimals("-100", "1000", places=2))
def test_a_score_is_kept_exactly_where_its_instrument_allows_it(instrument: str, value: Decimal) -> None:
    allowed, read_twice = score_fault(INSTRUMENTS[instrument], value) is None, {"value": "read twice"}
    try:
        kept = visit().score(instrument, by=PEOPLE.nurse, at=AT, value=value, confirmed=read_twice)
    except RuleBroken:
        assert not allowed
    else:
        assert allowed
        assert kept.value == value


@pytest.mark.rule(63)
def test_what_did_not_occur_has_no_score_but_says_so() -> None:
    made = visit()
    made.score("anc_recovery", by=PEOPLE.nurse, at=AT, value=None, did_not_occur=True)
    assert made.scores[0].words == "did not occur"
    with pytest.raises(RuleBroken, match="fill in the score"):
        made.score("anc_recovery", by=PEOPLE.nurse, at=AT, value=None)


def test_a_visit_that_was_not_made_has_no_scores() -> None:
    missed = visit(made="missed", missed_reason="snow")
    missed.score("nrs_pain", by=PEOPLE.nurse, at=AT, value=Decimal(3))
    with pytest.raises(RuleBroken, match="has no scores"):
        missed.refuse_scores()


@pytest.mark.rule(63)
@pytest.mark.parametrize(
    ("instrument", "before", "after", "words", "tag"),
    [
        ("vas_pain_cm", "7", "3", "4 better than baseline (7 cm); at least the MCID", "Better"),
        ("vas_pain_cm", "7", "6", "1 better than baseline (7 cm); less than the MCID", "No important change"),
        ("lvef", "35", "29", "6 worse than baseline (35 %); less than the MCID", "Worse"),
        ("koos_qol", "40", "40", "no change from baseline (40)", "No important change"),
    ],
)
def test_change_since_baseline_knows_which_way_is_better(
    instrument: str, before: str, after: str, words: str, tag: str
) -> None:
    first, later = visit(), visit(name="Month 3")
    first.score(instrument, by=PEOPLE.nurse, at=AT, value=Decimal(before))
    later.score(instrument, by=PEOPLE.nurse, at=AT, value=Decimal(after))
    row = scores_table([first, later])[1]
    assert words in row["since"]
    assert row["tag"] is not None
    assert row["tag"][2] == tag


@pytest.mark.rule(63)
def test_the_two_cdai_are_two_instruments() -> None:
    first, later = visit(), visit(name="Month 3")
    first.score("ra_cdai", by=PEOPLE.nurse, at=AT, value=Decimal(20))
    later.score("crohn_cdai", by=PEOPLE.nurse, at=AT, value=Decimal(140))
    assert scores_table([first, later])[1]["since"] == "no baseline"
    assert charts(COURSE, [], [first, later]) == []


def test_a_chart_is_drawn_from_two_points_on() -> None:
    planned = plans()
    month = next(plan for plan in planned if plan.name == "Month 3")
    seen = AT + timedelta(days=90)
    first, later = visit(), visit(name="Month 3", plan=month, performed_at=seen, at=seen)
    for made, value in ((first, 7), (later, 3)):
        made.score("vas_pain_cm", by=PEOPLE.nurse, at=seen, value=Decimal(value))
    (chart,) = charts(COURSE, planned, [first, later])
    assert chart["points"][0] == ("Start", 0, Decimal(7))
    assert ("M3", 90, Decimal(3)) in chart["points"]
    assert ("M24", 730, None) in chart["points"]
    assert chart["mcid"] == Decimal("1.75")


def test_a_signature_covers_the_scores() -> None:
    made = visit()
    made.score("nrs_pain", by=PEOPLE.nurse, at=AT, value=Decimal(3))
    made.sign(by=PEOPLE.physician, at=AT)
    assert made.signed
    made.scores[0].amend(by=PEOPLE.nurse, at=AT + timedelta(hours=1), reason="misheard", value=Decimal(4))
    assert not made.signed


def test_scores_belong_to_their_visit() -> None:
    made = visit()
    score = made.score("nrs_pain", by=PEOPLE.nurse, at=AT, value=Decimal(3))
    assert isinstance(score, OutcomeScore)
    assert (score.visit_id, score.treatment_id, score.performed_at) == (made.id, COURSE.id, AT)


def made_on(plan: PlannedVisit, day: date, **facts: object) -> FollowUpVisit:
    """A planned visit, made at noon of a day."""
    at = datetime(day.year, day.month, day.day, 10, 0, tzinfo=UTC)
    return visit(plan=plan, name=plan.name, performed_at=at, at=at, **facts)


@pytest.mark.rule(62)
def test_a_visit_outside_its_window_is_asked_about_once_and_shown_as_outside() -> None:
    for day in (date(2026, 8, 4), date(2026, 8, 20)):
        month = next(plan for plan in plans() if plan.name == "Month 3")
        with pytest.raises(Unconfirmed, match="outside the window of this visit, 5 Aug 2026 to 19 Aug 2026") as asked:
            made_on(month, day)
        assert [question.name for question in asked.value.questions] == ["performed_at"]
        kept = made_on(month, day, confirmed={"performed_at": "on a journey"})
        assert kept.outside_window
        assert kept.headline() == "Month 3, outside its window"
    for day in (date(2026, 8, 5), date(2026, 8, 19)):
        month = next(plan for plan in plans() if plan.name == "Month 3")
        assert made_on(month, day).headline() == "Month 3"


@pytest.mark.rule(62)
def test_a_visit_after_the_cells_is_never_dated_before_them() -> None:
    month = next(plan for plan in plans() if plan.name == "Month 3")
    with pytest.raises(RuleBroken, match="before the cells were given, 14 May 2026"):
        made_on(month, date(2021, 8, 12), confirmed={"performed_at": "sure"})
