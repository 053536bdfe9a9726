"""What is collected and what is made of it: cell types, sources, collection methods, laboratory steps.

Class names follow ISBT 128 terminology as FACT-JACIE D7.1.1 asks; where no class is established there is none.
No embryonic source is offered. More than minimal manipulation: 21 CFR 1271.3(f), 1271.10(a).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clinic.protocols.catalogue import Catalogue, Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, kw_only=True)
class CellType(Entry):
    """What the product is. ``cells`` False: it contains no living cells, so viability and division do not apply.

    ``tissues``: the sources that hold such cells, keys of `SOURCES`; empty: any. ``made_from``: the cell types that a
    run may make on the way to it. ``made_by``: laboratory steps of which one makes it; empty: none changes what it is.
    """

    description: str
    cells: bool = True
    tissues: tuple[str, ...] = ()
    made_from: tuple[str, ...] = ()
    made_by: tuple[str, ...] = ()
    adverse_events: tuple[str, ...] = ()


TRANSPLANT_EVENTS = (
    "Mucositis", "Graft versus host disease", "Veno-occlusive disease", "CMV infection", "Engraftment failure",
    "Relapse",
)  # fmt: skip

BLOOD_FORMING = ("bone_marrow", "peripheral_blood", "cord_blood")

CELL_TYPES = Catalogue(
    CellType(key="msc", label="Mesenchymal stromal cells (MSC)",
        made_from=("mnc", "svf"),
        description="Adherent stromal cells, CD73+ CD90+ CD105+, usually culture-expanded", adverse_events=("Fever",)),
    CellType(key="hsc", label="Hematopoietic progenitor cells (HPC)",
        tissues=BLOOD_FORMING, made_from=("mnc",),
        description="Blood-forming cells counted by CD34", adverse_events=TRANSPLANT_EVENTS),
    CellType(key="mnc", label="Mononuclear cell concentrate (BMAC)",
        tissues=BLOOD_FORMING,
        description="Bone marrow aspirate concentrate or density-separated mononuclear cells"),
    CellType(key="svf", label="Stromal vascular fraction (SVF)",
        tissues=("adipose_tissue",),
        description="Mixed cells freed from adipose tissue, not cultured"),
    CellType(key="ipsc", label="iPSC-derived cells",
        made_from=("mnc", "hsc", "msc"), made_by=("reprogram", "differentiate"),
        description="Cells differentiated from induced pluripotent stem cells", adverse_events=("Teratoma",)),
    CellType(key="ev", label="Exosomes / extracellular vesicles",
        made_from=("msc", "ipsc"), made_by=("collect_vesicles",),
        description="Cell-free vesicles from the medium of cultured cells", cells=False),
    CellType(key="gene_modified", label="Gene-modified cells",
        made_from=("mnc", "hsc", "msc", "ipsc"), made_by=("transduce", "edit"),
        description="Cells whose genome was changed outside the body",
        adverse_events=("Insertional oncogenesis", *TRANSPLANT_EVENTS)),
    CellType(key="bioprinted", label="Bioprinted construct",
        made_from=("msc", "svf", "mnc", "ipsc"), made_by=("bioprint",),
        description="Living cells printed in a scaffold, given as a piece"),
    CellType(key="combination", label="Combination", description="More than one kind of cells given as one treatment"),
)  # fmt: skip

MARROW_EVENTS = (
    "Site pain", "Hematoma", "Bleeding", "Infection", "Nerve injury", "Fracture", "Anemia", "Vasovagal reaction",
)  # fmt: skip
ADIPOSE_EVENTS = (
    "Pain", "Bruising", "Seroma", "Contour irregularity", "Infection", "Lidocaine toxicity", "Fat embolism",
)  # fmt: skip
APHERESIS_EVENTS = (
    "Citrate hypocalcemia", "Thrombocytopenia", "Hypotension", "Catheter complication", "Catheter related infection",
    "Bone pain (G-CSF)", "Splenic pain",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Source(Entry):
    """A tissue from which cells are taken. ``harvest`` is the kind of collection, ``sites`` keys of `BODY_SITES`.

    ``class_names``: proper name of a product by cell type.
    """

    harvest: str
    sites: tuple[str, ...]
    class_names: Mapping[str, str] = field(default_factory=dict)
    adverse_events: tuple[str, ...] = ()


HARVESTS = {
    "aspiration": "Marrow aspiration",
    "liposuction": "Liposuction",
    "birth": "At birth",
    "apheresis": "Apheresis",
}

ILIAC = ("posterior_iliac_crest", "anterior_iliac_crest", "proximal_tibia", "sternum")
FAT = ("abdomen", "flank", "thigh", "buttock")

SOURCES = Catalogue(
    Source(key="bone_marrow", label="Bone marrow", harvest="aspiration", sites=ILIAC,
        class_names={"hsc": "HPC, Marrow", "msc": "MSC, Marrow"}, adverse_events=MARROW_EVENTS),
    Source(key="adipose_tissue", label="Adipose tissue", harvest="liposuction", sites=FAT,
        class_names={"msc": "MSC, Adipose", "svf": "SVF (adipose)"}, adverse_events=ADIPOSE_EVENTS),
    Source(key="cord_tissue", label="Umbilical cord tissue (Wharton's jelly)", harvest="birth",
        sites=("umbilical_cord",), class_names={"msc": "MSC, Cord Tissue"}),
    Source(key="cord_blood", label="Umbilical cord blood", harvest="birth", sites=("umbilical_cord",),
        class_names={"hsc": "HPC, Cord Blood"}),
    Source(key="peripheral_blood", label="Peripheral blood (apheresis)", harvest="apheresis",
        sites=("peripheral_vein", "central_vein"), class_names={"hsc": "HPC, Apheresis", "mnc": "MNC, Apheresis"},
        adverse_events=APHERESIS_EVENTS),
)  # fmt: skip


def given_types(cell_type: str, steps: Iterable[str]) -> frozenset[str]:
    """Return the cell types that a protocol of a cell type and its laboratory steps gives.

    A combination that is pooled is one container of all kinds of cells; else each may be in a container of its own.
    """
    done = set(steps)
    return frozenset({cell_type}) if cell_type != "combination" or "pool" in done else _components(done)


def _components(steps: set[str]) -> frozenset[str]:
    return frozenset(key for key, one in CELL_TYPES.items() if not one.made_by or steps & set(one.made_by))


def on_the_way(cell_type: str, steps: Iterable[str], sources: Iterable[str]) -> frozenset[str]:
    """Return the cell types that a run under a protocol may make: what it gives, and what it is made from."""
    steps, tissues = set(steps), set(sources)
    given = _components(steps) if cell_type == "combination" else given_types(cell_type, steps)
    found, waiting = set(given), list(given)
    while waiting:
        for key in CELL_TYPES[waiting.pop()].made_from:
            one = CELL_TYPES[key]
            reached = not one.made_by or bool(steps & set(one.made_by))
            if key not in found and reached and (not one.tissues or tissues & set(one.tissues)):
                found.add(key)
                waiting.append(key)
    return frozenset(found)


def class_name(cell_type: str, source: str) -> str:
    """Return the product's proper name, "" where no class is established (the site then names it freely)."""
    return SOURCES[source].class_names.get(cell_type, "")


