"""Scores over the visits: the table with the change since baseline, and a chart for each instrument (rule 63)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic.fields import plain
from clinic.protocols.catalogues import INSTRUMENTS, change, responder, threshold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinic.followup.models import FollowUpVisit, OutcomeScore, PlannedVisit
    from clinic.treatments.models import Treatment

TWO = 2
"""From so many points on a chart is drawn."""


def baselines(visits: Sequence[FollowUpVisit]) -> dict[str, Decimal]:
    """Return the first reading before the cells of each instrument."""
    found: dict[str, Decimal] = {}
    for visit in visits:
        if visit.is_baseline:
            for score in visit.scores:
                if score.value is not None:
                    found.setdefault(score.instrument or "", score.value)
    return found


def scores_table(visits: Sequence[FollowUpVisit], only: FollowUpVisit | None = None) -> list[dict[str, Any]]:
    """Return one row a score: visit, instrument, words, change since baseline, and a tag where it matters."""
    start = baselines(visits)
    return [
        {
            "visit": visit,
            "score": score,
            "label": INSTRUMENTS[score.instrument or ""].label,
            "since": _since(score, visit, start),
            "tag": _tag(score, visit, start),
        }
        for visit in visits
        for score in visit.scores
        if only is None or visit.id == only.id
    ]


def _since(score: OutcomeScore, visit: FollowUpVisit, start: dict[str, Decimal]) -> str:
    baseline = start.get(score.instrument or "")
    if visit.is_baseline:
        return "baseline"
    return score.since(baseline) if baseline is not None else "no baseline"


def _tag(score: OutcomeScore, visit: FollowUpVisit, start: dict[str, Decimal]) -> tuple[str, str, str] | None:
    baseline = start.get(score.instrument or "")
    instrument = INSTRUMENTS[score.instrument or ""]
    if visit.is_baseline or baseline is None or score.value is None or instrument.gone:
        return None
    gained = change(instrument, baseline, score.value)
    if responder(instrument, baseline, score.value):
        return ("ok", "trending-up", "Better")
    needed = threshold(instrument, baseline)
    if gained < 0 and needed is not None and -gained >= needed:
        return ("bad", "trending-down", "Worse")
    return ("rest", "activity", "No important change") if needed is not None else None


def charts(course: Treatment, plans: Sequence[PlannedVisit], visits: Sequence[FollowUpVisit]) -> list[dict[str, Any]]:
    """Return a chart for each known instrument with two readings or more; visits to come or missed are open points."""
    start, found = baselines(visits), []
    first = min((plan.day_zero for plan in plans), default=None)
    days = {plan.id: (plan.due_on - first).days for plan in plans if first is not None}
    planned = [plan for plan in plans if plan.visit is None or plan.visit.made != "made"]
    missed = {_label(plan.name) for plan in planned if plan.visit is not None}
    for key in dict.fromkeys(score.instrument for visit in visits for score in visit.scores):
        instrument = INSTRUMENTS[key or ""]
        points = [
            (_label(visit.name), _day(visit, days, course), score.value)
            for visit in visits
            for score in visit.scores
            if score.instrument == key and score.value is not None
        ]
        if len(points) < TWO or instrument.gone:  # without its range and direction there is nothing to draw
            continue
        points += [
            (_label(plan.name), days[plan.id], None) for plan in planned if key in plan.instruments and plan.day > 0
        ]
        baseline = start.get(key or "")
        needed = threshold(instrument, baseline) if baseline is not None else None
        low, high = _ends(instrument, [value for _l, _d, value in points if value is not None])
        found.append(
            {
                "id": f"score-{key}".replace("_", "-"),
                "title": instrument.label,
                "subtitle": f"{instrument.better} is better",
                "low": low,
                "high": high,
                "better": instrument.better,
                "mcid": needed,
                "baseline": baseline,
                "unit": instrument.unit,
                "points": sorted(points, key=lambda point: point[1]),
                "missed": missed,
                "caption": f"MCID: {plain(needed)} ({instrument.mcid_source})."
                if needed is not None
                else "No MCID defined.",
            }
        )
    return found


def _ends(instrument: Any, read: list[Decimal]) -> tuple[Decimal, Decimal]:
    """Return the ends of the scale: the instrument's own, or twice the highest reading where its range is far wider."""
    low, high = instrument.range.low or Decimal(0), instrument.range.high or max(read)
    top = max(read)
    return (low, high) if top * 4 > high else (low, min(high, (top * 2).quantize(Decimal(1)) + 1))


def _day(visit: FollowUpVisit, days: dict[str, int], course: Treatment) -> int:
    """Return the day of the course: the plan's, the history's, else counted from the course's order."""
    if visit.plan_id in days:
        return days[visit.plan_id or ""]
    if visit.course_day is not None:
        return visit.course_day
    if visit.is_baseline or visit.performed_at is None or course.performed_at is None:
        return 0
    return max(1, (visit.performed_at - course.performed_at).days)


def _label(name: str) -> str:
    """Return a visit's name as short as an axis needs it: “M 3” for “Month 3”."""
    visit, _after, dose = name.partition(" after dose ")
    words = visit.split()
    short = (
        f"{words[0][0]}{words[1]}"
        if len(words) == TWO and words[1].isdigit()
        else {"Baseline": "Start"}.get(name, words[0][:5])
    )
    return f"{short}/{dose}" if dose else short
