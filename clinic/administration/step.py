"""Who may give cells, and what must be true first."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from clinic import clock, wording
from clinic.access import Role
from clinic.administration.amounts import doses
from clinic.administration.asked_first import asked_again, asked_first, read_while_it_runs
from clinic.administration.dose_change import SECONDS, DoseChange, whole_dose
from clinic.administration.dose_checks import doubted_weight, unconfirmed_weight
from clinic.administration.dose_plan import next_dose, turns
from clinic.administration.events import InfusionEvent, unsigned
from clinic.administration.known_facts import past_reactions
from clinic.administration.models import CHECK_HOLDS, Administration, BedsideCheck
from clinic.administration.monitoring import due_vital_signs, monitored
from clinic.administration.running_gate import begun, faults
from clinic.administration.stopped_starts import decide_on_them
from clinic.administration.vital_signs import KNOWN_FOR, VitalSigns
from clinic.processing.step import donors_usable
from clinic.products.limits import COLD_UNKNOWN, cold_unknown
from clinic.products.models import Product
from clinic.products.reasons import ever_said, speaks_of_the_cells
from clinic.records import Origin
from clinic.release.kin import RUNNING, SPEAKS, Speaker
from clinic.release.models import Release, decisions
from clinic.release.product_state import ProductState, held_because, out_of_limits, state_of, unacknowledged, unanswered
from clinic.steps import Action, Blocked, Mark, Progress, State, Step, is_history, marks_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.administration.dose_plan import NextDose
    from clinic.course_records import CourseRecords

LOGS = frozenset({Role.NURSE, Role.PHYSICIAN})
SIGNS = frozenset({Role.NURSE, Role.PHYSICIAN})
THAWS = (Role.TECHNOLOGIST, Role.NURSE)
STOP = "Stop giving these cells"
HURRY = timedelta(hours=2)
"""From here on cells that wait come before everything else."""


def waiting_products(records: CourseRecords, at: datetime) -> list[Product]:
    """Return the course's products that may be given now: released, not held, not expired, not used up."""
    return [product for product in records.of(Product) if state_of(records, product, at).usable]


def blockers(records: CourseRecords, at: datetime) -> list[Blocked]:
    """Ask once more for the donors of the cells that wait (rules 4, 17 to 20)."""
    return donors_usable(records, waiting_products(records, at), at)


def progress(records: CourseRecords, at: datetime) -> Progress:
    """Done when every dose of the protocol was given and signed."""
    found = given_in(records)
    if not found:
        blocked = bool(ADMINISTRATION.reasons(records, at))
        return Progress(state=State.BLOCKED if blocked else State.TO_DO, word="Blocked" if blocked else "To do")
    last = found[-1]
    who = last.done_by
    if last.origin is Origin.CLINIC and last.ended_at is None:
        return Progress(state=State.NOW, word="Being given", by=who, record=last)
    if any(given.origin is Origin.CLINIC and not given.signed for given in found):
        return Progress(state=State.NOW, word="Not signed", by=who, record=last)
    planned, number = records.course.says.dose.doses, doses_given(records)
    if number < planned and records.course.stop is None and any(given.origin is Origin.CLINIC for given in found):
        coming = next_dose(records, [given for given in found if given.counts], at)
        due = coming.due_at if coming is not None else None
        later = f", next from {wording.day(clock.day(due, records.zone))}" if due is not None and at < due else ""
        return Progress(state=State.NOW, word=f"Dose {number} of {planned}{later}", by=who, record=last)
    return Progress(state=State.DONE, word="Signed" if last.signed else "Imported", by=who, record=last)


def doses_given(records: CourseRecords) -> int:
    """Return how many doses of this course were given; see `doses`."""
    counted = [given for given in given_in(records) if given.counts]
    return doses(counted, records.course.says.dose, records.zone, whole_dose(records))


def given_in(records: CourseRecords) -> list[Administration]:
    """Return the administrations of a course; what was started by mistake and voided is none."""
    return [given for given in records.of(Administration) if not given.voided]


