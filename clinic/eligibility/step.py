"""Who decides on the eligibility, and how far it is (rule 23)."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from clinic import clock, wording
from clinic.eligibility.elsewhere import said_elsewhere
from clinic.eligibility.medication import ANTI_INFLAMMATORY, ANTICOAGULANTS, answered, forbids, named
from clinic.eligibility.models import COMPLETE, Eligibility, between, counting, overturned
from clinic.patients.donor_screening import needs_to_confirm
from clinic.patients.models import had_died, has_died, weight_of
from clinic.products.doses_begun import ONE_DOSE, doses_begun
from clinic.products.models import Product
from clinic.record_display import amendments
from clinic.records import Origin
from clinic.requests.models import Request
from clinic.requests.objections import against_course
from clinic.steps import Action, Blocked, Mark, Progress, State, Step, is_history, marks_of
from clinic.treatments.models import Treatment
from clinic.treatments.roles import DECIDES, ORDERS, STOPS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.course_records import CourseRecords

WHO = tuple(DECIDES)


def decision(records: CourseRecords, at: datetime) -> Eligibility | None:
    """Return the decision that counts at a moment: the last signed one, or a “no” from when it is written.

    A “no” that was written after the “yes” counts whatever day it bears.
    """
    return counting(records.of(Eligibility), at)


def _decided_later(records: CourseRecords, last: Eligibility) -> Blocked:
    """Return that an act lies before the decision, and how one of the two times is corrected (rules 23, 69)."""
    when = f", on {wording.moment(last.performed_at, records.zone)}" if last.performed_at is not None else ""
    because = (
        f"The eligibility was decided later than this{when}. Correct the time of this record if it is wrong; if the "
        "time of the decision is wrong, a physician amends the decision and signs it."
    )
    show = ("eligibility.show", {"eligibility_id": last.id})
    return Blocked(rule=23, because=because, who=WHO, fix=show, fix_label="Open the decision")


def permission(records: CourseRecords, at: datetime) -> list[Blocked]:
    """Ask for a physician's signed order, and a signed decision that the patient may be treated so (rule 23)."""
    course, found = records.course, against_course(records, at) if records.every(Request) else []
    if had_died(records.people, at, records.zone):
        found.append(Blocked(because="The patient has died. No more cells can be given.", rule=23))
    made = records.of(Product)
    over = course.origin is Origin.IMPORTED and bool(made) and all(one.given or one.discarded for one in made)
    if not course.signed and not over:  # of an imported course only what is still to be done needs a signed order
        because = "The order is not signed by a physician, or was changed since."
        order = ("treatments.order", {"treatment_id": course.id})
        found.append(Blocked(rule=23, because=because, who=WHO, fix=order, fix_label="Open the order"))
    counts, decide = decision(records, at), ("eligibility.new", {"treatment_id": course.id})
    if counts is None:
        begun = records.of(Eligibility)[-1:]
        if begun and not begun[0].signed:
            show = ("eligibility.show", {"eligibility_id": begun[0].id})
            because = "The eligibility is recorded but not signed."
            return [*found, Blocked(rule=23, because=because, who=WHO, fix=show, fix_label="Open the decision")]
        if begun:
            return [*found, _decided_later(records, begun[0])]
        because = "No eligibility decision yet."
        return [*found, Blocked(rule=23, because=because, who=WHO, fix=decide, fix_label="Decide")]
    found += _medication(records, counts, decide, at)
    found += _no_longer(records, counts, at) if counts.eligible else []
    if counts.eligible and counts.unconfirmed is not None:
        who, show = counts.unconfirmed.amended_by.printed_name, ("eligibility.show", {"eligibility_id": counts.id})
        because = f"{who} corrected {_corrected(counts)}; a second physician has not confirmed it."
        found.append(Blocked(rule=23, because=because, who=WHO, fix=show, fix_label="Confirm it"))
    elif not counts.eligible:
        because = f"The patient is not eligible: {counts.reasons or ', '.join(counts.exclusions())}."
        found.append(Blocked(rule=23, because=because, who=WHO, fix=decide, fix_label="Decide again"))
    return found


