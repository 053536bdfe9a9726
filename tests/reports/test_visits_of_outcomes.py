"""A visit is one row by its name, on the day of its date; what lies before the cells, or on their day, is baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.followup.models import FollowUpVisit
from clinic.reports import asking
from clinic.reports.baselines import is_baseline
from clinic.reports.catalog import REPORTS
from clinic.reports.data import Data
from tests.reports.test_days_known_in_part import CELLS, analysed, data, take

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("data", "take")
PAIN = "score.{}.nrs_pain"


@pytest.fixture
def outcomes(session: Any, team: Any) -> Callable[..., Any]:
    def made() -> Any:
        report = REPORTS["outcomes"]
        asked, _wrong = asking.read(report, {"score": "nrs_pain"}, today=clock.today(team.site.zone))
        return report.figures(Data(session, asked, zone=team.site.zone, at=clock.now()))

    return made


def visit(key: str, name: str, figure: str, **day: str) -> dict[str, str]:
    facts = {f"visit.{key}.{one}": said for one, said in day.items()}
    return {PAIN.format(key): figure, f"visit.{key}.name": name} | facts


def test_one_visit_is_one_row_however_its_day_is_told(take, outcomes, session):
    take(
        (CELLS, visit("a", "Baseline", "8") | visit("b", "Month 24", "4", course_day="730")),
        (CELLS, visit("a", "Baseline", "6") | visit("b", "Month 24", "3", performed_at="2022-05-12")),
        (CELLS, visit("a", "Baseline", "6") | visit("b", "month 24", "5", performed_at="2022-05-20")),
    )
    result = outcomes()
    keys = [one.key for one in result.rows]
    assert len(keys) == len(set(keys))
    rows = [one for one in result.rows if "24" in one.label]
    assert len(rows) == 1
    figures = dict(zip((one.key for one in result.columns), rows[0].figures, strict=True))
    assert (figures["due"].value, figures["known"].value) == (3, 3)
    assert float(figures["baseline"].value) == pytest.approx(6.7, abs=0.05)
    assert float(figures["change"].value) == pytest.approx((4 + 3 + 1) / 3, abs=0.01)
    wanted = {one.id for one in session.scalars(select(FollowUpVisit)) if "24" in (one.name or "")}
    assert set(figures["due"].of or ()) == wanted


@pytest.mark.parametrize(("before", "known"), [
    (visit("a", "baseline", "8"), 1), (visit("a", "BASELINE", "8"), 1), (visit("a", "Pre-op", "8"), 1),
    (visit("a", "Clinic", "8", course_day="0"), 1), (visit("a", "Clinic", "8", course_day="-14"), 1),
    (visit("a", "Clinic", "8", performed_at="2020-05-01"), 1), (visit("a", "Clinic", "8", performed_at=CELLS), 1),
    (visit("a", "Clinic", "8", performed_at="2020-05-20"), 0), (visit("a", "Pre-op", "8", course_day="40"), 0),
    (visit("a", "Visit 1", "8"), 0),
    (visit("z", "Clinic", "1", course_day="-90") | visit("a", "Clinic 2", "8", course_day="-3"), 1),
    (visit("z", "Clinic", "1", course_day="-3") | visit("a", "baseline", "8", course_day="-90"), 1),
])  # fmt: skip
def test_what_lies_before_the_cells_is_the_baseline(take, outcomes, data, before, known):
    take((CELLS, before | visit("m", "Month 6", "3", course_day="182")))
    result = outcomes()
    rows = {one.label.rsplit(": ", 1)[1]: one for one in result.rows}
    figures = {name: dict(zip((c.key for c in result.columns), one.figures, strict=True)) for name, one in rows.items()}
    assert figures["Month 6"]["known"].value == known
    assert figures["Month 6"]["change"].value == (pytest.approx(5) if known else None)
    assert len(rows) == (1 if known else 2), "a baseline is due at no row of its own"
    course = analysed(data)[0]
    assert course.get("nrs_pain_baseline") == (8 if known else None)


def test_a_visit_whose_day_is_known_is_judged_by_it():
    assert is_baseline("Baseline", 3)
    assert is_baseline("Screening", None)
    assert not is_baseline("Screening", 30)
    assert not is_baseline(None, None)


def test_without_days_a_step_of_a_history_is_not_recorded_in_both_variants(take, data):
    take((CELLS, {}))
    whole, bare = (analysed(data, research=research)[0]["state"] for research in (False, True))
    assert "Consent: Not recorded" in whole
    assert "Consent: Not recorded" in bare
    assert "Consent: done" not in bare
