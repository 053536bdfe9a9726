"""Critical corrections that wait for a second person's signature, in words, and what they hold meanwhile (rule 45)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic import wording
from clinic.fields import fields_of
from clinic.protocols.catalogues import QC_TESTS
from clinic.release.results import QCResult

if TYPE_CHECKING:
    from clinic.records import Amendment, Record

FOUND = frozenset({"value", "outcome", "comparator"})
"""Facts of a result that its test names."""


def waiting(record: Record, correction: Amendment) -> str:
    """Return what was corrected: “Harvest volume corrected (100 → 110 mL); waiting for a second signature.”."""
    owner = next((one for one in record.covered() if one.id == correction.record_id), record)
    told = [changed(owner, name, *values) for name, values in correction.changes.items()]
    said = [
        f"{word} corrected ({old} → {new})".strip() for word, old, new, unit in told if f"{old} {unit}".strip() != new
    ]
    said = said or [f"{word} corrected".strip() for word, *_values in told]
    test = QC_TESTS[owner.test or ""].label if isinstance(owner, QCResult) else ""
    return f"{test or owner.NOUN} {', '.join(said)}; waiting for a second signature."


def changed(owner: Any, name: str, old: Any, new: Any) -> tuple[str, str, str, str]:
    """Return the word for a fact, its old value, the new one with its unit, and the unit."""
    fact = fields_of(type(owner)).get(name)
    label = (
        fact.label.lower() if fact is not None else "reason given" if name == "confirmed" else name.replace("_", " ")
    )
    word = "" if isinstance(owner, QCResult) and name in FOUND else name if label.startswith(name) else label
    unit = owner.unit_of(name) or (fact.unit if fact is not None else "")
    choices = owner.choices_of(name) or (fact.choices if fact is not None else None) or {}
    old, new = ("; ".join(map(str, one.values())) if name == "confirmed" and one else one for one in (old, new))
    before, after = (
        "nothing"
        if one in (None, "", {})
        else choices.get(str(one)) or wording.from_iso(str(one), owner.zone) or str(one)
        for one in (old, new)
    )
    return word, before, f"{after} {unit}".strip(), unit
