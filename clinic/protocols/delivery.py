"""Where and how cells are given: body sites, routes, and how a dose is measured.

SNOMED CT codes of routes: DICOM context group 11 (2019b); only codes read there are given, elsewhere "" (site's own).
Endotoxin per kg of body weight: 5 EU/kg (Circ Res 2018, PMC5993622, Table 5), 0.2 EU/kg where the product reaches
the nervous system (J Neurosurg Spine 2021, PMC10193489, Table 2). Adverse events are the terms to offer first,
in the words of CTCAE where it has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from clinic.protocols.catalogue import Catalogue, Entry, between

if TYPE_CHECKING:
    from clinic.fields import Range


class Delivery(StrEnum):
    """The three ways of giving cells."""

    INJECTION = "injection"
    INFUSION = "infusion"
    TARGETED = "targeted"

    @property
    def label(self) -> str:
        """The label shown on pages."""
        return {"injection": "Injection", "infusion": "Infusion", "targeted": "Targeted delivery"}[self.value]


@dataclass(frozen=True, kw_only=True)
class BodySite(Entry):
    """A place on the body. ``sided``: left or right must be said; both sides are two entries (rule 26)."""

    sided: bool = False
    snomed: str = ""


SIDES = {"left": "Left", "right": "Right"}

BODY_SITES = Catalogue(
    BodySite(key="knee", label="Knee", sided=True),
    BodySite(key="hip", label="Hip", sided=True),
    BodySite(key="shoulder", label="Shoulder", sided=True),
    BodySite(key="ankle", label="Ankle", sided=True),
    BodySite(key="elbow", label="Elbow", sided=True),
    BodySite(key="wrist", label="Wrist", sided=True),
    BodySite(key="hand", label="Hand", sided=True),
    BodySite(key="foot", label="Foot", sided=True),
    BodySite(key="sacroiliac_joint", label="Sacroiliac joint", sided=True),
    BodySite(key="rotator_cuff", label="Rotator cuff", sided=True),
    BodySite(key="achilles_tendon", label="Achilles tendon", sided=True),
    BodySite(key="patellar_tendon", label="Patellar tendon", sided=True),
    BodySite(key="lateral_elbow", label="Common extensor tendon (lateral elbow)", sided=True),
    BodySite(key="cruciate_ligament", label="Anterior cruciate ligament", sided=True),
    BodySite(key="collateral_ligament", label="Collateral ligament of the knee", sided=True),
    BodySite(key="lumbar_disc", label="Lumbar disc"),
    BodySite(key="cervical_disc", label="Cervical disc"),
    BodySite(key="cervical_cord", label="Cervical spinal cord"),
    BodySite(key="thoracic_cord", label="Thoracic spinal cord"),
    BodySite(key="lumbar_cord", label="Lumbar spinal cord"),
    BodySite(key="spinal_canal", label="Spinal canal (lumbar puncture)"),
    BodySite(key="putamen", label="Putamen", sided=True),
    BodySite(key="heart", label="Heart (left ventricle)"),
    BodySite(key="left_anterior_descending", label="Left anterior descending coronary artery"),
    BodySite(key="circumflex_artery", label="Circumflex coronary artery"),
    BodySite(key="right_coronary", label="Right coronary artery"),
    BodySite(key="femoral_artery", label="Femoral artery", sided=True),
    BodySite(key="carotid_artery", label="Internal carotid artery", sided=True),
    BodySite(key="calf_muscle", label="Calf muscle", sided=True),
    BodySite(key="thigh_muscle", label="Thigh muscle", sided=True),
    BodySite(key="perianal_fistula", label="Perianal fistula"),
    BodySite(key="face", label="Face"),
    BodySite(key="scalp", label="Scalp"),
    BodySite(key="abdomen", label="Abdomen"),
    BodySite(key="flank", label="Flank", sided=True),
    BodySite(key="thigh", label="Thigh", sided=True),
    BodySite(key="buttock", label="Buttock", sided=True),
    BodySite(key="posterior_iliac_crest", label="Posterior iliac crest", sided=True),
    BodySite(key="anterior_iliac_crest", label="Anterior iliac crest", sided=True),
    BodySite(key="proximal_tibia", label="Proximal tibia", sided=True),
    BodySite(key="sternum", label="Sternum"),
    BodySite(key="umbilical_cord", label="Umbilical cord"),
    BodySite(key="peripheral_vein", label="Peripheral vein"),
    BodySite(key="central_vein", label="Central venous catheter"),
    BodySite(key="internal_jugular_vein", label="Internal jugular vein", sided=True, snomed="12123001"),
)

JOINTS = ("knee", "hip", "shoulder", "ankle", "elbow", "wrist", "hand", "foot", "sacroiliac_joint")
TENDONS = ("rotator_cuff", "achilles_tendon", "patellar_tendon", "lateral_elbow")
LIGAMENTS = ("cruciate_ligament", "collateral_ligament")
DISCS = ("lumbar_disc", "cervical_disc")
CORD = ("cervical_cord", "thoracic_cord", "lumbar_cord")
CORONARIES = ("left_anterior_descending", "circumflex_artery", "right_coronary")
VEINS = ("peripheral_vein", "central_vein", "internal_jugular_vein")
MUSCLES = ("calf_muscle", "thigh_muscle")

JOINT_EVENTS = ("Joint pain", "Joint effusion", "Joint swelling", "Joint stiffness", "Septic arthritis")
VEIN_EVENTS = (
    "Fever", "Chills", "Flushing", "Hypotension", "Dyspnea", "Oxygen desaturation", "Urticaria", "Hemolysis",
    "Thromboembolic event", "Catheter related infection",
)  # fmt: skip
SPINAL_EVENTS = ("Fever", "Headache", "Back pain", "Vomiting", "Meningism", "Radicular pain", "Seizure")
HEART_EVENTS = ("Arrhythmia", "Troponin increased", "Cardiac perforation", "Cardiac tamponade", "No-reflow", "Stroke")
LESION_EVENTS = ("Injection site pain", "Abscess", "Bleeding")
FISTULA_EVENTS = ("Anal abscess", "Pain", "Proctalgia", "Bleeding")
BRAIN_EVENTS = ("Headache", "Intracranial hemorrhage", "Seizure", "Infection")
ARTERY_EVENTS = ("Thromboembolic event", "Bleeding", "Arterial dissection", "Hematoma")
CRYOPRESERVED_EVENTS = (
    "Nausea", "Vomiting", "Chills", "Headache", "Hypertension", "Hypotension", "Bradycardia", "Arrhythmia",
    "Neurological event", "Respiratory event",
)  # fmt: skip
"""Offered besides when the product was frozen with DMSO."""
LATE_EVENTS = ("Ectopic tissue", "Tumor", "Transmitted infection", "HLA antibodies")
"""Offered at late visits, whatever the route."""

SYSTEMIC_ENDOTOXIN = Decimal(5)
NEURAL_ENDOTOXIN = Decimal("0.2")


@dataclass(frozen=True, kw_only=True)
class Route(Entry):
    """A way in. ``endotoxin_limit`` in EU per kg of body weight and hour (rule 42); ``sites`` are keys of `BODY_SITES`.

    ``own_release``: only a product that was released for this route (rule 55). ``systemic``: acts on the whole
    body (rule 22). Whether a side must be said is the site's fact.
    """

    group: Delivery
    sites: tuple[str, ...]
    adverse_events: tuple[str, ...]
    snomed: str = ""
    endotoxin_limit: Decimal = SYSTEMIC_ENDOTOXIN
    own_release: bool = False
    systemic: bool = False

    @property
    def sided(self) -> bool:
        """Whether any of its sites needs a side."""
        return any(BODY_SITES[site].sided for site in self.sites)


IN, TO = Delivery.INJECTION, Delivery.TARGETED

ROUTES = Catalogue(
    Route(key="intra_articular", label="Intra-articular", group=IN, sites=JOINTS, adverse_events=JOINT_EVENTS,
        snomed="12130007"),
    Route(key="intratendinous", label="Into the tendon", group=IN, sites=TENDONS, adverse_events=LESION_EVENTS),
    Route(key="intraligamentous", label="Into the ligament", group=IN, sites=LIGAMENTS, adverse_events=LESION_EVENTS),
    Route(key="intradiscal", label="Into the disc", group=IN, sites=DISCS, adverse_events=("Discitis", *LESION_EVENTS)),
    Route(key="intramuscular", label="Intramuscular", group=IN, sites=MUSCLES, adverse_events=LESION_EVENTS,
        snomed="78421000"),
    Route(key="subcutaneous", label="Subcutaneous", group=IN, sites=("abdomen", "face"), adverse_events=LESION_EVENTS,
        snomed="34206005"),
    Route(key="intradermal", label="Intradermal", group=IN, sites=("face", "scalp"), adverse_events=LESION_EVENTS,
        snomed="372464004"),
    Route(key="intralesional", label="Into the lesion", group=IN, sites=(*TENDONS, *LIGAMENTS, *MUSCLES),
        adverse_events=LESION_EVENTS),
    Route(key="perifistular", label="Into the fistula wall", group=IN, sites=("perianal_fistula",),
        adverse_events=FISTULA_EVENTS),
    Route(key="intravenous", label="Intravenous infusion", group=Delivery.INFUSION, sites=VEINS,
        adverse_events=VEIN_EVENTS, snomed="47625008", systemic=True),
    Route(key="intrathecal", label="Intrathecal", group=TO, sites=("spinal_canal",), adverse_events=SPINAL_EVENTS,
        snomed="72607000", endotoxin_limit=NEURAL_ENDOTOXIN, own_release=True),
    Route(key="intraspinal", label="Into the spinal cord", group=TO, sites=CORD, adverse_events=SPINAL_EVENTS,
        endotoxin_limit=NEURAL_ENDOTOXIN, own_release=True),
    Route(key="intracerebral", label="Into the brain (stereotactic)", group=TO, sites=("putamen",),
        adverse_events=BRAIN_EVENTS, endotoxin_limit=NEURAL_ENDOTOXIN, own_release=True),
    Route(key="intracoronary", label="Intracoronary", group=TO, sites=CORONARIES, adverse_events=HEART_EVENTS,
        snomed="372463005", own_release=True),
    Route(key="intramyocardial", label="Into the heart muscle (transendocardial)", group=TO, sites=("heart",),
        adverse_events=HEART_EVENTS, own_release=True),
    Route(key="intra_arterial", label="Intra-arterial", group=TO, sites=("femoral_artery", "carotid_artery"),
        adverse_events=ARTERY_EVENTS, snomed="58100008", own_release=True),
    Route(key="surgical_implantation", label="Surgical implantation", group=TO, sites=("knee", "hip", "ankle"),
        adverse_events=("Wound infection", *JOINT_EVENTS)),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Count(Entry):
    """What the laboratory counts during a run. One ``unit`` stands for ``each`` of it (×10⁶ → 1,000,000)."""

    unit: str = "×10⁶"
    each: Decimal = Decimal(10**6)


COUNTS = Catalogue(
    Count(key="tnc", label="Total nucleated cells"),
    Count(key="viable", label="Viable cells"),
    Count(key="cd34", label="CD34+ cells"),
    Count(key="mnc", label="Mononuclear cells"),
    Count(key="particles", label="Particles", unit="×10⁹", each=Decimal(10**9)),
)


@dataclass(frozen=True, kw_only=True)
class DoseMeasure(Entry):
    """What is counted as the dose. One ``unit`` stands for ``each`` of what is counted (×10⁸ → 100,000,000).

    ``count``: key of what the laboratory counts for it, in `COUNTS`; "": nothing. ``expected``: outside it, per kg
    of body weight, the unit was probably mistaken (rule 39); ``whole``: the same of a container or a dose as a whole.
    """

    unit: str
    each: Decimal
    count: str
    loinc_per_kg: str = ""
    expected: Range | None = None
    whole: Range | None = None

    @property
    def unit_per_kg(self) -> str:
        """The unit of a dose per kg of body weight."""
        return f"{self.unit}/kg"


DOSE_MEASURES = Catalogue(
    DoseMeasure(key="viable_cells", whole=between("0.001", 100000), expected=between("0.0001", 1000),
        label="Viable cells", unit="×10⁶", each=Decimal(10**6), count="viable"),
    DoseMeasure(key="cd34", whole=between("0.01", 10000), label="CD34+ cells", unit="×10⁶", each=Decimal(10**6),
        count="cd34",
        loinc_per_kg="78002-3", expected=between("0.1", 100)),
    DoseMeasure(key="tnc_8", whole=between("0.01", 10000), expected=between("0.001", 100),
        label="Total nucleated cells", unit="×10⁸", each=Decimal(10**8), count="tnc",
        loinc_per_kg="78003-1"),
    DoseMeasure(key="tnc_7", whole=between("0.01", 100000), expected=between("0.01", 1000),
        label="Total nucleated cells (cord blood)", unit="×10⁷", each=Decimal(10**7), count="tnc",
        loinc_per_kg="78003-1"),
    DoseMeasure(key="particles", whole=between("0.001", 1000000), expected=between("0.0001", 100000),
        label="Particles", unit="×10⁹", each=Decimal(10**9), count="particles"),
    DoseMeasure(key="constructs", whole=between("0.1", 1000), label="Constructs", unit="pieces", each=Decimal(1),
        count=""),
)  # fmt: skip
