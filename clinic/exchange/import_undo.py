"""Take a whole batch back while nobody has built on it.

Its records are removed together, each with an entry of the ledger that keeps all that it said; the batch stays, with
the id of each record, who took it back and why. Where somebody signed, corrected, answered or added anything to one of
them, nothing is taken back, and whoever asks is told who built on what.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from clinic import drafts, wording
from clinic.access import WRITERS, Role
from clinic.accounts.models import User
from clinic.downtime.models import DowntimeKit
from clinic.errors import Problem, RuleBroken
from clinic.exchange.batches import PIECE, ImportBatch, ImportedRow
from clinic.exchange.import_report import counted
from clinic.exchange.import_weight import Ids, counts_for_others, hanging, model_of, rested_on
from clinic.judged_lines import CourseLine, ProductLine
from clinic.ledger.listener import Written, set_actor
from clinic.ledger.models import LedgerEntry
from clinic.model import Model
from clinic.record_kinds import keys_to, table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from sqlalchemy.orm import Session

MOST_TOLD = 10
ANY_IMPORT = frozenset({Role.QUALITY, Role.DIRECTOR})
"""Who takes back what somebody else imported."""
CONFIRMS = frozenset({Role.NURSE, Role.PHYSICIAN, Role.QUALITY, Role.DIRECTOR})


def take_back(session: Session, batch: ImportBatch, *, by: User, at: datetime, reason: str) -> bool:
    """Remove every record of a batch, or propose it where a second person must agree; return whether they are removed.

    The importer takes it back, quality staff or the medical director. The caller commits. Raises `RuleBroken` with who
    built on what.
    """
    if by.role not in WRITERS or not by.active:
        raise RuleBroken(f"{by.label} cannot record patient data and so cannot take an import back.")
    if by.role not in ANY_IMPORT and not by.is_same_person(batch.imported_by):
        who = batch.imported_by.printed_name
        raise RuleBroken(f"{who} imported this. Only {who}, quality staff or the medical director can take it back.")
    if batch.taken_back_at is not None:
        raise RuleBroken("This import was taken back already.")
    if (first := batch.undo_asked_by) is not None:
        raise RuleBroken(f"{first.printed_name} proposed to take this import back. A second person confirms it.")
    if not reason.strip():
        raise RuleBroken(Problem("Reason: required", "reason"))
    ids = _free(session, batch)
    if not counts_for_others(session, ids):
        _mark(session, batch, by=by, at=at, reason=reason.strip())
        _remove(session, ids)
        return True
    batch.undo_asked_at, batch.undo_asked_by, batch.undo_asked_by_id = at, by, by.id
    batch.undo_reason = reason.strip()
    return False


def removed(batch: ImportBatch) -> str:
    """Return in words what was removed with a batch: its records, not the rows of its file that brought none."""
    return ", ".join(counted(noun, count) for noun, count in batch.made.items()) or "no records"


def confirm(session: Session, batch: ImportBatch, *, by: User, at: datetime) -> None:
    """Take back what somebody else proposed to take back; the caller has checked the password (law 5), and commits.

    Raises `RuleBroken` for who proposed it, for other roles, and with who has built on what since.
    """
    first = _proposed(batch)
    if by.role not in CONFIRMS or not by.active:
        raise RuleBroken("A nurse, a physician, quality staff or the medical director confirms that.")
    if by.is_same_person(first):
        raise RuleBroken("A second person confirms it, not the person who proposed it.", rule=52)
    ids = _free(session, batch)
    _mark(session, batch, by=by, at=at, reason=batch.undo_reason or "")
    _remove(session, ids)


def decline(batch: ImportBatch, *, by: User) -> None:
    """Withdraw a proposal to take a batch back: its records stay. Raises `RuleBroken` where nobody proposed it."""
    first = _proposed(batch)
    if by.role not in CONFIRMS and not by.is_same_person(first):
        raise RuleBroken("The person who proposed it, a nurse, a physician, quality staff or the director declines it.")
    batch.undo_asked_at = batch.undo_asked_by = batch.undo_asked_by_id = batch.undo_reason = None


def _proposed(batch: ImportBatch) -> User:
    if batch.undo_asked_by is None or batch.taken_back_at is not None:
        raise RuleBroken("Nobody has proposed to take this import back, or it was taken back already.")
    return batch.undo_asked_by


def _mark(session: Session, batch: ImportBatch, *, by: User, at: datetime, reason: str) -> None:
    set_actor(session, by.id, f"Import {batch.id} taken back: {reason}")
    batch.taken_back_at, batch.taken_back_by, batch.taken_back_by_id = at, by, by.id
    batch.taken_back_because = reason


def _free(session: Session, batch: ImportBatch) -> Ids:
    """Return the records of a batch on which nobody has built; raises `RuleBroken` with who built on what."""
    ids = records_of(session, batch)
    later, found = built_on(session, batch, ids)
    if later or found:
        more = " And others." if len(found) > MOST_TOLD else ""
        others = f" Others have worked with its records: {' '.join(found[:MOST_TOLD])}{more}" if found else ""
        hint = " Correct single facts by amendment." if found else ""
        raise RuleBroken(f"This import cannot be taken back.{_first(batch, later)}{others}{hint}")
    return ids


def _first(batch: ImportBatch, later: Collection[ImportBatch]) -> str:
    """Say which later imports have records of their own for the records of a batch, the last of them first."""
    if not later:
        return ""
    zone = batch.imported_by.site.zone
    said = "; ".join(
        f"{one.id}, {one.file}, by {one.imported_by.printed_name} on {wording.moment(one.imported_at, zone)}"
        for one in sorted(later, key=lambda one: (one.imported_at, one.id), reverse=True)
    )
    return f" Later imports belong to its records. Take these back before it, in this order: {said}."


def records_of(session: Session, batch: ImportBatch) -> Ids:
    """Return the ids of the records of a batch by their kinds, what names others before what is named."""
    kinds = {mapper.class_.KIND: mapper.class_ for mapper in Model.registry.mappers if hasattr(mapper.class_, "KIND")}
    found: Ids = defaultdict(list)
    for (records,) in session.execute(select(ImportedRow.records).where(ImportedRow.batch_id == batch.id)):
        for one in records:
            found[kinds[one[:2]]].append(one)
    order = [table.name for table in Model.metadata.sorted_tables]
    return {kind: found[kind] for kind in sorted(found, key=lambda kind: -order.index(table_of(kind)))}


def built_on(session: Session, batch: ImportBatch, ids: Ids) -> tuple[list[ImportBatch], list[str]]:
    """Return what was built on the records of a batch: later imports, and who else did what, a sentence each."""
    own = {one for known in ids.values() for one in known}
    nouns = {one: kind.NOUN.lower() for kind, known in ids.items() for one in known}
    found: dict[tuple[str, str], str] = {}
    for kind, known in ids.items():
        for model, column in _naming(kind):
            for row_id, named in _named(session, model, column, known):
                if row_id not in own:
                    found.setdefault((table_of(model), row_id), named)
    for decision, row_id, named in rested_on(session, batch, ids):
        found.setdefault((table_of(decision), row_id), named)
    for kit in session.scalars(select(DowntimeKit).where(DowntimeKit.site_id == batch.site_id)):
        found |= {(table_of(DowntimeKit), kit.id): one for one in kit.courses if one in own}
    later = _imported_with(session, batch, {row_id for _table, row_id in found})
    found = {place: named for place, named in found.items() if place[1] not in later}
    people = dict(session.execute(select(User.id, User.printed_name)).all())
    zone, said = batch.imported_by.site.zone, list[str]()
    for entry, named in _entries(session, found):
        who = people.get(entry.actor_id, entry.actor_id)
        noun = getattr(model_of(entry.record), "NOUN", entry.record.replace("_", " ")).lower()
        said.append(
            f"{who} recorded {_article(noun)} on {wording.moment(entry.at, zone)}, for the {nouns[named]} {named}."
        )
    changed = _changed(session, own)
    said += [
        f"{people.get(row.actor_id, row.actor_id)} changed the {nouns[row.record_id]} {row.record_id} on "
        f"{wording.moment(row.at, zone)}." for row in changed
    ]  # fmt: skip
    return list(dict.fromkeys(later.values())), said


def _imported_with(session: Session, batch: ImportBatch, rows: Collection[str]) -> dict[str, ImportBatch]:
    """Return with which other import that still counts each of some rows came in; nothing for those that were typed."""
    found: dict[str, ImportBatch] = {}
    if not rows:
        return found
    others = select(ImportBatch).where(
        ImportBatch.site_id == batch.site_id, ImportBatch.id != batch.id, ImportBatch.taken_back_at.is_(None),
        ImportBatch.imported_at >= batch.imported_at,
    )  # fmt: skip
    for other in session.scalars(others):
        kept = session.scalars(select(ImportedRow.records).where(ImportedRow.batch_id == other.id))
        found |= {one: other for records in kept for one in records if one in rows}
    return found


def _article(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def _naming(kind: type[Any]) -> Iterator[tuple[type[Any], Any]]:
    """Yield each column of any kind of row that can name a row of a kind: by a key, or by the id of any record."""
    for mapper in Model.registry.mappers:
        model = mapper.class_
        if not issubclass(model, Model) or model.__dict__.get("__abstract__") or model is ImportedRow:
            continue
        yield from ((model, getattr(model, name)) for name in keys_to(model).get(table_of(kind), ()))
        if "record_id" in model.__table__.columns:
            yield model, model.record_id  # type: ignore[attr-defined]


def _named(session: Session, model: Any, column: Any, ids: list[str]) -> Iterator[tuple[str, str]]:
    for start in range(0, len(ids), PIECE):
        chosen = select(model.id, column).where(column.in_(ids[start : start + PIECE]))
        yield from map(tuple, session.execute(chosen))


def _entries(session: Session, found: dict[tuple[str, str], str]) -> Iterator[tuple[Any, str]]:
    """Yield the entry of the ledger with which each row was recorded, and the record of the batch that it names."""
    for (table, row_id), named in list(found.items())[: MOST_TOLD * 2]:
        chosen = select(LedgerEntry.actor_id, LedgerEntry.at, LedgerEntry.record).where(
            LedgerEntry.record == table, LedgerEntry.record_id == row_id, LedgerEntry.act == "insert"
        )
        row = session.execute(chosen.limit(1)).first()
        if row is not None:
            yield row, named


def _changed(session: Session, own: Collection[str]) -> list[Any]:
    """Return the first entries of the ledger with which records of a batch were changed since they came in."""
    found, wanted = list[Any](), sorted(own)
    by_kind: dict[str, list[str]] = defaultdict(list)
    for one in wanted:
        by_kind[one[:2]].append(one)
    kinds = {m.class_.KIND: table_of(m.class_) for m in Model.registry.mappers if hasattr(m.class_, "KIND")}
    for kind, ids in by_kind.items():
        for start in range(0, len(ids), PIECE):
            entry, piece = LedgerEntry, ids[start : start + PIECE]
            chosen = select(entry.actor_id, entry.at, entry.record, entry.record_id).where(
                entry.record == kinds[kind], entry.record_id.in_(piece), entry.act == "update"
            )
            found += session.execute(chosen.limit(MOST_TOLD))
    return found


def _remove(session: Session, ids: Ids) -> None:
    """Remove records, those that name others first, and have the courses judged again that stay."""
    gone = {one for known in ids.values() for one in known}
    stays = hanging(session, ids)
    for kind, known in ids.items():
        for start in range(0, len(known), PIECE):
            for row in session.scalars(select(kind).where(kind.id.in_(known[start : start + PIECE]))):
                session.delete(row)
            session.flush()
            session.expire_all()
    for model, column in ((CourseLine, CourseLine.treatment_id), (ProductLine, ProductLine.product_id)):
        for start in range(0, len(wanted := sorted(gone)), PIECE):
            session.execute(delete(model.__table__).where(column.in_(wanted[start : start + PIECE])))  # type: ignore[arg-type]
    drafts.end_about(session, gone)
    written: dict[str, Written] = session.info.setdefault("written", {})
    for one in gone:
        written.pop(one, None)
    for model, one in stays:
        written.setdefault(one, Written(model, frozenset()))
