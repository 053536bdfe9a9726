"""An entry of the ledger as a sentence: who did what to which record, and each value before and after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from clinic import wording
from clinic.fields import fields_of
from clinic.ledger.verify import State, models
from clinic.record_display import by_label

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clinic.fields import Field
    from clinic.model import Model

UNTOLD = {"id", "version", "site_id", "recorded_by_id", "recorded_at", "content_hash", "record_version", "search_text"}
"""Facts already contained in the sentence, or not meant for people."""
SAID = {
    "signature": {"record", "record_id", "signed_by_id", "signed_at", "printed_name", "role"},
    "amendment": {"record", "record_id", "amended_by_id", "amended_at", "reason", "number"},
}
"""Facts already contained in the sentence about a signature or a correction."""
ASIDE = {"Origin", "Source note", "Is synthetic"}
"""Origin of a record, shown when the entry is opened."""
NAMES = {"fs_uniquifier": "Sign-in key"}
"""What columns are called whose names nobody reads."""
Change = tuple[str, str, str]
"""Label, value before, value after."""
MOST = 4
"""Changes named in the sentence; the rest is shown when the entry is opened."""


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """One entry, told. ``changes``: label, value before, value after; ``gist``: the first of them in one line."""

    number: int
    at: datetime
    who: str
    act: str
    noun: str
    record: str
    record_id: str
    gist: str
    reason: str
    changes: list[Change]
    seal: str


def nouns() -> dict[str, str]:
    """Return what each table's rows are called, for the filter and the sentences."""
    return {table: getattr(model, "NOUN", table.replace("_", " ")).lower() for table, model in models().items()}


def tell(row: Any, *, people: Mapping[str, str], zone: str) -> Sentence:
    """Return an entry as a person reads it. ``people``: printed names by id; moments are shown in the zone."""
    after, before = row.after or {}, row.before or {}
    act = {"insert": "recorded", "update": "changed", "delete": "removed"}[row.act]
    record, record_id = row.record, row.record_id
    reason = row.reason
    if row.act == "update" and reason:
        act = "amended"
    if record == "signature" and row.act == "insert":
        record, record_id, act = after["record"], after["record_id"], "signed"
    elif record == "amendment" and row.act == "insert":
        record, record_id, act, reason = (
            after["record"],
            after["record_id"],
            "gave the reason for a correction of",
            after["reason"],
        )
    noun = nouns().get(record, record)
    if record == "user_account" and row.act == "insert" and after.get("printed_name"):
        act, noun = "created", f"account of {after['printed_name']}"
    who, signer = people.get(row.actor_id, row.actor_id), after.get("signed_by_id") if act == "signed" else None
    if isinstance(signer, str) and signer != row.actor_id:  # two people at one device, each with a password
        who = f"{people.get(signer, signer)}, in the session of {who},"
    known = models().get(row.record)
    changes = [] if known is None else list(_changes(known, before, after, people, zone))
    gist = "; ".join(
        f"{label} {old} → {new}" if row.act == "update" else f"{label} {new or old}"
        for label, old, new in [change for change in changes if change[0] not in ASIDE][:MOST]
    )
    gist += "; …" if len(changes) > MOST else ""
    return Sentence(
        number=row.number, at=row.at, who=who, act=act, reason=reason, gist=gist,
        noun=noun, record=record, record_id=record_id, changes=changes,
        seal=" ".join(row.hash[start : start + 4] for start in range(0, 12, 4)),
    )  # fmt: skip


def _changes(model: type[Model], before: State, after: State, people: Mapping[str, str], zone: str) -> Iterator[Change]:
    declared = fields_of(model)
    columns = {column.key: column for column in model.__table__.columns}
    names = [
        *(name for name in declared if name in {**before, **after}),
        *(n for n in {**before, **after} if n not in declared),
    ]
    for name in names:
        if name in UNTOLD or name in SAID.get(model.__tablename__, ()) or name not in columns:
            continue
        if columns[name].info.get("secret"):
            if before or not name.startswith("fs_"):  # a new account has its key: that says nothing
                yield NAMES.get(name, _label(name)), "", f"{'reset' if before else 'set'}, never shown"
            continue
        fact = declared.get(name)
        told = (state.get(name) for state in (before, after))
        told = (by_label(value, declared) if name == "confirmed" else value for value in told)
        old, new = (_said(fact, value, people, zone) for value in told)
        if old or new:
            yield fact.label if fact else _label(name), old or "nothing", new or "nothing"


def _label(name: str) -> str:
    return name.removesuffix("_id").removesuffix("_at").replace("_", " ").capitalize()


def _said(fact: Field | None, value: Any, people: Mapping[str, str], zone: str) -> str:
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        parts = {key: _said(None, part, people, zone) for key, part in value.items()}
        return "; ".join(f"{key}: {part}" for key, part in parts.items() if part)
    if isinstance(value, list):
        return ", ".join(_said(fact, part, people, zone) for part in value)
    said = str(value)
    choices = (fact.choices or {}) if fact else {}
    text = people.get(said) or choices.get(said) or wording.from_iso(said, zone) or said
    return f"{text} {fact.unit}" if fact and fact.unit else text
