"""How often the record differs from its source: the error rate of each audit, and its chart over audits."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic import wording
from clinic.reports.control import p_chart
from clinic.reports.geometry import Drawing, control
from clinic.reports.report import Column, Figure, Report, Result, Row, count, number, percent
from clinic.reports.source_audits import CHECKED, VERDICTS, SourceAudit, SourceCheck
from clinic.reports.statistics import clopper_pearson

if TYPE_CHECKING:
    from clinic.reports.data import Data

COLUMNS = (
    Column("drawn", "Courses drawn"),
    Column("checked", "Courses checked"),
    Column("fields", "Fields checked"),
    Column("wrong", "Wrong"),
    Column("rate", "Error rate, %"),
    Column("low", "95 % from"),
    Column("high", "95 % to"),
    Column("missing", "Source missing"),
    Column("with-error", "Courses with an error"),
    *(Column(f"wrong-{key}", f"Wrong: {label.lower()}") for key, label in CHECKED.items()),
)
NOTE = (
    "A field whose source is missing was not compared: it is in neither part of the error rate, and is counted beside. "
    "Donor type is a field of courses with donor cells; engraftment counts where it applies."
)


def figures(data: Data) -> Result:
    """Return the errors of each audit of the period, the oldest first."""
    audits = [row for row in _audits(data) if data.within(data.day(row.performed_at), row.id)]
    checks = data.read(
        SourceCheck.id, SourceCheck.audit_id, SourceCheck.treatment_id, *(getattr(SourceCheck, key) for key in CHECKED),
        order=[SourceCheck.recorded_at, SourceCheck.id],
    )  # fmt: skip
    checks = [row for row in checks if row.treatment_id in data.courses]
    drawn = {row.id: [id_ for id_ in row.drawn if id_ in data.courses] for row in audits}
    of_audit = {row.id: [check for check in checks if check.audit_id == row.id] for row in audits}
    rows = [Row(row.id, _label(data, row), _figures(drawn[row.id], of_audit[row.id])) for row in audits]
    every = [check for some in of_audit.values() for check in some]
    courses = [id_ for some in drawn.values() for id_ in some]
    total = Row("total", "All audits", _figures(courses, every))
    done = {(check.audit_id, check.treatment_id) for check in every}
    fields, wrong, rate, low, high = (figure.shown for figure in total.figures[2:7])
    says = f"{wrong} of {fields} fields differ from their source: {rate} %, 95 % interval {low} to {high} %."
    return Result(
        columns=COLUMNS,
        rows=rows,
        total=total if rows else None,
        of="checks of a course",
        included=[check.id for check in every],
        first="Audit",
        finding=says if every else "No course was checked.",
        missing=[
            ("drawn, not checked yet", [x for key, some in drawn.items() for x in some if (key, x) not in done]),
            ("the source of a field is missing", [one.id for one in every if "missing" in _found(one)]),
        ],
        excluded=data.left_out,
        drawings=_drawings([(_short(data, row), of_audit[row.id]) for row in audits]),
        notes=[NOTE],
    )


def _audits(data: Data) -> list[Any]:
    audit = SourceAudit
    return data.read(
        audit.id, audit.since, audit.until, audit.performed_at, audit.drawn, order=[audit.recorded_at, audit.id]
    )


def _label(data: Data, row: Any) -> str:
    return f"{wording.day(row.since)} to {wording.day(row.until)}, drawn {_short(data, row)}"


def _short(data: Data, row: Any) -> str:
    return wording.day(data.day(row.performed_at))


def _found(check: Any) -> list[str]:
    return [value for key in CHECKED if (value := getattr(check, key)) in VERDICTS]


def _counts(checks: list[Any]) -> tuple[int, int, int]:
    """Return the fields compared with a source, those that differ, and those whose source is missing."""
    found = [value for check in checks for value in _found(check)]
    missing = found.count("missing")
    return len(found) - missing, found.count("wrong"), missing


def _figures(drawn: list[str], checks: list[Any]) -> tuple[Figure, ...]:
    fields, wrong, missing = _counts(checks)
    low, high = clopper_pearson(wrong, fields) if fields else (None, None)
    by_field = [count(one.id for one in checks if getattr(one, key) == "wrong") for key in CHECKED]
    return (
        count(drawn),
        count(one.id for one in checks),
        number(Decimal(fields), 0),
        number(Decimal(wrong), 0),
        percent(wrong, fields),
        *(number(None if end is None else 100 * end, 1) for end in (low, high)),
        number(Decimal(missing), 0),
        count(one.id for one in checks if "wrong" in _found(one)),
        *by_field,
    )


def _drawings(some: list[tuple[str, list[Any]]]) -> list[Drawing]:
    """Return the p-chart over audits in which a field was compared; from the second one there is something to see."""
    told = [(label, counts) for label, checks in some if (counts := _counts(checks))[0]]
    if len(told) < 2:
        return []
    chart = p_chart([wrong for _label, (_fields, wrong, _m) in told], [fields for _label, (fields, _w, _m) in told])
    out = f"{len(chart.outside)} of {len(told)} audits lie outside the limits."
    says = "The error rate has changed." if chart.shifted else out
    title = "Share of fields that differ from their source, by audit (p-chart)"
    labels = [label for label, _counts in told]
    return [control("source-errors", title, says, chart.in_percent(), labels, unit=" %", caption=says)]


REPORT = Report(
    name="source-errors",
    group="records",
    topic="Record against source",
    title="How often does the record differ from its source?",
    says="Errors found by audits of random samples of courses, field by field, with the error rate over audits.",
    data_set="Source audits: courses drawn at random, and the fields that quality compared with their source",
    numerator="Fields that differ from their source",
    denominator="Fields compared with their source",
    counted_by="date on which the sample was drawn",
    figures=figures,
    method="95 % intervals: exact (Clopper–Pearson); p-chart with limits of three standard deviations",
    source="FACT, frequently asked questions: audit of data accuracy (disease, cell source, donor type, engraftment, "
    "survival)",
)
