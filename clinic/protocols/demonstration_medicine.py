"""Demonstration protocols of cardiology, autoimmune disease, respiratory medicine and wellness."""

from __future__ import annotations

from clinic.protocols.catalogue import at_least, between, less_than, more_than
from clinic.protocols.content import PatientScreen
from clinic.protocols.demonstration_parts import (
    ADIPOSE_ALLO,
    ALLOGENEIC,
    ALLOGENEIC_HTLV,
    BPD,
    CONCERT_HF,
    DEMONSTRATION,
    ENDOTOXIN_VEIN,
    FISTULA,
    FROZEN,
    HARVEST_FAT,
    HARVEST_MARROW,
    ISCT,
    POINT_OF_CARE,
    SITE,
    UNSOURCED,
    WHARTON,
    demonstration,
    dosing,
    endotoxin,
    found,
    identity,
    measured,
    microbiology,
    months,
    recorded,
    schedule,
    visit,
)

HEART = ("lvef", "nyha", "kccq", "six_minute_walk")
JOINTS = ("das28", "ra_cdai", "sdai")
LUPUS = ("sledai", "sf36_physical")
WELL = ("promis_physical", "promis_mental", "eq_vas")
IV_DOSE = f"published intravenous MSC trials, 1 to 2 million/kg; {SITE}"
FROM_CORD = ("receive", "mince", "isolate", "expand", "split", "cryopreserve", "thaw", "wash", "formulate")
UNPROVEN = "Unproven: no controlled trial shows a benefit; given only with this said in the consent."
NO_APPROVAL = f"{DEMONSTRATION} Ethics approval is required before any use and has not been given."

CARDIOLOGY = {
    "BM-MSC-HEART": demonstration(
        title="Own marrow stromal cells for heart failure", field="cardiology",
        conditions=("heart_failure", "myocardial_infarction"), cell_type="msc", sources=("bone_marrow",),
        routes=("intramyocardial",), relations=("autologous",),
        preparation="Culture-expanded, cryopreserved, washed on the day",
        manipulations=("receive", "density_separate", "isolate", "expand", "cryopreserve", "thaw", "wash", "formulate"),
        vehicle="Buffered saline with 1 % human albumin",
        qc=(measured("viability", at_least(70), CONCERT_HF), *identity(), ENDOTOXIN_VEIN, *microbiology()),
        dose=dosing(measure="viable_cells", per_kg=False, window=between(75, 150), usual=150, source=CONCERT_HF),
        expiry=FROZEN, harvest=HARVEST_MARROW, visits=schedule(HEART, *months(HEART, 1, 3, 6, 12)),
        regulatory_path="351",
        evidence="Randomized phase 2 trial.", sources_read=(CONCERT_HF, ISCT),
    ),
    "BM-MNC-MI": demonstration(
        title="Marrow mononuclear cells after myocardial infarction", field="cardiology",
        conditions=("myocardial_infarction",), cell_type="mnc", sources=("bone_marrow",), routes=("intracoronary",),
        relations=("autologous",), preparation="Separated by density on the day",
        manipulations=("receive", "filter", "density_separate", "wash", "formulate"), vehicle="Heparinized saline",
        qc=(measured("viability", at_least(80), SITE), ENDOTOXIN_VEIN, *microbiology(SITE),
            recorded("cd34_count", SITE)),
        dose=dosing(measure="viable_cells", per_kg=False, window=between(50, 500), usual=150, source=SITE),
        expiry=POINT_OF_CARE, harvest=HARVEST_MARROW,
        visits=schedule(("lvef", "nyha"), *months(("lvef", "nyha"), 1, 6, 12)),
        regulatory_path="351", evidence="Many randomized trials; no proven effect on survival.",
    ),
}  # fmt: skip