def actions(records: CourseRecords, at: datetime) -> list[Action]:
    """Record the end, take vital signs, sign; scan wristband and bag for the next product."""
    course, begun = records.course, records.of(Administration)
    waiting = _unsigned_doses(records) if records.every(DoseChange) else []
    waiting += _unsigned_events(records) if begun else []
    for given in given_in(records):
        came_in = given.origin is not Origin.CLINIC
        if came_in and not given.amendments:
            continue
        waiting += [] if came_in else due_vital_signs(given, at)
        if given.ended_at is None and not came_in:
            waiting += _stop(records, given, at) + read_while_it_runs(records, at, given.performed_at)
            why, to = (
                f"{given.headline()}: started, end not recorded.",
                ("administration.finish", {"administration_id": given.id}),
            )
            over = _thaw_end(records, given.product)
            more = {"due_at": over or given.performed_at, "due_words": "end before" if over else "started"}
            waiting.append(Action(title="Record the end", why=why, who=tuple(LOGS), to=to, **more))
        elif not given.signed:
            why, to = (
                f"{given.headline()}: recorded, not signed.",
                ("administration.show", {"administration_id": given.id}),
            )
            more = {"due_at": given.ended_at, "due_words": "ended"}
            waiting.append(Action(title="Sign the administration", why=why, who=tuple(SIGNS), to=to, **more))
    if is_history(records) or any(action.title == "Record the end" for action in waiting):
        return waiting
    waiting += [_discard_the_rest(given) for given in given_in(records) if _rest_waits(given)]
    if ADMINISTRATION.reasons(records, at) or any(one.open_in(records) for one in past_reactions(records)):
        return waiting
    coming, product = _due(records, at), waiting_products(records, at)[0]
    if coming is None or _awaits_physician(records, product, at):
        return waiting  # a spare bag, or one for a later day: nobody is sent to give it now
    thawed = ", and thawed" if product.thawed_at else ""
    which = f" {coming.words}." if coming.words else ""
    why = f"{product.name} {product.division or ''} is released{thawed}: {course.title}.{which} Two people scan first."
    due = _thaw_end(records, product) or product.end
    if first := asked_first(records, product, at):
        more = {"due_at": due, "due_words": "use before"}
        return waiting + [replace(one, **more, danger=one.danger or _urgent(due, at)) for one in first]
    if before := _first_of_the_laboratory(product, course.title, which, due):
        return [*waiting, before]
    waiting += decide_on_them(records, at)
    to = ("administration.bedside", {"treatment_id": course.id})
    waiting.append(
        Action(
            title="Check at the bedside", why=why, who=tuple(LOGS), to=to, due_at=due, due_words="use before",
            danger=_urgent(due, at),
        )
    )  # fmt: skip
    return waiting


def _awaits_physician(records: CourseRecords, product: Product, at: datetime) -> bool:
    """Whether the gate refuses a container until the physician who is named in its release has acknowledged it."""
    return unacknowledged(records, product) is not None and state_of(records, product, at) is not ProductState.RELEASED


def _due(records: CourseRecords, at: datetime) -> NextDose | None:
    """Return the dose that is to be given now; None: all were given, or the next is for a later day."""
    coming = next_dose(records, [given for given in given_in(records) if given.counts], at)
    return None if coming is None or (coming.due_at is not None and at < coming.due_at) else coming


def giving_now(records: CourseRecords, at: datetime) -> list[Product]:
    """Return the containers that wait for a dose which is to be given now; none while others run, or of a history."""
    if is_history(records) or any(given.running for given in given_in(records)) or _due(records, at) is None:
        return []
    return waiting_products(records, at)


def _first_of_the_laboratory(product: Product, course: str, which: str, due: datetime | None) -> Action | None:
    """Return what is done with cells before the check, which would refuse them after everything was asked; or None."""
    name, more = f"{product.name} {product.division or ''}".strip(), {"due_at": due, "due_words": "use before"}
    if cold_unknown(product):
        to, who = ("products.cold", {"product_id": product.id}), (Role.TECHNOLOGIST, Role.QUALITY)
        why = f"{name} came in by a table: {course}. {COLD_UNKNOWN}"
        return Action(title="Record whether it was frozen", why=why, who=who, to=to, **more)
    if product.lies_frozen:
        to, why = ("products.move", {"product_id": product.id, "kind": "thawed"}), f"{name} is released and frozen:"
        return Action(title="Thaw the cells", why=f"{why} {course}.{which} Then two scan it.", who=THAWS, to=to, **more)
    return None


def _stop(records: CourseRecords, given: Administration, at: datetime) -> list[Action]:
    """Ask to stop cells that go in and that nobody could begin to give now, see `stop_because` (rule 43)."""
    found = stop_because(records, given, at)
    if not found:
        return []
    to, why = ("giving.stop_early", {"administration_id": given.id}), f"{' '.join(found)} Tell the physician."
    more = {"danger": True, "due_at": given.performed_at, "due_words": "started"}
    return [Action(title=STOP, why=why, who=tuple(LOGS), to=to, **more)]


def stop_because(records: CourseRecords, given: Administration, at: datetime) -> list[str]:
    """Return why cells that run could not be begun now: what the gate at the bedside refuses them for; empty: nothing.

    Of the container: growth, a hold, a “no”, what made it and is not signed any more, a result out of its limits. One
    that was corrected within its limits is none. Of all else the gate itself is asked, see `running_gate.faults`.
    """
    product = given.product
    if product is None or not given.running:
        return []
    start = begun(given, at)
    found = held_because(records, product, at, awaited_at=start)
    last = (decisions(records, product) or [None])[-1]
    if last is not None and not last.releases:
        found.append(f"{last.headline()}: {last.reason}." if last.reason else f"{last.headline()}.")
    elif last is not None and last.lacks(records):  # of cells that run, decided anew: it counts when it is signed
        found.append(f"{last.headline()}: recorded, not signed.")
    found += [f"{said}." for said in out_of_limits(records, product)]
    if product.end is not None and given.performed_at is not None and product.end < given.performed_at:
        found.append(
            f"The use-before was {wording.moment(product.end, records.zone, product.end_known)}, before the start."
        )
    found += [one.because for one in unanswered(records, product)]
    waits = doubted_weight(records, at) if records.course.says.dose.per_kg else None
    found += [unconfirmed_weight(records, waits)] if waits is not None else []
    found += [one.because for one in _forbidden(records, start, at)]
    return list(dict.fromkeys(found + faults(records, given, at)))


