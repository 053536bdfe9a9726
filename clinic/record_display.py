"""How a page shows a record: its facts, authors, amendments and signatures."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flask import current_app, g, url_for

from clinic import wording
from clinic.access import may
from clinic.fields import Field, fields_of
from clinic.records import Meaning, Origin, Record
from clinic.signatures import sentence
from clinic.templating import units

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from clinic.records import Amendment, Entry, Signature
    from clinic.steps import Blocked

LATE = timedelta(minutes=30)
"""After this delay a record counts as recorded later, and both times are shown."""

FactLine = tuple[str, Any, str]


def words(fact: Field, value: Any, zone: str, precision: str = "") -> Any:
    """Return a value as a page shows it: in words, with its unit, on the site's clock, no more precise than known."""
    if isinstance(value, datetime):
        return wording.moment(value, zone, precision)
    if isinstance(value, date):
        return wording.day(value, precision)
    if isinstance(value, Decimal):
        counted = wording.POWER.search(fact.unit) is not None  # zeros behind a count say nothing of how exact it is
        return units(wording.quantity(value.normalize() if counted else value, fact.unit))
    said = fact.words(value)
    return units(f"{said} {fact.unit}".strip()) if said else ""


def told(record: Entry, name: str, fact: Field) -> Field:
    """Return a declared fact as it is read on one record: with the unit and the choices that it has there."""
    unit, choices = record.unit_of(name), record.choices_of(name)
    return replace(fact, unit=unit or fact.unit, choices=choices or fact.choices) if unit or choices else fact


def facts(record: Entry, zone: str, *, people: Mapping[str, str] | None = None, empty: bool = False) -> list[FactLine]:
    """Return label, value and note of the declared facts of a record.

    A fact that a history did not record is told with its reason; one that was amended with its first value.
    ``people`` gives names for columns that hold a person's id. ``empty`` also tells facts that were left open.
    """
    found: list[FactLine] = []
    for name, fact in fields_of(type(record)).items():
        value = getattr(record, name)
        if name == "performed_by_id":
            continue
        if name.endswith("_id"):
            value = (people or {}).get(value or "", value)
        note = record.confirmed.get(name, "")
        note = f"confirmed: {note}" if note else ""
        missing = record.not_recorded.get(name, "")
        if value in (None, "", [], {}):
            said = type(record).EMPTY_SAYS.get(name, ("", ""))[value == []]
            if missing or empty or said:
                found.append((fact.label, "" if missing else said, missing))
            continue
        found.append((fact.label, words(told(record, name, fact), value, zone, record.precision_of(name)), note))
    return found + (paper_facts(record) if isinstance(record, Record) else [])


def paper_facts(record: Record) -> list[FactLine]:
    """Return what is known of the paper that a record was copied from; nothing where it was not (hazard H37)."""
    if record.paper is None:
        return []
    note = "; ".join(part for part in (record.paper.get("why", ""), record.paper.get("note", "")) if part)
    found: list[FactLine] = [("Copied from paper", f"written by {record.paper.get('written_by', '')}", note)]
    found += [("Failed when it happened", said, "") for said in record.not_permitted]
    return found + [("Refused at the time of entry", said, "") for said in record.paper.get("now", [])]


def hands(record: Entry, zone: str, *, signs: bool = True) -> list[str]:
    """Return who did it, who recorded it and who signed, one line each."""
    lines = []
    if isinstance(record, Record):
        if record.performed_by is not None:
            lines.append(f"{type(record).DONE} {record.performed_by.label}")
        elif record.performed_by_id is None and "performed_by_id" in record.not_recorded:
            lines.append(f"{type(record).DONE}: not recorded ({record.not_recorded['performed_by_id']})")
    written = f"Recorded by {record.recorded_by.printed_name}, {wording.moment(record.recorded_at, zone)}"
    if record.origin is Origin.IMPORTED:
        written = f"Imported by {record.recorded_by.printed_name}, {wording.moment(record.recorded_at, zone)}"
    lines.append(written)
    if isinstance(record, Record):
        present = set(record.present_signatures)
        lines += [
            f"Signed by {s.printed_name}, {wording.moment(s.signed_at, zone)}"
            + ("" if s in present else " (earlier version)")
            for s in record.signatures
        ]
        if signs and not record.signatures and record.origin is Origin.CLINIC:
            lines.append("Not yet signed")
    if record.source_note:
        lines.append(record.source_note)
    return lines