@dataclass(frozen=True, kw_only=True)
class Method(Entry):
    """How cells are collected; offered for sources of the same ``harvest`` kind."""

    harvest: str


METHODS = Catalogue(
    Method(key="needle_aspiration", label="Needle aspiration, small volumes", harvest="aspiration"),
    Method(key="multi_hole_needle", label="Multi-hole needle aspiration", harvest="aspiration"),
    Method(key="operating_room_harvest", label="Harvest under anesthesia, both crests", harvest="aspiration"),
    Method(key="manual_lipoaspiration", label="Tumescent, by syringe", harvest="liposuction"),
    Method(key="powered_liposuction", label="Tumescent, power-assisted", harvest="liposuction"),
    Method(key="water_jet", label="Water-jet assisted", harvest="liposuction"),
    Method(key="excision", label="Excision of adipose tissue", harvest="liposuction"),
    Method(key="in_utero", label="Before delivery of the placenta", harvest="birth"),
    Method(key="ex_utero", label="After delivery of the placenta", harvest="birth"),
    Method(key="cord_segment", label="Cord segment cut and rinsed", harvest="birth"),
    Method(key="continuous_apheresis", label="Continuous-flow apheresis after mobilization", harvest="apheresis"),
    Method(key="intermittent_apheresis", label="Intermittent-flow apheresis after mobilization", harvest="apheresis"),
    Method(key="unmobilized_apheresis", label="Apheresis without mobilization", harvest="apheresis"),
    Method(key="venipuncture", label="Venipuncture, whole blood", harvest="apheresis"),
)


