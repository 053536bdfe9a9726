"""The evidence of a decision on a product, and whether the decision is still valid (rules 43, 46; hazards H9, H29).

The evidence of a product is its protocol version, the content of the container, every result on it and on its
ancestors, the runs and harvests of its ancestry, and the determinations of its donors. A decision keeps the hash of
each. When one of them is amended, or something adverse is added, the decision is no longer valid; a result that was
awaited and came out well fulfills the condition instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from clinic.harvest.models import Harvest
from clinic.ledger.models import digest
from clinic.patients.donor_screening import adverse as against_donor
from clinic.patients.donor_screening import counting, excused
from clinic.patients.donors import DonorEligibility
from clinic.processing.models import ProcessingRun
from clinic.products.corrections import lasts_longer
from clinic.products.graph import ancestry, donors, relatives
from clinic.products.models import Movement
from clinic.protocols.catalogues import QC_TESTS
from clinic.record_kinds import accusing
from clinic.record_pool import once
from clinic.release.corrections import waiting
from clinic.release.kin import found_on, said_of_kin
from clinic.release.recipients import came_after, recipients
from clinic.release.results import QCResult, Verdict, asked_for, contaminated
from clinic.release.told_growth import corrected_findings, noted, told_or_corrected, untold
from clinic.requests.models import Request
from clinic.requests.objections import against_cells, in_words, open_dangers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from clinic.course_records import CourseRecords
    from clinic.products.models import Product
    from clinic.protocols.content import QCSpec
    from clinic.records import Record

OPEN = "open "
"""Begins the key of what waits for a signature: it ends with that, so no decision rests on it."""
PENDING = "pending "
"""Begins the hash of what may vanish after a decision: an awaited result, an event to assess, a “no” to overturn."""
NIGHT = timedelta(hours=12)
"""How long a run without an end, or a long culture, takes cells out of what went in, at most [site default]."""
MADE_BY = (ProcessingRun, Harvest)
EMPTY = re.compile(r"\b(empty|emptied|rest|remainder|left ?overs?|used up|nothing left)\b", re.IGNORECASE)
"""Reasons to throw a container away that say nothing of its cells, unless they say more, see `speaks_of_the_cells`."""
MAY_CHANGE = frozenset({
    "thawed_at", "expires_at", "treatment_id", "protocol_version_id", "confirmed", "not_recorded", "source_note",
})  # fmt: skip
"""Facts of a container that follow from later acts and are judged by themselves, or tell nothing of the cells."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One piece of evidence: its hash, what it is called, and what it says against the product (empty: nothing)."""

    hash: str
    name: str
    adverse: str = ""
    corrected_at: datetime | None = None
    """When what a result found was corrected last, or ``act`` of one whose note tells of growth."""
    act: str = "corrected"


@once
def items(records: CourseRecords, product: Product) -> dict[str, Item]:
    """Return the present evidence of a product by the id of the record that it comes from."""
    version = product.judged_under
    found = {"version": Item(hash=version.id if version else "", name="protocol version")}
    line = ancestry(records, product)
    for one in line:
        found |= _of_container(records, one, product)
    family = relatives(records, product)
    for other in family:
        found |= {
            r.id: _sibling(records, r, other, adverse=_bad_for_kin(r, product) or r.unconfirmed is not None)
            for r in records.on(other, QCResult)
            if _bad_for_kin(r, product) or (r.amendments and (_is_shared(r) or untold(r))) or r.notes_growth
        }
    events = [event for kind in accusing() for event in records.every(kind)]
    found |= _events(records, product, events) if events else {}
    recipient = product.treatment.patient if product.treatment is not None else None
    for donor in donors(records, product):
        if donor.kind == "self":
            continue
        counts = counting(records, donor)
        for one in records.on(donor, DonorEligibility):
            said = against_donor(one) if one is counts and not excused(one, recipient) else ""
            found[one.id] = Item(hash=one.content_hash, name=one.headline(), adverse=said)
    for said in _objections(records, product, line) if records.every(Request) else ():
        found[f"{OPEN}{said.id}"] = Item(hash="", name=said.about, adverse=in_words(said))
    found |= {
        record.id: Item(hash=f"{PENDING}{record.content_hash}", name=record.headline(), adverse=said)
        for record, said in (said_of_kin(records, product) if family else ())
    }
    for movement, said in suffered(records, product, line):
        if said:
            found[movement.id] = Item(hash=movement.content_hash, name=movement.headline(), adverse=said)
        elif movement.product_id == product.id and (said := movement.unauthorized):
            found[f"{OPEN}{movement.id}"] = Item(hash="", name=movement.headline(), adverse=said)
    return found


