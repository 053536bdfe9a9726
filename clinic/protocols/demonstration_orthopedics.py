"""Demonstration protocols of orthopedics."""

from __future__ import annotations

from clinic.protocols.catalogue import at_least, at_most, between, less_than, more_than
from clinic.protocols.content import Expiry
from clinic.protocols.demonstration_parts import (
    ADIPOSE_ALLO,
    ADIPOSE_KNEE,
    ALLOGENEIC_HTLV,
    BM_MSC,
    FROZEN,
    HARVEST_FAT,
    HARVEST_MARROW,
    ISCT,
    POINT_OF_CARE,
    SITE,
    UNSOURCED,
    demonstration,
    dosing,
    endotoxin,
    found,
    measured,
    microbiology,
    months,
    recorded,
    schedule,
)

KOOS = ("koos_pain", "koos_symptoms", "koos_adl", "koos_sport", "koos_qol")
KNEE = ("vas_pain_cm", *KOOS, "womac")
SHOULDER = ("vas_pain_cm", "constant", "oxford_shoulder")
HIP = ("vas_pain_cm", "harris_hip")
AFTER_KNEE = schedule(KNEE, *months(KNEE, 1, 3, 6, 12, 24))
CENTENO = "Centeno 2015: more than 4×10⁸ nucleated cells went with less knee pain"
KNEE_DOSE = f"published knee trials, 10 to 150 million cells; {SITE}"
SVF_KNEE = f"published series, 25 million cells per knee; {SITE}"
SVF_VIABILITY = f"IFATS/ISCT as commonly cited; {SITE}"