def late(record: Entry, zone: str) -> str:
    """Return both times in words where a record was recorded later; else nothing."""
    if (
        not isinstance(record, Record)
        or record.late_by is None
        or (record.late_by < LATE and record.paper is None)
        or record.origin is Origin.IMPORTED
        or record.precision_of("performed_at")
    ):
        return ""
    happened, written = (wording.moment(at, zone) for at in (record.performed_at, record.recorded_at))
    return f"Happened {happened}, recorded {written}: {wording.duration(record.late_by)} later"


def amendments(record: Entry, zone: str) -> list[tuple[str, str, str, list[tuple[str, str, str]], str]]:
    """Return when, who, reason, changes (label, old, new) and what the signatures cover, of each amendment."""
    declared = fields_of(type(record))
    found = []
    for amendment in record.amendments:
        changes = []
        for name, values in amendment.changes.items():
            fact = told(record, name, declared[name]) if name in declared else None
            label = fact.label if fact is not None else name.replace("_", " ").capitalize()
            old, new = (by_label(value, declared) if name == "confirmed" else value for value in values)
            changes.append((label, _said(fact, old, zone), _said(fact, new, zone)))
        found.append(
            (
                wording.moment(amendment.amended_at, zone),
                amendment.amended_by.printed_name,
                amendment.reason,
                changes,
                _covers(record, amendment),
            )
        )
    return found


def by_label(reasons: Any, declared: Mapping[str, Field]) -> Any:
    """Return what was confirmed, each by the label of its fact."""
    if not isinstance(reasons, dict):
        return reasons
    return {declared[name].label if name in declared else name: why for name, why in reasons.items()}


def signature_lines(record: Record, zone: str) -> list[tuple[str, str, str]]:
    """Return who signed, what it means, and the line with time and seal; an outdated one says so."""
    present = set(record.present_signatures)
    return [
        (
            f"{s.printed_name}, {s.role}",
            _meaning(record, s, present=s in present),
            f"{wording.moment(s.signed_at, zone)} · {seal(s.content_hash)}",
        )
        for s in record.signatures
    ]


def reasons(blocked: Iterable[Blocked]) -> list[dict[str, Any]]:
    """Return each reason of a closed gate as the page tells it: why, by which rule, who can resolve it, and where."""
    return [
        {
            "because": reason.because,
            "rule": f"rule {reason.rule}" if reason.rule else "",
            "who_label": " or ".join(role.label for role in reason.who),
            "fix": address(*reason.fix) if reason.fix and opens(reason.fix[0]) and first else None,
            "fix_label": reason.fix_label,
        }
        for reason, first in _firsts(blocked)
    ]


def _firsts(blocked: Iterable[Blocked]) -> Iterator[tuple[Blocked, bool]]:
    """Yield each reason, and whether it is the first one that leads where it leads: one button opens a place."""
    seen: list[Any] = []
    for reason in blocked:
        to = (reason.fix, reason.fix_label)
        yield reason, to not in seen
        seen.append(to)


def opens(endpoint: str) -> bool:
    """Whether whoever reads the page may open the place that would resolve a reason; nobody is sent to a refusal."""
    reader = g.get("user")
    return reader is None or may(reader.role, endpoint)


def address(endpoint: str, values: Mapping[str, Any]) -> str:
    """Return the address of a destination. A bedside check of an earlier release kept the id of its row as ``id``."""
    if "id" in values:
        (name,) = next(current_app.url_map.iter_rules(endpoint)).arguments
        values = {name: values["id"]}
    return url_for(endpoint, **values)


def seal(content_hash: str) -> str:
    """Return the first digits of a hash in groups, to be compared by eye."""
    return " ".join(content_hash[start : start + 4] for start in range(0, 12, 4))


def _meaning(record: Record, signature: Signature, *, present: bool) -> str:
    label = sentence(record, Meaning(signature.meaning))
    return label if present else f"{label} (covers an earlier version only: amended since)"


def _covers(record: Entry, amendment: Amendment) -> str:
    if not isinstance(record, Record) or not record.signatures:
        return ""
    before = [s for s in record.signatures if s.signed_at <= amendment.amended_at]
    after = [s for s in record.signatures if s.signed_at > amendment.amended_at]
    if before and not after:
        return "The signature covers the earlier values; the correction is not signed yet."
    return "Signed again after this correction." if after else ""


def _said(fact: Field | None, value: Any, zone: str) -> str:
    """Return a value that an amendment kept, in words: choices by their label, moments on the site's clock."""
    if value is None or value in ("", [], {}):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    choices = (fact.choices or {}) if fact else {}
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_said(None, item, zone)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_said(fact, item, zone) for item in value)
    text = choices.get(str(value)) or wording.from_iso(str(value), zone) or str(value)
    return f"{text} {fact.unit}".rstrip() if fact and fact.unit else text
