"""What later tables say of survival does not contradict what is known: nobody lives after a death."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from clinic import clock
from clinic.exchange import importing
from clinic.exchange.mapping import Mapping, Pair, Target
from tests.exchange.test_import_given import facts_of
from tests.exchange.test_import_refuses import ago, take, ward
from tests.exchange.test_increments import ONE, more

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["more", "take", "ward"]
PAIRS = {"score.survival_days": Pair(time="days", happened="dead", yes=("1",), no=("0",))}


@pytest.fixture
def pair(ward, tmp_path) -> Callable[..., Any]:
    """Take in rows (days, dead) of one course, each of a visit of its own name."""

    def run(name: str, *rows: tuple[int, int], confirmed: dict[str, str] | None = None) -> importing.Report:
        file = tmp_path / "s.csv"
        lines = [f"17,{name} {place},{days},{dead}" for place, (days, dead) in enumerate(rows)]
        file.write_text("\n".join(["key,visit,days,dead", *lines]) + "\n")
        columns = {"key": (Target(to="course.key"),), "visit": (Target(to="visit.name"),)}
        mapping = Mapping(
            kind="scores", source="old", reason="not in the old system", columns=columns, pairs=PAIRS,
            confirmed=confirmed or {},
        )  # fmt: skip
        by = ward.team.coordinator
        report = importing.run(ward.session, "scores", file, mapping, by, clock.now(), dry_run=False)
        if report.refused:
            ward.session.rollback()
        else:
            ward.session.commit()
        return report

    return run


@pytest.fixture
def known(take) -> None:
    assert not take(ONE | {"row.key": "17"}).refused


@pytest.fixture
def long_ago(take) -> None:
    """The course of cells that were given long before every day that the tests tell."""
    old = {"weight.performed_at": ago(641), "harvest.performed_at": ago(660), "product.performed_at": ago(650)}
    report = take(ONE | old | {"row.key": "17", "administration.performed_at": ago(640)})
    assert not report.refused, report.sentences()


CONTRADICT = [((331, 1), (531, 0)), ((79, 0), (76, 1)), ((331, 1), (320, 1)), ((331, 1), (340, 1))]
AGREE = [((79, 0), (200, 0)), ((79, 0), (79, 1)), ((79, 0), (120, 1)), ((331, 1), (331, 0)), ((331, 1), (332, 1))]
AGREE += [((331, 1), (100, 0)), ((200, 0), (79, 0))]


@pytest.mark.rule(69)
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(("first", "second"), CONTRADICT)
def test_survival_that_contradicts_an_earlier_score_is_asked_about(long_ago, pair, first, second, together):
    if not together:
        assert not pair("Outcome", first).refused
    rows = (first, second) if together else (second,)
    report = pair("Registry", *rows)
    assert [(one.row, one.ask) for one in report.problems] == [(3 if together else 2, "score.survival_days")]
    assert not pair("Registry", *rows, confirmed={"score.survival_days": "Two sources"}).refused


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(("first", "second"), AGREE)
def test_a_longer_time_and_a_later_death_are_news(long_ago, pair, first, second, together):
    if not together:
        assert not pair("Outcome", first).refused
    report = pair("Registry", *((first, second) if together else (second,)))
    assert not report.refused, report.sentences()


def line(name: str, **facts: str) -> dict[str, str]:
    return {"course.key": "17", "visit.name": name} | {key.replace("__", "."): said for key, said in facts.items()}


DIED = line("Outcome", score__survival_days="20", score__survival_status="1")


@pytest.mark.parametrize(
    ("row", "ask"),
    [
        (line("Month 1", visit__performed_at=ago(10), score__koos_pain="5"), "score.survival_days"),
        (line("Month 1", visit__course_day="30", score__koos_pain="5"), "score.survival_days"),
        (line("Status", score__survival_status="0"), "score.survival_status"),
        (line("Status", visit__course_day="25", score__survival_status="0"), "score.survival_status"),
        (line("Status", visit__course_day="12", score__survival_status="0"), ""),
        (line("Week 2", visit__performed_at=ago(26), score__koos_pain="5"), ""),
        (line("Status", score__survival_status="1"), ""),
        (line("Week 5", visit__course_day="35", score__survival_status="1"), "score.survival_status"),
    ],
)
def test_a_living_patient_after_a_death_that_scores_tell_of(known, more, row, ask):
    """And the other way round: a death before a day on which the patient was seen."""
    more("scores", DIED)
    report = more("scores", row, refused=bool(ask))
    assert {one.ask for one in report.problems} == ({ask} if ask else set()), report.sentences()


def test_a_death_before_a_visit_is_asked_about(known, more):
    more("scores", line("Month 1", visit__performed_at=ago(10), score__koos_pain="5"))
    report = more("scores", DIED, refused=True)
    assert [one.ask for one in report.problems] == ["score.survival_days"]
    assert re.search("day 3[01]", str(report.problems[0])), "ten days ago, on the clock of the clinic"
    halves = line("Outcome", score__survival_days="20"), line("Outcome", score__survival_status="1")
    report = more("scores", *halves, refused=True)
    assert [(one.row, one.ask) for one in report.problems] == [(3, "score.survival_status")]


@pytest.mark.parametrize(
    ("facts", "ask"),
    [
        ({"score.a.survival_days": "20", "score.a.survival_status": "1", "visit.b.course_day": "30",
          "score.b.koos_pain": "5"}, "score.survival_days"),
        ({"score.a.survival_days": "20", "score.a.survival_status": "1", "score.b.survival_days": "30",
          "score.b.survival_status": "0"}, "score.survival_days"),
        ({"score.a.survival_days": "20", "score.a.survival_status": "0", "score.b.survival_days": "30",
          "score.b.survival_status": "1"}, ""),
    ],
)  # fmt: skip
def test_one_wide_row_does_not_contradict_itself(take, facts, ask):
    report = take(facts_of(ONE | facts))
    assert {one.ask for one in report.problems} == ({ask} if ask else set()), report.sentences()