ORTHOPEDICS = {
    "BMAC-KNEE": demonstration(
        title="Bone marrow concentrate for knee osteoarthritis", field="orthopedics",
        conditions=("osteoarthritis", "degenerative_joint_disease"), cell_type="mnc", sources=("bone_marrow",),
        routes=("intra_articular",), relations=("autologous",), preparation="Concentrated at the point of care",
        manipulations=("receive", "filter", "concentrate", "split"), vehicle="Autologous plasma",
        qc=(measured("tnc", more_than(4), CENTENO), measured("viability", at_least(70), SITE), recorded("cfu_f", SITE),
            *microbiology(SITE)),
        dose=dosing(measure="tnc_8", per_kg=False, window=more_than(4), usual=6, source=CENTENO),
        expiry=POINT_OF_CARE, harvest=HARVEST_MARROW, visits=AFTER_KNEE, regulatory_path="same_procedure",
        evidence="Cohorts and small trials; results are mixed.", sources_read=(CENTENO,),
    ),
    "BM-MSC-KNEE": demonstration(
        title="Cultured marrow stromal cells for knee osteoarthritis", field="orthopedics",
        conditions=("osteoarthritis", "cartilage_damage"), cell_type="msc", sources=("bone_marrow",),
        routes=("intra_articular",), relations=("autologous",), preparation="Culture-expanded, cryopreserved",
        manipulations=("receive", "density_separate", "isolate", "expand", "cryopreserve", "thaw", "wash", "formulate"),
        vehicle="Saline with 2 % human albumin",
        qc=(measured("viability", at_least(70), BM_MSC),
            *(measured(m, at_least(95), BM_MSC) for m in ("cd73", "cd90", "cd105")),
            measured("cd45_cd31", at_most(5), BM_MSC), measured("hla_dr", at_most(20), BM_MSC, judged=False),
            endotoxin(ADIPOSE_KNEE, less_than(4)), *microbiology(mycoplasma=ADIPOSE_KNEE),
            found("karyotype", "normal", SITE)),
        dose=dosing(measure="viable_cells", per_kg=False, window=between(10, 150), usual=50, source=KNEE_DOSE),
        expiry=FROZEN, harvest=HARVEST_MARROW, visits=AFTER_KNEE, regulatory_path="351",
        evidence="Randomized trials, small; no licensed product.", sources_read=(BM_MSC, ADIPOSE_KNEE),
    ),
    "AD-MSC-KNEE": demonstration(
        title="Allogeneic adipose progenitor cells for knee osteoarthritis", field="orthopedics",
        conditions=("osteoarthritis", "cartilage_damage"), cell_type="msc", sources=("adipose_tissue",),
        routes=("intra_articular",), relations=("allogeneic",),
        preparation="Culture-expanded, cryopreserved, one donor for many",
        manipulations=("receive", "mince", "digest", "isolate", "expand", "split", "cryopreserve", "thaw", "wash",
            "formulate"),
        vehicle="Saline with 2 % human albumin",
        qc=(measured("viability", more_than(80), ADIPOSE_KNEE),
            *(measured(m, more_than(95), ADIPOSE_KNEE) for m in ("cd73", "cd90", "cd105")),
            *(measured(m, less_than(2), ADIPOSE_KNEE) for m in ("hla_dr", "cd14", "cd45")),
            endotoxin(ADIPOSE_KNEE, less_than(4)), found("differentiation", "pass", ADIPOSE_KNEE),
            *microbiology(mycoplasma=ADIPOSE_KNEE)),
        dose=dosing(measure="viable_cells", per_kg=False, window=between(10, 150), usual=50, doses=2,
            days_between=21,
                        source=f"{KNEE_DOSE}, also number and interval"),
        expiry=FROZEN, harvest=HARVEST_FAT, screening=ALLOGENEIC_HTLV, visits=AFTER_KNEE, regulatory_path="351",
        evidence="Early trials with imaging of repair cartilage.", sources_read=(ADIPOSE_KNEE, ADIPOSE_ALLO),
    ),
    "SVF-KNEE": demonstration(
        title="Stromal vascular fraction for knee osteoarthritis", field="orthopedics",
        conditions=("osteoarthritis", "degenerative_joint_disease"), cell_type="svf", sources=("adipose_tissue",),
        routes=("intra_articular",), relations=("autologous",),
        preparation="Freed with enzyme on the day, not cultured",
        manipulations=("receive", "wash", "digest", "concentrate", "filter", "formulate"), vehicle="Ringer's lactate",
        qc=(measured("viability", more_than(70), SVF_VIABILITY), recorded("cfu_f", SVF_VIABILITY),
            endotoxin(ADIPOSE_KNEE, less_than(4)), *microbiology(SITE)),
        dose=dosing(measure="viable_cells", per_kg=False, window=between(10, 50), usual=25,
            source=f"{SVF_KNEE}, also window"),
        expiry=POINT_OF_CARE, harvest=HARVEST_FAT, visits=AFTER_KNEE, regulatory_path="351",
        evidence="Case series and small trials.",
        sources_read=(SVF_KNEE, "BMC Musculoskelet Disord 2020, 12891-020-03231-3"),
    ),
    "BMAC-SHOULDER": demonstration(
        title="Bone marrow concentrate for tendon and ligament injury", field="orthopedics",
        conditions=("tendon_injury", "ligament_tear"), cell_type="mnc", sources=("bone_marrow",),
        routes=("intratendinous", "intraligamentous"), relations=("autologous",),
        preparation="Concentrated at the point of care",
        manipulations=("receive", "filter", "concentrate"), vehicle="Autologous plasma",
        qc=(measured("viability", at_least(70), SITE), recorded("tnc", SITE), *microbiology(SITE)),
        dose=dosing(measure="tnc_8", per_kg=False, window=between(1, 30), usual=5, source=UNSOURCED),
        expiry=POINT_OF_CARE, harvest=HARVEST_MARROW, visits=schedule(SHOULDER, *months(SHOULDER, 1, 3, 6, 12)),
        regulatory_path="same_procedure", evidence="Small series.",
    ),
    "BMAC-SVF-HIP": demonstration(
        title="Marrow concentrate with stromal vascular fraction for hip osteoarthritis", field="orthopedics",
        conditions=("osteoarthritis",), cell_type="combination", sources=("bone_marrow", "adipose_tissue"),
        routes=("intra_articular",), relations=("autologous",),
        preparation="Two harvests of one day, pooled for one patient",
        manipulations=("receive", "concentrate", "digest", "wash", "pool", "formulate"), vehicle="Ringer's lactate",
        qc=(measured("viability", more_than(70), SVF_VIABILITY), endotoxin(ADIPOSE_KNEE, less_than(4)),
            *microbiology(SITE)),
        dose=dosing(measure="viable_cells", per_kg=False, window=between(10, 1000), usual=100, source=UNSOURCED),
        expiry=POINT_OF_CARE, harvest=HARVEST_MARROW, visits=schedule(HIP, *months(HIP, 1, 3, 6, 12)),
        regulatory_path="351", evidence="No controlled trial known to us.",
    ),
    "BIOPRINT-CARTILAGE": demonstration(
        title="Bioprinted cartilage construct for a focal knee defect", field="orthopedics",
        conditions=("cartilage_damage",), cell_type="bioprinted", sources=("bone_marrow",),
        routes=("surgical_implantation",), relations=("autologous",),
        preparation="Cells expanded, printed in a hydrogel, matured",
        manipulations=("receive", "isolate", "expand", "bioprint", "mature", "wash"), vehicle="Transport medium",
        qc=(measured("viability", at_least(70), UNSOURCED), measured("construct_thickness", between(1, 6), UNSOURCED),
            measured("construct_diameter", between(5, 40), UNSOURCED), found("construct_handling", "pass", UNSOURCED),
            endotoxin(UNSOURCED, less_than(4)), *microbiology(UNSOURCED, mycoplasma=UNSOURCED),
            recorded("cd105", ISCT)),
        dose=dosing(measure="constructs", per_kg=False, window=between(1, 3), usual=1, source=UNSOURCED),
        expiry=Expiry(fresh_hours=24, storage=between(18, 25), source=UNSOURCED), harvest=HARVEST_MARROW,
        visits=schedule((*KOOS, "ikdc"), *months((*KOOS, "ikdc"), 3, 6, 12, 24)), regulatory_path="351",
        evidence="Experimental; first implants in people are single reports.",
    ),
}  # fmt: skip
