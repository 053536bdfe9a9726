"""Demonstration protocols of hematology: transplants of blood-forming cells, and gene-modified ones.

The two pediatric protocols fit the published table of 187 children with unrelated donors (UCI data set 565): CD34
doses of 0.79 to 57.78 million/kg were given. Below the minimum the product is released by exception, not wasted.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from clinic.protocols.catalogue import at_least, at_most, between
from clinic.protocols.content import Expiry, HarvestLimits, Infectious
from clinic.protocols.demonstration_parts import (
    AUTOLOGOUS,
    HANDBOOK,
    SITE,
    TRANSPLANT,
    UNSOURCED,
    demonstration,
    dosing,
    endotoxin,
    found,
    measured,
    months,
    recorded,
    schedule,
    visit,
    years,
)

if TYPE_CHECKING:
    from clinic.protocols.content import QCSpec, VisitPlan

UCI = "UCI data set 565, 187 children: 0.79 to 57.78, median 9.72"
CD34_MINIMUM = f"2 million/kg at least, 5 optimal, {SITE}; marrow: 3 or more improved recovery (Blood 99:2726)"
MARROW_TNC = "harvest handbook; Lysák 2021: marrow at least 2×10⁸/kg autologous, 3×10⁸/kg allogeneic"
CORD_TNC = "harvest handbook; Lysák 2021: cord blood at least 2.5×10⁷/kg"
FRESH_72 = "fresh cells usable to 72 hours at 2 to 8 °C (Berz 2007)"
BLOOD = ("all", "aml", "chronic", "lymphoma", "nonmalignant")
LIFE = ("relapse", "survival_days", "survival_status")
LATER = ("chronic_gvhd", *LIFE)
ENGRAFTMENT = ("anc_recovered", "anc_recovery", "platelets_recovered", "platelet_recovery")
GVHD = ("acute_gvhd", "acute_gvhd_2_4", "acute_gvhd_3_4", "acute_gvhd_3_4_day")
FRESH = Expiry(
    fresh_hours=72,
    thaw_minutes=60,
    frozen_days=3650,
    storage=between(2, 8),
    source=f"{FRESH_72}; thaw and freezing: {SITE}",
)
FROZEN_HPC = Expiry(
    fresh_hours=72, thaw_minutes=60, frozen_days=3650, storage=at_most(-150),
    source=f"{FRESH_72}; −150 °C or colder for decades; times after thaw: {SITE}",
)  # fmt: skip
CULTURE = found("sterility", "no_growth", SITE, may_be_pending=True)
GRAM = found("gram_stain", "no_organisms", SITE)
APHERESIS = HarvestLimits(volume=between(50, 500), anticoagulant_ratio=between("0.06", "0.12"), source=SITE)
MARROW = HarvestLimits(
    volume=between(100, 2000),
    ml_per_kg=Decimal(20),
    ml_per_pass=Decimal(10),
    source=f"{HANDBOOK}; volume and 20 mL/kg: {SITE}",
)
PREMEDICATION = f"Antipyretic and antihistamine before infusion ({SITE})"


def after_transplant(until_year: int) -> tuple[VisitPlan, ...]:
    """Return the visits after an allogeneic transplant: engraftment, GVHD, then yearly."""
    return schedule(
        (), visit("Day 28, GVHD", 28, *GVHD), visit("Day 30, engraftment", 30, *ENGRAFTMENT),
        visit("Day 100", 100, *ENGRAFTMENT, *GVHD, "donor_chimerism", *LIFE), *months(LATER, 12),
        *years(LATER, 2, until_year),
    )  # fmt: skip


def counts(low: int = 2) -> tuple[QCSpec, ...]:
    """Return the tests of a fresh HPC product, with the least CD34 dose in million/kg."""
    return (
        measured("cd34_dose", at_least(low), CD34_MINIMUM), recorded("cd3_dose", UCI), recorded("abo_rh", SITE),
        measured("viability", at_least(80), SITE), GRAM, CULTURE,
    )  # fmt: skip


GIVEN = dosing(
    measure="cd34", per_kg=True, window=between("0.5", 60), usual=5, weight_valid_days=7,
    source=f"{UCI}; the minimum is judged at release ({CD34_MINIMUM})",
)  # fmt: skip

HEMATOLOGY = {
    "HPC-M-CHILD": demonstration(
        title="Unrelated bone marrow for children", field="hematology", conditions=BLOOD, cell_type="hsc",
        sources=("bone_marrow",), routes=("intravenous",), relations=("allogeneic",),
        preparation="Filtered; plasma or red cells reduced if needed",
        manipulations=("receive", "filter", "plasma_reduce", "red_cell_reduce", "split", "cryopreserve", "thaw"),
        qc=(*counts(), recorded("tnc_dose_8", MARROW_TNC), recorded("hematocrit", SITE)), dose=GIVEN, expiry=FRESH,
        harvest=MARROW,
        screening=TRANSPLANT, visits=after_transplant(5), premedication=PREMEDICATION, homologous=True,
        regulatory_path="medical_practice", evidence="Established treatment.", sources_read=(UCI, MARROW_TNC),
    ),
    "HPC-A-CHILD": demonstration(
        title="Unrelated peripheral blood progenitor cells for children", field="hematology", conditions=BLOOD,
        cell_type="hsc",
        sources=("peripheral_blood",), routes=("intravenous",), relations=("allogeneic",),
        preparation="Mobilized, collected by apheresis",
        manipulations=("receive", "plasma_reduce", "split", "pool", "cryopreserve", "thaw"), qc=counts(), dose=GIVEN,
        expiry=FRESH,
        harvest=APHERESIS, screening=TRANSPLANT, visits=after_transplant(5), premedication=PREMEDICATION,
        homologous=True,
        regulatory_path="351", evidence="Established treatment.", sources_read=(UCI,),
    ),
    "HPC-C": demonstration(
        title="Cord blood transplant", field="hematology", conditions=(*BLOOD, "hemoglobinopathy"), cell_type="hsc",
        sources=("cord_blood",), routes=("intravenous",), relations=("allogeneic",),
        preparation="Volume-reduced, cryopreserved in a bank",
        manipulations=("receive", "red_cell_reduce", "plasma_reduce", "cryopreserve", "thaw", "wash"),
        vehicle="Dextran and albumin wash",
        qc=(measured("tnc_dose_7", at_least("2.5"), CORD_TNC), measured("cd34_viability", at_least(70), SITE),
            recorded("cd34_dose", SITE), recorded("abo_rh", SITE), GRAM, CULTURE),
        dose=dosing(measure="tnc_7", per_kg=True, window=at_least("2.5"), usual=4, weight_valid_days=7,
            source=CORD_TNC),
        expiry=FROZEN_HPC, harvest=HarvestLimits(volume=between(40, 250), source=SITE), screening=TRANSPLANT,
        visits=after_transplant(5), premedication=PREMEDICATION, homologous=True, regulatory_path="351",
        evidence="Established treatment.", sources_read=(CORD_TNC,),
    ),
    "HPC-A-AUTO": demonstration(
        title="Own peripheral blood progenitor cells after high-dose therapy", field="hematology",
        conditions=("lymphoma", "multiple_myeloma"), cell_type="hsc", sources=("peripheral_blood",),
        routes=("intravenous",),
        relations=("autologous",), preparation="Mobilized, collected by apheresis, cryopreserved in several bags",
        manipulations=("receive", "plasma_reduce", "split", "cryopreserve", "thaw"),
        vehicle="10 % DMSO with own plasma",
        qc=(measured("cd34_dose", at_least(2), CD34_MINIMUM), measured("cd34_viability", at_least(70), SITE), GRAM,
            CULTURE),
        dose=dosing(measure="cd34", per_kg=True, window=at_least(2), usual=5, source=CD34_MINIMUM),
        expiry=FROZEN_HPC,
        harvest=APHERESIS, screening=AUTOLOGOUS, visits=schedule((), visit("Day 30, engraftment", 30, *ENGRAFTMENT),
                                                                  visit("Day 100", 100, *LIFE), *months(LIFE, 12),
                                                                  *years(LIFE, 2, 5)),
        premedication=PREMEDICATION, homologous=True, regulatory_path="361", evidence="Established treatment.",
        sources_read=(CD34_MINIMUM,),
    ),
    "GM-HSC": demonstration(
        title="Gene-modified own progenitor cells for sickle cell disease or beta-thalassemia", field="hematology",
        conditions=("hemoglobinopathy",), cell_type="gene_modified", sources=("peripheral_blood",),
        routes=("intravenous",),
        relations=("autologous",), preparation="CD34 selected, transduced, cryopreserved",
        manipulations=("receive", "select", "transduce", "wash", "formulate", "cryopreserve", "thaw"),
        vehicle="5 % DMSO with albumin",
        qc=(measured("cd34_dose", at_least(2), CD34_MINIMUM), measured("cd34_purity", at_least(80), UNSOURCED),
            measured("viability", at_least(70), UNSOURCED), measured("vector_copies", between("0.5", 5), UNSOURCED),
            recorded("transduced_cells", UNSOURCED), found("replicating_virus", "negative", UNSOURCED),
            endotoxin(UNSOURCED, at_most(5)), GRAM, CULTURE, found("mycoplasma", "negative", UNSOURCED)),
        dose=dosing(measure="cd34", per_kg=True, window=at_least(2), usual=5, source=CD34_MINIMUM),
        expiry=FROZEN_HPC,
        harvest=APHERESIS, screening=Infectious(markers=TRANSPLANT.markers),
        visits=schedule((), visit("Day 30, engraftment", 30, *ENGRAFTMENT), visit("Day 100", 100, *LIFE),
            *months(LIFE, 12),
                        *years(LIFE, 2, 15)),
        premedication=PREMEDICATION, regulatory_path="351", evidence="Licensed products exist; this is none of them.",
        sources_read=(CD34_MINIMUM,),
    ),
}  # fmt: skip
