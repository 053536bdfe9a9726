"""Rows of one course, visit name and day are one visit, however the day is told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.followup.models import FollowUpVisit, OutcomeScore, PlannedVisit
from tests.exchange.test_import_refuses import ago, take, ward
from tests.exchange.test_increments import ONE, more

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.safety.driver import Ward

__all__ = ["more", "take", "ward"]
GIVEN, VISIT = 40, 30
REAL = GIVEN - VISIT
"""Days since the cells were given and since the visit, and the day of the course on which the visit really was."""
ON = ago(VISIT)
DATED = {"visit.performed_at": ON[:10]}
TIMED = {"visit.performed_at": ON}
BY_DAY = {"visit.course_day": str(REAL)}
WAYS = {"dated": DATED, "timed": TIMED, "by day": BY_DAY, "both": DATED | BY_DAY, "none so far": {}}
CONFIRMED = {"visit.day": "The register's nominal day"}


@pytest.fixture
def first(take) -> Callable[..., None]:
    """Take in the course with its visit “Week 2”, told in some way, with facts of its own."""

    def run(way: dict[str, str], **facts: str) -> None:
        told = {name.replace("visit.", "visit.w.", 1): said for name, said in way.items()}
        about = {name.replace("__", "."): said for name, said in facts.items()}
        report = take(ONE | {"row.key": "17", "visit.w.name": "Week 2"} | told | about)
        assert not report.refused, report.sentences()

    return run


def later(way: dict[str, str], figure: str = "5", **facts: str) -> dict[str, str]:
    about = {name.replace("__", "."): said for name, said in facts.items()}
    return {"course.key": "17", "visit.name": "Week 2", "score.koos_pain": figure} | way | about


def visits(ward: Ward) -> list[tuple[str, list[Any]]]:
    ward.session.expire_all()
    return [(one.name, [score.value for score in one.scores]) for one in ward.session.scalars(select(FollowUpVisit))]


@pytest.mark.parametrize("told", WAYS)
@pytest.mark.parametrize("again", WAYS)
def test_a_visit_that_is_known_is_not_doubled_however_its_day_is_told(ward, first, more, told, again):
    first(WAYS[told], score__w__koos_pain="5")
    report = more("scores", later(WAYS[again], "50"), refused=True)
    assert "once" in str(report.problems[0])
    assert "Follow-up visit" not in more("scores", later(WAYS[again])).made
    assert visits(ward) == [("Week 2", [5])]


@pytest.mark.parametrize("told", WAYS)
@pytest.mark.parametrize("again", WAYS)
def test_a_score_that_was_missing_fills_its_visit(ward, first, more, told, again):
    first(WAYS[told], visit__w__notes="Telephoned", score__w__koos_pain="na")
    assert more("scores", later(WAYS[again])).made == {"Score": 1}
    assert visits(ward) == [("Week 2", [5])]
    score = ward.session.scalars(select(OutcomeScore)).one()
    if "visit.performed_at" in WAYS[again]:
        assert score.performed_at is not None, "the score keeps the day on which it was read"


@pytest.mark.parametrize("first_way", WAYS)
@pytest.mark.parametrize("second_way", WAYS)
def test_rows_of_one_table_are_one_visit_however_each_tells_its_day(ward, first, more, first_way, second_way):
    first({"visit.performed_at": ago(1)}, visit__w__name="Other")
    other = {name: said for name, said in later(WAYS[second_way]).items() if name != "score.koos_pain"}
    more("scores", later(WAYS[first_way]), other | {"score.vas_pain_cm": "3"})
    assert sorted(visits(ward)) == [("Other", []), ("Week 2", [5, 3])]


def test_why_a_score_is_missing_is_kept_with_the_one_visit(ward, first, more):
    first({"visit.performed_at": ago(1)}, visit__w__name="Other")
    row = later(BY_DAY, "NA") | {"score.vas_pain_cm": ""}
    more("scores", later(DATED, "") | {"score.vas_pain_cm": "3"}, row, missing=("NA",))
    one = next(one for one in ward.session.scalars(select(FollowUpVisit)) if one.name == "Week 2")
    assert one.not_recorded["koos_pain"] == "not in the old system"


@pytest.mark.parametrize("way", [{"visit.performed_at": ago(VISIT - 1)}, {"visit.course_day": str(REAL + 1)}])
def test_another_day_told_in_the_same_way_is_another_visit(ward, first, more, way):
    first(DATED if "visit.performed_at" in way else BY_DAY, score__w__koos_pain="5")
    assert more("scores", later(way, "50")).made == {"Follow-up visit": 1, "Score": 1}
    assert len(visits(ward)) == 2


@pytest.mark.parametrize(
    ("told", "again"),
    [
        (BY_DAY, {"visit.performed_at": ago(VISIT - 3)}),
        (DATED, {"visit.course_day": str(REAL + 3)}),
        (DATED, {"visit.performed_at": ON[:7]}),
        ({"visit.performed_at": ON[:7]}, DATED),
        ({"visit.performed_at": ON[:4]}, BY_DAY),
    ],
)
def test_a_day_that_may_be_that_of_the_visit_is_asked_about(ward, first, more, told, again):
    first(told, visit__w__notes="Telephoned")
    report = more("scores", later(again), refused=True)
    assert [one.ask for one in report.problems] == ["visit.day"], report.sentences()
    assert "another name" in str(report.problems[0])
    assert more("scores", later(again), confirmed=CONFIRMED).made == {"Score": 1}
    assert visits(ward) == [("Week 2", [5])]
    assert "each instrument once" in " ".join(
        more("scores", later(again, "50"), refused=True, confirmed=CONFIRMED).sentences()
    )


def test_a_day_of_the_register_and_the_real_one_in_the_window_of_the_protocol_are_one_visit(ward, first, more):
    plans = {one.name: one for one in ward.session.scalars(select(PlannedVisit))}
    assert not plans
    first({"visit.course_day": "30"}, visit__w__name="Month 1")
    assert more("scores", later({"visit.performed_at": ago(GIVEN - 32)}, visit__name="month 1")).made == {"Score": 1}
    assert visits(ward) == [("Month 1", [5])]


def test_a_row_without_a_day_says_which_of_several_visits_it_means(ward, first, more):
    first(DATED)
    more("scores", later({"visit.performed_at": ago(VISIT - 7)}))
    report = more("scores", later({}, "5"), refused=True)
    assert [(one.ask, "several visits" in one.expected) for one in report.problems] == [("", True)]


def test_a_date_and_a_day_of_the_course_that_contradict_each_other_are_refused(first, more):
    first(DATED)
    report = more("scores", later(DATED | {"visit.course_day": "300"}), refused=True)
    assert [one.column for one in report.problems] == ["visit.course_day"], report.sentences()


def test_a_visit_that_was_missed_has_no_score(first, more):
    first(DATED, visit__w__made="missed", visit__w__missed_reason="Moved away")
    assert "rule 63" in " ".join(more("scores", later(DATED), refused=True).sentences())


def test_a_wide_row_does_not_tell_of_one_visit_twice(take):
    twice = {"visit.a.name": "Week 2", "visit.b.name": "week  2", "score.a.koos_pain": "5", "score.b.koos_pain": "50"}
    for way in ({"visit.a.performed_at": ON, "visit.b.performed_at": ON[:10]}, {"visit.a.course_day": "14"}):
        report = take(ONE | twice | way)
        assert "each visit once" in " ".join(report.sentences())
    apart = {"visit.a.performed_at": ON, "visit.b.performed_at": f"{clock.now() - timedelta(days=VISIT - 7):%Y-%m-%d}"}
    assert not take(ONE | twice | apart).refused