@dataclass(frozen=True, kw_only=True)
class Anesthesia(Entry):
    """Anesthesia of a collection or delivery. ``fasting``: the patient must have fasted (rule 27)."""

    fasting: bool = False


ANESTHESIA = Catalogue(
    Anesthesia(key="none", label="No anesthesia"),
    Anesthesia(key="topical", label="Topical"),
    Anesthesia(key="local", label="Local"),
    Anesthesia(key="tumescent", label="Tumescent local"),
    Anesthesia(key="regional", label="Regional or spinal", fasting=True),
    Anesthesia(key="sedation", label="Local with sedation", fasting=True),
    Anesthesia(key="general", label="General", fasting=True),
)

ANTICOAGULANTS = Catalogue(
    Entry(key="acd_a", label="ACD-A"),
    Entry(key="heparin", label="Heparin"),
    Entry(key="acd_a_heparin", label="ACD-A and heparin"),
    Entry(key="cpd", label="CPD"),
    Entry(key="cpda_1", label="CPDA-1"),
    Entry(key="sodium_citrate", label="Sodium citrate 4 %"),
    Entry(key="edta", label="EDTA"),
    Entry(key="none", label="No anticoagulant (tissue)"),
)


@dataclass(frozen=True, kw_only=True)
class Manipulation(Entry):
    """One step of the laboratory. ``more_than_minimal``: it takes the product out of 361 (rule 22).

    ``culture``: takes days in culture; what comes out is fresh from that moment, not from the collection (rule 50).
    """

    more_than_minimal: bool = False
    culture: bool = False


MANIPULATIONS = Catalogue(
    Manipulation(key="receive", label="Receive"),
    Manipulation(key="filter", label="Filter"),
    Manipulation(key="concentrate", label="Concentrate by centrifuge"),
    Manipulation(key="density_separate", label="Separate on a density gradient"),
    Manipulation(key="plasma_reduce", label="Reduce plasma"),
    Manipulation(key="red_cell_reduce", label="Reduce red cells"),
    Manipulation(key="mince", label="Mince tissue"),
    Manipulation(key="mechanical_fragment", label="Fragment mechanically"),
    Manipulation(key="digest", label="Digest with enzyme", more_than_minimal=True),
    Manipulation(key="isolate", label="Isolate by adherence", more_than_minimal=True, culture=True),
    Manipulation(key="expand", label="Expand in culture", more_than_minimal=True, culture=True),
    Manipulation(key="select", label="Select by marker (CD34)"),
    Manipulation(key="reprogram", label="Reprogram", more_than_minimal=True, culture=True),
    Manipulation(key="differentiate", label="Differentiate", more_than_minimal=True, culture=True),
    Manipulation(key="transduce", label="Transduce", more_than_minimal=True, culture=True),
    Manipulation(key="edit", label="Edit genome", more_than_minimal=True, culture=True),
    Manipulation(key="bioprint", label="Bioprint", more_than_minimal=True, culture=True),
    Manipulation(key="mature", label="Mature construct", more_than_minimal=True, culture=True),
    Manipulation(key="collect_vesicles", label="Collect vesicles", more_than_minimal=True, culture=True),
    Manipulation(key="wash", label="Wash"),
    Manipulation(key="formulate", label="Formulate"),
    Manipulation(key="cryopreserve", label="Cryopreserve"),
    Manipulation(key="thaw", label="Thaw"),
    Manipulation(key="split", label="Split"),
    Manipulation(key="pool", label="Pool"),
)
