"""What the gate at the bedside judges, and what it finds: a line of evidence for each check, a reason for each no."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic.administration.dose_change import DoseChange
from clinic.consent.models import Consent
from clinic.eligibility.models import Eligibility
from clinic.ledger.models import digest
from clinic.patients.donors import BloodTyping
from clinic.patients.merging import proposed_to
from clinic.patients.models import Weight
from clinic.release.evidence import basis
from clinic.steps import Blocked, Step
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.accounts.authorizations import StaffAuthorization
    from clinic.accounts.models import User
    from clinic.administration.models import Administration
    from clinic.administration.scanning import Wristband
    from clinic.administration.vital_signs import VitalSigns
    from clinic.course_records import CourseRecords
    from clinic.patients.models import Patient
    from clinic.products.models import Product
    from clinic.records import Record
    from clinic.release.models import Release
    from clinic.release.results import QCResult


def named(patient: Patient) -> str:
    """Return a patient as two people read aloud who it is: KOWALSKA, Marta, N-20417."""
    name, number = patient.display_name, patient.record_number
    return f"{name}, {number}" if number and number not in name else name


def donor_of(product: Product) -> str:
    """Return whose cells are in a container, as people read it: a patient's name and number, or the donor's."""
    donor = product.donor
    return named(donor.patient) if donor.patient is not None else donor.display_name


def label_of(product: Product) -> str:
    """Return a container by its name, division and the number that is printed on it."""
    return f"{product.name} {product.division or ''}".strip() + f", {product.din or product.id}"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One check: what was compared, both values, whether they agree; ``warning``: they agree, but want a reason."""

    check: str
    rule: int
    left: str = ""
    right: str = ""
    agrees: bool = True
    warning: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the line as a bedside check keeps it."""
        return {
            "check": self.check,
            "rule": self.rule,
            "left": self.left,
            "right": self.right,
            "ok": self.agrees,
            "warning": self.warning,
        }


@dataclass
class Verdict:
    """All that the gate found. ``fault`` and ``fine`` are how a check speaks."""

    blocked: list[Blocked] = field(default_factory=list)
    evidence: list[Line] = field(default_factory=list)

    @property
    def clear(self) -> bool:
        """Whether nothing refuses the cells."""
        return not self.blocked

    @property
    def warnings(self) -> list[Line]:
        """What does not refuse but wants a reason."""
        return [line for line in self.evidence if line.warning]

    def fine(self, check: str, rule: int, left: str = "", right: str = "") -> None:
        """Record a check that agrees."""
        self.evidence.append(Line(check=check, rule=rule, left=left, right=right))

    def warn(self, check: str, rule: int, left: str = "", right: str = "") -> None:
        """Record a warning that needs a reason."""
        self.evidence.append(Line(check=check, rule=rule, left=left, right=right, warning=True))

    def fault(self, check: str, rule: int, because: str, left: str = "", right: str = "", **more: Any) -> None:
        """Refuse the cells."""
        self.evidence.append(Line(check=check, rule=rule, left=left, right=right, agrees=False))
        self.blocked.append(Blocked(because=because, rule=rule, **more))

    def judge(self, check: str, rule: int, right: bool, because: str, *values: str, **more: Any) -> None:  # noqa: FBT001
        """Record an agreement or refuse."""
        if right:
            self.fine(check, rule, *values)
        else:
            self.fault(check, rule, because, *values, **more)


@dataclass(frozen=True, kw_only=True)
class Bedside:
    """Everything that is judged at the bedside. ``wearer``: who the scanned wristband belongs to, if it is known here.

    ``given``: the administration that used this product up; ``earlier``: what the patient was given before in any
    course, oldest first; ``ready``: other containers of the course that may still be given; ``steps``: what comes
    before the giving; ``holds``: what holds the product, and ``assess``: which of that an unassessed event says, by its
    sentence; ``authorizations``: who may give cells at this site, empty where it asks for none; ``runs``:
    since when the cells go in, None before the start.
    """

    records: CourseRecords
    wristband: Wristband
    wearer: Patient | None
    product: Product | None
    bag_fault: str = ""
    by: User | None = None
    second: User | None = None
    vitals: VitalSigns | None = None
    release: Release | None = None
    held: str = ""
    holds: list[str] = field(default_factory=list)
    assess: dict[str, Record] = field(default_factory=dict)
    given: Administration | None = None
    results: list[QCResult] = field(default_factory=list)
    earlier: list[Administration] = field(default_factory=list)
    ready: list[Product] = field(default_factory=list)
    volume: Decimal | None = None
    route: str | None = None
    body_site: str | None = None
    side: str | None = None
    steps: tuple[Step, ...] = ()
    authorizations: list[StaffAuthorization] = field(default_factory=list)
    runs: datetime | None = None

    @property
    def course(self) -> Treatment:
        """The course for which the cells are."""
        return self.records.course

    def evidence(self) -> str:
        """Return the hash of all that a clear check rests on: cells, order, consent, decision, weight, typings."""
        records = self.records
        kinds = (Consent, Eligibility, Weight, BloodTyping, DoseChange)
        rests = sorted([one.id, one.content_hash] for kind in kinds for one in records.of(kind))
        told: list[Any] = [[one.id, sorted(other.id for other in others)] for one, others in proposed_to(records)]
        stops = [one.stop for one in records.every(Treatment) if one.stop is not None]
        told += sorted([one.id, one.content_hash] for one in stops if one.treatment.patient_id in records.people_ids)
        for one in records.people:
            told += [one.allergy_status, one.allergies, one.abo, one.rhd, str(one.died_on)]
            told += sorted(alert.text for alert in one.alerts)
        cells = basis(records, self.product) if self.product is not None else {}
        return digest([self.course.content_hash, told, rests, cells])


def reasons_of(verdict: Verdict) -> list[dict[str, Any]]:
    """Return the reasons as a check keeps them, in order of danger."""
    return [
        {
            "because": b.because,
            "rule": b.rule,
            "who": [role.label for role in b.who],
            "fix": [b.fix[0], b.fix[1]] if b.fix else None,
            "fix_label": b.fix_label,
        }
        for b in verdict.blocked
    ]
