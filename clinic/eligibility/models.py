"""The decision whether this patient may be treated so."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Text, select
from sqlalchemy.orm import Mapped, object_session, relationship

from clinic import wording
from clinic.errors import Problem, Question
from clinic.fields import field
from clinic.model import ADDED, reference
from clinic.patients.names import searchable
from clinic.protocols.catalogues import CONDITIONS
from clinic.records import Record
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.signatures import Amendment


COMPLETE = Decimal("0.9")
"""The part of the usual dose from which a dose is complete."""
MALIGNANT = "a malignant disease"
_PERSONAL = re.compile(
    r"\b(infect|sepsis|septic|urosepsis|bacter[ia]*emia|vir[ia]*emia|fever|febrile|pneumonia|abscess|hepatitis|tubercul"
    r"|hiv\b|covid|sars|influenza|pregnan|malignan|cancer|tumou?r|\w*carcinom|\w*sarcom|\w*lymphom|leuk[ae]*emi|\w*melanom"
    r"|\w*blastom|myelom|metasta|allerg|anaphyla|hypersens)",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(no|not|without|never|denies|excluded?)\s+((sign|signs|evidence) of |active |known |any )*\w+", re.IGNORECASE
)
"""What a reason says that there is not."""
"""Reasons that lie in the person, as they are told in free text."""
PREGNANCY_TEST_DAYS = 7
"""Days before the decision within which a test can exclude a pregnancy [site default]."""
ANSWERS = {"no": "No", "yes": "Yes, it applies"}


class Eligibility(Record):
    """The decision whether this patient may be treated so: the exclusions asked, and the answer (rule 23)."""

    KIND = "EL"
    NOUN = "Eligibility"
    HAPPENED = "Decided at"
    DONE = "Decided by"
    QUALIFIED = (("performed_by_id", 0),)
    QUALIFIED_IF = ("eligible", frozenset({True}))
    PERSON = "treatment.patient"

    treatment_id: Mapped[str] = reference("treatment")
    active_infection: Mapped[bool | None] = field("Active infection", required=True, section="Exclusions")
    pregnancy: Mapped[str | None] = field(
        "Pregnancy", required=True, section="Exclusions",
        choices={
            "excluded": "Excluded by a test", "not_applicable": "Not possible", "unresolved": "Not resolved",
            "pregnant": "Pregnant",
        },
    )  # fmt: skip
    pregnancy_tested_on: Mapped[date | None] = field(
        "Pregnancy test on", section="Exclusions", conditional=True, info=ADDED, not_after=("performed_at",),
        hint="Day of the test that excluded it", asked_if=("pregnancy", "excluded"),
    )  # fmt: skip
    malignancy: Mapped[bool | None] = field("Malignant disease now", required=True, section="Exclusions")
    additive_allergy: Mapped[str | None] = field(
        "Allergy to a component of the product", section="Exclusions",
        hint="DMSO, albumin, antibiotics, heparin, lidocaine. Leave blank if none",
    )  # fmt: skip
    criteria: Mapped[dict[str, str] | None] = field(
        "Exclusion criteria of the protocol", JSON(none_as_null=True), section="Exclusions", info=ADDED,
        conditional=True,
    )  # fmt: skip
    anticoagulation: Mapped[str | None] = field(
        "Anticoagulants and when they are paused", section="Medication", hint="Name, when stopped, INR or platelets"
    )
    anticoagulant_last_on: Mapped[date | None] = field(
        "Last anticoagulant dose on", section="Medication", conditional=True, info=ADDED, past=False,
        asked_if=("anticoagulation", "*"),
        hint="The day of the last dose before the cells, as planned or taken",
    )  # fmt: skip
    anti_inflammatory: Mapped[str | None] = field("NSAID or steroid, last dose", section="Medication")
    anti_inflammatory_last_on: Mapped[date | None] = field(
        "Last NSAID or steroid dose on", section="Medication", conditional=True, info=ADDED, past=False,
        asked_if=("anti_inflammatory", "*"),
        hint="The day of the last dose before the cells, as planned or taken",
    )  # fmt: skip
    eligible: Mapped[bool | None] = field("The patient is eligible", required=True, section="Decision")
    reasons: Mapped[str | None] = field(
        "Reasons", Text, long=True, conditional=True, section="Decision", asked_if=("eligible", "no")
    )
    valid_until: Mapped[date | None] = field(
        "Valid until", section="Decision", past=False, not_before=("performed_at",), info=ADDED,
        hint="Harvest and administration after this day need a new decision",
    )  # fmt: skip

    treatment: Mapped[Treatment] = relationship()

    def exclusions(self) -> list[str]:
        """Return the exclusions that apply (rule 23); a malignancy is none where it is what the course treats."""
        found = []
        if self.active_infection:
            found.append("an active infection")
        if self.pregnancy in {"unresolved", "pregnant"}:
            found.append("a pregnancy not excluded")
        indication = CONDITIONS.get(self.treatment.condition or "")
        if self.malignancy and not (indication and indication.malignant):
            found.append(MALIGNANT)
        if self.additive_allergy:
            found.append(f"an allergy to a component of the product ({self.additive_allergy})")
        found += [f"“{one}” (protocol)" for one, said in (self.criteria or {}).items() if said == "yes"]
        return found

    def of_the_person(self, condition: str | None = None) -> list[str]:
        """Return what rules the person out in any course: infection, pregnancy, malignancy, allergy, as ticked or told.

        ``condition``: what the other course treats; a malignancy rules out none where it is what is treated.
        """
        own = [f"“{one}” (protocol)" for one in self.criteria or {}]
        found = [one for one in self.exclusions() if one not in own]
        if not found and self.reasons and is_personal(self.reasons):
            found = [self.reasons]
        treated = CONDITIONS.get(condition or "")
        return [one for one in found if not (one == MALIGNANT and treated is not None and treated.malignant)]

    @property
    def all_allergies(self) -> list[str]:
        """The allergy to a component that is recorded, and those that corrections took away with no second physician.

        What a later decision leaves out is still known.
        """
        doubted = self.amendments if self.unconfirmed is not None else []
        before = [one.changes["additive_allergy"][0] for one in doubted if "additive_allergy" in one.changes]
        return [text for text in (self.additive_allergy, *before) if text]

    def unanswered(self) -> list[str]:
        """Return the exclusion criteria of the protocol that this decision does not answer (rule 23)."""
        given = self.criteria or {}
        return [one for one in self.treatment.says.patient.exclusions if given.get(one) not in ANSWERS]

    def problems(self, *, at: datetime) -> list[str]:
        """Also: a hard exclusion rules out eligibility; a “no” needs a reason."""
        found = super().problems(at=at)
        exclusions = self.exclusions()
        if self.eligible and exclusions:
            said = f"The patient cannot be eligible with {', '.join(exclusions)}."
            found.append(Problem(said, "eligible", rule=23))
        if self.eligible is False and not self.reasons and not exclusions:
            found.append(Problem("Give the reason why the patient is not eligible.", "reasons", rule=23))
        open_ones = self.unanswered() if self.origin == "clinic" else []
        if self.eligible and open_ones:
            found.append(
                Problem(f"Answer each exclusion criterion of the protocol: {'; '.join(open_ones)}.", "", rule=23)
            )
        found += self._old_test()
        tested = self.pregnancy == "excluded" and self.eligible and self.origin == "clinic"
        possible = tested and any(one.may_be_pregnant for one in self.treatment.patient.person)
        if possible and self.pregnancy_tested_on is None:
            found.append(
                Problem("Pregnancy test on: required; enter the day of the test.", "pregnancy_tested_on", rule=23)
            )
        return found

    def questions(self) -> list[Question]:
        """Also: a “yes” after a “no”, signed or not, says what has changed since (rule 23)."""
        before = self.overturns
        if before is None or before.performed_at is None:
            return super().questions()
        reasons = before.reasons or ", ".join(before.exclusions())
        said = (
            f"{before.done_by} decided “not eligible” on {wording.moment(before.performed_at, self.zone)}: {reasons}. "
            "Does this no longer hold?"
        )
        why = "Say what has changed. Both decisions stay on the record, and who decided before is told."
        return [*super().questions(), Question("eligible", said, why, rule=23)]

    @property
    def overturns(self) -> Eligibility | None:
        """The “no” that stands before this “yes” and that no other “yes” has answered; None without one."""
        session = object_session(self.recorded_by)
        if not self.eligible or session is None or self.origin != "clinic":
            return None
        decisions = session.scalars(select(Eligibility).where(Eligibility.treatment_id == self.treatment_id)).all()
        last = overturned(decisions, self)
        if last is None or any("eligible" in one.confirmed for one in between(decisions, last, self)):
            return None
        return last

    def _old_test(self) -> list[str]:
        """Return that the test which excludes a pregnancy is too old for the decision (rule 23)."""
        if self.pregnancy != "excluded" or self.pregnancy_tested_on is None or self.performed_at is None:
            return []
        days = (self.local_day(self.performed_at) - self.pregnancy_tested_on).days
        if days <= PREGNANCY_TEST_DAYS or self.origin != "clinic":
            return []
        said = (
            f"Pregnancy test on: {days} days before the decision; at most {PREGNANCY_TEST_DAYS} days are allowed. "
            "Repeat the test and enter its day."
        )
        return [Problem(said, "pregnancy_tested_on", rule=23)]

    def critical_corrections(self) -> list[Amendment]:
        """Return the amendments that allow more than was decided: a second physician confirms them (rule 23)."""
        return [one for one in self.amendments if any(_allows_more(*change) for change in one.changes.items())]

    @property
    def allows(self) -> bool:
        """Whether it says yes, and nobody turned a “no” into it alone."""
        return bool(self.eligible) and self.unconfirmed is None

    @property
    def still_no(self) -> bool:
        """Whether it says no, or said no and nobody but the person who corrected it has confirmed the “yes”."""
        turned = any(one.changes.get("eligible", [None])[0] is False for one in self.amendments)
        return self.eligible is False or (turned and self.unconfirmed is not None)

    @property
    def written_at(self) -> datetime:
        """When its answer was written: on entry, or by the last amendment of the answer."""
        changed = [one.amended_at for one in self.amendments if "eligible" in one.changes]
        return changed[-1] if changed else self.recorded_at

    def headline(self) -> str:
        return "Eligible for treatment" if self.eligible else "Not eligible for treatment"


def _allows_more(name: str, change: list[Any]) -> bool:
    """Whether a change of one fact, as an amendment keeps it, may allow what was not decided."""
    old, new = change
    if name == "eligible":
        return old is False
    if name == "additive_allergy":
        return bool(old) and searchable(str(old)) not in searchable(str(new or ""))
    if name == "valid_until":
        return old is not None and (new is None or new > old)
    if name in {"anticoagulant_last_on", "anti_inflammatory_last_on"}:
        return old is not None and (new is None or new < old)
    return name == "performed_at" and old is not None and new is not None and new[:16] > old[:16]


def is_personal(reasons: str) -> bool:
    """Whether free text tells of an infection, a tumor, a pregnancy or an allergy, other than that there is none."""
    return bool(_PERSONAL.search(_DENIED.sub(" ", reasons)))


def order(one: Eligibility) -> tuple[float, float, str]:
    """Return by what decisions follow each other: when they were taken, then when they were written."""
    happened = one.performed_at.timestamp() if one.performed_at is not None else 0
    return happened, one.recorded_at.timestamp(), one.id


def overturned(decisions: Iterable[Eligibility], yes: Eligibility) -> Eligibility | None:
    """Return the “no” before a decision that was written last, also one that its author alone turned into a “yes”."""
    before = [one for one in decisions if one is not yes and order(one) < order(yes)]
    return max((one for one in before if one.still_no), key=lambda one: one.written_at, default=None)


def between(decisions: Iterable[Eligibility], no: Eligibility, yes: Eligibility) -> list[Eligibility]:
    """Return the decisions after a “no” and before a “yes”, in the order of time and of writing."""
    later = [one for one in decisions if one is not yes and order(no) < order(one) < order(yes)]
    return [one for one in later if one.written_at > no.written_at]
