"""What a protocol version says: values only, never a condition (house rule: protocols are data, not programs).

Kept as JSON in `ProtocolVersion.content`; every key names an entry of a catalogue in `catalogues.py`. Each field is
declared with its `Fact`; form, page and comparison of versions follow from it, in the order of the fields here.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, PlainSerializer

from clinic.access import Role
from clinic.fields import Range, plain
from clinic.protocols.cells import CELL_TYPES, MANIPULATIONS, SOURCES
from clinic.protocols.conditions import CONDITIONS, FIELDS
from clinic.protocols.delivery import DOSE_MEASURES, ROUTES
from clinic.protocols.facts import Fact, Part
from clinic.protocols.instruments import INSTRUMENTS
from clinic.protocols.qc_tests import MARKERS, QC_TESTS

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = {
    "harvest": "Harvest",
    "processing": "Processing",
    "release": "Release",
    "administration": "Administration",
    "followup": "Follow-up",
}
"""Steps for which a version names who records and who verifies."""
ROLES = {role.value: role.label for role in Role if role not in {Role.ADMINISTRATOR, Role.INSPECTOR}}
CLINICS_RULE = "per the clinic's rules"
OUTCOMES = {key: label for test in QC_TESTS.values() for key, label in (test.outcomes or {}).items()}
DAYS = Range(-400, 20000)
"""Days of a visit, counted from the administration."""


class Relation(StrEnum):
    """Whose cells the patient gets."""

    AUTOLOGOUS = "autologous"
    ALLOGENEIC = "allogeneic"

    @property
    def label(self) -> str:
        """The label shown on pages."""
        return {"autologous": "The patient's own (autologous)", "allogeneic": "A donor's (allogeneic)"}[self.value]


class RegulatoryPath(StrEnum):
    """Under which rules the product is made and given (21 CFR 1271.10, .15; R17)."""

    HCTP_361 = "361"
    BIOLOGIC_351 = "351"
    SAME_PROCEDURE = "same_procedure"
    MEDICAL_PRACTICE = "medical_practice"

    @property
    def label(self) -> str:
        """The label shown on pages."""
        return {
            "361": "361 HCT/P (minimally manipulated, homologous use)",
            "351": "Licensed biologic or trial (PHS Act 351)",
            "same_procedure": "Same surgical procedure",
            "medical_practice": "Medical practice under national law",
        }[self.value]


Exact = Annotated[Decimal, PlainSerializer(lambda value: format(value, "f"), return_type=str, when_used="json")]


def yes(words: str, no: str = "") -> Callable[[bool, Any], str]:
    """Return the words of a yes and of a no; "" leaves it out."""
    return lambda value, _part: words if value else no


def with_unit(limit: Range, unit: str) -> str:
    """Return a limit with its unit at the figure: “70 % or more”."""
    said = str(limit)
    for ending in (" or more", " or less"):
        if said.endswith(ending):
            return f"{said.removesuffix(ending)} {unit}".strip() + ending
    return f"{said} {unit}".strip()


def _in_unit(value: Range | Decimal, part: QCSpec | DoseWindow) -> str:
    return f"{plain(value)} {part.unit}".strip() if isinstance(value, Decimal) else with_unit(value, part.unit)


def _judged(mandatory: bool, spec: QCSpec) -> str:  # noqa: FBT001 - the value of the field
    days = QC_TESTS[spec.test].final_after_days if spec.test in QC_TESTS else 0
    return f"{'judged' if mandatory else 'recorded, not judged'}{f', final after {days} days' if days else ''}"


class QCSpec(Part):
    """One test that a product must pass, and the limit that judges it, with its source.

    ``test`` is a key of ``QC_TESTS``. A measured test has ``limit`` (in the test's unit), a test with an outcome
    has ``accepted`` (a key of that test's outcomes). ``may_be_pending``: a conditional release may go ahead of
    the result (rule 44). ``mandatory`` False: recorded, not judged. ``readers``: how many different people read it.
    """

    test: Annotated[str, Fact(label="Test", catalogue=QC_TESTS)]
    limit: Annotated[Range | None, Fact(label="Limit", section="Accepted", words=_in_unit, scaled=True)] = None
    accepted: Annotated[str | None, Fact(label="Accepted outcome", section="Accepted", choices=OUTCOMES)] = None
    mandatory: Annotated[bool, Fact(label="Judged", section="How", words=_judged)] = True
    may_be_pending: Annotated[
        bool, Fact(label="May be pending", section="How", words=yes("release possible before the result"))
    ] = False
    readers: Annotated[
        int, Fact(label="Readers", section="How", words=lambda n, _: f"read by {n} people" if n > 1 else "")
    ] = 1
    source: Annotated[str, Fact(label="Source of the limit")]

    @property
    def unit(self) -> str:
        """The unit of its limit."""
        return QC_TESTS[self.test].unit if self.test in QC_TESTS else ""

    @property
    def scale(self) -> tuple[Decimal, Decimal, None]:
        """Ends of the bar on which the limit is drawn, wide enough for the limit."""
        low, high = (Decimal(end) for end in (QC_TESTS[self.test].scale if self.test in QC_TESTS else (0, 0)))
        ends = [end for end in (self.limit.low, self.limit.high) if end is not None] if self.limit is not None else []
        return min([low, *ends]), max([high, *(end * Decimal("1.25") for end in ends)]), None


class DoseWindow(Part):
    """The dose of one administration. ``measure`` is a key of ``DOSE_MEASURES``; per kg of body weight or in all."""

    measure: Annotated[str, Fact(label="Counted as", catalogue=DOSE_MEASURES)]
    per_kg: Annotated[bool, Fact(label="Per kg of body weight")]
    window: Annotated[
        Range, Fact(label="Dose allowed", hint="Write > 4 for more than 4, < 4 for less", words=_in_unit, scaled=True)
    ]
    usual: Annotated[Exact, Fact(label="Usual dose", words=_in_unit)]
    doses: Annotated[int, Fact(label="Number of doses")] = 1
    days_between: Annotated[int | None, Fact(label="Days between doses", unit="days")] = None
    weight_valid_days: Annotated[
        int, Fact(label="Weight valid for", unit="days", words=lambda n, dose: f"{n} days" if dose.per_kg else "")
    ] = 30
    source: Annotated[str, Fact(label="Source of the dose", long=True)]

    @property
    def unit(self) -> str:
        """The unit of the dose."""
        measure = DOSE_MEASURES.get(self.measure)
        return "" if measure is None else measure.unit_per_kg if self.per_kg else measure.unit

    @property
    def scale(self) -> tuple[Decimal, Decimal, Decimal]:
        """Ends of the bar on which the window is drawn, and the usual dose to mark on it."""
        top = max(self.usual, self.window.high or Decimal(0), self.window.low or Decimal(0))
        return Decimal(0), top * Decimal("1.25"), self.usual


class Expiry(Part):
    """How long the product may be used. Judged from the end of collection, the thaw, the freezing."""

    fresh_hours: Annotated[int | None, Fact(label="Fresh, from the end of collection", unit="h")] = None
    thaw_minutes: Annotated[int | None, Fact(label="After thaw", unit="min")] = None
    frozen_days: Annotated[int | None, Fact(label="Frozen", unit="days")] = None
    storage: Annotated[Range | None, Fact(label="Stored at", unit="°C")] = None
    source: Annotated[str, Fact(label="Source of the times", long=True)]


def _window(_days: int, plan: VisitPlan) -> str:
    return plan.window


class VisitPlan(Part):
    """One follow-up visit: its day after administration (0 is the day itself), its window in days, its instruments."""

    name: Annotated[str, Fact(label="Visit")]
    day: Annotated[int, Fact(label="Day", possible=DAYS)]
    before: Annotated[int, Fact(label="Days before", section="Window", words=_window)] = 0
    after: Annotated[int, Fact(label="Days after", section="Window", words=_window)] = 0
    contact: Annotated[bool, Fact(label="Contact only", section="Asked", words=yes("contact, no visit"))] = False
    instruments: Annotated[tuple[str, ...], Fact(label="Asks", section="Asked", catalogue=INSTRUMENTS, join=" · ")] = ()

    @property
    def window(self) -> str:
        """The days on which it may be made, counted from the administration."""
        first, last = (plain(Decimal(day)) for day in (self.day - self.before, self.day + self.after))
        return f"day {first}" if first == last else f"day {first} to {last}"


class HarvestLimits(Part):
    """Limits of the collection that this protocol sets (rules 28 to 32); None: the general rule alone."""

    volume: Annotated[Range | None, Fact(label="Volume collected", unit="mL")] = None
    ml_per_kg: Annotated[Exact | None, Fact(label="Maximum per body weight", unit="mL/kg")] = None
    ml_per_pass: Annotated[Exact | None, Fact(label="Maximum per puncture", unit="mL")] = None
    anticoagulant_ratio: Annotated[Range | None, Fact(label="Anticoagulant to blood", hint="1 to 10 is 0.1")] = None
    source: Annotated[str, Fact(label="Source of these limits", long=True)] = ""


class Infectious(Part):
    """Donor screening asked for: keys of ``MARKERS``, and how old the sample may be before collection (rule 19)."""

    markers: Annotated[tuple[str, ...], Fact(label="Tested for", catalogue=MARKERS)] = ()
    valid_days: Annotated[
        int,
        Fact(label="Blood sample valid for", unit="days",
             words=lambda days, screening: f"{days} days at collection" if screening.markers else ""),
    ] = 30  # fmt: skip
    two_blood_groups: Annotated[
        bool, Fact(label="Two blood groups", hint="Of donor and recipient, each from two samples",
                   words=yes("donor and recipient, each from two samples"))
    ] = False  # fmt: skip


class PatientScreen(Part):
    """What excludes a patient, and how long before collection and administration medicines are paused (rules 23-25)."""

    exclusions: Annotated[
        tuple[str, ...], Fact(label="Exclusion criteria", hint="One on each line. Each is asked at the decision")
    ] = ()
    anticoagulant_days: Annotated[
        int | None, Fact(label="Anticoagulants paused for", unit="days", hint="Before collection and administration")
    ] = None
    anti_inflammatory_days: Annotated[int | None, Fact(label="NSAIDs and steroids paused for", unit="days")] = None
    source: Annotated[str, Fact(label="Source of these criteria", long=True)] = ""


TREATS, CELLS, DOSE, CLAIMS, WHO = "What it treats", "The cells", "The dose", "Claims", "Who"


class Content(Part):
    """All that one protocol version says."""

    title: Annotated[str, Fact(label="Title", section=TREATS, required=True)]
    field: Annotated[str, Fact(label="Field", section=TREATS, catalogue=FIELDS)]
    conditions: Annotated[
        tuple[str, ...],
        Fact(label="Condition", section=TREATS, catalogue=CONDITIONS, at_least_one=True,
             hint="Of the field as last saved"),
    ]  # fmt: skip
    cell_type: Annotated[str, Fact(label="Cell type", section=CELLS, catalogue=CELL_TYPES)]
    relations: Annotated[tuple[Relation, ...], Fact(label="Whose cells", section=CELLS)]
    sources: Annotated[tuple[str, ...], Fact(label="Source", section=CELLS, catalogue=SOURCES, at_least_one=True)]
    routes: Annotated[tuple[str, ...], Fact(label="Route", section=CELLS, catalogue=ROUTES, at_least_one=True)]
    preparation: Annotated[str, Fact(label="Preparation", section=CELLS)]
    manipulations: Annotated[
        tuple[str, ...], Fact(label="Laboratory steps", section=CELLS, catalogue=MANIPULATIONS, join=" → ")
    ]
    vehicle: Annotated[
        str, Fact(label="Vehicle", section=CELLS, hint="Solution in which the cells are given", empty="none named")
    ] = ""
    premedication: Annotated[
        str,
        Fact(label="Before administration", section=CELLS, long=True, hint="Premedication and hydration",
             empty="nothing ordered"),
    ] = ""  # fmt: skip
    patient: Annotated[PatientScreen, Fact(label="Patient", section="The patient")] = PatientScreen()
    dose: Annotated[DoseWindow, Fact(label="Dose", section=DOSE)]
    expiry: Annotated[Expiry, Fact(label="Expiry", section="Shelf life")]
    harvest: Annotated[HarvestLimits, Fact(label="Collection", section="The collection")] = HarvestLimits()
    screening: Annotated[Infectious, Fact(label="Donor", section="The donor")] = Infectious()
    qc: Annotated[
        tuple[QCSpec, ...],
        Fact(label="Test", section="Tests of the product",
             hint="A measured test has a limit: write > 4 or < 4 where the figure itself is not enough. "
                  "Another test has its accepted outcome. Every limit names its source."),
    ]  # fmt: skip
    visits: Annotated[
        tuple[VisitPlan, ...],
        Fact(label="Visit", section="Visits", hint="In the order of their days; day 0 is the administration."),
    ]
    regulatory_path: Annotated[RegulatoryPath, Fact(label="Regulatory path", section=CLAIMS, claim=True)]
    homologous: Annotated[
        bool,
        Fact(label="Homologous use", section=CLAIMS, claim=True, words=yes("Claimed", "Not claimed")),
    ] = False
    evidence: Annotated[
        str,
        Fact(label="Evidence", section=CLAIMS, claim=True, long=True, hint="Evidence level",
             empty="Not stated"),
    ]  # fmt: skip
    ethics: Annotated[
        str,
        Fact(label="Ethics approval", section=CLAIMS, claim=True, long=True, hint="Committee, number, date",
             empty="Not stated"),
    ]  # fmt: skip
    sources_read: Annotated[tuple[str, ...], Fact(label="Sources read", section=CLAIMS, hint="One on each line")] = ()
    demonstration: Annotated[bool, Fact(label="Demonstration only", section=CLAIMS)] = False
    logs: Annotated[
        dict[str, tuple[str, ...]],
        Fact(label="recorded by", section=WHO, keys=STEPS, choices=ROLES, empty=CLINICS_RULE),
    ] = Field(default_factory=dict)
    verifies: Annotated[
        dict[str, tuple[str, ...]],
        Fact(label="verified by", section=WHO, keys=STEPS, choices=ROLES, empty=CLINICS_RULE),
    ] = Field(default_factory=dict)
