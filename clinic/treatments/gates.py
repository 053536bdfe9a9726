"""What must be true of a course before anything is done for it. Every step asks again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from clinic.access import Role
from clinic.consent.models import Standing
from clinic.protocols.catalogues import MARKERS
from clinic.steps import Blocked

if TYPE_CHECKING:
    from clinic.treatments.models import Treatment

TAKES_CONSENT = (Role.PHYSICIAN, Role.NURSE, Role.COORDINATOR)


def running(course: Treatment) -> list[Blocked]:
    """Return why a stopped course is over."""
    if course.stop is None:
        return []
    return [Blocked(because=f"The course was stopped: {course.stop.reason}.")]


def consent(course: Treatment, at: datetime) -> list[Blocked]:
    """Ask for the consent: signed, unexpired, not withdrawn, to exactly this protocol version (rules 14 to 16)."""
    if course.consent(at) is not None:
        return []
    new = ("consent.new", {"patient_id": course.patient_id})
    given = [c for c in course.patient.consents if c.scope == "treatment"]
    same = [c for c in given if c.protocol_version_id == course.protocol_version_id]
    if same and same[-1].standing(at) is Standing.WITHDRAWN:
        return [
            Blocked(
                rule=15,
                because="The patient withdrew the consent to this treatment.",
                who=TAKES_CONSENT,
                fix=new,
                fix_label="A new consent",
            )
        ]
    if same and same[-1].standing(at) is Standing.EXPIRED:
        return [
            Blocked(
                rule=14,
                because="The consent to this treatment has expired.",
                who=TAKES_CONSENT,
                fix=new,
                fix_label="A new consent",
            )
        ]
    if same:
        show = ("consent.show", {"consent_id": same[-1].id})
        return [
            Blocked(
                rule=14,
                because="The consent is written down but not signed by who took it.",
                who=TAKES_CONSENT,
                fix=show,
                fix_label="Open the consent",
            )
        ]
    if given:
        because = f"The consent is for another protocol version; this course follows {course.protocol_version.name}."
        return [Blocked(rule=16, because=because, who=TAKES_CONSENT, fix=new, fix_label="Consent again")]
    return [
        Blocked(
            rule=14,
            because="There is no consent to this treatment.",
            who=TAKES_CONSENT,
            fix=new,
            fix_label="Write down the consent",
        )
    ]


def eligibility(course: Treatment) -> list[Blocked]:
    """Ask for a physician's signed decision that the patient may be treated so (rule 23)."""
    decision = course.eligibility()
    who = (Role.PHYSICIAN,)
    if decision is None:
        begun = course.eligibilities[-1] if course.eligibilities else None
        if begun is not None:
            return [
                Blocked(
                    rule=23,
                    because="The eligibility is written down but not signed.",
                    who=who,
                    fix=("eligibility.show", {"eligibility_id": begun.id}),
                    fix_label="Open the decision",
                )
            ]
        return [
            Blocked(
                rule=23,
                because="Nobody has decided yet whether the patient is eligible.",
                who=who,
                fix=("eligibility.new", {"treatment_id": course.id}),
                fix_label="Decide",
            )
        ]
    if not decision.eligible:
        because = f"The patient is not eligible: {decision.reasons or ', '.join(decision.exclusions())}."
        return [
            Blocked(
                rule=23,
                because=because,
                who=who,
                fix=("eligibility.new", {"treatment_id": course.id}),
                fix_label="Decide again",
            )
        ]
    return []


def donor(course: Treatment, collected_at: datetime) -> list[Blocked]:
    """Ask whether a donor of other people's cells is eligible: signed, complete, fresh enough (rules 17 to 20)."""
    if course.relation == "autologous":
        return []
    who = (Role.PHYSICIAN, Role.COORDINATOR)
    if course.donor is None:
        return [
            Blocked(
                rule=17,
                because="No donor is named for this course.",
                who=who,
                fix=("treatments.donor", {"treatment_id": course.id}),
                fix_label="Name the donor",
            )
        ]
    new = ("donors.new_eligibility", {"donor_id": course.donor_id or ""})
    found: list[Blocked] = []
    determination = course.donor.eligibility()
    if determination is None:
        found.append(
            Blocked(
                rule=17,
                because="The donor's eligibility is not determined and signed.",
                who=(Role.PHYSICIAN,),
                fix=new,
                fix_label="Determine",
            )
        )
    else:
        excused = bool(determination.urgent_need and determination.physician_told)
        missing = determination.missing(course.says.screening.markers)
        if determination.outcome != "eligible" and not excused:
            found.append(
                Blocked(
                    rule=18,
                    because="The donor is not eligible, and no urgent medical need is written down.",
                    who=(Role.PHYSICIAN,),
                    fix=new,
                    fix_label="Determine again",
                )
            )
        if missing and not excused:
            names = ", ".join(MARKERS[m].label if m in MARKERS else m for m in missing)
            found.append(
                Blocked(
                    rule=19,
                    because=f"The donor was not tested for: {names}.",
                    who=(Role.PHYSICIAN,),
                    fix=new,
                    fix_label="Determine again",
                )
            )
        days = course.says.screening.valid_days
        taken = determination.sample_taken_on
        if taken is not None and collected_at.date() - taken > timedelta(days=days) and not excused:
            found.append(
                Blocked(
                    rule=19,
                    because=f"The donor's blood sample is older than {days} days before the collection.",
                    who=(Role.PHYSICIAN,),
                    fix=new,
                    fix_label="Determine again",
                )
            )
    return found + blood_groups(course)


def blood_groups(course: Treatment) -> list[Blocked]:
    """Ask, where the protocol does, for two agreeing blood groups of donor and recipient (rule 20)."""
    if not course.says.screening.two_blood_groups or course.donor is None:
        return []
    found = []
    people = (
        ("donor", course.donor.typings, ("donors.show", {"donor_id": course.donor.id})),
        ("recipient", course.patient.typings, ("pathway.patient", {"patient_id": course.patient_id})),
    )
    for who, typings, fix in people:
        samples = {t.sample_number for t in typings if t.signed}
        groups = {(t.abo, t.rhd) for t in typings if t.signed}
        if len(samples) < 2:
            found.append(
                Blocked(
                    rule=20,
                    because=f"The {who}'s blood group is typed from {len(samples)} of 2 samples.",
                    who=(Role.TECHNOLOGIST, Role.NURSE),
                    fix=fix,
                )
            )
        elif len(groups) > 1:
            found.append(
                Blocked(
                    rule=20,
                    because=f"The {who}'s two blood groups do not agree.",
                    who=(Role.TECHNOLOGIST, Role.PHYSICIAN),
                    fix=fix,
                )
            )
    return found


def may_go_on(course: Treatment, at: datetime) -> list[Blocked]:
    """Ask again, at a later step's own moment: running, consented, eligible (hazard H12)."""
    return running(course) + consent(course, at) + eligibility(course)
