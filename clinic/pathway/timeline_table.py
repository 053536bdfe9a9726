"""The timeline of a patient as a table: every fact a line, with both times and the hands."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from clinic.fields import RUNS_AS_FORMULA
from clinic.templating import unmarked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.patients.models import Patient

COLUMNS = [
    "Patient", "Happened at", "Day", "Kind", "Entry", "Fact", "Value", "Note", "Done by", "History", "Time zone",
]  # fmt: skip


def timeline_table(days: Iterable[Any], patient: Patient, zone: str) -> str:
    """Return the entries of some days as comma-separated values that a spreadsheet runs nothing of."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(COLUMNS)
    for entry in (entry for day in days for entry in day.entries):
        for label, value, note in entry.facts or [("", "", "")]:
            cells = (
                patient.id, entry.at.isoformat() if entry.at else "", entry.day_label, entry.kind_label,
                unmarked(entry.headline), label, unmarked(value), note, entry.who, "; ".join(entry.hands), zone,
            )  # fmt: skip
            table.writerow([safe(cell) for cell in cells])
    return out.getvalue()


def safe(cell: str) -> str:
    """Return a cell that a spreadsheet does not take for a formula (it gets a leading apostrophe)."""
    return f"'{cell}" if cell.startswith(RUNS_AS_FORMULA) else cell
