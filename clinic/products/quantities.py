"""What of a container's amount, concentration and DMSO is possible, but probably in another unit (rule 39)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from clinic.errors import Question
from clinic.fields import Field, Range, Share, plain
from clinic.protocols.catalogues import DOSE_MEASURES

CELLS = frozenset({"viable", "cd34", "tnc"})
DENSEST = Decimal(2) * 10**9
"""Cells in one mL; more do not find room [site default]."""
OF_OTHERS = {
    "dmso_percent": Field(label="DMSO", unit="% v/v", expected=Share(0, 20)),
    "volume": Field(label="Volume", unit="mL", expected=Range("0.05")),
}
"""What is expected of a container that came in; here DMSO is asked about with the run that freezes."""


def unusual(product: Any) -> list[Question]:
    """Return what to ask about a container; at most one question a fact."""
    found, measure = list[Question](), DOSE_MEASURES.get(product.measure or "")
    if measure is not None and product.amount is not None:
        asked = asked_of(product.amount, "amount", "Amount", measure.unit, measure.whole)
        if asked is None and measure.count in CELLS and product.volume:
            asked = _dense(product.amount * measure.each / product.volume)
        found += [] if asked is None else [asked]
    if product.origin == "imported":
        for name, fact in OF_OTHERS.items():
            asked = fact.question(name, getattr(product, name))
            found += [] if asked is None else [replace(asked, rule=39)]
    return found


def asked_of(value: Decimal | None, name: str, label: str, unit: str, expected: Range | None) -> Question | None:
    """Return what to ask about one figure; None where it is expected, or not known."""
    asked = Field(label=label, unit=unit, expected=expected).question(name, value)
    return None if asked is None else replace(asked, rule=39)


def _dense(per_ml: Decimal) -> Question | None:
    if per_ml <= DENSEST:
        return None
    millions = plain(Decimal(round(per_ml / 10**6)))
    said = f"Amount and volume come to {millions} ×10⁶ cells in each mL, more than expected. Is this right?"
    return Question("amount", said, f"Expected: up to {plain(DENSEST / 10**6)} ×10⁶/mL.", rule=39)
