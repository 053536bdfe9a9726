"""The first two steps of a course: the patient's consent, and the physician's decision that the patient is eligible."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from clinic.access import Role
from clinic.patients.consent import Consent, Standing
from clinic.steps import Action, Blocked, Progress, State, Step
from clinic.treatments import gates, waiting
from clinic.treatments.models import Eligibility

if TYPE_CHECKING:
    from clinic.treatments.models import Treatment

TAKES_CONSENT = frozenset(gates.TAKES_CONSENT)
ORDERS = frozenset({Role.PHYSICIAN, Role.COORDINATOR})
DECIDES = frozenset({Role.PHYSICIAN})
STOPS = frozenset({Role.PHYSICIAN, Role.DIRECTOR})


def consents_of(course: Treatment) -> list[Consent]:
    """Return the patient's consents to exactly this treatment, the earliest first (rule 14)."""
    return [
        consent
        for consent in course.patient.consents
        if consent.scope == "treatment" and consent.protocol_version_id == course.protocol_version_id
    ]


def open_to_consent(course: Treatment, _at: datetime) -> list[Blocked]:
    """Leave the consent open at any time, unless the course is over."""
    return gates.running(course)


def consent_progress(course: Treatment, at: datetime) -> Progress:
    """Done while a signed consent to this protocol version holds (rules 14 to 16)."""
    given = consents_of(course)
    holding = course.consent(at)
    if holding is not None:
        return Progress(state=State.DONE, word="Valid", by=_who(holding))
    if not given:
        other = any(c.scope == "treatment" for c in course.patient.consents)
        return Progress(state=State.TO_DO, word="For another version" if other else "To do")
    last = given[-1]
    standing = last.standing(at)
    if standing is Standing.UNSIGNED and last.origin == "imported":
        return Progress(state=State.DONE, word="Imported", by=_who(last))
    state = State.NOW if standing is Standing.UNSIGNED else State.BLOCKED
    return Progress(state=state, word=standing.value.removesuffix(" yet").capitalize(), by=_who(last))


def consent_actions(course: Treatment, at: datetime) -> list[Action]:
    """Write the consent down, sign it, take it again; after a withdrawal, decide what becomes of the course."""
    if course.origin == "imported" or gates.running(course) or course.consent(at) is not None:
        return []
    given = consents_of(course)
    reason = gates.consent(course, at)[0]
    if given and given[-1].standing(at) is Standing.WITHDRAWN:
        why = "The patient withdrew the consent: nothing more may be done for this course."
        return [Action(title="Stop the course", why=why, who=tuple(STOPS), to=("treatments.stop", {"id": course.id}))]
    if given and given[-1].standing(at) is Standing.UNSIGNED:
        to = ("consents.show", {"id": given[-1].id})
        return [Action(title="Sign the consent", why=reason.because, who=gates.TAKES_CONSENT, to=to)]
    title = "Take the consent again" if reason.rule == 16 or given else "Take the consent"
    to = ("treatments.new_consent", {"id": course.id})
    return [Action(title=title, why=reason.because, who=gates.TAKES_CONSENT, to=to)]


def eligibility_progress(course: Treatment, _at: datetime) -> Progress:
    """Done when a physician signed that the patient is eligible (rule 23)."""
    decision = course.eligibility()
    if decision is not None:
        state = State.DONE if decision.eligible else State.BLOCKED
        return Progress(state=state, word="Eligible" if decision.eligible else "Not eligible", by=_who(decision))
    if not course.eligibilities:
        return Progress(state=State.TO_DO, word="To do")
    last = course.eligibilities[-1]
    if last.origin == "imported":
        return Progress(state=State.DONE, word="Imported", by=_who(last))
    return Progress(state=State.NOW, word="Not signed", by=_who(last))


def eligibility_actions(course: Treatment, _at: datetime) -> list[Action]:
    """Sign the order, name the donor, decide and sign."""
    if course.origin == "imported" or gates.running(course):
        return []
    who, here, waiting = tuple(DECIDES), {"id": course.id}, []
    if not course.signed:
        why = f"{course.title}: ordered, not signed by a physician."
        waiting.append(Action(title="Sign the order", why=why, who=who, to=("treatments.order", here)))
    if course.relation != "autologous" and course.donor_id is None:
        why = "This course uses a donor's cells, and no donor is named."
        waiting.append(Action(title="Name the donor", why=why, who=tuple(ORDERS), to=("treatments.donor", here)))
    decision, begun = course.eligibility(), course.eligibilities[-1:]
    if decision is None and begun:
        to, why = ("treatments.eligibility", {"id": begun[0].id}), "The decision is written down, not signed."
        waiting.append(Action(title="Sign the eligibility", why=why, who=who, to=to))
    elif decision is None:
        to, why = ("treatments.new_eligibility", here), "Nobody has decided yet whether the patient is eligible."
        waiting.append(Action(title="Decide on the eligibility", why=why, who=who, to=to))
    elif not decision.eligible:
        why = "The patient is not eligible: stop the course, or decide again when it is mended."
        waiting.append(Action(title="Stop the course", why=why, who=tuple(STOPS), to=("treatments.stop", here)))
    return waiting


def _who(record: Consent | Eligibility) -> str:
    return record.performed_by.printed_name if record.performed_by else ""


CONSENT = Step(
    name="consent", title="Consent", icon="signature", records=(Consent,), endpoint="treatments.consents",
    begin="treatments.new_consent", logs=TAKES_CONSENT, signs=TAKES_CONSENT, blockers=open_to_consent,
    progress=consent_progress, actions=consent_actions, waiting=waiting.consents,
)  # fmt: skip
ELIGIBILITY = Step(
    name="eligibility", title="Eligibility", icon="clipboard-check", records=(Eligibility,),
    endpoint="treatments.eligibilities", begin="treatments.new_eligibility", logs=DECIDES, signs=DECIDES,
    blockers=open_to_consent, progress=eligibility_progress, actions=eligibility_actions,
    waiting=waiting.eligibilities,
)  # fmt: skip
