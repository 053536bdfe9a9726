"""Center volumes: the last five years by condition and kind of donor."""

from __future__ import annotations

from clinic.reports.data import Data, Given
from clinic.reports.dimensions import COURSE, DONORS, UNKNOWN
from clinic.reports.report import Column, Report, Result, Row, count, totalled

YEARS = 5
KINDS = (*DONORS, UNKNOWN)
LABELS = {
    "self": "Autologous",
    "related": "Related donor",
    "unrelated": "Unrelated donor",
    "cord": "Cord",
    UNKNOWN: "Donor not recorded",
}
WHAT = ("patients", "administrations")
COLUMNS = (
    *(Column(f"{kind}-{what}", f"{LABELS[kind]}, {what}") for kind in KINDS for what in WHAT),
    Column("patients", "All patients"),
    Column("administrations", "All administrations"),
)


def figures(data: Data) -> Result:
    """Return patients and administrations of the last five calendar years by group and kind of donor."""
    since = data.today.year - YEARS + 1
    years = [(one, one.when.year if one.when is not None else None) for one in data.given]
    given = [one for one, year in years if year is not None and year >= since]
    undated = [one.id for one, year in years if year is None]
    older = [one.id for one, year in years if year is not None and year < since]
    groups: dict[str, list[Given]] = {}
    for one in given:
        groups.setdefault(data.key_of(one.course), []).append(one)
    rows = [Row(key, data.label(key), _counted(found)) for key, found in data.in_order(groups).items()]
    total = totalled("All", rows, COLUMNS, [column.key for column in COLUMNS])
    used = [place for place, _column in enumerate(COLUMNS) if total.figures[place].value or place >= len(COLUMNS) - 2]
    kept = tuple(COLUMNS[place] for place in used)
    rows = [Row(row.key, row.label, tuple(row.figures[place] for place in used)) for row in rows]
    total = Row(total.key, total.label, tuple(total.figures[place] for place in used))
    patients, administrations = total.figures[-2].value, total.figures[-1].value
    return Result(
        columns=kept,
        rows=rows,
        total=total if rows else None,
        of="administrations",
        included=[one.id for one in given],
        finding=f"From {since} to {data.today.year}: {patients} patients, {administrations} administrations.",
        excluded=[*data.left_out, ("no calendar date (published histories)", undated), (f"before {since}", older)],
        notes=["Kinds of donors without any administration have no columns."],
    )


def _counted(given: list[Given]) -> tuple:
    by_kind = [[one for one in given if one.course.donor == kind] for kind in KINDS]
    return tuple(
        figure
        for some in (*by_kind, given)
        for figure in (count(one.course.patient for one in some), count(one.id for one in some))
    )


REPORT = Report(
    name="center-volumes",
    group="activity",
    topic="Center volumes",
    title="What are the volumes of this center?",
    says="Patients and administrations of the last five calendar years by condition and kind of donor.",
    data_set="Administrations of cells in the last five calendar years, this one included",
    numerator="Patients and administrations, counted apart, by kind of donor",
    denominator="These are counts, not shares",
    counted_by="date of administration",
    by=("condition", *(key for key in COURSE if key != "condition")),
    figures=figures,
    source="CIBMTR center volumes data report (CVDR)",
)