def _no_longer(records: CourseRecords, counts: Eligibility, at: datetime) -> list[Blocked]:
    """Return why a “yes” does not count now: expired, older than the last dose, or against a “no” by one person."""
    found, day = [], clock.day(at, records.zone)
    again = {"who": WHO, "fix": ("eligibility.new", {"treatment_id": records.course.id}), "fix_label": "Decide again"}
    if counts.valid_until is not None and day > counts.valid_until:
        because = f"The eligibility decision was valid until {wording.day(counts.valid_until)}."
        found.append(Blocked(rule=23, because=because, by_clock=True, **again))
    last = last_given(records, at)
    if last is not None and clock.day(last, records.zone) < day and (counts.performed_at or at) <= last:
        because = (
            f"The patient was given cells on {wording.day(clock.day(last, records.zone))}, after the eligibility "
            "decision. Decide again before the next dose."
        )
        found.append(Blocked(rule=23, because=because, by_clock=True, **again))
    elsewhere = said_elsewhere(records, counts, at) if len(records.every(Treatment)) > 1 else []
    found += [Blocked(rule=23, because=said, **again) for said in elsewhere]
    against = reversed_alone(records, counts)
    if against is not None:
        because = (
            f"{against.done_by} decided “not eligible” before, and no second physician has signed the new decision."
        )
        sign = ("record_pages.signature", {"record_id": counts.id})
        found.append(Blocked(rule=23, because=because, who=WHO, fix=sign, fix_label="Sign as second physician"))
    return found


def last_given(records: CourseRecords, at: datetime) -> datetime | None:
    """Return when the patient was last given cells, in any course, before a moment.

    The bags of the dose that is being given are one giving with what is given next: they do not count.
    """
    given = [(moment, product) for moment, product in _given(records) if moment < at]
    begun = _dose_begun(records, given, at) if given else None
    return max(
        (
            moment
            for moment, product in given
            if begun is None or moment < begun or product.treatment_id != records.course.id
        ),
        default=None,
    )


def _given(records: CourseRecords) -> list[tuple[datetime, Product]]:
    """Return when which container was given to the patient, in any course."""
    own = {course.id for course in records.every(Treatment) if course.patient_id in records.people_ids}
    return [
        (move.performed_at, product)
        for product in records.every(Product)
        if product.treatment_id in own and product.given
        for move in product.movements
        if move.kind == "given" and move.performed_at is not None
    ]


def _dose_begun(records: CourseRecords, given: list[tuple[datetime, Product]], at: datetime) -> datetime | None:
    """Return when the first bag was given of a dose of this course that is not complete yet; None where none is.

    A dose is given within 24 hours of its first bag; it is complete when it comes to the protocol's usual amount.
    """
    mine = sorted({(moment, product.id) for moment, product in given if product.treatment_id == records.course.id})
    begun = None
    for moment, _product_id in mine:
        if begun is None or moment - begun >= ONE_DOSE:
            begun = moment
    if begun is None or at - begun >= ONE_DOSE:
        return None
    dosing = records.course.says.dose
    weight = weight_of(records.people, at)
    kilos = (weight.kg if weight is not None and weight.kg else None) if dosing.per_kg else 1
    parts = [records.get(product_id) for moment, product_id in mine if moment >= begun]
    amounts = [one.amount for one in parts if one.measure == dosing.measure and one.amount is not None]
    if kilos is None or len(amounts) < len(parts):
        return None
    return begun if sum(amounts) < COMPLETE * dosing.usual * kilos else None


def reversed_alone(records: CourseRecords, counts: Eligibility) -> Eligibility | None:
    """Return the “no” that a “yes” overturns without the signature of another physician; None where it does not."""
    decisions = records.of(Eligibility)
    last = overturned(decisions, counts) if counts.eligible and len(decisions) > 1 else None
    if last is None or last.performed_by is None:
        return None
    since = [counts, *between(decisions, last, counts)]  # a second “yes” confirms no first one
    others = [s for one in since for s in one.present_signatures if not s.signed_by.is_same_person(last.performed_by)]
    return None if others else last


