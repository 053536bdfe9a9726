"""Who decides on the eligibility, and how far it is (rule 23)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from clinic import clock
from clinic.eligibility.medication import ANTI_INFLAMMATORY, ANTICOAGULANTS, named
from clinic.eligibility.models import Eligibility
from clinic.records import Origin
from clinic.steps import Action, Blocked, Progress, State, Step
from clinic.treatments.roles import DECIDES, ORDERS, STOPS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.course_records import CourseRecords

WHO = tuple(DECIDES)


def decision(records: CourseRecords, at: datetime) -> Eligibility | None:
    """Return the decision that counts at a moment: the last signed one, or a later “no” from when it is written."""
    found = None
    for one in records.of(Eligibility):
        if one.performed_at is not None and one.performed_at > at:
            continue
        if one.signed or one.eligible is False or one.unconfirmed is not None:
            found = one
    return found


def permission(records: CourseRecords, at: datetime) -> list[Blocked]:
    """Ask for a physician's signed order, and a signed decision that the patient may be treated so (rule 23)."""
    course, found = records.course, []
    died_on = records.patient.died_on
    if died_on is not None and died_on <= clock.day(at, records.zone):
        found.append(Blocked(because="The patient has died. No more cells can be given.", rule=23))
    if course.origin is Origin.CLINIC and not course.signed:
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
        because = "No eligibility decision yet."
        if begun:
            because = "The eligibility was decided later than this."
        return [*found, Blocked(rule=23, because=because, who=WHO, fix=decide, fix_label="Decide")]
    found += _medication(records, counts, decide)
    if counts.eligible and counts.unconfirmed is not None:
        who, show = counts.unconfirmed.amended_by.printed_name, ("eligibility.show", {"eligibility_id": counts.id})
        because = f"{who} corrected “not eligible” to “eligible”; a second physician has not confirmed it."
        found.append(Blocked(rule=23, because=because, who=WHO, fix=show, fix_label="Confirm it"))
    elif not counts.eligible:
        because = f"The patient is not eligible: {counts.reasons or ', '.join(counts.exclusions())}."
        found.append(Blocked(rule=23, because=because, who=WHO, fix=decide, fix_label="Decide again"))
    return found


def _medication(records: CourseRecords, counts: Eligibility, decide: tuple[str, dict[str, Any]]) -> list[Blocked]:
    """Ask how medicines on the order are held before anything is collected or given (rules 24, 25)."""
    order = records.course.medication or ""
    thinning = [] if counts.anticoagulation else named(order, ANTICOAGULANTS)
    calming = [] if counts.anti_inflammatory else named(order, ANTI_INFLAMMATORY)
    found, more = [], {"who": WHO, "fix": decide, "fix_label": "Decide again"}
    if thinning:
        because = (
            f"The order names {', '.join(thinning)}, and the decision does not say when anticoagulants are paused."
        )
        found.append(Blocked(rule=24, because=because, **more))
    if calming:
        because = (
            f"The order names {', '.join(calming)}, and the decision does not state the last anti-inflammatory dose."
        )
        found.append(Blocked(rule=25, because=because, **more))
    return found


def progress(records: CourseRecords, at: datetime) -> Progress:
    """Done when a physician signed that the patient is eligible (rule 23)."""
    counts = decision(records, at)
    if counts is not None:
        state = State.DONE if counts.allows else State.BLOCKED
        word = "Not eligible" if not counts.eligible else "Eligible" if counts.allows else "Not confirmed"
        return Progress(state=state, word=word, by=_who(counts))
    found = records.of(Eligibility)
    if not found:
        return Progress(state=State.TO_DO, word="To do")
    if found[-1].origin is Origin.IMPORTED:
        return Progress(state=State.DONE, word="Imported", by=_who(found[-1]))
    return Progress(state=State.NOW, word="Not signed", by=_who(found[-1]))


def actions(records: CourseRecords, at: datetime) -> list[Action]:
    """Sign the order, name the donor, decide and sign."""
    course, waiting = records.course, []
    if course.origin is Origin.IMPORTED or course.stop is not None or records.patient.died_on is not None:
        return []
    here = {"treatment_id": course.id}
    if not course.signed:
        why = f"{course.title}: ordered, not signed by a physician."
        waiting.append(Action(title="Sign the order", why=why, who=WHO, to=("treatments.order", here)))
    if course.relation != "autologous" and course.donor_id is None:
        why = "This course uses a donor's cells, and no donor is named."
        waiting.append(Action(title="Name the donor", why=why, who=tuple(ORDERS), to=("treatments.donor", here)))
    counts, written = decision(records, at), records.of(Eligibility)
    unsigned = [one for one in written if not one.signed and one.origin is Origin.CLINIC]
    if unsigned and (counts is None or unsigned[-1] is written[-1]):
        to, why = ("eligibility.show", {"eligibility_id": unsigned[-1].id}), "The decision is recorded, not signed."
        waiting.append(Action(title="Sign the eligibility", why=why, who=WHO, to=to))
    if counts is None and not written:
        why = f"No eligibility decision yet: {course.title}."
        waiting.append(Action(title="Decide on the eligibility", why=why, who=WHO, to=("eligibility.new", here)))
    elif counts is not None and counts.eligible and counts.unconfirmed is not None:
        why = "A “not eligible” was corrected; a second physician has not confirmed it."
        show = ("eligibility.show", {"eligibility_id": counts.id})
        waiting.append(Action(title="Confirm the correction", why=why, who=WHO, to=show))
    elif counts is not None and not counts.eligible:
        why = "The patient is not eligible: stop the course, or decide again once this has changed."
        waiting.append(Action(title="Stop the course", why=why, who=tuple(STOPS), to=("treatments.stop", here)))
    return waiting


def moments(records: CourseRecords) -> Iterable[datetime]:
    """Return when decisions were taken."""
    return (one.performed_at for one in records.of(Eligibility) if one.performed_at is not None)


def _who(record: Eligibility) -> str:
    return record.performed_by.printed_name if record.performed_by else ""


ELIGIBILITY = Step(
    name="eligibility", title="Eligibility", icon="clipboard-check", views=("clinic.eligibility.views",),
    records=(Eligibility,), endpoint="eligibility.index", begin="eligibility.new", logs=DECIDES, signs=DECIDES,
    permission=permission, progress=progress, actions=actions, moments=moments, rule=23, after=(),
)  # fmt: skip
