"""What the page of a course tells: how far it is, the one next action, what is blocked, how complete it is."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from flask import url_for

from clinic import clock, record_display, wording
from clinic.administration.known_before import known_of_course
from clinic.administration.step import STOP
from clinic.fields import fields_of
from clinic.followup.models import PlannedVisit
from clinic.pathway import judgement
from clinic.pathway.order import current
from clinic.pathway.worklist_lines import LATER, NOW, Order
from clinic.products.models import OF_WHAT_IS_GIVEN, Product
from clinic.protocols.catalogues import CELL_TYPES, CONDITIONS, DOSE_MEASURES, ROUTES, SOURCES, within
from clinic.release.product_state import failing
from clinic.signatures import sentence
from clinic.steps import State
from clinic.templating import units
from clinic.treatments.models import ASA, RELATIONS

if TYPE_CHECKING:
    from clinic.accounts.models import User
    from clinic.course_records import CourseRecords
    from clinic.pathway.judgement import Standing
    from clinic.records import Record
    from clinic.treatments.models import Treatment

EMPTY = (None, "", [], {})


AGAIN = "Needed again"
"""What the rail says of a step that is done, and without whose renewal the cells that wait are not given."""


def rail(found: list[Standing], records: CourseRecords, at: datetime) -> list[dict[str, Any]]:
    """Return the steps as the rail draws them; the first that is not done is the present one."""
    course, again = records.course, {one.fix[0] for one in known_of_course(records, at) if one.fix is not None}
    present = next((s.step.name for s in found if s.progress.state is not State.DONE), "")
    return [
        {
            "title": s.step.title,
            "state": State.NOW.value if s.progress.waits or renew else s.progress.state.value,
            "state_word": AGAIN if renew else s.progress.word,
            "by": _by(s, records, at),
            "url": url_for(s.step.endpoint, treatment_id=course.id),
            "current": s.step.name == present,
        }
        for s in found
        for renew in [s.progress.state is State.DONE and s.step.begin in again]
    ]


def _by(found: Standing, records: CourseRecords, at: datetime) -> str:
    """Return whose step it is and since when: who signed it, else who did it; of a step to come, its next day."""
    record, said = found.progress.record, found.progress.by
    if record is not None and record.present_signatures:
        first = record.present_signatures[0]
        return f"{first.printed_name}, {_day(clock.day(first.signed_at, records.zone), at, records.zone)}"
    if record is not None and record.performed_at is not None:
        on = _day(clock.day(record.performed_at, records.zone), at, records.zone)
        return ", ".join(part for part in (said, on) if part)
    marks = () if said else found.step.marks(records, at)
    ahead = next((mark for mark in marks if mark.state is not State.DONE), None)
    return said if ahead is None else f"{ahead.said}, {_day(ahead.since, at, records.zone)}"


def _day(on: date, at: datetime, zone: str) -> str:
    """Return a day; its year only where it is not this one."""
    return wording.short_day(on) if on.year == clock.day(at, zone).year else wording.day(on)


def next_action(found: list[Standing], user: User, at: datetime) -> dict[str, Any] | None:
    """Return the one next action: this person's first, else whose turn it is, in the order of the worklist.

    What this person does in some days only is not next while somebody else has to act now.
    """
    order, waiting = Order(at, user.id), [action for s in found for action in s.actions]
    waiting.sort(key=lambda act: order.key({**vars(act), "people": ""}))
    mine = next((action for action in waiting if action.is_for(user)), None)
    ranks = [order.rank({**vars(one), "people": ""}) for one in (waiting[0], mine)] if mine is not None else []
    if mine is not None and not (ranks[1] == LATER and ranks[0] <= NOW):
        return {
            "tag": "Your next action",
            "title": mine.title,
            "text": mine.why,
            "label": mine.title,
            "icon": "arrow-right",
            "url": url_for(mine.to[0], **mine.to[1]),
            "stops": mine.title == STOP,
        }
    if not waiting:
        return None
    whose = " or ".join(sorted(role.label for role in waiting[0].who))
    if waiting[0].only_by:
        whose = f"the {whose} who is named"
    elif user.id in waiting[0].not_by:
        whose = f"another {whose}: you took part yourself"
    return {
        "tag": f"Waiting for {whose}",
        "title": waiting[0].title,
        "text": waiting[0].why,
        "url": None,
        "label": "",
        "icon": "",
        "stops": waiting[0].title == STOP,
    }


def blocked(found: list[Standing], records: CourseRecords, at: datetime) -> tuple[str, list[dict[str, Any]]] | None:
    """Return the first blocked step with all its reasons, else what stops the cells that wait; None: nothing is."""
    first = judgement.blocked(found, records, at)
    if first is not None:
        return f"{first[0].title} is blocked, because…", record_display.reasons(first[1])
    known = known_of_course(records, at)
    return ("The cells cannot be given now, because…", record_display.reasons(known)) if known else None


def failing_results(records: CourseRecords) -> list[tuple[str, str, list[str]]]:
    """Return name, address of the results and what is out of limits, of each container of a course."""
    found: dict[str, tuple[str, str, list[str]]] = {}
    for product, said in failing(records):
        name = f"{product.name} {product.division or ''}".strip()
        url = url_for("release.results", product_id=product.id)
        found.setdefault(product.id, (name, url, []))[2].append(said)
    return list(found.values())


def every(records: CourseRecords) -> list[Record]:
    """Return the order, the products and the records of all steps of a course."""
    kinds = [kind for step in current() for kind in step.records]
    return [records.course, *records.of(Product), *(one for kind in kinds for one in records.of(kind))]


def addresses(records: CourseRecords) -> list[str]:
    """Return by which ids an address is about this course: its own, and those of its records and planned visits."""
    return [one.id for one in (*every(records), *records.of(PlannedVisit))]


def completeness(records: CourseRecords) -> tuple[int, int, list[str]]:
    """Return how many of the facts that a published course should tell are recorded, of how many, and which are not.

    Counted are the facts declared ``reported`` (DOSES, MIBO, vial to vein); those that do not apply are left out.
    """
    done, missing = 0, []
    for record in every(records):
        for name, fact in fields_of(type(record)).items():
            if not fact.reported or name in record.not_applicable:
                continue
            if name in OF_WHAT_IS_GIVEN and isinstance(record, Product) and record.run_id is None and record.uses:
                continue
            if getattr(record, name) in EMPTY:
                missing.append(f"{fact.label}, {record.NOUN.lower()}")
            else:
                done += 1
    return done, done + len(missing), list(dict.fromkeys(missing))


def signatures(records: CourseRecords, zone: str) -> list[tuple[str, str, str]]:
    """Return who signed what in a course, newest first."""
    signed = [(row, record) for record in every(records) for row in record.signatures]
    return [
        (
            f"{row.printed_name}, {row.role}",
            f"{record.NOUN}: {sentence(record, row.meaning)}"
            + ("" if row.content_hash == record.content_hash else " (earlier version)"),
            f"{wording.moment(row.signed_at, zone)} · {record_display.seal(row.content_hash)}",
        )
        for row, record in sorted(signed, key=lambda pair: pair[0].signed_at, reverse=True)
    ]


def key_facts(course: Treatment) -> list[record_display.FactLine]:
    """Return what a person looks for first in a course."""
    version = course.protocol_version
    index = course.body_mass_index
    facts: list[record_display.FactLine] = [
        (
            "Indication",
            CONDITIONS.words([course.condition] if course.condition else []),
            course.diagnosis or "",
        ),
        ("Cells", RELATIONS.get(course.relation or "", ""), CELL_TYPES[course.says.cell_type].label),
        ("Source and route", _way(course), ""),
        ("Protocol", version.name, version.says.title),
        ("Planned for", wording.day(course.planned_on) if course.planned_on else "", ""),
        ("Planned dose", units(_dose(course)), course.says.dose.source),
        ("ASA class", ASA.get(course.asa_class or "", ""), ""),
        (
            "Body mass index",
            f"{index} kg/m²" if index else "",
            f"{course.weight_kg} kg ÷ ({course.height_cm} cm)²" if index else "",
        ),
        ("Other illnesses", course.comorbidities or "", ""),
        ("Responsible", course.done_by, "physician"),
    ]
    return facts


def _way(course: Treatment) -> str:
    """Return from where to where the cells go; of a history, as far as it was recorded."""
    source, route = SOURCES.get(course.source or ""), ROUTES.get(course.route or "")
    if route is None:
        return source.label if source is not None else ""
    return f"{source.label} → {within(route.label)}" if source is not None else route.label


def _dose(course: Treatment) -> str:
    dose = course.says.dose
    measure = DOSE_MEASURES[dose.measure]
    unit = measure.unit_per_kg if dose.per_kg else measure.unit
    return f"{dose.usual} {unit} {within(measure.label)}, protocol {dose.window} {unit}" + (
        f", {dose.doses} times" if dose.doses > 1 else ""
    )