AUTOIMMUNE = {
    "UC-MSC-RA": demonstration(
        title="Cord tissue stromal cells for rheumatoid arthritis", field="autoimmune",
        conditions=("rheumatoid_arthritis",), cell_type="msc", sources=("cord_tissue",), routes=("intravenous",),
        relations=("allogeneic",), preparation="Culture-expanded, cryopreserved, one donation for many",
        manipulations=FROM_CORD, vehicle="Saline with 2 % human albumin",
        qc=(measured("viability", at_least(80), WHARTON), *identity(WHARTON, low=80, negative=2),
            endotoxin(WHARTON, less_than("12.5")), *microbiology(mycoplasma=SITE),
            measured("potency", at_least(20), WHARTON)),
        dose=dosing(measure="viable_cells", per_kg=True, window=between(1, 2), usual=1, doses=2, days_between=30,
                        source=f"{IV_DOSE}, also number and interval"),
        expiry=FROZEN, screening=ALLOGENEIC, visits=schedule(JOINTS, *months(JOINTS, 1, 3, 6, 12)),
        regulatory_path="351",
        evidence="Early trials.", sources_read=(WHARTON,),
    ),
    "UC-MSC-LUPUS": demonstration(
        title="Cord tissue stromal cells for lupus", field="autoimmune", conditions=("lupus",), cell_type="msc",
        sources=("cord_tissue",), routes=("intravenous",), relations=("allogeneic",), manipulations=FROM_CORD,
        preparation="Culture-expanded, cryopreserved, one donation for many", vehicle="Saline with 2 % human albumin",
        qc=(measured("viability", at_least(80), WHARTON), *identity(WHARTON, low=80, negative=2),
            endotoxin(WHARTON, less_than("12.5")), *microbiology(mycoplasma=SITE),
            measured("potency", at_least(20), WHARTON)),
        dose=dosing(measure="viable_cells", per_kg=True, window=between(1, 2), usual=1, doses=2, days_between=7,
                        source=f"{IV_DOSE}, also number and interval"),
        expiry=FROZEN, screening=ALLOGENEIC, visits=schedule(LUPUS, *months(LUPUS, 1, 3, 6, 9, 12)),
        regulatory_path="351",
        evidence="Early trials; benefit is not proven.", sources_read=(WHARTON,),
    ),
    "AD-MSC-FISTULA": demonstration(
        title="Allogeneic adipose stromal cells for Crohn's perianal fistula", field="autoimmune",
        conditions=("crohn_fistula",), cell_type="msc", sources=("adipose_tissue",), routes=("perifistular",),
        relations=("allogeneic",), preparation="Culture-expanded, cryopreserved, one donor for many",
        manipulations=("receive", "mince", "digest", "isolate", "expand", "split", "cryopreserve", "thaw", "wash",
            "formulate"),
        vehicle="Culture medium with human albumin",
        qc=(measured("viability", more_than(80), ADIPOSE_ALLO), *identity(), endotoxin(ADIPOSE_ALLO, less_than(70)),
            *microbiology(mycoplasma=SITE)),
        dose=dosing(measure="viable_cells", per_kg=False, window=between(108, 132), usual=120,
            source=f"{FISTULA}; window ±10 %: {SITE}"),
        expiry=FROZEN, harvest=HARVEST_FAT, screening=ALLOGENEIC_HTLV,
        patient=PatientScreen(
            exclusions=("Rectovaginal fistula", "Rectal or anal stenosis, or active severe proctitis",
                        "Abscess larger than 2 cm that is not drained"),
            source=FISTULA,
        ),
        visits=schedule(("draining_fistulas", "crohn_cdai"), visit("Week 8", 56, "draining_fistulas"),
                        visit("Week 24", 168, "draining_fistulas", "crohn_cdai"),
                        *months(("draining_fistulas", "crohn_cdai"), 12)),
        regulatory_path="351", evidence="Randomized trials, with mixed results.", sources_read=(ADIPOSE_ALLO, FISTULA),
    ),
}  # fmt: skip