def _amended_since(records: CourseRecords, key: str) -> bool:
    """Whether a piece of evidence was amended after the moment of which the records tell."""
    row, until = records.get(key), records.known_at
    return row is not None and until is not None and any(one.amended_at > until for one in row.amendments)


def _objections(records: CourseRecords, product: Product, line: list[Product]) -> list[Request]:
    """Return who disagreed with what a product is made of, or with the giving of what shares cells with it (K5)."""
    own = {key for one in line for key in (one.id, one.run_id, one.harvest_id, one.donor_id) if key}
    return against_cells(records, own, {one.id for one in relatives(records, product)})


def _of_container(records: CourseRecords, one: Product, product: Product) -> dict[str, Item]:
    """Return the evidence in one container of the ancestry: itself, its results, the run or harvest that made it."""
    longer = "".join(f":{correction.id}" for correction in one.amendments if lasts_longer(correction))
    name = f"{one.name} {one.division or ''}".strip()
    found = {one.id: Item(hash=f"{one.hash_without(MAY_CHANGE)}{longer}", name=name)}
    for result in records.on(one, QCResult):
        item = _result(records, result, product)
        if result.names_germs:  # by a key of its own: a decision that took the outcome for clean did not know of it
            found[f"finding {result.id}"] = replace(item, hash="")
        found[result.id] = replace(item, adverse="") if result.names_germs else item
    made = [m for m in (records.get(one.run_id), records.get(one.harvest_id)) if isinstance(m, MADE_BY)]
    found |= {
        m.id: Item(hash=m.content_hash, name=f"{m.NOUN} ({m.headline()})", adverse=_late(m) if m.paper else "")
        for m in made
    }
    for record in (one, *made):
        said = unconfirmed(record) if record.amendments or record.id == one.run_id else ""
        if said and not _amended_since(records, record.id):
            found[f"{OPEN}{record.id}"] = Item(hash="", name=record.headline(), adverse=said)
    return found


def _late(made: Record) -> str:
    """Return that what was copied from paper would have been refused when it happened (hazard H37)."""
    said = " ".join(made.not_permitted)
    return f"{made.NOUN}, copied from paper, would have been refused: {said}" if said else ""


def _events(records: CourseRecords, product: Product, events: list[Record]) -> dict[str, Item]:
    """Return the events in patients who got cells of the same family, which hold the rest of it (hazard H29)."""
    family = [one for one in relatives(records, product) if one.given and one.treatment_id is not None]
    against = [(event, said) for event in events if family and (said := event.accusation())]
    people = recipients(records, family, [event for event, _said in against])
    found = {}
    for event, said in against:
        after = [one for one in family if came_after(records, event, one, family, people)]
        if after:
            name = f"{after[-1].name} {after[-1].division or ''}".strip()
            against = f"{said}, after {name} was given, which shares cells with this product."
            awaited = "" if event.signed else PENDING
            found[event.id] = Item(hash=f"{awaited}{event.content_hash}", name=event.headline(), adverse=against)
    return found


def unassessed(records: CourseRecords, product: Product) -> dict[str, Record]:
    """Return the events that hold a product and wait for a physician's assessment, by what they say against it."""
    every = [event for kind in accusing() for event in records.every(kind)]
    events = [one for one in every if not all(row.signed for row in (one, *getattr(one, "updates", ())))]
    found = _events(records, product, events) if events else {}
    return {found[one.id].adverse: one for one in events if one.id in found}


def suffered(records: CourseRecords, product: Product, line: list[Product]) -> Iterator[tuple[Movement, str]]:
    """Yield what movements say against a container: its own, and those of its ancestors until their cells were taken.

    What an ancestor suffered, or that somebody threw it away, tells of its cells where it happened before a run took
    them or while that run went on; what happened to the rest of it afterwards tells nothing, unless the reason speaks
    of the cells: mould or another patient's label was there before somebody saw it (rule 34).
    """
    made = {one.run_id for one in line}
    for one in line:
        runs = [] if one is product else [records.get(use.run_id) for use in one.uses if use.run_id in made]
        for move in records.on(one, Movement):
            if one is product:
                yield move, move.damage
            else:
                in_time = any(run is not None and before_the_end(move, run) for run in runs)
                yield move, (move.damage if in_time else "") or _found_on_parent(move, one, in_time=in_time)


