"""Where cells come from: the patient, a relative, an unrelated or a cord donor, and whether they may be used."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, Index, String, column, inspect, select
from sqlalchemy.orm import Mapped, mapped_column, object_session, relationship

from clinic.access import Role
from clinic.errors import Problem, Question, RuleBroken
from clinic.fields import Range, field
from clinic.model import ADDED, reference
from clinic.patients.anonymous import number_problems
from clinic.patients.donor_history import NOT_ELIGIBLE, told_infection
from clinic.patients.donor_likeness import WHO, SimilarDonor, same_donor, similar_donors
from clinic.patients.models import BLOOD_GROUPS, RHD, SEXES, Patient
from clinic.patients.names import compact, searchable
from clinic.patients.numbers import number_taken
from clinic.protocols.catalogues import MARKERS, REACTIVE
from clinic.records import Entry, Origin, Record

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.records import Amendment

DONOR_KINDS = {
    "self": "The patient",
    "related": "A relative",
    "unrelated": "Unrelated donor",
    "cord": "Cord donation",
}
ELIGIBILITY = {"eligible": "Eligible", "ineligible": "Not eligible", "incomplete": "Not complete"}
MARKER_RESULTS = {**REACTIVE, "negative": "Negative", "not_done": "Not done"}
KINSHIP = {
    "parent": "Mother or father", "child": "Child", "sibling": "Sister or brother", "half_sibling": "Half-sibling",
    "grandparent": "Grandparent", "aunt_uncle": "Aunt or uncle", "niece_nephew": "Niece or nephew",
    "cousin": "Cousin", "spouse": "Husband, wife or partner", "other": "Another relation",
    "unknown": "A relative, which one is not known",
}  # fmt: skip
RELATIVES_ALLOWED = {"parent", "child", "sibling", "half_sibling", "grandparent", "aunt_uncle", "niece_nephew"}
"""Relatives of first and second degree, for whom an ineligible donor may be used (21 CFR 1271.65(b)(1)(i), rule 18)."""


OTHERS = column("kind") != "self"
"""Donors who are not the patients themselves."""


class Donor(Entry):
    """Who cells come from. An unrelated or cord donor has a number and no name (21 CFR 1271.290)."""

    KIND = "DN"
    NOUN = "Donor"
    READ_WITH = ("eligibilities", "consents")
    __table_args__ = (
        Index(None, "site_id", "recorded_at", "id"),
        Index(
            "ix_donor_others", "site_id", "kind", "donor_number", "name", sqlite_where=OTHERS, postgresql_where=OTHERS
        ),
        CheckConstraint("(kind = 'self') = (patient_id IS NOT NULL)", name="self_is_the_patient"),
        CheckConstraint("kind NOT IN ('unrelated', 'cord') OR name IS NULL", name="strangers_have_no_name"),
    )

    kind: Mapped[str] = field("Donor", choices=DONOR_KINDS, required=True, section="Who")
    donor_number: Mapped[str | None] = field(
        "Donor number",
        conditional=True,
        section="Who",
        index=True,
        hint="From the registry or the cord bank. Never a name or record number",
    )
    name: Mapped[str | None] = field("Name", identifying=True, section="Who", hint="Only for a relative")
    relation: Mapped[str | None] = field("Relation to the patient", choices=KINSHIP, conditional=True, section="Who")
    sex: Mapped[str | None] = field("Sex", choices=SEXES, section="About the donor")
    age_years: Mapped[Decimal | None] = field(
        "Age at donation", unit="years", possible=Range(0, 100), section="About the donor"
    )
    abo: Mapped[str | None] = field("Blood group", choices=BLOOD_GROUPS, section="About the donor")
    rhd: Mapped[str | None] = field("RhD", choices=RHD, section="About the donor")
    hla_match: Mapped[str | None] = field("HLA match", section="About the donor", hint="For example 10/10")
    cmv: Mapped[str | None] = field(
        "Cytomegalovirus", choices={"present": "Present", "absent": "Absent"}, section="About the donor"
    )
    patient_id: Mapped[str | None] = reference("patient", unique=True)
    relative_of_id: Mapped[str | None] = reference("patient")

    patient: Mapped[Patient | None] = relationship(foreign_keys=[patient_id])
    relative_of: Mapped[Patient | None] = relationship(foreign_keys=[relative_of_id])
    eligibilities: Mapped[list[DonorEligibility]] = relationship(
        back_populates="donor", order_by="DonorEligibility.performed_at"
    )
    consents: Mapped[list[Any]] = relationship(
        "DonorConsent", back_populates="donor", order_by="DonorConsent.recorded_at"
    )
    typings: Mapped[list[BloodTyping]] = relationship(back_populates="donor", order_by="BloodTyping.performed_at")

    @property
    def display_name(self) -> str:
        """The patient's name, the relative's, or kind and number."""
        if self.patient is not None:
            return self.patient.display_name
        if self.name:
            return self.name
        return f"{DONOR_KINDS.get(self.kind, 'Donor')} {self.donor_number or self.id}"

    @property
    def kind_words(self) -> str:
        """What kind of donor it is; of a relative, which one."""
        kin = KINSHIP.get(self.relation or "", self.relation or "")
        return f"{DONOR_KINDS[self.kind]}{f', {kin.lower()}' if kin else ''}"

    def problems(self, *, at: datetime) -> list[str]:
        """Also: an unrelated donor has a number and no name; a number contains no name or record number (rule 10)."""
        found = super().problems(at=at)
        if self.kind in {"unrelated", "cord"}:
            if self.name:
                found.append(
                    Problem("An unrelated or cord donor is kept without a name: use the donor number.", "name", rule=10)
                )
            if not self.donor_number:
                found.append(Problem("Donor number: required", "donor_number"))
        if (self.kind == "self") != (self.patient is not None or self.patient_id is not None):
            found.append(Problem("“The patient” is only for the patient's own cells.", "kind", rule=17))
        if self.kind == "self" and self.donor_number and inspect(self).persistent and _renumbered(self):
            said = "These are the patient's own cells, which have no donor number. Register another donor as a new one."
            found.append(Problem(said, "donor_number", rule=3))
        if self.kind == "related" and not self.relation:
            found.append(Problem("Relation to the patient: required", "relation"))
        session = object_session(self)
        if session is None:
            return found
        found += number_problems(session, self.donor_number, self.site_id)
        return found + (number_taken(session, self) if _renumbered(self) else [])

    def questions(self) -> list[Question]:
        """Also: a donor who becomes similar to another one is another person (rule 17)."""
        changed = inspect(self).persistent and any(inspect(self).attrs[name].history.has_changes() for name in WHO)
        return super().questions() + (same_donor(object_session(self), self) if changed else [])

    @classmethod
    def register(cls, session: Session, *, by: User, at: datetime, another_because: str = "", **facts: Any) -> Donor:
        """Add a new donor; ``another_because``: why this is another person than a similar donor.

        Raises `RuleBroken` also where the number tells who a patient is (rule 10), or is another donor's (rule 17), and
        `SimilarDonor` where a similar donor is recorded and nobody has told them apart.
        """
        donor = cls.log(by=by, at=at, **facts)
        problems = number_problems(session, donor.donor_number, donor.site_id) + number_taken(session, donor)
        if donor.kind == "self" and donor.patient is not None and _own(session, donor.patient):
            problems.append(f"{donor.patient.display_name} is already recorded as a donor.")
        if problems:
            raise RuleBroken(*problems)
        alike = similar_donors(session, donor)
        if alike and not another_because.strip():
            raise SimilarDonor(alike)
        if alike:
            donor.confirmed = {**(donor.confirmed or {}), "name": another_because.strip()}
        session.add(donor)
        return donor

    def headline(self) -> str:
        return f"{DONOR_KINDS[self.kind]}, {self.donor_number or self.id}"

    def is_patient(self, patient: Patient) -> bool:
        """Whether a patient's own cells are this donor's, under any of the person's record numbers (rule 3)."""
        return self.patient is not None and self.patient.is_same_person(patient)

    def eligibility(self) -> DonorEligibility | None:
        """Return the last signed determination."""
        signed = [determination for determination in self.eligibilities if determination.attested]
        return signed[-1] if signed else None