def _forbidden(records: CourseRecords, start: datetime, at: datetime) -> list[Blocked]:
    """Return what the papers have against cells that run: by all that is known now, and by the clock of the start.

    A decision or consent that ends while they run, a protocol that is retired then, and their own giving on the day
    before, stop nothing. What had ended at the start stops them, also where that came out only now.
    """
    now = ADMINISTRATION.forbidden(records, at)
    turned = {one.rule for one in now if one.by_clock}
    then = ADMINISTRATION.forbidden(records, start) if turned else []
    met = [one for one in then if one.rule in turned and (one.by_clock or one not in now)]
    return [one for one in now if not one.by_clock] + met


def _rest_waits(given: Administration) -> bool:
    """Whether a part of a bag that was given from came back to the laboratory and is still there (rule 60)."""
    product = given.product
    return given.ended_at is not None and product is not None and product.remainder and not product.discarded


def _discard_the_rest(given: Administration) -> Action:
    why = f"{given.product.name} {given.product.division or ''}: a part came back, and is not given again."
    to = ("products.move", {"product_id": given.product.id, "kind": "discarded"})
    return Action(
        title="Discard the rest of the bag", why=why, who=(Role.TECHNOLOGIST,), to=to, due_at=given.ended_at,
        due_words="ended",
    )  # fmt: skip


def _urgent(due: datetime | None, at: datetime) -> bool:
    return due is not None and due - at <= HURRY


def _thaw_end(records: CourseRecords, product: Product) -> datetime | None:
    minutes = records.course.says.expiry.thaw_minutes
    return product.thawed_at + timedelta(minutes=minutes) if product.thawed_at and minutes else None


def moments(records: CourseRecords) -> Iterable[datetime]:
    """Return when cells become urgent, and when checks and vital signs are due."""
    for product in records.of(Product):
        for end in (product.end, _thaw_end(records, product)):
            if end is not None:
                yield from (end - HURRY, end)
    for check in records.of(BedsideCheck):
        if check.performed_at is not None:
            yield check.performed_at + CHECK_HOLDS
    refused = (one.performed_at for one in records.of(VitalSigns) if one.check_id is not None)
    yield from (measured + KNOWN_FOR for measured in refused if measured is not None)
    for given in given_in(records):
        yield from monitored(given)
    if counted := [given for given in given_in(records) if given.counts]:
        yield from turns(records, counted)
    if any(records.on(one, Release) for one in records.of(Product)):  # before that nothing else is asked first
        yield from asked_again(records)


def marks(records: CourseRecords, _at: datetime) -> list[Mark]:
    """Return the administrations with their doses."""
    return marks_of(given_in(records), records.zone, lambda one: one.headline().split(", ")[0])


def _unsigned_doses(records: CourseRecords) -> list[Action]:
    """Return the dose changes that lack a signature: they do not count yet, far ones not until a second one."""
    found = [change for change in records.of(DoseChange) if not change.approved]
    return [
        Action(
            title="Sign the dose change",
            why=f"{change.headline()}: {'a second person signs it too' if change.signed else 'recorded, not signed'}.",
            who=tuple(sorted(SECONDS)) if change.signed else (Role.PHYSICIAN,),
            not_by=tuple(one.signed_by_id for one in change.present_signatures),
            to=("giving.dose", {"change_id": change.id}), due_at=change.recorded_at, due_words="recorded",
        )
        for change in found
    ]  # fmt: skip


def _unsigned_events(records: CourseRecords) -> list[Action]:
    """Return what happened during an administration that is signed, and was added later or left out then."""
    return [
        Action(
            title="Sign the events", why=f"{found[0].headline()}: recorded, not signed.", who=tuple(SIGNS),
            to=("record_pages.signature", {"record_id": found[0].id}), due_at=found[0].recorded_at,
            due_words="recorded",
        )
        for given in records.of(Administration)
        if (given.signed or given.voided) and (found := unsigned(given))
    ]  # fmt: skip


def _stopped_for(_records: CourseRecords, given: Administration) -> str:
    """Return why not all of a container was given, where that speaks of its cells: mould, another patient's label."""
    reason = "" if given.voided else ever_said(given, "partial_reason")
    return reason if speaks_of_the_cells(reason) else ""


RUNNING.append(lambda records, product: any(given.running for given in records.on(product, Administration)))
SPEAKS[Administration] = Speaker(_stopped_for, Administration.partial_reason.is_not(None))
ADMINISTRATION = Step(
    name="administration", title="Administration", icon="vaccine",
    views=("clinic.administration.views", "clinic.administration.running_views"),
    records=(BedsideCheck, Administration, VitalSigns, InfusionEvent, DoseChange), endpoint="administration.index",
    begin="administration.bedside", logs=LOGS, signs=SIGNS, blockers=blockers, progress=progress, actions=actions,
    moments=moments, marks=marks,
)  # fmt: skip