def before_the_end(one: Record, run: ProcessingRun) -> bool:
    """Whether something was before a run or while it took the cells out of a container: to its end, at most a night."""
    if one.performed_at is None or run.performed_at is None:
        return False
    night = run.performed_at + NIGHT
    return one.performed_at <= run.performed_at or one.performed_at < min(run.ended_at or night, night)


def _found_on_parent(move: Movement, parent: Product, *, in_time: bool) -> str:
    """Return what was seen on a container when it was thrown away, or was not intact, that tells of its cells.

    Any reason until a run had taken its cells, but being empty; afterwards only what speaks of the cells.
    """
    reason = found_on(move)
    if not reason and (move.kind != "discarded" or not in_time or EMPTY.search(move.reason or "")):
        return ""
    name, said = f"{parent.name} {parent.division or ''}".strip(), reason or move.reason or ""
    done = "was discarded" if move.kind == "discarded" else "was not intact or wrongly labeled"
    when = "before the end of the run that took its cells" if in_time else "after its cells were taken"
    return f"{name}, from which it was made, {done} {when}{f' ({said})' if said else ''}."


def _result(records: CourseRecords, result: QCResult, product: Product) -> Item:
    """Judge a result on a container or on what it was made of.

    Its own result counts whatever it tells of, one of an ancestor where it is true of all that shares cells with it.
    """
    awaited = PENDING if result.against(limit_of(result, product)) is Verdict.PENDING else ""
    counts = result.product_id == product.id or _is_shared(result)
    bad = counts and out_of_limit(result, product)
    adverse = f"{result.headline()}{_limit_words(result, product)}." if bad else unconfirmed(result)
    hash_ = f"{awaited}{result.content_hash}"
    corrected, act = told_or_corrected(result, records.known_at)
    return Item(
        hash=hash_, name=f"{result.headline()}{noted(result)}", adverse=adverse, corrected_at=corrected, act=act
    )


def limit_of(result: QCResult, product: Product) -> QCSpec | None:
    """Return the limit that judges a result for a container.

    That of the version that judges the container, also for what was found in another container of the same cells:
    it would judge the same finding in this one. Where the version sets none for the test, the one kept with the
    result, else the usual one of the catalogue.
    """
    version = product.judged_under
    asked = next((s for s in version.says.qc if s.test == result.test), None) if version else None
    sets = asked is not None and (asked.limit is not None or asked.accepted is not None)
    return asked if sets else result.spec


def out_of_limit(result: QCResult, product: Product) -> bool:
    """Whether a result speaks against a container: germs, or out of the limit that judges it for the container."""
    return contaminated(result) or result.against(limit_of(result, product)) is Verdict.OUTSIDE


def _limit_words(result: QCResult, product: Product) -> str:
    """Return a limit that the protocol did not set, since nobody finds it there."""
    version, spec = product.judged_under, limit_of(result, product)
    asked = version is not None and any(one.test == result.test for one in version.says.qc)
    return "" if asked or spec is None or contaminated(result) else f", usual limit {asked_for(spec)}"


def _is_shared(result: QCResult) -> bool:
    """Whether what a test finds is true of all containers that share cells (hazards H9, H29)."""
    test = QC_TESTS.get(result.test or "")
    return test is not None and test.shared


def _bad_for_kin(result: QCResult, product: Product) -> bool:
    return _is_shared(result) and out_of_limit(result, product)


def beside(records: CourseRecords, product: Product) -> list[str]:
    """Return what a reason is asked for: findings out of limits in a container of the same run or in its ancestors.

    Viability, count and the like are of one container: they refuse nothing of another (rule 40). Also what the words
    beside a result tell of growth, in it or in its kin (rule 43).
    """
    near = [one for one in relatives(records, product) if one.run_id is not None and one.run_id == product.run_id]
    near += [one for one in ancestry(records, product) if one is not product and one not in near]
    return [
        f"{result.headline()} in {one.name} {one.division or ''}".strip()
        for one in near
        for result in records.on(one, QCResult)
        if not _is_shared(result) and out_of_limit(result, one) and not result.notes_growth
    ] + [*told_in_words(records, product), *_commented(records, product)]


def _commented(records: CourseRecords, product: Product) -> list[str]:
    """Return the comments that tell of a danger in a container, its kin or its course, and wait for an answer."""
    if not records.every(Request):
        return []
    family = [*ancestry(records, product), *relatives(records, product)]
    near = {key for one in family for key in (one.id, one.run_id, one.harvest_id) if key}
    return open_dangers(records, near | ({product.treatment_id} if product.treatment_id else set()))