def _own(session: Session, patient: Patient) -> str | None:
    with session.no_autoflush:
        return session.scalar(select(Donor.id).where(Donor.patient_id == patient.id))


def _renumbered(donor: Donor) -> bool:
    """Whether the number is new: donors who shared one before this was asked can still be corrected."""
    return not inspect(donor).persistent or inspect(donor).attrs.donor_number.history.has_changes()


NEED = ("urgent_need", "physician_told", "told_id", "urgent_for_id")
"""What is said of an urgent medical need for a donor who is not eligible (21 CFR 1271.60(d), rule 18)."""


def says_why(text: str | None) -> bool:
    """Whether a text says something: two different words at least, of three different letters each."""
    return len({word for word in searchable(text or "").split() if len(set(word)) > 2}) > 1


class DonorEligibility(Record):
    """One determination of a donor: history, infectious disease markers, the summary (21 CFR 1271.50 to .90)."""

    KIND = "DE"
    NOUN = "Donor eligibility"
    HAPPENED = "Determined at"
    DONE, QUALIFIED, QUALIFIED_FOR = "Determined by", (("performed_by_id", 0),), ("eligibility",)
    QUALIFIED_IF = ("outcome", frozenset({"eligible"}))

    donor_id: Mapped[str] = reference("donor")
    sample_taken_on: Mapped[date | None] = field(
        "Blood sample taken on", required=True, section="Markers", not_after=("performed_at",)
    )
    markers: Mapped[dict[str, str]] = field("Markers", section="Markers", default=dict)
    history: Mapped[str | None] = field(
        "History", long=True, section="History",
        hint="Risks, travel, vaccination, transfusion, inherited disease, cancer",
    )  # fmt: skip
    outcome: Mapped[str | None] = field("The donor is", choices=ELIGIBILITY, required=True, section="Summary")
    urgent_need: Mapped[str | None] = field(
        "Urgent medical need", long=True, section="Summary",
        hint="Only where a donor is used who is not eligible or not completely examined (21 CFR 1271.60, .65)",
    )  # fmt: skip
    physician_told: Mapped[str | None] = field(
        "Physician informed", section="Summary",
        hint="Of an urgent need. Another physician than who determined; she or he confirms it with a signature",
    )  # fmt: skip
    told_id: Mapped[str | None] = mapped_column(String(12), info=ADDED)
    urgent_for_id: Mapped[str | None] = reference("patient", info=ADDED)

    urgent_for: Mapped[Patient | None] = relationship(foreign_keys=[urgent_for_id])
    told: Mapped[Any] = relationship("User", primaryjoin="foreign(DonorEligibility.told_id) == User.id")
    donor: Mapped[Donor] = relationship(back_populates="eligibilities")

    def problems(self, *, at: datetime) -> list[str]:
        """Also: a donor with a reactive marker (except CMV) or a missing one is not eligible."""
        found = super().problems(at=at)
        unknown = [marker for marker in self.markers if marker not in MARKERS]
        if unknown or not set(self.markers.values()) <= set(MARKER_RESULTS):
            found.append("A marker or its result is not in the catalog.")
        reactive = [
            MARKERS[marker].label
            for marker, result in self.markers.items()
            if result in {"reactive", "indeterminate"} and marker in MARKERS and MARKERS[marker].excludes
        ]
        if reactive and self.outcome == "eligible":
            found.append(
                Problem(
                    f"A donor with a reactive or indeterminate marker ({', '.join(reactive)}) is not eligible.", rule=17
                )
            )
        if told_infection(self):
            found.append(Problem(NOT_ELIGIBLE.format(self.history), "history", rule=17))
        if self.sample_taken_on and self.performed_at and self.sample_taken_on > self.local_day(self.performed_at):
            found.append(Problem("Blood sample taken on is after the determination.", rule=69))
        if self.outcome == "eligible" and not set(self.markers.values()) - {"not_done"}:
            found.append(Problem("No marker has a result, so the determination is not complete.", rule=19))
        return found + (self._need_problems() if self._states_need() else [])

    def _states_need(self) -> bool:
        """Whether an urgent need is stated now; one from before a physician's account was asked for stays as it is."""
        state = inspect(self)
        if state.persistent and not any(state.attrs[name].history.has_changes() for name in NEED):
            return False
        said = (self.urgent_need, self.physician_told, self.urgent_for_id, self.urgent_for)
        return self.origin is Origin.CLINIC and any(said)

    def _need_problems(self) -> list[Problem]:
        """Return what an urgent need lacks: real words, and another physician who was informed (rule 18)."""
        found = []
        if not says_why(self.urgent_need):
            said = "Urgent medical need: say in words what the patient needs and why no other donor can be used."
            found.append(Problem(said, "urgent_need", rule=18))
        told, did = self.told, self.performed_by
        if told is None or told.role is not Role.PHYSICIAN or not told.active:
            said = "Physician informed: choose a physician who has an account. She or he confirms it with a signature."
            found.append(Problem(said, "physician_told", rule=18))
        elif did is not None and told.is_same_person(did):
            said = "Physician informed: choose another physician than the one who determined."
            found.append(Problem(said, "physician_told", rule=18))
        return found

    def critical_corrections(self) -> list[Amendment]:
        """Return the amendments that made the donor better than was found: a second person confirms them."""
        return [one for one in self.amendments if any(_better(*change) for change in one.changes.items())]

    @property
    def attested(self) -> bool:
        """Whether a physician has signed the present content, and no correction waits for a second person."""
        signed = [one for one in self.present_signatures if one.role == Role.PHYSICIAN.value]
        own = [one for one in signed if self.told is None or not one.signed_by.is_same_person(self.told)]
        return bool(own) and self.unconfirmed is None

    @property
    def acknowledged(self) -> bool:
        """Whether the physician who was informed of an urgent need has signed; before, a name was enough (rule 18)."""
        if self.told_id is None:
            return bool(self.physician_told)
        return any(one.signed_by_id == self.told_id for one in self.present_signatures)

    @property
    def reactive(self) -> set[str]:
        """The markers that exclude a donor and are reactive or indeterminate."""
        bad = {marker for marker, result in self.markers.items() if result in {"reactive", "indeterminate"}}
        return {marker for marker in bad if marker in MARKERS and MARKERS[marker].excludes}

    def resolves(self, earlier: DonorEligibility) -> bool:
        """Whether it lifts an earlier reactive finding: another, later sample, negative, signed by two people.

        One of them is a physician, the other one a physician or quality staff (rules 17, 18).
        """
        taken, before = self.sample_taken_on, earlier.sample_taken_on
        later = taken is not None and (before is None or taken > before)
        negative = all(self.markers.get(marker) == "negative" for marker in earlier.reactive)
        return later and negative and self.lifts(earlier)

    def lifts(self, earlier: DonorEligibility) -> bool:
        """Whether it overturns an earlier “not eligible”: not dated before it, signed by two people (rules 17, 18)."""
        signers = [s for s in self.present_signatures if s.role in {Role.PHYSICIAN.value, Role.QUALITY.value}]
        second = any(not one.signed_by.is_same_person(other.signed_by) for one in signers for other in signers)
        return self.attested and second and not self.is_before(earlier)

    def is_before(self, other: DonorEligibility) -> bool:
        """Whether it was determined before another one, as far as both moments are known."""
        mine, its = self.performed_at, other.performed_at
        return mine is not None and its is not None and mine < its

    @property
    def still_no(self) -> bool:
        """Whether it says “not eligible”, or said so and nobody else has confirmed the correction."""
        turned = any(one.changes.get("outcome", [None])[0] == "ineligible" for one in self.amendments)
        waits = turned and self.unconfirmed is not None
        return self.outcome == "ineligible" or bool(self.reactive) or told_infection(self) or waits

    @property
    def written_at(self) -> datetime:
        """When its outcome was written: on entry, or by the last amendment of the outcome."""
        changed = [one.amended_at for one in self.amendments if "outcome" in one.changes]
        return changed[-1] if changed else self.recorded_at

    def missing(self, markers: tuple[str, ...]) -> list[str]:
        """Return the markers asked for that have no result."""
        return [marker for marker in markers if self.markers.get(marker, "not_done") == "not_done"]

    def headline(self) -> str:
        return f"Donor {ELIGIBILITY.get(self.outcome or '', '').lower()}"


