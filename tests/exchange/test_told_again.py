"""What a table may tell a second time is asked about, also where a day is known in part or not at all."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.exchange import exporting
from clinic.exchange.datasets import datasets
from clinic.exchange.exporting import Choice
from clinic.followup.models import FollowUpVisit
from clinic.reports import asking
from clinic.reports.analysis import TABLES
from clinic.reports.analysis_rows import rows
from clinic.reports.catalog import REPORTS
from clinic.reports.data import Data
from tests.exchange.test_import_refuses import take, ward
from tests.exchange.test_increments import DOSE, known, more, score
from tests.exchange.test_increments import event as event_of

__all__ = ["known", "more", "take", "ward"]


LONG_AGO = {
    "patient.record_number": "OLD-0", "administration.performed_at": "2017-01-05", "administration.volume_given": "9",
    "harvest.performed_at": "na", "product.performed_at": "na", "weight.performed_at": "2017-01-04",
}  # fmt: skip


def event(day: str, term: str = "Effusion") -> dict[str, str]:
    return event_of(term=term, performed_at=day)


MONTH, DAY, OTHER = "2019-06", "2019-06-03", "2019-08-03"
EVENTS = [
    (MONTH, DAY, True), (DAY, MONTH, True), ("2019", DAY, True), ("", MONTH, True), (DAY, "", True), ("", "2019", True),
    (MONTH, OTHER, False), (MONTH, "2019-07", False), (DAY, "2019-06-04", False), ("2018", DAY, False),
]  # fmt: skip


@pytest.mark.rule(70)
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(("first", "second", "asked"), EVENTS)
def test_an_event_whose_day_may_be_the_same_is_asked_about(take, more, first, second, asked, together):
    report = take(LONG_AGO)
    assert not report.refused, report.sentences()
    lines = (event(first), event(second))
    if not together:
        more("events", lines[0])
    report = more("events", *(lines if together else lines[1:]), refused=asked)
    assert {one.ask for one in report.problems} == ({"event.repeated"} if asked else set())
    if asked:
        more("events", *(lines if together else lines[1:]), confirmed={"event.repeated": "Both knees"})
    else:
        assert more("events", event(second, "Rash")).made


CELLS = [
    (MONTH, "2019-06-05", {}, True), ("2019-06-05", MONTH, {}, True), ("2019", MONTH, {}, True),
    ("", "2019-06-05", {}, True), ("2019-06-05", "", {}, True), (MONTH, "2019-07-05", {}, False),
    ("", "2019-06-05", {"administration.volume_given": "4"}, False),
]  # fmt: skip


@pytest.mark.rule(70)
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(("first", "second", "facts", "asked"), CELLS)
def test_cells_whose_day_may_be_the_same_are_asked_about(take, more, first, second, facts, asked, together):
    report = take(LONG_AGO)
    assert not report.refused, report.sentences()
    line = {name: said for name, said in DOSE.items() if not name.endswith("performed_at") and "weight" not in name}
    del line["product.amount"]
    lines = [line | {"administration.performed_at": first}, line | facts | {"administration.performed_at": second}]
    if not together:
        more("administrations", lines[0])
    report = more("administrations", *(lines if together else lines[1:]), refused=asked)
    assert {one.ask for one in report.problems} == ({"administration.repeated"} if asked else set())


@pytest.mark.rule(62)
@pytest.mark.parametrize(("name", "day", "on", "refused"), [
    ("Late", "365", "2016-03-01", True), ("Late", "1", "2016-11-01", True), ("Late", "365", "2016", True),
    ("Month 6", "", "2016-07-01", True), ("MONTH 6", "", "2015", True), ("Month 6", "", "2017-07-01", False),
    ("Late", "365", "2018-01-05", False), ("Before", "-35", "2016-12-01", False), ("Other", "", "2016-12-01", False),
])  # fmt: skip
def test_a_visit_after_the_cells_is_not_dated_before_them(take, more, name, day, on, refused):
    assert not take(LONG_AGO).refused
    line = score(visit_name=name) | {"visit.performed_at": on, "visit.course_day": day}
    report = more("scores", line, refused=refused)
    assert ("after the first cells" in " ".join(report.sentences())) is refused


def test_a_score_that_was_filled_in_is_missing_no_more(ward, known, more):
    empty = score(score_instrument="edss", score_value="2"), score(score_value="NA")
    more("scores", *empty, missing=["NA"])
    more("scores", score())
    visit = ward.session.scalars(select(FollowUpVisit)).one()
    assert {one.instrument for one in visit.scores} == {"spo2", "edss"}
    (row,) = [
        dict(zip(exporting.heading(data, Choice()), one, strict=True))
        for data in [datasets()["visits"]]
        for one in exporting.rows(ward.session, data, Choice())
    ]
    assert "spo2" not in str(row["Not recorded, because"] or "")
    asked, _wrong = asking.read(REPORTS["survival"], {}, today=clock.today(ward.team.site.zone))
    read = Data(ward.session, asked, zone=ward.team.site.zone, at=clock.now())
    table = TABLES["visits"]
    keys = [column.key for column in table.columns]
    (told,) = [dict(zip(keys, one, strict=True)) for one in rows(read, table, research=False)]
    assert "spo2" not in str(told["missing"])
