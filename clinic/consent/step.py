"""Who takes a consent, and how far it is (rules 14 to 16)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from clinic import clock, wording
from clinic.access import Role
from clinic.consent.models import (
    Consent,
    Continuation,
    Standing,
    ended,
    outdated,
    to_treatment,
    to_version,
    used_up,
    valid,
)
from clinic.patients.doubted import is_after
from clinic.patients.models import has_died
from clinic.products.models import Product
from clinic.records import Origin
from clinic.requests.models import undecided
from clinic.requests.objections import WHO as DECIDERS
from clinic.requests.objections import in_words
from clinic.steps import Action, Blocked, Mark, Progress, State, Step, is_history, marks_of
from clinic.treatments.models import place_words
from clinic.treatments.roles import STOPS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.course_records import CourseRecords

TAKES_CONSENT = frozenset({Role.PHYSICIAN, Role.NURSE, Role.COORDINATOR})
WHO = (Role.PHYSICIAN, Role.NURSE, Role.COORDINATOR)
WITHDRAWN = "Withdrawn"
"""The word of the step in a course whose consent was withdrawn."""
DECIDES = (Role.PHYSICIAN, Role.QUALITY)


def permission(records: CourseRecords, at: datetime) -> list[Blocked]:
    """Ask for the consent: signed, unexpired, not withdrawn, to exactly this protocol version (rules 14 to 16)."""
    course, holding = records.course, valid(records, at)
    if holding is not None:
        elsewhere = (holding.body_site, holding.side) != (course.body_site, course.side)
        found = _place(records, holding) if elsewhere else []
        return found + (_version(records, at) if course.protocol_version.retired_at is not None else [])
    new = ("consent.new_for_course", {"treatment_id": course.id})
    same, gone_at = to_version(records), ended(records, at)
    if same and gone_at is not None and not is_after(same[-1].performed_at or at, same[-1].recorded_at, *gone_at):
        end = gone_at[0]
        because = f"Consent withdrawn {_day(records, end)}: the patient withdrew the consent to this treatment."
        gone = [one.withdrawal for one in to_treatment(records) if one.withdrawal is not None]
        for one, correction in [(one, one.unconfirmed) for one in gone]:
            if correction is None:
                continue
            show, who = ("consent.show", {"consent_id": one.consent_id}), correction.amended_by.printed_name
            because += f" {who} corrected when it was withdrawn; a second person has not confirmed the correction."
            return [Blocked(rule=15, because=because, who=WHO, fix=show, fix_label="Open the withdrawal")]
        stop = ("treatments.stop", {"treatment_id": course.id})
        because += " The course cannot continue: a physician or the medical director stops it."
        return [Blocked(rule=15, because=because, fix=stop, fix_label="Stop the course")]
    if same:
        return [_not_valid(records, same[-1], at)]
    if to_treatment(records):
        because = f"The consent is for another protocol version; this course follows {course.protocol_version.name}."
        return [Blocked(rule=16, because=because, who=WHO, fix=new, fix_label="Consent again")]
    because = "No consent for this treatment is recorded."
    return [Blocked(rule=14, because=because, who=WHO, fix=new, fix_label="Record the consent")]


def _place(records: CourseRecords, holding: Consent) -> list[Blocked]:
    """Return that the consent names another site or side than the order (rule 26)."""
    course, other = records.course, place_words(holding.body_site, holding.side)
    if not holding.body_site or not course.body_site or other == course.place:
        return []
    because = f"The consent is for the {other}; the order names the {course.place or 'whole body'}."
    new = ("consent.new_for_course", {"treatment_id": course.id})
    return [Blocked(rule=26, because=because, who=WHO, fix=new, fix_label="Obtain consent again")]


def _version(records: CourseRecords, at: datetime) -> list[Blocked]:
    """Return that the version of the course was retired, until somebody decides that the course goes on (rule 16)."""
    if not outdated(records, at):
        return []
    course = records.course
    day = wording.day(clock.day(course.protocol_version.retired_at, records.zone))
    because = (
        f"{course.protocol_version.name} was retired on {day}. Decide whether this course continues under it, or "
        "inform the patient and obtain consent again."
    )
    decide = ("consent.continuation", {"treatment_id": course.id})
    return [Blocked(rule=16, because=because, who=DECIDES, fix=decide, fix_label="Decide", by_clock=True)]


def _not_valid(records: CourseRecords, last: Consent, at: datetime) -> Blocked:
    """Return why the last consent to this version is not valid at a moment."""
    if last.standing(at) is Standing.EXPIRED:
        new, because = ("consent.new_for_course", {"treatment_id": records.course.id}), "The consent has expired."
        return Blocked(rule=14, because=because, who=WHO, fix=new, fix_label="Obtain a new consent", by_clock=True)
    if last.standing(at) is Standing.DISPUTED:
        read = ("requests.of_record", {"record_id": last.id})
        because = f"The consent is not valid. {in_words(undecided(last.said)[-1])}"
        return Blocked(rule=14, because=because, who=DECIDERS, fix=read, fix_label="Open the objection")
    because = "The consent is not signed by the person who obtained it."
    if last.performed_at is not None and last.performed_at > at:
        because = f"The consent was signed later, on {wording.moment(last.performed_at, records.zone)}."
    elif last.unconfirmed is not None:
        who, changed = last.unconfirmed.amended_by.printed_name, last.unconfirmed.changes
        what = "extended the validity of" if "expires_on" in changed else "corrected"
        because = f"{who} {what} the consent; a second person has not confirmed it."
    elif last.outgrown(at):
        new = ("consent.new_for_course", {"treatment_id": records.course.id})
        because = "The consent was signed for a child who is of age now: the patient consents in person."
        return Blocked(rule=14, because=because, who=WHO, fix=new, fix_label="Obtain a new consent", by_clock=True)
    elif used_up(records, last):
        new = ("consent.new_for_course", {"treatment_id": records.course.id})
        because = "The consent was given for an earlier course, and its cells were given before this one was ordered."
        return Blocked(rule=14, because=because, who=WHO, fix=new, fix_label="Obtain a new consent")
    elif last.signer_fault():
        new = ("consent.new_for_course", {"treatment_id": records.course.id})
        return Blocked(
            rule=14, because=f"The consent is not valid. {last.signer_fault()}", who=WHO, fix=new,
            fix_label="Obtain a new consent",
        )  # fmt: skip
    show = ("consent.show", {"consent_id": last.id})
    return Blocked(rule=14, because=because, who=WHO, fix=show, fix_label="Open the consent")


def progress(records: CourseRecords, at: datetime) -> Progress:
    """Done while a signed consent to this protocol version is valid (rules 14 to 16)."""
    holding = valid(records, at)
    if holding is not None:
        return Progress(state=State.DONE, word="Valid", by=holding.done_by, record=holding)
    given = to_version(records)
    if not given:
        return Progress(state=State.TO_DO, word="For another version" if to_treatment(records) else "To do")
    last = given[-1]
    if (gone := ended(records, at)) is not None:
        return Progress(state=State.BLOCKED, word=WITHDRAWN, by=_day(records, gone[0]))
    standing = last.standing(at)
    if standing is Standing.UNSIGNED and last.origin is Origin.IMPORTED:
        return Progress(state=State.DONE, word="Imported", by=last.done_by, record=last)
    state = State.NOW if standing is Standing.UNSIGNED else State.BLOCKED
    return Progress(state=state, word=standing.value.removesuffix(" yet").capitalize(), by=last.done_by, record=last)


def actions(records: CourseRecords, at: datetime) -> list[Action]:
    """Obtain consent, sign it, renew it; after a withdrawal, stop the course."""
    course = records.course
    over = is_history(records, or_used=True) or course.stop is not None or has_died(records.people)
    reasons = [] if over else permission(records, at)
    if not reasons:
        return []
    if reasons[0].rule == 16 and reasons[0].who == DECIDES:
        return _continuing(records, reasons[0])
    given, why, due = to_version(records), reasons[0].because, course.planned_at(records.zone)
    gone = ended(records, at)
    if given and gone is not None:
        why = f"Consent withdrawn {_day(records, gone[0])}: this course must not continue."
        return [
            Action(
                title="Stop the course", why=why, who=tuple(STOPS), to=("treatments.stop", {"treatment_id": course.id})
            )
        ]
    more = {"due_at": due, "due_words": "for the planned day"}
    if given and given[-1].standing(at) is Standing.UNSIGNED:
        to = ("consent.show", {"consent_id": given[-1].id})
        if given[-1].attested:
            return [Action(title="Confirm the correction of the consent", why=why, who=WHO, to=to, **more)]
        return [Action(title="Sign the consent", why=why, who=WHO, to=to, **more)]
    title = "Obtain consent again" if reasons[0].rule == 16 or given else "Obtain consent"
    return [Action(title=title, why=why, who=WHO, to=("consent.new_for_course", {"treatment_id": course.id}), **more)]


def _continuing(records: CourseRecords, reason: Blocked) -> list[Action]:
    """Ask for the decision on a retired version while cells are still to be given; ask for its signature."""
    written = records.of(Continuation)
    if written and not written[-1].signed:
        show = ("consent.decision", {"decision_id": written[-1].id})
        why = "The decision to continue is recorded, not signed."
        return [Action(title="Sign the decision to continue", why=why, who=DECIDES, to=show)]
    given = [product for product in records.of(Product) if product.given]
    if len(given) >= records.course.says.dose.doses:
        return []
    decide = ("consent.continuation", {"treatment_id": records.course.id})
    return [Action(title="Decide whether the course continues", why=reason.because, who=DECIDES, to=decide)]


def moments(records: CourseRecords) -> Iterable[datetime]:
    """Return when consents begin and end."""
    for consent in to_treatment(records):
        if consent.performed_at is not None:
            yield consent.performed_at
        if consent.expires_on is not None:
            yield clock.midnight_after(consent.expires_on, records.zone)
        if consent.signer != "patient":
            yield from (clock.start_of(on, records.zone) for one in records.people for on in one.of_age_from)
        if consent.withdrawal is not None:
            yield from consent.withdrawal.ends
    yield from (one.performed_at for one in records.of(Continuation) if one.performed_at is not None)


def marks(records: CourseRecords, at: datetime) -> list[Mark]:
    """Return the consents to this version, and their withdrawal."""
    found = marks_of(to_version(records), records.zone, lambda one: f"form {one.form_version or 'not recorded'}")
    gone = ended(records, at)
    return (
        found
        if gone is None
        else [*found, Mark(since=clock.day(gone[0], records.zone), state=State.BLOCKED, said="withdrawn")]
    )


def _day(records: CourseRecords, at: datetime) -> str:
    return wording.short_day(clock.day(at, records.zone))


CONSENT = Step(
    name="consent", title="Consent", icon="signature", views=("clinic.consent.views",), records=(Consent,),
    endpoint="consent.index", begin="consent.new_for_course", logs=TAKES_CONSENT, signs=TAKES_CONSENT,
    permission=permission, progress=progress, actions=actions, moments=moments, marks=marks, rule=14, after=(),
)  # fmt: skip
