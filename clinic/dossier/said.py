"""How a value that the ledger keeps stands in a table, so that the two can be compared without the database."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from clinic.clock import today
from clinic.exchange.datasets import Column
from clinic.exchange.export_values import Around, value_of
from clinic.exchange.exporting import written_cell

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPARED = {"text", "number", "yesno", "day", "moment", "choice", "choices", "list", "map"}
"""Kinds of columns whose cell follows from the record alone; who people are and what hangs on it does not."""


def said(kind: str, key: str, state: Mapping[str, Any], zone: str) -> str | None:
    """Return the cell of a column as a CSV file has it; None where the record alone does not tell it."""
    if kind not in COMPARED or key not in state:
        return None
    value: Any = state[key]
    if value is not None and kind == "moment":
        value = datetime.fromisoformat(value)
    elif value is not None and kind == "day":
        value = date.fromisoformat(value)
    elif kind == "number" and isinstance(value, str):
        value = Decimal(value)
    around = Around(people={}, code="", zone=zone, clock=ZoneInfo(zone), on=today(zone))
    around.precision = state.get("precision") or {}
    return str(written_cell(value_of(Column(key=key, heading="", kind=kind), value, around)))