def told_in_words(records: CourseRecords, product: Product) -> list[str]:
    """Return the results in a container and its kin beside which growth is told of, each with these words (rule 43)."""
    return [
        f"{result.headline()}{noted(result)} in {one.name} {one.division or ''}".strip()
        for one in [product, *relatives(records, product)]
        for result in records.on(one, QCResult)
        if result.notes_growth
    ]


def _sibling(records: CourseRecords, result: QCResult, other: Product, *, adverse: bool) -> Item:
    name = f"{other.name} {other.division or ''}".strip()
    where = f"{result.headline()}{noted(result)} in {name}, which shares cells with this product"
    said = f"{where}." if adverse else ""
    if open_correction := unconfirmed(result):
        said = f"{name}, which shares cells with this product: {open_correction}"
    named = result.headline() if adverse else where
    corrected, act = told_or_corrected(result, records.known_at)
    return Item(hash=result.content_hash, name=named, adverse=said, corrected_at=corrected, act=act)


def unconfirmed(record: Record) -> str:
    """Return that a critical fact was corrected and nobody else has confirmed it; empty: nothing waits (rule 45)."""
    correction = record.unconfirmed
    return waiting(record, correction) if correction is not None else ""


def shared_against(records: CourseRecords, product: Product) -> list[QCResult]:
    """Return the results on kin of a container that speak against it or were corrected in what they found."""
    return [
        result
        for one in relatives(records, product)
        for result in records.on(one, QCResult)
        if _bad_for_kin(result, product)
        or result.notes_growth
        or (corrected_findings(result) and (_is_shared(result) or untold(result)))
    ]


def basis(records: CourseRecords, product: Product) -> dict[str, str]:
    """Return the hash of each piece of evidence, as a decision keeps it."""
    return {key: item.hash for key, item in items(records, product).items() if not key.startswith(OPEN)}


def legacy(records: CourseRecords, product: Product) -> str:
    """Return the hash that decisions kept before they kept each piece: of all results of the product."""
    return digest([result.content() for result in records.on(product, QCResult)])


def outdated(records: CourseRecords, product: Product, decision: Any) -> list[str]:
    """Return in words why a decision is no longer valid; empty: it is (rule 46).

    A finding that came after it and was corrected since asks for another decision, whatever it says now: who corrects
    it and who confirms that may be two of the laboratory, and neither releases (rules 43, 45).
    """
    kept, evidence, now = decision.basis or {}, decision.evidence, items(records, product)
    if not kept:
        same = evidence == legacy(records, product)
        return [] if same else ["A result was added or amended after the decision."]
    found = []
    for key, hash_then in kept.items():
        item = now.get(key)
        same = item is not None and item.hash == hash_then and not _corrected_after(item, decision)
        good = _fulfilled(item, hash_then) and not _corrected_after(item, decision)
        if not (same or good or _amended_since(records, key)):
            found.append(_changed(key, item))
    found += [
        f"{item.name} was {item.act} after the decision."
        for key, item in now.items()
        if key not in kept and not item.adverse and _corrected_after(item, decision)
    ]
    return found + news(now, kept)


def _corrected_after(item: Item | None, decision: Any) -> bool:
    return item is not None and item.corrected_at is not None and item.corrected_at > decision.recorded_at


def news(now: dict[str, Item], kept: Iterable[str]) -> list[str]:
    """Return what speaks against a product and was not known to a decision."""
    known = set(kept)
    return [item.adverse for key, item in now.items() if item.adverse and key not in known]


def _fulfilled(item: Item | None, hash_then: str) -> bool:
    return hash_then.startswith(PENDING) and (item is None or not item.adverse)


def _changed(key: str, item: Item | None) -> str:
    if key == "version":
        return "The product is now judged under another protocol version than at the decision."
    return (
        f"{item.name} was amended after the decision." if item else "A record used for the decision no longer exists."
    )


def findings(records: CourseRecords, product: Product) -> list[str]:
    """Return all that speaks against a product now, apart from its own results within or outside their limits."""
    own = {r.id for r in records.on(product, QCResult) if not contaminated(r) and r.unconfirmed is None}
    return [item.adverse for key, item in items(records, product).items() if item.adverse and key not in own]


def germs(records: CourseRecords, product: Product) -> list[QCResult]:
    """Return the results that found germs in a product or in anything that shares cells with it."""
    family = [product, *relatives(records, product)]
    return [result for one in family for result in records.on(one, QCResult) if contaminated(result)]
