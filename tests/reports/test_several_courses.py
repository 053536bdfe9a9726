"""A patient of several courses dies once, and lives as long as anything tells, under whatever course it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinic import clock
from clinic.exchange import importing, mapping
from clinic.reports import asking
from clinic.reports.catalog import REPORTS
from clinic.reports.data import Data
from clinic.reports.followed import NO_DAY, followed
from tests.factories import published
from tests.reports import naive_courses
from tests.reports.naive import Clinic

if TYPE_CHECKING:
    from collections.abc import Callable

MAPPING = """kind = "courses"
source = "Old"
reason = "not in the file"
missing = ["NA"]
[constants]
"treatment.protocol" = "HPC-A-CHILD"
"treatment.relation" = "allogeneic"
"treatment.source" = "peripheral_blood"
"treatment.route" = "intravenous"
"treatment.condition" = "chronic"
"donor.kind" = "unrelated"
"donor.donor_number" = "DX-1"
"patient.allergy_status" = "not_asked"
[columns]
id = [{ to = "patient.record_number" }, { to = "patient.family_name", template = "N{}" }]
tx = { to = "administration.performed_at" }
seen = { to = "visit.v.performed_at" }
alive = { to = "visit.v.alive" }
ml = { to = "administration.volume_given" }
[pairs."score.o.survival_days"]
time = "os"
happened = "dead"
[visits]
o = { name = "Outcome" }
v = { name = "Visit" }
"""
LATER = MAPPING.replace('"courses"', '"further-courses"').replace('"patient.allergy_status" = "not_asked"\n', "")
LATER = LATER.replace(', { to = "patient.family_name", template = "N{}" }', "")
HEADINGS = "id,tx,seen,alive,os,dead,ml"
ALIVE = ("2020-01-01", "", "", "500", "0")


@pytest.fixture
def bring(session: Any, team: Any, tmp_path: Any) -> Callable[..., Any]:
    """Import rows as first or as further courses; return the report of the import."""
    published(team, "HPC-A-CHILD")
    session.commit()
    count = iter(range(100))

    def run(said: str, *found: tuple[str, ...], by: str = "") -> Any:
        file, ml = tmp_path / f"t{next(count)}.csv", "8" if "further" in said else "10"
        file.write_text("\n".join([HEADINGS, *(",".join((*one, ml)) for one in found)]))
        parsed = mapping.parsed(said + by, "map.toml")
        report = importing.run(session, parsed.kind, file, parsed, team.coordinator, clock.now(), dry_run=False)
        session.rollback() if report.refused else session.commit()
        return report

    return run


@pytest.fixture
def survived(session: Any, team: Any) -> Callable[..., dict[str, Any]]:
    """Return the figures of the report on survival, of which the naive calculation says the same."""

    def one(**said: str) -> dict[str, Any]:
        asked, _wrong = asking.read(REPORTS["survival"], said, today=clock.today(team.site.zone))
        data = Data(session, asked, zone=team.site.zone, at=clock.now())
        seen = {one.course.id: (one.days, one.died) for one in followed(data)[0]}
        assert seen == naive_courses.observed(Clinic(session, team.site.id, clock.now()), said)
        result = REPORTS["survival"].figures(data)
        total = result.total.figures if result.total is not None else ()
        return {column.key: figure.value for column, figure in zip(result.columns, total, strict=bool(total))} | {
            "seen": sorted(seen.values()), "missing": dict(result.missing),
        }  # fmt: skip

    return one


def test_a_death_under_a_second_course_is_the_patients_and_counts_once_from_the_first_cells(bring, survived):
    assert not bring(MAPPING, ("E1", "2020-01-01", "", "", "200", "0"), ("E2", *ALIVE)).refused
    assert not bring(LATER, ("E1", "2020-06-01", "", "", "100", "1")).refused
    found = survived()
    assert (found["n"], found["events"]) == (2, 1)
    assert found["seen"] == [(100, True), (252, True), (500, False)]


def test_who_is_seen_under_a_second_course_was_alive_till_then(bring, survived):
    assert not bring(MAPPING, ("E1", "2020-01-01", "", "", "200", "0")).refused
    assert not bring(LATER, ("E1", "2020-06-01", "", "", "400", "0")).refused
    assert survived()["seen"] == [(400, False), (552, False)]


def test_a_death_whose_day_cannot_be_counted_leaves_nobody_alive(bring, survived):
    """The first course has no day of the calendar: nobody can say how long after its cells the patient died."""
    assert not bring(MAPPING, ("E1", "", "", "", "200", "0"), ("E2", *ALIVE)).refused
    assert not bring(LATER, ("E1", "2020-06-01", "", "", "100", "1")).refused
    found = survived()
    assert found["seen"] == [(100, True), (500, False)]
    assert len(found["missing"][NO_DAY]) == 1


@pytest.mark.parametrize(("first", "second", "refused"), [
    (("2020-01-01", "", "", "100", "1"), ("2020-06-01", "", "", "", ""), "death on day"),
    (("2020-01-01", "", "", "100", "1"), ("2020-02-01", "", "", "200", "0"), "after the death on day 69"),
    (("2020-01-01", "", "", "100", "1"), ("2020-02-01", "2020-09-01", "", "", ""), "after the death on day 69"),
    (("2020-01-01", "", "", "100", "1"), ("2020-02-01", "", "", "200", "1"), "the death on day 69"),
    (("2020-01-01", "", "", "500", "0"), ("2020-02-01", "", "", "200", "1"), "a death after day 469"),
    (("2020-06-01", "", "", "10", "0"), ("2020-02-01", "", "", "50", "1"), "a death after day 131"),
    (("2020-01-01", "", "", "100", "1"), ("2020-02-01", "2020-03-01", "", "69", "1"), ""),
    (("2020-01-01", "", "", "100", "0"), ("2020-02-01", "", "", "200", "1"), ""),
    (("2020-01-01", "", "", "100", "1"), ("", "", "", "200", "1"), ""),
])  # fmt: skip
def test_what_contradicts_a_death_under_another_course_is_asked_about(bring, first, second, refused):
    assert not bring(MAPPING, ("E1", *first)).refused
    report = bring(LATER, ("E1", *second))
    assert (refused in " ".join(report.sentences())) if refused else not report.refused, report.sentences()
    assert bool(report.refused) == bool(refused)
    if refused:
        assert all(one.ask for one in report.problems), "whoever knows that it was so says why"
        sure = "".join(f'"{ask}" = "so in the chart"\n' for ask in {one.ask for one in report.problems})
        assert not bring(LATER, ("E1", *second), by=f"[confirmed]\n{sure}").refused


def test_two_further_courses_of_one_table_contradict_each_other(bring):
    assert not bring(MAPPING, ("E1", "2020-01-01", "", "", "20", "0")).refused
    report = bring(LATER, ("E1", "2020-02-01", "", "", "50", "1"), ("E1", "2020-06-01", "", "", "", ""))
    assert [one.row for one in report.problems] == [3], report.sentences()


def test_a_visit_of_a_wide_row_that_is_due_after_the_cells_is_not_dated_before_them(bring):
    late = MAPPING.replace('v = { name = "Visit" }', 'v = { name = "Late", course_day = 365 }')
    report = bring(late, ("E1", "2020-01-01", "2019-02-03", "", "", ""), ("E2", "2020-01-01", "2021-02-03", "", "", ""))
    assert [(one.row, one.column) for one in report.problems] == [(2, "seen")], report.sentences()
    assert "rule 62" in str(report.problems[0])
