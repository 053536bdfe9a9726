"""A day of which only the month or year is known is none in a report: decided where it can be, else said as unknown."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.exchange import importing
from clinic.exchange.mapping import Mapping, Target
from clinic.followup.models import FollowUpVisit
from clinic.reports import asking
from clinic.reports.analysis import TABLES, dictionary
from clinic.reports.analysis_rows import rows
from clinic.reports.catalog import REPORTS
from clinic.reports.data import IN_PART as PERIOD_IN_PART
from clinic.reports.data import Data
from clinic.reports.followed import IN_PART, NO_DAY, NO_START, NOTHING, followed
from tests.factories import published
from tests.reports import naive_courses
from tests.reports.naive import Clinic

if TYPE_CHECKING:
    from collections.abc import Callable

USUAL = {
    "patient.sex": "female", "patient.allergy_status": "not_asked", "treatment.relation": "autologous",
    "treatment.source": "bone_marrow", "treatment.route": "intra_articular", "treatment.condition": "osteoarthritis",
    "treatment.body_site": "knee", "treatment.side": "left", "administration.volume_given": "10",
    "treatment.protocol": "BMAC-KNEE",
}  # fmt: skip
CELLS = "2020-05-10"
SEEN = {"score.v.nrs_pain": "3"}


@pytest.fixture
def take(session: Any, team: Any, tmp_path: Any) -> Callable[..., Any]:
    """Import courses: when the cells were given, and other facts of each."""
    published(team, "BMAC-KNEE")
    session.commit()

    def run(*found: tuple[str, dict[str, str]]) -> None:
        lines = [
            {"patient.record_number": f"OLD-{place}", "patient.family_name": f"K{chr(97 + place)}zz"}
            | USUAL | {"administration.performed_at": given} | facts for place, (given, facts) in enumerate(found)
        ]  # fmt: skip
        names = list(dict.fromkeys(name for line in lines for name in line))
        file = tmp_path / "t.csv"
        file.write_text("\n".join([",".join(names), *(",".join(line.get(n, "") for n in names) for line in lines)]))
        mapping = Mapping(
            kind="courses", source="Old", reason="not in the old system",
            columns={name: (Target(to=name),) for name in names},
            not_recorded={"serious": "not in the old system"},
        )  # fmt: skip
        report = importing.run(session, "courses", file, mapping, team.coordinator, clock.now(), dry_run=False)
        assert not report.refused, report.sentences()
        session.commit()

    return run


@pytest.fixture
def data(session: Any, team: Any) -> Callable[..., Data]:
    def one(name: str = "survival", **said: str) -> Data:
        asked, wrong = asking.read(
            REPORTS[name], {key.rstrip("_"): value for key, value in said.items()}, today=clock.today(team.site.zone)
        )
        assert not wrong
        return Data(session, asked, zone=team.site.zone, at=clock.now())

    return one


def analysed(data: Any, name: str = "courses", *, research: bool = False) -> list[dict[str, Any]]:
    table = TABLES[name]
    keys = [column.key for column in table.chosen(research=research)]
    return [dict(zip(keys, line, strict=True)) for line in rows(data(), table, research=research)]


FOLLOWED = [
    ((CELLS, SEEN | {"visit.v.course_day": "400"}), (400, False), ""),
    ((CELLS, {"visit.v.course_day": "400", "visit.v.alive": "yes"}), (400, False), ""),
    ((CELLS, SEEN | {"visit.v.performed_at": "2021-06-14"}), (400, False), ""),
    ((CELLS, {"event.e.term": "Rash", "event.e.course_day": "30"}), (30, False), ""),
    (("", SEEN | {"visit.v.course_day": "400"}), (400, False), ""),
    (("2020-05", SEEN | {"visit.v.course_day": "400"}), (400, False), ""),
    ((CELLS, SEEN | {"visit.v.performed_at": "2021-06-14", "patient.died_on": "2022"}), None, IN_PART),
    ((CELLS, {"patient.died_on": "2021-06-14"}), (400, True), ""),
    ((CELLS, {"patient.died_on": "2021", "score.v.survival_days": "400", "score.v.survival_status": "1"}),
     (400, True), ""),
    ((CELLS, {"patient.died_on": "2021", "visit.v.alive": "no", "visit.v.performed_at": "2021-06-14"}),
     (400, True), ""),
    ((CELLS, {"patient.died_on": "2021"}), None, IN_PART),
    (("2020-05", {"patient.died_on": "2021-06-14"}), None, IN_PART),
    (("2020-05", SEEN | {"visit.v.performed_at": "2021-06-14"}), None, NO_START),
    (("", {}), None, NOTHING),
]  # fmt: skip


def test_days_are_counted_only_where_they_are_known(take, data, session, team):
    """The naive calculation agrees."""
    take(*(given for given, _days, _why in FOLLOWED))
    found, missing = followed(data())
    by_number = {one["course_id"]: int(one["record_number"].removeprefix("OLD-")) for one in analysed(data)}
    told = {by_number[one.course.id]: (one.days, one.died) for one in found}
    assert told == {place: days for place, (_given, days, _why) in enumerate(FOLLOWED) if days is not None}
    without = {by_number[id_]: why for why, ids in missing for id_ in ids}
    assert without == {place: why for place, (_given, days, why) in enumerate(FOLLOWED) if days is None}
    clinic = Clinic(session, team.site.id, clock.now())
    twin = {by_number[id_]: pair for id_, pair in naive_courses.observed(clinic, {"by": "sex"}).items()}
    assert twin == told
    observed = [one["observed_days"] for one in sorted(analysed(data), key=lambda one: by_number[one["course_id"]])]
    assert observed == [None if days is None else days[0] for _given, days, _why in FOLLOWED]


YEAR = [
    ({"patient.died_on": "2020"}, "dead"), ({"patient.died_on": "2021-04"}, "dead"),
    ({"patient.died_on": "2022"}, "alive"), ({"patient.died_on": "2021"}, "unknown"),
    ({"patient.died_on": "2021-05"}, "unknown"), (SEEN | {"visit.v.performed_at": "2021-06-14"}, "alive"),
]  # fmt: skip


def test_a_death_counts_within_a_year_only_where_all_of_its_month_or_year_is(take, data):
    take(*((CELLS, facts) for facts, _how in YEAR))
    result = REPORTS["expectation"].figures(data("expectation"))
    told = {column.key: figure.value for column, figure in zip(result.columns, result.total.figures, strict=True)}
    how = [how for _facts, how in YEAR]
    assert (told["n"], told["events"], told["censored"]) == (4, how.count("dead"), 0)
    assert dict(result.missing)[IN_PART].__len__() == how.count("unknown")
    assert "2 of 4 patients died within a year" in result.finding
    curve = REPORTS["survival"].figures(data("survival"))
    assert curve.total.figures[1].value == 0
    assert len(dict(curve.missing)[IN_PART]) == 5


def test_who_was_lost_while_another_may_have_died_leaves_the_share_open(take, data):
    take((CELLS, {"patient.died_on": "2020"}), (CELLS, SEEN | {"visit.v.performed_at": "2020-08-10"}))
    result = REPORTS["expectation"].figures(data("expectation"))
    told = {column.key: figure.value for column, figure in zip(result.columns, result.total.figures, strict=True)}
    assert (told["n"], told["events"], told["censored"], told["alive"]) == (2, 1, 1, None)


@pytest.mark.parametrize(
    ("given", "period", "inside", "said"),
    [
        ("2020-05", {"from": "2020-05-01", "to": "2020-05-31"}, 1, 0), ("2020-05", {"from": "2020-05-02"}, 0, 1),
        ("2020-05", {"to": "2020-05-30"}, 0, 1), ("2020-05", {"from": "2020-06-01"}, 0, 0),
        ("2020", {"from": "2019-12-31", "to": "2021-01-01"}, 1, 0), ("2020-05-10", {"to": "2020-05-10"}, 1, 0),
    ],
)  # fmt: skip
def test_a_period_has_a_month_only_where_it_has_all_of_it(take, data, given, period, inside, said):
    take((given, SEEN))
    result = REPORTS["activity"].figures(data("activity", **period))
    assert len(result.included) == inside
    assert len(dict(result.excluded).get(PERIOD_IN_PART, [])) == said


def test_a_year_is_enough_for_a_table_of_years(take, data):
    take(("2020-05", {}), ("2020", {}), (CELLS, {}))
    result = REPORTS["activity"].figures(data("activity"))
    assert [(row.key[:4], row.figures[2].value) for row in result.rows] == [("2020", 3)]


def test_forms_of_registries_and_tables_have_no_more_than_is_known(take, data):
    take(
        ("2020-05", {"patient.died_on": "2021", "patient.birth_date": "1980"}),
        (CELLS, SEEN | {"visit.v.performed_at": "2021-06"}),
    )
    result = REPORTS["registry-4000"].figures(data("registry-4000"))
    keys = [column.key for column in result.columns]
    told = {row.figures[keys.index("infused")].value: row.figures[keys.index("born")].value for row in result.rows}
    assert told == {"2020-05": "1980", date(2020, 5, 10): None}
    ebmt = REPORTS["registry-ebmt"].figures(data("registry-ebmt"))
    place = [column.key for column in ebmt.columns].index("infused")
    assert {row.figures[place].shown for row in ebmt.rows} == {"2020-05", "10 May 2020"}
    found = {one["record_number"]: one for one in analysed(data)}
    assert [found["OLD-0"][key] for key in ("first_given", "died", "observed_days")] == ["2020-05", "2021", None]
    assert [found["OLD-1"][key] for key in ("first_given", "last_seen")] == [date(2020, 5, 10), "2021-06"]
    (visit,) = analysed(data, "visits")
    assert (visit["on"], visit["course_day"]) == ("2021-06", None)
    relative = sorted(str(one["last_seen_days"]) for one in analysed(data, research=True))
    assert relative == ["None", "None"]
    assert any("2020-05 or 2020" in line[-1] for line in dictionary(research=False) if line[1] == "first_given")


def test_an_estimate_of_a_day_is_read_like_a_day(take, data, session):
    take((CELLS, SEEN | {"visit.v.performed_at": "2021-06-14~"}))
    assert session.scalars(select(FollowUpVisit)).one().precision_of("performed_at") == "estimated day"
    (one,), _missing = followed(data())
    assert one.days == 400
    assert NO_DAY not in {why for why, ids in followed(data())[1] if ids}
