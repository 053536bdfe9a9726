"""The order of events, checked at every write of either event (rule 69), and each act's permission at its own time.

One list of pairs says what cannot come before what. It is asked of all records that share cells with what was
written, so that an amendment of a harvest is refused where a run of last week would then be before it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from clinic import clock
from clinic.administration.models import Administration
from clinic.errors import RuleBroken
from clinic.harvest.models import Harvest
from clinic.pathway.order import current
from clinic.processing.models import ProcessingRun
from clinic.products.models import Movement, Product, RunInput
from clinic.records import Origin, Record
from clinic.release.models import Release
from clinic.release.product_state import held_because
from clinic.release.results import QCResult
from clinic.steps import nothing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clinic.course_records import CourseRecords
    from clinic.ledger.listener import Written
    from clinic.steps import Step


class Event(NamedTuple):
    """One moment of one record, with its name in words."""

    name: str
    at: datetime | None
    record: Record


def pairs(records: CourseRecords) -> Iterator[tuple[Event, Event]]:
    """Yield each pair of events of which the first never comes after the second."""
    for product in records.every(Product):
        made = _made(records, product)
        for use in product.uses:
            run = records.get(use.run_id)
            if isinstance(run, ProcessingRun) and made:
                yield made[-1], Event("the start of the processing", run.performed_at, run)
        yield from _of_product(records, product, made[-1:])


def _made(records: CourseRecords, product: Product) -> list[Event]:
    """Return the events by which a product came to be: the end of its collection, or start and end of its run."""
    harvest, run = records.get(product.harvest_id), records.get(product.run_id)
    if isinstance(harvest, Harvest):
        return [Event("the end of the collection", harvest.ended_at, harvest)]
    if isinstance(run, ProcessingRun):
        return [Event("the start of the processing", run.performed_at, run)]
    return []


def _of_product(records: CourseRecords, product: Product, made: list[Event]) -> Iterator[tuple[Event, Event]]:
    collected = Event("the end of the collection", product.collected_at, product)
    later: list[Event] = []
    for result in records.on(product, QCResult):
        later.append(Event(f"the reading of {result.headline()}", result.performed_at, result))
        yield collected, Event("the sample of the test", result.sampled_at, result)
    later += [Event("the decision on the release", one.performed_at, one) for one in records.on(product, Release)]
    later += [Event(move.headline().lower(), move.performed_at, move) for move in records.on(product, Movement)]
    given = [
        Event("the start of the administration", one.performed_at, one) for one in records.on(product, Administration)
    ]
    for event in (*later, *given):
        yield from ((one, event) for one in (*made, collected))
    thaws = [
        Event("the thaw", move.performed_at, move) for move in records.on(product, Movement) if move.kind == "thawed"
    ]
    frozen = Event("the freezing", product.frozen_at, product)
    for thaw in thaws:
        yield frozen, thaw
    yield from ((thaw, start) for thaw in thaws for start in given)
    for start in given:
        check = start.record.bedside_check  # type: ignore[attr-defined] - an administration
        if check is not None:
            yield Event("the bedside check", check.performed_at, check), start


def disorder(records: CourseRecords, changed: Mapping[str, Written]) -> list[str]:
    """Return a sentence for each pair in the wrong order of which one end was written now; an import may lack times."""
    found = []
    for first, then in pairs(records):
        if first.at is None or then.at is None or not _touched(first, changed) | _touched(then, changed):
            continue
        if Origin.IMPORTED in {first.record.origin, then.record.origin}:
            continue
        if first.at.replace(second=0, microsecond=0) > then.at:
            said = (clock.said(then.at, records.zone), clock.said(first.at, records.zone))
            found.append(f"{_begin(then.name)} ({said[0]}) is before {first.name} ({said[1]}).")
    return list(dict.fromkeys(found))


def _begin(name: str) -> str:
    return name[:1].upper() + name[1:]


def _touched(event: Event, changed: Mapping[str, Written]) -> bool:
    written = changed.get(event.record.id)
    return written is not None and written.touches_time


def forbidden(records: CourseRecords, changed: Mapping[str, Written]) -> list[str]:
    """Return why an act that was written now was not permitted at the moment when it happened (rules 14 to 23)."""
    if records.course is None or records.course.origin is Origin.IMPORTED:
        return []
    found = []
    for step in current():
        for act in (one for kind in step.records for one in records.of(kind)):
            if act.performed_at is None or act.origin is not Origin.CLINIC or not act.needs_permission:
                continue
            if act.paper is not None:  # judged when it was copied: what would have been refused stays with it
                continue
            written = changed.get(act.id)
            if written is not None and written.touches_time:
                found += [reason.because for reason in step.forbidden(records, act.performed_at)]
            found += [said for earlier in step.earlier for said in _rested_on_later(records, earlier, act, changed)]
    return list(dict.fromkeys(found))


def _rested_on_later(records: CourseRecords, earlier: Step, act: Record, changed: Mapping[str, Written]) -> list[str]:
    """Return that a permission was moved to after an act that rests on it, where none is left before the act."""
    if earlier.permission is nothing:
        return []
    given = [one for kind in earlier.records for one in records.of(kind) if one.origin is Origin.CLINIC]
    if not any(_moved(one, changed) for one in given) or act.performed_at is None:
        return []
    if any(one.performed_at is not None and one.performed_at <= act.performed_at for one in given):
        return []
    return [f"{earlier.title} would lie after {act.headline()}, which rests on it."]


def _moved(record: Record, changed: Mapping[str, Written]) -> bool:
    """Whether a record that was there before was given another time."""
    written = changed.get(record.id)
    return written is not None and written.columns is not None and written.touches_time


def held_inputs(records: CourseRecords, changed: Mapping[str, Written], at: datetime) -> list[str]:
    """Return why containers that went into a run now should not have: damaged, contaminated, on hold (rule 34)."""
    found = []
    for use in records.every(RunInput):
        product = records.get(use.product_id)
        written = changed.get(use.id)
        run = records.get(use.run_id)
        if isinstance(run, ProcessingRun) and run.paper is not None:
            continue
        if written is not None and written.columns is None and use.origin is Origin.CLINIC and product is not None:
            found += [f"{product.name} is on hold. {reason}" for reason in held_because(records, product, at)]
    return list(dict.fromkeys(found))


def refuse_disorder(
    records: CourseRecords, changed: Mapping[str, Written], at: datetime, *, read_anew: bool = True
) -> None:
    """Raise `RuleBroken` where what was written now breaks the order of events or lacked permission at its time.

    Courses that were read together share their cells: from the second on, not ``read_anew``, the permission is asked.
    """
    found = (disorder(records, changed) if read_anew else []) + forbidden(records, changed)
    if found:
        raise RuleBroken(" ".join(found), rule=69)
    held = held_inputs(records, changed, at) if read_anew else []
    if held:
        raise RuleBroken(" ".join(held), rule=34)