def _medication(
    records: CourseRecords, counts: Eligibility, decide: tuple[str, dict[str, Any]], at: datetime
) -> list[Blocked]:
    """Ask how medicines are held before anything is collected or given, as long as the protocol says (rules 24, 25)."""
    taken = taken_by(records, at)
    last_doses = (counts.anticoagulant_last_on, counts.anti_inflammatory_last_on)
    if not taken and last_doses == (None, None):
        return []
    patient = records.course.says.patient
    found, more = [], {"who": WHO, "fix": decide, "fix_label": "Decide again"}
    thinning, calming = named(taken, ANTICOAGULANTS), named(taken, ANTI_INFLAMMATORY)
    pauses = [
        _pause(records, at, 24, thinning, last_doses[0], patient.anticoagulant_days),
        _pause(records, at, 25, calming, last_doses[1], patient.anti_inflammatory_days),
    ]
    if thinning and last_doses[0] is None and not answered(counts.anticoagulation):
        because = (
            f"The patient's records name {', '.join(thinning)}, and the decision does not say that anticoagulants "
            "are paused, stopped or held, or since when."
        )
        found.append(Blocked(rule=24, because=because, **more))
    if calming and last_doses[1] is None and not answered(counts.anti_inflammatory):
        because = (
            f"The patient's records name {', '.join(calming)}, and the decision does not state the last "
            "anti-inflammatory dose."
        )
        found.append(Blocked(rule=25, because=because, **more))
    return found + [Blocked(rule=rule, because=said, **more) for rule, said in pauses if said]


def _pause(  # noqa: PLR0913, PLR0917 - one medicine: who takes it, since when not, how long the protocol asks
    records: CourseRecords, at: datetime, rule: int, medicines: list[str], last_on: date | None, days: int | None
) -> tuple[int, str]:
    """Return why a medicine is not paused long enough under the protocol; an empty sentence where it is."""
    if days is None or (last_on is None and not medicines):
        return rule, ""
    kind = ", ".join(medicines) or ("an anticoagulant" if rule == 24 else "an NSAID or steroid")
    if last_on is None:
        return rule, (
            f"The patient's records name {kind}. The protocol asks for {days} days without; the decision does not give "
            "the day of the last dose."
        )
    first = last_on + timedelta(days=days)
    if clock.day(at, records.zone) >= first:
        return rule, ""
    return rule, (
        f"Last dose of {kind}: {wording.day(last_on)}. The protocol asks for {days} days without; possible from "
        f"{wording.day(first)}."
    )


def taken_by(records: CourseRecords, at: datetime) -> str:
    """Return all that was written of the patient's medicines by a moment: on orders and decisions, in alerts."""
    own = {course.id: course for course in records.every(Treatment) if course.patient_id in records.people_ids}
    known = [one for one in records.every(Eligibility) if one.treatment_id in own and (one.performed_at or at) <= at]
    ordered = [one for one in own.values() if one is records.course or (one.performed_at or at) <= at]
    said = [course.medication for course in ordered]
    said += [text for one in known for text in (one.anticoagulation, one.anti_inflammatory)]
    alerts = [alert.text for person in records.people for alert in person.alerts if alert.recorded_at <= at]
    told = [text for text in alerts if text and not named(text, ("allerg", "anaphyla", "intoleran"))]
    said += [" ".join(clause for clause in re.split(r"(?<=[.;,])\s+|\n", text) if not forbids(clause)) for text in told]
    return "; ".join(text for text in said if text)


def progress(records: CourseRecords, at: datetime) -> Progress:
    """Done when a physician signed that the patient is eligible (rule 23)."""
    counts = decision(records, at)
    if counts is not None:
        allows = counts.allows and reversed_alone(records, counts) is None
        state = State.DONE if allows else State.BLOCKED
        word = "Not eligible" if not counts.eligible else "Eligible" if allows else "Not confirmed"
        return Progress(state=state, word=word, by=counts.done_by, record=counts)
    found = records.of(Eligibility)
    if not found:
        return Progress(state=State.TO_DO, word="To do")
    if found[-1].origin is Origin.IMPORTED:
        return Progress(state=State.DONE, word="Imported", by=found[-1].done_by, record=found[-1])
    return Progress(state=State.NOW, word="Not signed", by=found[-1].done_by, record=found[-1])


