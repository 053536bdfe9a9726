"""The decision whether this patient may be treated so."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import JSON, Text, select
from sqlalchemy.orm import Mapped, object_session, relationship

from clinic import clock, wording
from clinic.eligibility.reasons import is_personal, tells_of_illness
from clinic.errors import Problem, Question
from clinic.fields import field
from clinic.model import ADDED, reference
from clinic.patients.alert_changes import Told, said_on
from clinic.patients.allergens import named_allergies
from clinic.patients.doubted import is_after
from clinic.patients.merging import joined_at, known_here_at
from clinic.patients.names import searchable
from clinic.patients.whose import doubts_identity
from clinic.protocols.catalogues import CONDITIONS
from clinic.records import Record
from clinic.treatments.models import Stop, Treatment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from clinic.course_records import CourseRecords
    from clinic.signatures import Amendment


COMPLETE = Decimal("0.9")
"""The part of the usual dose from which a dose is complete."""
MALIGNANT = "a malignant disease"
PREGNANCY_TEST_DAYS = 7
"""Days before the decision within which a test can exclude a pregnancy [site default]."""
ANSWERS = {"no": "No", "yes": "Yes, it applies"}
CONCERNS = {"patient": "All courses of this patient", "course": "This course only"}


class Eligibility(Record):
    """The decision whether this patient may be treated so: the exclusions asked, and the answer (rule 23)."""

    KIND = "EL"
    NOUN = "Eligibility"
    HAPPENED = "Decided at"
    DONE = "Decided by"
    QUALIFIED = (("performed_by_id", 0),)
    QUALIFIED_IF = ("eligible", frozenset({True}))
    PERSON = "treatment.patient"
    stopped_starts: ClassVar[list[Callable[[CourseRecords, datetime], list[tuple[str, str]]]]] = []
    """Callbacks of later rooms: the vital signs that stopped a start, and when they were measured."""

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
    concerns: Mapped[str | None] = field(
        "Applies to", choices=CONCERNS, conditional=True, section="Decision", asked_if=("eligible", "no"), info=ADDED,
        hint="“The patient” stops every course until a physician decides in each anew",
    )  # fmt: skip
    valid_until: Mapped[date | None] = field(
        "Valid until", section="Decision", past=False, not_before=("performed_at",), info=ADDED,
        hint="Harvest and administration after this day need a new decision",
    )  # fmt: skip

    treatment: Mapped[Treatment] = relationship()

    def exclusions(self) -> list[str]:
        """Return the exclusions that apply (rule 23); a malignancy is none where it is what the course treats."""
        return [*self._ticked({}).values(), *self._own_criteria()]

    def _own_criteria(self) -> list[str]:
        return [f"“{one}” (protocol)" for one, said in (self.criteria or {}).items() if said == "yes"]

    def _ticked(self, before: dict[str, Any]) -> dict[str, str]:
        """Return the exclusions that lie in the person, by the fact that tells of each; ``before``: what it said."""
        found = {}
        if before.get("active_infection", self.active_infection):
            found["active_infection"] = "an active infection"
        if before.get("pregnancy", self.pregnancy) in {"unresolved", "pregnant"}:
            found["pregnancy"] = "a pregnancy not excluded"
        indication = CONDITIONS.get(self.treatment.condition or "")
        if before.get("malignancy", self.malignancy) and not (indication and indication.malignant):
            found["malignancy"] = MALIGNANT
        if named_allergies(allergy := before.get("additive_allergy", self.additive_allergy)):
            found["additive_allergy"] = f"an allergy to a component of the product ({allergy})"
        return found

    def of_the_person(self, condition: str | None = None) -> list[str]:
        """Return what rules the person out in any course: all but what clearly concerns this course alone.

        As it was said at its worst: what a correction took away counts until another person has confirmed that.
        ``condition``: what the other course treats; a malignancy rules out none where it is what is treated.
        """
        found = list(self.told({}).values())
        for correction, lost, _anew in self._corrections():
            found += [] if self.is_confirmed(correction) else lost
        treated = CONDITIONS.get(condition or "")
        curable = treated is not None and treated.malignant
        return [one for one in dict.fromkeys(found) if not (one == MALIGNANT and curable)]

    def told(self, before: dict[str, Any]) -> dict[str, str]:
        """Return what a “no” says of the person, by fact; nothing of a “yes”. ``before``: facts as they were once."""
        if before.get("eligible", self.eligible) is not False:
            return {}
        found, concerns = self._ticked(before), before.get("concerns", self.concerns)
        reasons = before.get("reasons", self.reasons) or ""
        criteria = tuple(self.criteria or ())
        whole = concerns == "patient" or (concerns is None and bool(reasons) and is_personal(reasons, criteria))
        if whole and (reasons or not found):
            found["reasons"] = reasons or ", ".join(self._own_criteria()) or "no reason given"
        return found

    def _corrections(self) -> list[tuple[Amendment, list[str], bool]]:
        """Return each amendment, what it took away of what was said of the person, and whether it says that anew."""
        facts: dict[str, Any] = {}
        found = []
        for one in reversed(self.amendments):
            after = self.told(facts)
            facts |= {name: old for name, (old, _new) in one.changes.items()}
            before = self.told(facts)
            lost = [text for name, text in before.items() if searchable(text) not in searchable(after.get(name, ""))]
            found.append((one, lost, bool(after) and after != before))
        return found[::-1]

    @property
    def said_of_the_person_at(self) -> datetime:
        """When it was last written that the person cannot be treated: on entry, or by an amendment."""
        anew = [one.amended_at for one, _lost, anew in self._corrections() if anew]
        turned = [one.amended_at for one in self.amendments if one.changes.get("eligible", [None, True])[1] is False]
        return max([self.recorded_at, *anew, *turned])

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
            listed = f"{', '.join(exclusions[:-1])} or {exclusions[-1]}" if len(exclusions) > 1 else exclusions[0]
            said = f"The patient cannot be eligible with {listed}."
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
        found, asked, why = super().questions(), [], "Say why the patient may be treated here."
        before = self.overturns
        if before is not None and before.performed_at is not None:
            reasons = before.reasons or ", ".join(before.exclusions())
            when = wording.moment(before.performed_at, self.zone)
            asked.append(f"{before.done_by} decided “not eligible” on {when}: {reasons}. Does this no longer hold?")
            why = "Say what has changed. Both decisions stay on the record, and who decided before is told."
        if self.eligible and self.origin == "clinic":
            asked += [f"{one.told}. Does this not concern this course?" for one in self._stops_before()]
        if asked:
            found.append(Question("eligible", " ".join(asked), why, rule=23))
        course_only = self.eligible is False and self.concerns == "course" and self.origin == "clinic"
        if course_only and self.reasons and tells_of_illness(self.reasons):
            said = f"The reasons tell of an illness of the patient: {self.reasons}. Do they concern only this course?"
            found.append(Question("concerns", said, "Say why other courses need no new decision.", rule=23))
        return found

    def _stops_before(self) -> list[Stop]:
        """Return the stops of the person's other courses since the last decision on this course."""
        session = object_session(self.recorded_by)
        own, people = self.treatment.patient, self.treatment.patient.person
        stops = [
            (person, course.stop)
            for person in people
            for course in person.courses
            if course.id != self.treatment_id and course.stop is not None
        ]
        if not stops or session is None:
            return []
        merges = [one for person in people for one in person.merges]
        earlier = session.scalars(select(Eligibility).where(Eligibility.treatment_id == self.treatment_id)).all()
        last = max((one.written_at for one in earlier if one is not self), default=None)
        return [
            stop
            for person, stop in stops
            if last is None or max(stop.told_at, joined_at(merges, own.id, person.id) or stop.told_at) > last
        ]

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
        softened = [one for one, lost, _anew in self._corrections() if lost] if self.amendments else []
        return [
            one
            for one in self.amendments
            if one in softened or any(_allows_more(*change) for change in one.changes.items())
        ]

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
        return bool(named_allergies(old)) and searchable(str(old)) not in searchable(str(new or ""))
    if name == "valid_until":
        return old is not None and (new is None or new > old)
    if name in {"anticoagulant_last_on", "anti_inflammatory_last_on"}:
        return old is not None and (new is None or new < old)
    return name == "performed_at" and old is not None and new is not None and new[:16] > old[:16]


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


