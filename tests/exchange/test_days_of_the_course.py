"""Days of the course are judged like dates as soon as it is known when the first cells were given (rules 63, 69)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.exchange import importing
from clinic.exchange.mapping import Mapping, Pair, Target
from clinic.followup.models import FollowUpVisit, PlannedVisit
from clinic.reports import asking
from clinic.reports.catalog import REPORTS
from clinic.reports.data import Data
from tests.exchange.test_import_refuses import DAY, ago, take, ward
from tests.exchange.test_increments import ONE, more

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["more", "take", "ward"]
GIVEN = 40
"""Days since the cells were given."""
OLD = {
    "weight.performed_at": ago(641), "harvest.performed_at": ago(660), "product.performed_at": ago(650),
    "administration.performed_at": ago(640), "row.key": "17",
}  # fmt: skip
VISIT = {"course.key": "17", "visit.name": "Later", "score.koos_pain": "50"}
EVENT = {"course.key": "17", "event.term": "Fever"}


@pytest.fixture
def pair(ward, tmp_path) -> Callable[..., importing.Report]:
    """Take in a time and whether it happened, of a score of the course that is known."""

    def run(days: str, happened: str, instrument: str = "survival_days", **said: Any) -> importing.Report:
        file = tmp_path / "pair.csv"
        file.write_text(f"key,visit,days,dead\n17,Outcome,{days},{happened}\n")
        mapping = Mapping(
            kind="scores", source="old", reason="not in the old system", missing=("NA",),
            columns={"key": (Target(to="course.key"),), "visit": (Target(to="visit.name"),)},
            pairs={f"score.{instrument}": Pair(time="days", happened="dead", yes=("1",), no=("0",))}, **said,
        )  # fmt: skip
        by = ward.team.coordinator
        report = importing.run(ward.session, "scores", file, mapping, by, clock.now(), dry_run=False)
        ward.session.rollback() if report.refused else ward.session.commit()
        return report

    return run


@pytest.fixture
def known(take) -> None:
    assert not take(ONE | {"row.key": "17"}).refused


@pytest.mark.rule(69, by="import")
@pytest.mark.parametrize("instrument", ["survival_days", "platelet_recovery", "acute_gvhd_3_4_day"])
@pytest.mark.parametrize(("days", "happened"), [("400", "1"), ("400", "0"), ("43", "1"), ("43", "0")])
def test_a_time_that_ends_after_today_is_refused(known, pair, days, happened, instrument):
    report = pair(days, happened, instrument)
    assert [one.column for one in report.problems] == ["days"], report.sentences()
    assert "in the future (rule 69)" in str(report.problems[0])


@pytest.mark.parametrize("instrument", ["survival_days", "platelet_recovery", "acute_gvhd_3_4_day"])
@pytest.mark.parametrize(("days", "happened"), [("40", "1"), ("41", "0"), ("5", "0"), ("1", "1")])
def test_a_time_up_to_today_comes_in(known, pair, days, happened, instrument):
    assert not pair(days, happened, instrument).refused


@pytest.mark.rule(63, by="import")
@pytest.mark.parametrize("days", ["1000000", "99999", "36501", "-5", "-1"])
@pytest.mark.parametrize("dated", [True, False])
def test_a_time_that_no_person_lives_is_refused_though_it_did_not_happen(take, pair, days, dated):
    when = {"administration.performed_at": ago(40) if dated else "na", "administration.course_day": "0"}
    assert not take(ONE | when | {"row.key": "17"}).refused
    report = pair(days, "0")
    assert "0 to 36500 (rule 63)" in " ".join(map(str, report.problems)), report.sentences()
    assert not pair("0", "0").refused


def test_without_a_calendar_every_possible_time_comes_in(take, pair):
    assert not take(ONE | {"administration.performed_at": "na", "row.key": "17"}).refused
    assert not pair("36500", "0").refused


@pytest.mark.rule(69, by="import")
@pytest.mark.parametrize(
    ("kind", "row", "day"),
    [("scores", VISIT, "visit.course_day"), ("events", EVENT, "event.course_day")],
)
@pytest.mark.parametrize(("days", "refused"), [("400", True), ("43", True), ("40", False), ("-60000", True)])
def test_a_visit_or_an_event_on_a_day_that_is_still_to_come_is_refused(known, more, kind, row, day, days, refused):
    report = more(kind, row | {day: days}, refused=refused)
    assert [one.column for one in report.problems] == ([day] if refused else []), report.sentences()


@pytest.mark.rule(69, by="import")
@pytest.mark.parametrize(
    ("facts", "column"),
    [
        ({"weight.course_day": "400", "weight.performed_at": "na"}, "weight.course_day"),
        ({"visit.v.course_day": "400", "score.v.koos_pain": "5"}, "visit.v.course_day"),
        ({"event.e.course_day": "400", "event.e.term": "Fever"}, "event.e.course_day"),
        ({"weight.course_day": "-40000", "weight.performed_at": "na"}, "weight.course_day"),
        ({"weight.course_day": "-2", "weight.performed_at": "na"}, ""),
        ({"visit.v.course_day": "30", "score.v.koos_pain": "5"}, ""),
    ],
)
def test_a_wide_row_is_judged_so_too(take, facts, column):
    report = take(ONE | facts)
    assert {one.column for one in report.problems} == ({column} if column else set()), report.sentences()
    assert "rule 69" in " ".join(map(str, report.problems)) or not column


@pytest.mark.rule(69, by="import")
@pytest.mark.parametrize(("kind", "beside"), [("scores", VISIT), ("events", EVENT)])
@pytest.mark.parametrize(("day", "refused"), [("22", False), ("21", False), ("23", False), ("400", True), ("0", True)])
def test_a_day_of_the_course_is_the_date_beside_it_or_refused(take, more, kind, beside, day, refused):
    part = "visit" if kind == "scores" else "event"
    assert not take(OLD).refused
    report = more(kind, beside | {f"{part}.performed_at": ago(618)[:10], f"{part}.course_day": day}, refused=refused)
    assert {one.column for one in report.problems} == ({f"{part}.course_day"} if refused else set()), report.sentences()


DEATH = OLD | {"patient.died_on": ago(609)[:10]}
"""On day 31."""


@pytest.mark.rule(69, by="import")
@pytest.mark.parametrize(
    ("kind", "row", "column"),
    [
        ("scores", VISIT | {"visit.course_day": "400"}, "visit.course_day"),
        ("scores", VISIT | {"visit.course_day": "30"}, ""),
        ("scores", VISIT | {"visit.course_day": "32"}, ""),  # day 0 or day 1 is the day of the cells
        ("scores", {"course.key": "17", "visit.name": "Outcome", "visit.course_day": "31", "visit.alive": "no"}, ""),
        ("scores", {"course.key": "17", "visit.name": "Outcome", "score.anc_recovery": "90"}, "score.anc_recovery"),
        ("scores", {"course.key": "17", "visit.name": "Outcome", "score.anc_recovery": "19"}, ""),
        ("events", EVENT | {"event.course_day": "400"}, "event.course_day"),
        ("events", EVENT | {"event.course_day": "31", "event.grade": "5"}, ""),
    ],
)
def test_nothing_of_a_living_patient_is_after_the_death(take, more, kind, row, column):
    assert not take(DEATH).refused
    report = more(kind, row, refused=bool(column))
    assert [one.column for one in report.problems] == ([column] if column else []), report.sentences()
    assert ("after the death" in " ".join(map(str, report.problems))) is bool(column)


@pytest.mark.parametrize("known_as", [slice(0, 7), slice(0, 4)])
def test_cells_of_a_month_refuse_only_what_no_day_of_it_allows(take, more, known_as):
    """Cells of some day of a month that is over: day 400 was last year, or on no day of the month."""
    year = f"{clock.now() - 300 * DAY:%Y-%m-%d}"
    begun = {"weight.performed_at": year[:4], "harvest.performed_at": year[:4], "product.performed_at": year[:4],
             "administration.performed_at": year[known_as], "row.key": "17"}  # fmt: skip
    assert not take(ONE | begun).refused
    more("scores", VISIT | {"visit.course_day": "270"})
    more("scores", VISIT | {"visit.course_day": "800", "visit.name": "Much later"}, refused=True)


@pytest.mark.parametrize(("facts", "made"), [
    ({"visit.v.course_day": "30", "visit.v.alive": "yes"}, "made"),
    ({"visit.v.course_day": "30"}, "made"),
    ({"visit.v.course_day": "30", "visit.v.made": "missed", "visit.v.missed_reason": "ill"}, "missed"),
    ({"visit.v.alive": "yes"}, None),
])  # fmt: skip
def test_a_visit_of_which_a_cell_names_the_day_of_the_course_was_attended(ward, take, facts, made):
    report = take(ONE | facts)
    assert not report.refused, report.sentences()
    visit = ward.session.scalars(select(FollowUpVisit)).one()
    assert (visit.made, visit.performed_at) == (made, None), "its date is not made up"


@pytest.mark.rule(62)
@pytest.mark.parametrize(("off", "state"), [(0, 1), (900, 2)])
def test_a_visit_known_by_the_day_of_the_course_is_the_planned_one_of_that_day(ward, take, more, off, state):
    take(ONE | {"row.key": "17"})
    plan = ward.session.scalars(select(PlannedVisit).order_by(PlannedVisit.due_on)).first()
    with ward.later(days=(plan.due_on - clock.today("Europe/Berlin")).days + off + 2):
        name = plan.name if off else "By telephone"
        more("scores", VISIT | {"visit.name": name, "visit.course_day": str(plan.day + off + 1)})
    visit = ward.session.scalars(select(FollowUpVisit)).one()
    assert visit.plan_id == plan.id
    with ward.later(days=2000):
        asked, _wrong = asking.read(REPORTS["visits-due"], {}, today=clock.today("Europe/Berlin"))
        data = Data(ward.session, asked, zone="Europe/Berlin", at=clock.now())
        result = REPORTS["visits-due"].figures(data)
    assert [one.shown for one in result.total.figures[1:4]] == [str(int(state == 1)), str(int(state == 2)), "0"]
    assert "known by the day of the course alone" in " ".join(result.notes)
    assert "came in from a table" in " ".join(result.notes)
    assert not [one for one in result.notes if "registry asks" in one and " 1 were" in one]