def actions(records: CourseRecords, at: datetime) -> list[Action]:
    """Sign the order, name the donor, decide and sign."""
    course, waiting = records.course, []
    if is_history(records, or_used=True) or course.stop is not None or has_died(records.people):
        return []
    here = {"treatment_id": course.id}
    if not course.signed:
        why = f"{course.title}: ordered, not signed by a physician."
        waiting.append(Action(title="Sign the order", why=why, who=WHO, to=("treatments.order", here)))
    if course.relation != "autologous" and course.donor_id is None:
        why = "This course uses a donor's cells, and no donor is named."
        waiting.append(Action(title="Name the donor", why=why, who=tuple(ORDERS), to=("treatments.donor", here)))
    waiting += needs_to_confirm(records)
    counts, written = decision(records, at), records.of(Eligibility)
    unsigned = [one for one in written if not one.signed and one.origin is Origin.CLINIC]
    if unsigned and (counts is None or unsigned[-1] is written[-1]):
        to, why = ("eligibility.show", {"eligibility_id": unsigned[-1].id}), "The decision is recorded, not signed."
        waiting.append(Action(title="Sign the eligibility", why=why, who=WHO, to=to))
    if counts is None and not written:
        why = f"No eligibility decision yet: {course.title}."
        waiting.append(Action(title="Decide on the eligibility", why=why, who=WHO, to=("eligibility.new", here)))
    elif counts is not None and counts.eligible and counts.unconfirmed is not None:
        who = counts.unconfirmed.amended_by.printed_name
        why = f"{who} corrected {_corrected(counts)}; a second physician has not confirmed it."
        show = ("eligibility.show", {"eligibility_id": counts.id})
        waiting.append(Action(title="Confirm the correction", why=why, who=WHO, to=show))
    elif counts is not None and counts.eligible:
        waiting += _again(records, counts, at)
    elif counts is not None and not counts.eligible:
        why = "The patient is not eligible: stop the course, or decide again once this has changed."
        waiting.append(Action(title="Stop the course", why=why, who=tuple(STOPS), to=("treatments.stop", here)))
    return waiting


def _corrected(counts: Eligibility) -> str:
    """Return what the correction changed that nobody has confirmed: an answer, a time, a day, an exclusion."""
    waits = [one for one in counts.critical_corrections() if not counts.is_confirmed(one)]
    if any(one.changes.get("eligible", [None])[0] is False for one in waits):
        return "“not eligible” to “eligible”"
    told = zip(counts.amendments, amendments(counts, counts.zone), strict=True)
    said = [f"“{label}” from “{old}” to “{new}”" for one, line in told if one in waits for label, old, new in line[3]]
    return f"the decision: {'; '.join(said)}"


def _again(records: CourseRecords, counts: Eligibility, at: datetime) -> list[Action]:
    """Ask for a second physician, or for a new decision while doses are still to be given."""
    reasons = _no_longer(records, counts, at)
    if not reasons or reasons[0].fix is None or doses_begun(records) >= records.course.says.dose.doses:
        return []
    title = (
        "Sign as second physician" if reversed_alone(records, counts) is not None else "Decide on the eligibility again"
    )
    return [Action(title=title, why=reasons[0].because, who=WHO, to=reasons[0].fix)]


def moments(records: CourseRecords) -> Iterable[datetime]:
    """Return when decisions were taken."""
    for one in records.of(Eligibility):
        if one.performed_at is not None:
            yield one.performed_at
        if one.valid_until is not None:
            yield clock.midnight_after(one.valid_until, records.zone)
        patient = records.course.says.patient
        for last_on, days in (
            (one.anticoagulant_last_on, patient.anticoagulant_days),
            (one.anti_inflammatory_last_on, patient.anti_inflammatory_days),
        ):
            if last_on is not None and days:
                yield clock.midnight_after(last_on + timedelta(days=days - 1), records.zone)
    for last, _product in _given(records):
        yield from (clock.midnight_after(clock.day(last, records.zone), records.zone), last + ONE_DOSE)


def marks(records: CourseRecords, _at: datetime) -> list[Mark]:
    """Return the decisions."""
    return marks_of(records.of(Eligibility), records.zone, lambda one: "eligible" if one.eligible else "not eligible")


ELIGIBILITY = Step(
    name="eligibility", title="Eligibility", icon="clipboard-check", views=("clinic.eligibility.views",),
    records=(Eligibility,), endpoint="eligibility.index", begin="eligibility.new", logs=DECIDES, signs=DECIDES,
    permission=permission, progress=progress, actions=actions, moments=moments, marks=marks, rule=23, after=(),
)  # fmt: skip