def counting(written: Sequence[Eligibility], at: datetime) -> Eligibility | None:
    """Return which of the decisions on one course counts at a moment."""
    found = None
    for one in written:
        if one.performed_at is not None and one.performed_at > at:
            continue
        if one.signed or one.eligible is False or one.unconfirmed is not None:
            found = one
    if found is None or found.still_no:
        return found
    late = [one for one in written if one.still_no and found.written_at < one.written_at <= at]
    return max((one for one in late if (one.performed_at or at) <= at), key=lambda one: one.written_at, default=found)


def stops_elsewhere(records: CourseRecords, counts: Eligibility, at: datetime) -> list[Stop]:
    """Return the stops of the person's other courses since the decision that counts here."""
    found = [(course, course.stop) for course in other_courses(records) if course.stop is not None]
    return [
        stop
        for course, stop in found
        if counts.written_at < known_here_at(records, course.patient_id, stop.told_at) and stop.recorded_at <= at
    ]


def concerns_all(stop: Stop) -> bool:
    """Whether a course was stopped for a reason that does not clearly concern it alone."""
    criteria = tuple(stop.treatment.says.patient.exclusions)
    return any(is_personal(one, criteria) for one in stop.reasons) or not stop.reasons


def other_courses(records: CourseRecords) -> list[Treatment]:
    """Return the other courses of the person, on any of the records."""
    here = records.course.id
    return [one for one in records.every(Treatment) if one.patient_id in records.people_ids and one.id != here]


def alerts_since(records: CourseRecords, at: datetime) -> list[Told]:
    """Return the active alerts written or changed after the decision that counts: who decided has not read them (23).

    Every one counts, whatever its words; those of a similar name tell nothing of the body. What one person took away
    again counts as it was said, if it stops cells, until a physician closes it or confirms that. Without a decision
    that counts there is none: no cells are collected or given then, and whoever decides reads them all.
    """
    known = [(person, one) for person in records.people for one in person.alerts if one.about_id is None]
    decided = counting(records.of(Eligibility), at) if known else None
    if decided is None or decided.performed_at is None:
        return []
    day, moment, found = clock.day(at, records.zone), decided.performed_at, dict[str, Told]()
    for person, told in ((person, one) for person, alert in known for one in said_on(alert, day)):
        text, written = told.text.strip(), known_here_at(records, person.id, told.written or at)
        if not is_after(moment, decided.written_at, written, written) and not (text in found and found[text].waits):
            found[text] = told._replace(text=text)
    return list(found.values())


def said_since(text: str, then: str = "Then scan wristband and bag again.") -> str:
    """Return why no cells may be given after such an alert, and what ends that; ``then``: what follows."""
    first = "Compare identity document, wristband, record and bag. " if doubts_identity(text) else ""
    return (
        f"An alert was written after the decision on eligibility: {text.removesuffix('.')}. {first}A physician decides "
        f"on eligibility again, or closes the alert where it is wrong. {then}".rstrip()
    )