def _better(name: str, change: list[Any]) -> bool:
    old, new = change
    if name == "sample_taken_on":
        return old is None or (new is not None and new > old)
    return name == "outcome" and old != "eligible" and new == "eligible"


TYPED = frozenset({"abo", "rhd", "sample_number", "performed_at"})


class BloodTyping(Record):
    """One blood group from one sample. A donor and a recipient each need two that agree (rule 20)."""

    KIND = "BT"
    NOUN = "Blood group"
    HAPPENED = "Sample taken at"
    PERSON = "patient"
    DONE, QUALIFIED, QUALIFIED_FOR = "Typed by", (("performed_by_id", 0),), ("processing", "release")
    __table_args__ = (CheckConstraint("(patient_id IS NULL) <> (donor_id IS NULL)", name="of_one_person"),)

    patient_id: Mapped[str | None] = reference("patient")
    donor_id: Mapped[str | None] = reference("donor")
    sample_number: Mapped[str | None] = field("Sample number", required=True, section="Blood group")
    abo: Mapped[str | None] = field("Blood group", choices=BLOOD_GROUPS, required=True, section="Blood group")
    rhd: Mapped[str | None] = field("RhD", choices=RHD, required=True, section="Blood group")

    patient: Mapped[Patient | None] = relationship(back_populates="typings")
    donor: Mapped[Donor | None] = relationship(back_populates="typings")

    @property
    def minute(self) -> datetime | None:
        """The minute at which the sample was drawn."""
        return self.performed_at.replace(second=0, microsecond=0) if self.performed_at is not None else None

    def problems(self, *, at: datetime) -> list[str]:
        """Also: a second typing is from a second sample, with another number and drawn at another moment (rule 20)."""
        found = super().problems(at=at)
        person = self.patient or self.donor
        others = [one for one in (person.typings if person is not None else ()) if one is not self]
        again = "A second blood group needs a second sample, drawn and labeled separately."
        number = compact(self.sample_number or "")
        if number and any(compact(one.sample_number or "") == number for one in others):
            said = f"Sample {self.sample_number} is recorded already for this person. {again}"
            found.append(Problem(said, "sample_number", rule=20))
        if any(one.minute == self.minute for one in others if self.performed_at):
            said = f"Another sample of this person was recorded as drawn at the same minute. {again}"
            found.append(Problem(said, "performed_at", rule=20))
        return found

    def critical_corrections(self) -> list[Amendment]:
        """Return the corrections of what was found in which sample: a second person confirms them (rule 20)."""
        return [one for one in self.amendments if one.corrects(TYPED)]

    def headline(self) -> str:
        return f"Blood group {self.abo} {RHD.get(self.rhd or '', '')}, sample {self.sample_number}"
