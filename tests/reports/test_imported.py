"""Courses that were imported count in the reports as their tables tell: deaths, time observed, events, gaps."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from sqlalchemy import select

from clinic import clock
from clinic.exchange import importing, mapping
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit
from clinic.reports import asking
from clinic.reports.analysis import TABLES
from clinic.reports.analysis_rows import rows
from clinic.reports.catalog import REPORTS
from clinic.reports.data import Data
from clinic.reports.followed import NO_DAY, NOTHING, followed
from clinic.reports.report import rate
from tests.factories import patient, published, ready_for_harvest
from tests.safety.driver import Ward

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAD = """kind = "courses"
source = "Old"
reason = "not in the old system"
missing = ["-9", "NA"]
[constants]
"treatment.protocol" = "BMAC-KNEE"
"treatment.relation" = "autologous"
"treatment.source" = "bone_marrow"
"treatment.route" = "intra_articular"
"treatment.condition" = "osteoarthritis"
"treatment.body_site" = "knee"
"treatment.side" = "left"
"patient.sex" = "female"
"administration.volume_given" = "10"
"patient.allergy_status" = "not_asked"
[columns]
id = { to = "patient.record_number" }
name = { to = "patient.family_name" }
age = { to = "treatment.age_years" }
given = { to = "administration.performed_at" }
died = { to = "patient.died_on" }
days = { to = "score.o.survival_days" }
state = { to = "score.o.survival_status" }
p0 = { to = "score.b.nrs_pain" }
p6 = { to = "score.m6.nrs_pain" }
seen = { to = "visit.m6.performed_at" }
rash = { to = "event.e.term" }
[visits]
b = { name = "Baseline" }
m6 = { name = "Month 6", course_day = 180 }
[not_recorded]
serious = "not in the old system"
"""
PAIR = '[pairs."score.o.survival_days"]\ntime = "days"\nhappened = "state"\n'
NAMES = ("id", "name", "age", "given", "died", "days", "state", "p0", "p6", "seen", "rash")


@pytest.fixture
def take(session: Any, team: Any, tmp_path: Path) -> Callable[..., Any]:
    """Import rows; ``pair``: days and state are a time and whether it happened."""
    published(team, "BMAC-KNEE")
    session.commit()

    def run(*found: dict[str, str], pair: bool = False, source: str = "Old", keep: bool = True) -> Any:
        said, file = HEAD.replace('"Old"', f'"{source}"'), tmp_path / f"{source}.csv"
        names = [name for name in NAMES if any(name in one for one in found)] + ["id", "name", "given"]
        names = list(dict.fromkeys(names))
        usual = [{"id": f"{source}-{n}", "name": f"K{chr(97 + n)}zz", "given": "2022-03-14"} for n in range(len(found))]
        body = [";".join((usual[n] | one).get(name, "") for name in names) for n, one in enumerate(found)]
        file.write_text("\n".join([";".join(names), *body]) + "\n")
        left = [] if pair else names
        columns = [
            line for line in said.splitlines()
            if not (" = { to" in line and line.split(" = ")[0] not in (left or set(names) - {"days", "state"}))
        ]  # fmt: skip
        text = "\n".join(columns) + "\n" + (PAIR if pair else "")
        report = importing.run(
            session, "courses", file, mapping.parsed(text, "map.toml"), team.coordinator, clock.now(), dry_run=False
        )
        assert report.refused is not keep, report.sentences()
        session.commit() if keep else session.rollback()
        return report

    return run


@pytest.fixture
def data(session: Any, team: Any) -> Callable[..., Data]:
    def one(name: str = "survival", **said: str) -> Data:
        asked, wrong = asking.read(REPORTS[name], said, today=clock.today(team.site.zone))
        assert not wrong
        return Data(session, asked, zone=team.site.zone, at=clock.now())

    return one


def figures(data: Callable[..., Data], name: str, **said: str) -> dict[str, Any]:
    result = REPORTS[name].figures(data(name, **said))
    row = result.total or result.rows[0]
    return {column.key: figure.value for column, figure in zip(result.columns, row.figures, strict=True)}


TOLD = [
    (True, {"days": "380", "state": "1"}, (380, True)), (True, {"days": "500", "state": "0"}, (500, False)),
    (False, {"days": "380", "state": "1"}, (380, True)), (False, {"days": "500", "state": "0"}, (500, False)),
    (True, {"days": "380", "state": "1", "given": ""}, (380, True)), (False, {"died": "2023-03-29"}, (380, True)),
    (True, {"days": "500", "state": "0", "given": ""}, (500, False)),
    (True, {"days": "380", "state": "1", "died": "2023-03-29"}, (380, True)),
    (True, {"days": "100", "state": "0", "p6": "3", "seen": "2022-09-14"}, (184, False)),
    (True, {"days": "-9", "state": "1"}, None), (False, {}, (0, False)),
]  # fmt: skip


@pytest.mark.parametrize("pair", [True, False])
def test_survival_is_read_from_all_that_a_table_tells(take, data, pair):
    told = [(row, seen) for as_pair, row, seen in TOLD if as_pair is pair]
    take(*({"age": "9.6", "p0": "5"} | row for row, _seen in told), pair=pair)
    found, missing = followed(data())
    by_course = {one.course.id: (one.days, one.died) for one in found}
    keys = [column.key for column in TABLES["courses"].columns]
    courses = [dict(zip(keys, line, strict=True)) for line in rows(data(), TABLES["courses"], research=False)]
    by_number = {one["record_number"]: one for one in courses}
    for number, (row, seen) in enumerate(told):
        course = by_number[f"Old-{number}"]
        assert by_course.get(course["course_id"]) == seen, row
        assert (course["observed_days"], course["observed_death"]) == (seen or (None, True)), row
        assert float(course["age_years"]) == 9.6
    assert {reason: len(ids) for reason, ids in missing} == {
        NOTHING: 0,
        NO_DAY: sum(seen is None for _row, seen in told),
    }


def test_a_figure_has_one_type_in_json_lines(take, session, team, client_as):
    """An age in whole years from a birth date, and one with decimals from the order, are both numbers."""
    take({"age": "9.6"}, {"age": "36"})
    course = ready_for_harvest(team, patient(team))
    session.commit()
    for people in ("named", "research"):
        lines = client_as("quality").get(f"/analysis/courses.jsonl?people={people}").text.splitlines()
        ages = {one["course_id"]: one["age_years"] for one in map(json.loads, lines)}
        assert {type(one) for one in ages.values()} <= {int, float}
        assert {9.6, 36} <= set(ages.values())
        assert isinstance(ages[course.id], int)


def test_time_without_a_relapse_is_time_observed_and_counts_in_clarks_c(take, data):
    take({"days": "400", "state": "0"}, {"days": "400", "state": "0"}, {"days": "300", "state": "1"}, pair=True)
    assert figures(data, "follow-up-completeness")["c"] == 100
    told = figures(data, "survival")
    assert (told["n"], told["events"], told["risk365"]) == (3, 1, 2)


def test_a_day_of_death_and_scores_that_contradict_it_are_asked_about(take):
    died = {"died": "2023-03-29"}
    report = take(
        died | {"days": "100", "state": "0"}, died | {"days": "500", "state": "0"},
        died | {"days": "300", "state": "1"}, died | {"days": "380", "state": "1"},
        {"days": "500", "state": "0"}, pair=True, keep=False,
    )  # fmt: skip
    assert {(one.row, one.ask) for one in report.problems} == {
        (2, "score.survival_status"), (3, "score.survival_status"), (3, "score.survival_days"),
        (4, "score.survival_days"),
    }  # fmt: skip


def test_half_of_a_pair_keeps_its_words(take, session):
    report = take({"days": "", "state": "1"}, {"days": "400", "state": ""}, pair=True)
    kept = [
        one.not_recorded["survival_days"] for one in session.scalars(select(FollowUpVisit).order_by(FollowUpVisit.id))
    ]
    assert sorted(kept) == ["the time is not recorded; state is 1", "whether it happened is not recorded; days is 400"]
    assert len(report.notes) == 2


def test_a_missing_score_is_due_where_the_table_says_so(take, data):
    """By its code, or because the visit is over; not after the death, nor before the day has come."""
    soon = f"{clock.now():%Y-%m-%d}"
    take(
        {"p0": "8", "p6": "3"}, {"p0": "8", "p6": "-9"}, {"p0": "8", "p6": ""},
        {"p0": "8", "p6": "NA", "died": "2022-04-01"}, {"p0": "8", "p6": "", "given": soon}, {"p0": "-9", "p6": "4"},
    )  # fmt: skip
    told = figures(data, "outcomes", score="nrs_pain")
    assert (told["due"], told["known"], told["unknown"]) == (4, 1, 3)


def test_events_and_administrations_are_of_the_same_sources(take, data):
    """One source that records events, of whom one patient had none; another that records none."""
    take({"rash": "Rash"}, {"rash": "Rash"}, {"rash": ""})
    take({"p0": "3"}, {"p0": "4"}, source="Silent")
    told = figures(data, "adverse-events")
    assert (told["events"], told["given"], float(told["per-given"])) == (2, 3, 66.7)
    assert figures(data, "vigilance")["applied"] == 3
    result = REPORTS["serious-events"].figures(data("serious-events"))
    assert "3 patients exposed by 3 administrations" in result.finding
    assert "0 recorded here and 3 imported" in " ".join(REPORTS["adverse-events"].figures(data("adverse-events")).notes)


def test_the_long_tables_for_analysis_have_each_visit_score_and_event_of_a_course(take, data):
    """Also the score that is missing with its reason, and the day until which something had not occurred."""
    take({"p0": "8", "p6": "-9", "rash": "Rash"}, {"p0": "8", "p6": "3", "seen": "2022-09-14"})
    take({"days": "500", "state": "0"}, source="Pairs", pair=True)
    found = {
        name: [dict(zip([c.key for c in TABLES[name].columns], line, strict=True)) for line in
               rows(data(), TABLES[name], research=False)]
        for name in ("courses", "visits", "scores", "events")
    }  # fmt: skip
    courses = {one["course_id"] for one in found["courses"]}
    assert {one["course_id"] for name in found for one in found[name]} == courses
    assert {one["visit_id"] for one in found["scores"]} <= {one["visit_id"] for one in found["visits"]}
    pain = sorted(
        (one["visit"], str(one["value"]), one["not_recorded"], one["why"]) for one in found["scores"]
        if one["instrument"] == "nrs_pain"
    )  # fmt: skip
    assert pain == [
        ("Baseline", "8", False, None), ("Baseline", "8", False, None), ("Month 6", "3", False, None),
        ("Month 6", "None", True, "not in the old system"),
    ]  # fmt: skip
    (never,) = (one for one in found["scores"] if one["did_not_occur"])
    assert (never["instrument"], never["course_day"], never["value"]) == ("survival_days", 500, None)
    assert [(one["term"], one["serious"]) for one in found["events"]] == [("Rash", None)]
    assert not [line for line in rows(data(), TABLES["scores"], research=True) if "not in the old system" in line]


def test_an_event_is_named_as_most_of_its_reports_are_written(take, session, data):
    """Whatever the capitals, one thing is counted once; its own capitals, °C or COVID-19, stay."""
    said = ["Fieber > 38,5 °C", "COVID-19", "gvhd Haut Stadium II", "GVHD Haut  Stadium II", "GVHD Haut Stadium II"]
    said += ["nausea", "Nausea"]
    take(*({"rash": one, "given": f"2022-03-{14 + n}"} for n, one in enumerate(said)))
    for place, one in enumerate(session.scalars(select(AdverseEvent).order_by(AdverseEvent.term.desc()))):
        one.serious = ["hospitalization"]
        one.performed_at = clock.now() - timedelta(days=9 - place)  # "nausea" before "Nausea"
    session.flush()
    for name, counted in (("adverse-events", "events"), ("serious-events", "cumulative")):
        result = REPORTS[name].figures(data(name))
        place = [column.key for column in result.columns].index(counted)
        assert {row.label: row.figures[place].value for row in result.rows} == {
            "GVHD Haut Stadium II": 3, "nausea": 2, "COVID-19": 1, "Fieber > 38,5 °C": 1,
        }  # fmt: skip


@pytest.mark.parametrize(("value", "shown"), [
    (2 / 503, "0.00398"), (0.000482, "0.000482"), (0.9996, "1"), (0.5, "0.5"), (0.0, "0"), (1.234, "1.23"),
    (None, None),
])  # fmt: skip
def test_a_small_rate_is_told_to_three_figures(value, shown):
    told = rate(value, 2).value
    assert told == (None if shown is None else Decimal(shown))


@pytest.mark.parametrize("variant", ["named", "research"])
def test_a_period_says_how_many_courses_it_leaves_out_for_want_of_a_date(take, session, team, client_as, variant):
    """An imported course rarely has the day of its order: it is in no period, on the page and in every file."""
    take({}, {})
    ward = Ward(session, team, client_as)
    ward.donated(ward.giver(), published(team, "UC-MSC-RA"))
    session.commit()
    browser, asked = client_as("quality"), f"?from=2021-01-01&to=2022-12-31&people={variant}"
    said = "Left out: 2 courses without a date of the order, in no period; 1 product that no course has yet"
    assert said in browser.get(f"/analysis{asked}").text
    with zipfile.ZipFile(io.BytesIO(browser.get(f"/analysis/everything.zip{asked}").data)) as packed:
        assert said in json.loads(packed.read("datapackage.json"))["description"]
        assert list(csv.reader(io.StringIO(packed.read("courses.csv").decode())))[1:] == []
    book = openpyxl.load_workbook(io.BytesIO(browser.get(f"/analysis/courses.xlsx{asked}").data))
    assert said.removeprefix("Left out: ") in [row[1].value for row in book["About"].iter_rows()]
    assert "Left out" not in browser.get("/analysis").text


def test_events_of_a_source_that_tells_of_none_are_not_recorded_and_not_0(take, session, data):
    """Of the other source one row has an event: what is empty there is none."""
    take({"age": "9"}, source="Silent")
    take({"age": "9", "rash": "Rash"}, {"age": "9"}, source="Telling")
    for name, columns in (
        ("courses", ("adverse_events", "serious_events", "events_of_unknown_seriousness")),
        ("administrations", ("events_after",)),
    ):
        keys = [column.key for column in TABLES[name].columns]
        lines = [dict(zip(keys, one, strict=True)) for one in rows(data(), TABLES[name], research=False)]
        for key in columns:
            assert sum(one[key] is None for one in lines) == 1, (name, key)
