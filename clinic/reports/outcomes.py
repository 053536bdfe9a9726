"""Outcome: the change of a score since before the cells, with everyone who was due in the denominator."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from clinic.fields import plain
from clinic.followup.models import FollowUpVisit, OutcomeScore, PlannedVisit
from clinic.protocols.catalogues import INSTRUMENTS, change, labels, responder, threshold
from clinic.records import Origin
from clinic.reports.asking import Option
from clinic.reports.baselines import Reading, baseline_of, day_of_visit, is_baseline
from clinic.reports.dimensions import COURSE, Course
from clinic.reports.followed import followed, too_weak
from clinic.reports.geometry import Drawing, Span, intervals
from clinic.reports.report import Column, Figure, Report, Result, Row, count, number, percent
from clinic.reports.statistics import clopper_pearson, mean_interval

if TYPE_CHECKING:
    from clinic.protocols.instruments import Instrument
    from clinic.reports.data import Data

TRIAL = "saline in knee osteoarthritis, 12 months, n = 144 (PMC8611484)"
PLACEBO = {"nrs_pain": 1.8, "koos_pain": 11.9, "koos_adl": 12.6, "koos_qol": 14.1}
"""Mean improvement under placebo, by instrument, in its unit, from `TRIAL`."""
COLUMNS = (
    Column("due", "Due"),
    Column("known", "Known"),
    Column("unknown", "Unknown"),
    Column("baseline", "Baseline, mean"),
    Column("change", "Improved by, mean"),
    Column("low", "95 % from"),
    Column("high", "95 % to"),
    Column("responders", "Reached the MCID"),
    Column("of-known", "% of known"),
    Column("r-low", "% from"),
    Column("r-high", "% to"),
    Column("of-due", "% of due"),
    Column("worse", "Worse by the MCID"),
)
MOST = 18
"""Rows that a chart holds."""


class Due(NamedTuple):
    """One visit at which the score was due: the record that says so, and baseline and score where both are known."""

    id: str
    course: Course
    name: str
    day: int
    baseline: Decimal | None
    value: Decimal | None

    @property
    def known(self) -> bool:
        """Whether a change can be told."""
        return self.baseline is not None and self.value is not None


def figures(data: Data) -> Result:
    """Return paired changes by group and visit; who did not come or has no baseline is unknown, not left out."""
    instrument = INSTRUMENTS[data.asked.options["score"]]
    due = _due(data, instrument)
    found: dict[str, dict[str, list[Due]]] = defaultdict(lambda: defaultdict(list))
    for one in due:
        found[data.key_of(one.course)][" ".join(one.name.split()).casefold()].append(one)
    pairs = [
        (key, some[0].name, some)
        for key, visits in data.in_order(found).items()
        for some in sorted(visits.values(), key=lambda some: (min(one.day for one in some), some[0].name))
    ]
    rows = [Row(f"{key}-{name}", f"{data.label(key)}: {name}", _figures(instrument, some)) for key, name, some in pairs]
    known = [one for one in due if one.known]
    begun = {one.course.id for one in due}
    seen = [one for one in followed(data)[0] if one.course.id in begun]
    return Result(
        columns=COLUMNS,
        rows=rows,
        first="Group and visit",
        of="visits due",
        included=[one.id for one in due],
        finding=_finding(instrument, due, known),
        drawings=[_drawing(instrument, rows)] if known else [],
        missing=[
            ("the visit was missed, not recorded, or has no such score", [o.id for o in due if o.value is None]),
            ("no baseline score before the cells", [o.id for o in due if o.value is not None and o.baseline is None]),
        ],
        excluded=data.left_out,
        weak=too_weak(seen) if known else "",
        notes=[
            _needed(instrument),
            f"{instrument.better.capitalize()} is better; an improvement is positive whichever way the score runs.",
            "Responders of those due count every unknown as not reached. Each score is counted separately.",
        ],
    )


def _due(data: Data, instrument: Instrument) -> list[Due]:
    scores = data.read(
        OutcomeScore.treatment_id,
        OutcomeScore.visit_id,
        OutcomeScore.value,
        FollowUpVisit.name,
        FollowUpVisit.plan_id,
        FollowUpVisit.performed_at,
        FollowUpVisit.precision,
        FollowUpVisit.course_day,
        join=(FollowUpVisit, FollowUpVisit.id == OutcomeScore.visit_id),
        where=[OutcomeScore.instrument == instrument.key, OutcomeScore.value.is_not(None)],
        order=[FollowUpVisit.performed_at, OutcomeScore.recorded_at, OutcomeScore.id],
    )
    planned = data.read(
        PlannedVisit.id,
        PlannedVisit.treatment_id,
        PlannedVisit.name,
        PlannedVisit.day,
        PlannedVisit.due_on,
        PlannedVisit.closes_on,
        PlannedVisit.instruments,
        order=[PlannedVisit.due_on, PlannedVisit.id],
    )
    later = {plan.id for plan in planned if plan.day > 0}
    readings: dict[str, list[Reading]] = defaultdict(list)
    at_plan, besides = {}, []
    for row in scores:
        day = day_of_visit(data, row)
        if row.plan_id in later:
            at_plan[row.plan_id] = row.value
        elif is_baseline(row.name, day):
            readings[row.treatment_id].append(Reading(row.name, day, row.value))
        else:
            besides.append((row, day or 0))
    base = {id_: baseline_of(some) for id_, some in readings.items()}
    found = []
    for plan in planned:
        course, value = data.courses.get(plan.treatment_id), at_plan.get(plan.id)
        asked = instrument.key in plan.instruments and plan.closes_on < data.today
        if course and plan.day > 0 and (asked or value is not None) and data.within(plan.due_on, plan.id):
            found.append(Due(plan.id, course, plan.name, plan.day, base.get(course.id), value))
    for row, day in besides:
        course = data.courses.get(row.treatment_id)
        if course and data.within(data.when(row.performed_at, row.precision), row.visit_id):
            found.append(Due(row.visit_id, course, row.name, day, base.get(course.id), row.value))
    known = {row.visit_id for row in scores}
    for row in _told_missing(data, instrument.key):
        course, day = data.courses.get(row.treatment_id), day_of_visit(data, row)
        if course and row.id not in known and data.within(data.when(row.performed_at, row.precision), row.id):
            found.append(Due(row.id, course, row.name, day or 0, base.get(course.id), None))
    return found


def _told_missing(data: Data, instrument: str) -> list[Any]:
    """Return the visits of imported courses at which a score was due and is missing, as their table says."""
    visits = data.read(
        FollowUpVisit.id,
        FollowUpVisit.treatment_id,
        FollowUpVisit.name,
        FollowUpVisit.performed_at,
        FollowUpVisit.precision,
        FollowUpVisit.course_day,
        FollowUpVisit.not_recorded,
        where=[FollowUpVisit.origin == Origin.IMPORTED, FollowUpVisit.plan_id.is_(None)],
        order=[FollowUpVisit.performed_at, FollowUpVisit.id],
    )
    return [
        row
        for row in visits
        if instrument in (row.not_recorded or {}) and not is_baseline(row.name, day_of_visit(data, row))
    ]


def _figures(instrument: Instrument, some: list[Due]) -> tuple[Figure, ...]:
    known = [one for one in some if one.known]
    gained = [float(change(instrument, one.baseline, one.value)) for one in known]  # type: ignore[arg-type]
    mean, low, high = mean_interval(gained) if gained else (None, None, None)
    ends = [None if end is None or abs(end) == float("inf") else end for end in (low, high)]
    head = (
        count(one.id for one in some),
        count(one.id for one in known),
        count(one.id for one in some if not one.known),
        number(fmean(float(one.baseline or 0) for one in known) if known else None, 1),
        number(mean, 2),
        number(ends[0], 2),
        number(ends[1], 2),
    )
    judged = [(one, _reached(instrument, one)) for one in known]
    if not known or any(reached is None for _one, reached in judged):
        return (*head, *[Figure(None)] * 6)
    reached = [one.id for one, better in judged if better]
    worse = [one.id for one in known if _worse(instrument, one)]
    r_low, r_high = clopper_pearson(len(reached), len(known))
    return (
        *head,
        count(reached),
        percent(len(reached), len(known)),
        number(100 * r_low),
        number(100 * r_high),
        percent(len(reached), len(some)),
        count(worse),
    )


def _reached(instrument: Instrument, one: Due) -> bool | None:
    return (
        responder(instrument, one.baseline, one.value) if one.baseline is not None and one.value is not None else None
    )


def _worse(instrument: Instrument, one: Due) -> bool:
    if one.baseline is None or one.value is None:
        return False
    needed, lost = threshold(instrument, one.baseline), -change(instrument, one.baseline, one.value)
    return needed is not None and lost > 0 and (lost > needed if instrument.mcid_exceeded else lost >= needed)


def _needed(instrument: Instrument) -> str:
    """Return the MCID in force with its source, in a sentence."""
    if instrument.mcid is None and instrument.mcid_percent is None:
        return f"No MCID is set for {instrument.label}, so nobody is counted as a responder."
    unit = f" {instrument.unit}" if instrument.unit else ""
    said = f"{plain(instrument.mcid or Decimal(0))}{unit}"
    if instrument.mcid_percent is not None:
        said = f"{plain(instrument.mcid_percent)} % of the baseline"
    elif instrument.mcid_high is not None and instrument.mcid_high_from is not None:
        said += f", from a baseline above {plain(instrument.mcid_high_from)} on {plain(instrument.mcid_high)}{unit}"
    more = "more than " if instrument.mcid_exceeded else ""
    return f"MCID of {instrument.label}: {more}{said} (source: {instrument.mcid_source})."


def _finding(instrument: Instrument, due: list[Due], known: list[Due]) -> str:
    if not due:
        return f"{instrument.label} was not due yet for anybody."
    said = f"{instrument.label} was due at {len(due)} visits; the change is known at {len(known)}"
    return f"{said}, unknown at {len(due) - len(known)}."


def _drawing(instrument: Instrument, rows: list[Row]) -> Drawing:
    shown = [row for row in rows if row.figures[4].value is not None][:MOST]
    spans = []
    for row in shown:
        mean, low, high = (None if (v := f.value) is None else float(str(v)) for f in row.figures[4:7])
        spans.append(Span(row.label, mean, low, high, f"{row.figures[1].shown} of {row.figures[0].shown} known"))
    marks = [("placebo", PLACEBO[instrument.key], "under placebo")] if instrument.key in PLACEBO else []
    if instrument.mcid is not None and instrument.mcid_high_from is None:
        marks.append(("reached", float(instrument.mcid), "MCID"))
    unit = f" {instrument.unit}" if instrument.unit else ""
    caption = "Mean improvement with 95 % interval (t); no interval for one pair."
    if instrument.key in PLACEBO:
        caption += f" Dotted: mean improvement under placebo, {TRIAL}."
    if len(rows) > MOST:
        caption += f" The first {MOST} rows are drawn."
    says = f"{instrument.label}: mean improvement since baseline by group and visit."
    title = f"{instrument.label}: improvement since before the cells"
    return intervals("outcomes", title, says, spans, unit=unit, marks=marks, caption=caption)


REPORT = Report(
    name="outcomes",
    group="outcomes",
    topic="Outcomes",
    title="Do patients improve, and for how many is it known?",
    says="Change of a score since baseline by group and visit, with responders, unknowns and the change under placebo.",
    data_set="Visits at which the protocol asks for the score and whose window is over, all other visits with it, and "
    "visits of an imported table at which it was due and is missing",
    numerator="Mean of baseline and visit compared in the same patient; responders: changed for the better by the MCID",
    denominator="Visits due. Known: baseline and score are recorded. Unknown: one is missing, for whatever reason",
    counted_by="day on which the visit was due",
    by=("condition", "profile", *(key for key in COURSE if key != "condition")),
    figures=figures,
    method="Paired t interval; responders: exact (Clopper–Pearson)",
    source="MCID: see the note of the figures. Placebo: " + TRIAL,
    options=(Option("score", "Score", labels(INSTRUMENTS).items(), "vas_pain_cm"),),
)
