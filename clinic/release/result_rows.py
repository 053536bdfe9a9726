"""Products and their results as pages show them: lines of tables, the clock, the reading beside its limit."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic import wording
from clinic.fields import plain
from clinic.protocols.catalogues import DOSE_MEASURES, QC_TESTS, within
from clinic.release.results import QCResult, Verdict, asked_for, standing
from clinic.templating import units

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.products.models import Product
    from clinic.protocols.content import QCSpec
    from clinic.protocols.models import ProtocolVersion

TAGS = {
    Verdict.WITHIN: ("ok", "check"),
    Verdict.OUTSIDE: ("bad", "alert-triangle"),
    Verdict.PENDING: ("wait", "hourglass"),
    Verdict.RECORDED: ("rest", "notes"),
}
URGENT, SOON = timedelta(minutes=30), timedelta(hours=4)


def span(length: timedelta) -> str:
    """Return a length of time as it is said: “12 min”, “3 h 12 min”, “4 d 2 h”, “4 y 11 mo”."""
    minutes = int(abs(length).total_seconds() // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days >= 730:
        return wording.years(days, " y", " mo")
    if days >= 60:
        return f"{days} d"
    if days >= 2:
        return f"{days} d {hours} h"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def clock_of(expires_at: datetime | None, at: datetime, known: str = "") -> dict[str, Any] | None:
    """Return figure, words, state and end of the time that is left, as the clock is drawn; None without an end.

    ``known``: how much is known of the end; of one without its minute only days are counted.
    """
    if expires_at is None:
        return None
    left = expires_at - at
    days = abs(left).days
    figure = span(left) if not known else f"{days} d" if days else "less than a day"
    if left <= timedelta(0):
        return {
            "fig": figure,
            "say": "ago: expired",
            "state": "over",
            "word": "Expired",
            "due": None,
        }
    state = "urgent" if left <= URGENT else "soon" if left <= SOON else ""
    return {
        "fig": figure,
        "say": "left",
        "state": state,
        "word": {"urgent": "Urgent", "soon": "Soon"}.get(state, ""),
        "due": None if known else expires_at,
    }


def result_row(result: QCResult, spec: QCSpec | None) -> dict[str, Any]:
    """Return one reading beside a limit, as the table of results draws it."""
    test = QC_TESTS[result.test or ""]
    verdict = result.against(spec)
    figure = result.value is not None and not result.pending
    sign = "" if result.comparator == "=" else f"{result.comparator} "
    limit = spec.limit if spec is not None else None
    return {
        "label": test.label,
        "unit": test.unit if figure else "",
        "value_text": f"{sign}{plain(result.value)}" if figure else result.words[:1].upper() + result.words[1:],
        "lo": Decimal(str(test.scale[0])),
        "hi": Decimal(str(test.scale[1])),
        "a": limit.low if limit else None,
        "b": limit.high if limit else None,
        "v": result.value if figure and limit is not None else None,
        "limit_text": units(asked_for(spec)) if spec else "not required",
        "tag": (*TAGS[verdict], verdict.label),
        "why": result.confirmed.get("value", ""),
        "result": result,
    }


def result_table(
    version: ProtocolVersion | None, results: Iterable[QCResult], product: Product
) -> list[dict[str, Any]]:
    """Return a row for every test that the protocol asks for, read or not, then for what was read besides.

    A result that is carried from the container that was thawed names it.
    """
    read = list(results)
    specs = version.says.qc if version is not None else ()
    rows: list[dict[str, Any]] = []
    for spec in specs:
        readings = standing(read, spec.test)
        rows += [_row(reading, spec, product) for reading in readings]
        if not readings:
            word = (
                ("wait", "circle-dashed", "No result") if spec.mandatory else ("rest", "circle-dashed", "Not measured")
            )
            rows.append(
                {
                    "label": QC_TESTS[spec.test].label,
                    "unit": "",
                    "value_text": "–",
                    "lo": None,
                    "hi": None,
                    "a": None,
                    "b": None,
                    "v": None,
                    "limit_text": units(asked_for(spec)),
                    "tag": word,
                    "why": "",
                    "result": None,
                }
            )
    asked = {spec.test for spec in specs}
    return rows + [_row(result, result.spec, product) for result in read if result.test not in asked]


def _row(result: QCResult, spec: QCSpec | None, product: Product) -> dict[str, Any]:
    row = result_row(result, spec)
    if result.product_id != product.id:
        row["limit_text"] = f"{row['limit_text']}; read of {result.product_id}"
    return row


def lede(product: Product) -> str:
    """Return the product in one line under its name."""
    parts = (f"{plain(product.volume)} mL" if product.volume else "", product.amount_text, product.preparation or "")
    return " · ".join(part for part in parts if part)


def exact_amount(product: Product) -> str:
    """Return the amount of a container as it was recorded, with what is counted: for its label and for a signature."""
    measure = DOSE_MEASURES.get(product.measure or "")
    if product.amount is None or measure is None:
        return ""
    return f"{wording.quantity(product.amount.normalize(), measure.unit)} {within(measure.label)}"