RESPIRATORY = {
    "UC-MSC-BPD": demonstration(
        title="Cord tissue stromal cells for bronchopulmonary dysplasia in infants", field="respiratory",
        conditions=("bpd",),
        cell_type="msc", sources=("cord_tissue",), routes=("intravenous",), relations=("allogeneic",),
        manipulations=FROM_CORD,
        preparation="Culture-expanded without serum, one donation for several infants",
        vehicle="Saline with human albumin",
        qc=(measured("viability", at_least(70), f"{SITE}; series {BPD}, Table 2: 89 to 98 %"),
            *identity(f"{ISCT}; tests of {BPD}, Table 2"),
            endotoxin(f"0.5 EU/mL: {SITE}; series {BPD}, Table 2: under 0.1", less_than("0.5")),
            found("sterility", "no_growth", f"{BPD}, Table 2"), found("mycoplasma", "negative", f"{BPD}, Table 2"),
            found("karyotype", "normal", f"{BPD}, Table 2"), found("differentiation", "pass", f"{BPD}, Table 2"),
            recorded("cfu_f", f"{BPD}, Table 2: 519 ± 80")),
        dose=dosing(measure="viable_cells", per_kg=True, window=between("0.9", "1.1"), usual=1, doses=2,
            days_between=7,
                        weight_valid_days=7, source=f"{BPD}: 1 million/kg twice, 7 days apart; window ±10 %: {SITE}"),
        expiry=FROZEN, screening=ALLOGENEIC,
        visits=schedule(("paco2", "hco3", "spo2", "oxygen_flow"), *months(("oxygen_flow",), 1),
                        *months(("paco2", "spo2", "oxygen_flow"), 6),
                        *months(("spo2", "oxygen_flow", "chest_xray"), 12)),
        regulatory_path="medical_practice", evidence="Preliminary series of four infants, no control group.",
        sources_read=(BPD, ISCT),
    ),
}  # fmt: skip

WELLNESS = {
    "EV-WELLNESS": demonstration(
        title="Extracellular vesicles for skin aging", field="wellness", conditions=("skin_aging", "general_wellness"),
        cell_type="ev", sources=("cord_tissue",), routes=("intradermal",), relations=("allogeneic",),
        preparation="Vesicles from the medium of cultured cord tissue cells",
        manipulations=("receive", "isolate", "expand", "collect_vesicles", "filter", "split", "formulate"),
        vehicle="Saline",
        qc=(measured("particle_concentration", between(1, 100), UNSOURCED),
            measured("particle_size", between(50, 200), UNSOURCED),
            found("vesicle_markers", "pass", UNSOURCED), recorded("vesicle_protein", UNSOURCED),
            endotoxin(UNSOURCED, less_than("0.5")), *microbiology(UNSOURCED, mycoplasma=UNSOURCED)),
        dose=dosing(measure="particles", per_kg=False, window=between(1, 50), usual=10, doses=3, days_between=30,
            source=UNSOURCED),
        expiry=FROZEN, screening=ALLOGENEIC, visits=schedule(WELL, *months(WELL, 1, 3, 6, 12)), regulatory_path="351",
        evidence=UNPROVEN, ethics=NO_APPROVAL,
    ),
    "UC-MSC-WELLNESS": demonstration(
        title="Cord tissue stromal cells for age-related decline", field="wellness",
        conditions=("age_related_decline",),
        cell_type="msc", sources=("cord_tissue",), routes=("intravenous",), relations=("allogeneic",),
        manipulations=FROM_CORD,
        preparation="Culture-expanded, cryopreserved, one donation for many", vehicle="Saline with 2 % human albumin",
        qc=(measured("viability", at_least(80), WHARTON), *identity(WHARTON, low=80, negative=2), ENDOTOXIN_VEIN,
            *microbiology(mycoplasma=SITE)),
        dose=dosing(measure="viable_cells", per_kg=True, window=between(1, 2), usual=1, source=IV_DOSE),
        expiry=FROZEN, screening=ALLOGENEIC, visits=schedule(WELL, *months((*WELL, "six_minute_walk"), 1, 3, 6, 12)),
        regulatory_path="351", evidence=UNPROVEN, ethics=NO_APPROVAL, sources_read=(WHARTON,),
    ),
}  # fmt: skip
