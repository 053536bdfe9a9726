"""Who takes a consent, and how far it is."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from clinic.consent.models import Consent, Standing
from clinic.steps import Action, Blocked, Progress, State, Step
from clinic.treatments import gates, waiting
from clinic.treatments.roles import STOPS

if TYPE_CHECKING:
    from clinic.treatments.models import Treatment

TAKES_CONSENT = frozenset(gates.TAKES_CONSENT)


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
        return [
            Action(
                title="Stop the course", why=why, who=tuple(STOPS), to=("treatments.stop", {"treatment_id": course.id})
            )
        ]
    if given and given[-1].standing(at) is Standing.UNSIGNED:
        to = ("consent.show", {"consent_id": given[-1].id})
        return [Action(title="Sign the consent", why=reason.because, who=gates.TAKES_CONSENT, to=to)]
    title = "Take the consent again" if reason.rule == 16 or given else "Take the consent"
    to = ("consent.new_for_course", {"treatment_id": course.id})
    return [Action(title=title, why=reason.because, who=gates.TAKES_CONSENT, to=to)]


def _who(record: Consent) -> str:
    return record.performed_by.printed_name if record.performed_by else ""


CONSENT = Step(
    name="consent", title="Consent", icon="signature", records=(Consent,), endpoint="consent.index",
    begin="consent.new_for_course", logs=TAKES_CONSENT, signs=TAKES_CONSENT, blockers=open_to_consent,
    progress=consent_progress, actions=consent_actions, waiting=waiting.consents,
)  # fmt: skip
