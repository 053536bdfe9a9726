"""Demonstration protocols of neurology."""

from __future__ import annotations

from clinic.protocols.catalogue import at_least, at_most, between
from clinic.protocols.content import HarvestLimits
from clinic.protocols.demonstration_parts import (
    ALLOGENEIC,
    ALLOGENEIC_HTLV,
    BM_MSC,
    ENDOTOXIN_NERVE,
    ENDOTOXIN_VEIN,
    FROZEN,
    HARVEST_MARROW,
    ISCT,
    POINT_OF_CARE,
    SCHWANN,
    SITE,
    UNSOURCED,
    WHARTON,
    demonstration,
    dosing,
    found,
    identity,
    measured,
    microbiology,
    months,
    recorded,
    schedule,
    years,
)

CORD_INJURY = ("asia", "scim_3")
STROKE = ("mrs", "nihss")
INTRATHECAL_DOSE = f"published intrathecal trials, about 57 million cells; {SITE}"
SPINAL_TIMES = (1, 3, 6, 12)

NEUROLOGY = {
    "UC-MSC-IT": demonstration(
        title="Cord tissue stromal cells for spinal cord injury", field="neurology",
        conditions=("spinal_cord_injury",), cell_type="msc", sources=("cord_tissue",), routes=("intrathecal",),
        relations=("allogeneic",), preparation="Culture-expanded, cryopreserved, one donation for many",
        manipulations=("receive", "mince", "isolate", "expand", "split", "cryopreserve", "thaw", "wash", "formulate"),
        vehicle="Preservative-free saline",
        qc=(measured("viability", at_least(80), WHARTON), *identity(WHARTON, low=80, negative=2), ENDOTOXIN_NERVE,
            *microbiology(mycoplasma=SCHWANN), measured("potency", at_least(20), WHARTON),
            found("karyotype", "normal", SITE)),
        dose=dosing(measure="viable_cells", per_kg=False, window=between(40, 70), usual=57, doses=2,
            days_between=30,
                        source=f"{INTRATHECAL_DOSE}, also window, number and interval"),
        expiry=FROZEN, screening=ALLOGENEIC, visits=schedule(CORD_INJURY, *months(CORD_INJURY, *SPINAL_TIMES)),
        regulatory_path="351", evidence="Early trials.", sources_read=(WHARTON, SCHWANN),
    ),
    "BM-MNC-STROKE": demonstration(
        title="Marrow mononuclear cells for recovery after stroke", field="neurology", conditions=("stroke",),
        cell_type="mnc", sources=("bone_marrow",), routes=("intravenous",), relations=("autologous",),
        preparation="Separated by density on the day",
        manipulations=("receive", "filter", "density_separate", "wash", "formulate"),
        vehicle="Saline with 2 % human albumin",
        qc=(measured("viability", at_least(80), SITE), ENDOTOXIN_VEIN, *microbiology(SITE), recorded("tnc", SITE)),
        dose=dosing(measure="viable_cells", per_kg=True, window=between(1, 15), usual=10, source=SITE),
        expiry=POINT_OF_CARE, harvest=HARVEST_MARROW, visits=schedule(STROKE, *months(STROKE, 1, 3, 6, 12)),
        regulatory_path="351", evidence="Randomized trials without a clear benefit so far.",
    ),
    "BM-MSC-MS": demonstration(
        title="Own marrow stromal cells for multiple sclerosis", field="neurology", conditions=("multiple_sclerosis",),
        cell_type="msc", sources=("bone_marrow",), routes=("intravenous",), relations=("autologous",),
        preparation="Culture-expanded, cryopreserved",
        manipulations=("receive", "density_separate", "isolate", "expand", "cryopreserve", "thaw", "wash", "formulate"),
        vehicle="Saline with 2 % human albumin",
        qc=(measured("viability", at_least(70), BM_MSC), *identity(), ENDOTOXIN_VEIN,
            *microbiology(mycoplasma=SCHWANN)),
        dose=dosing(measure="viable_cells", per_kg=True, window=between(1, 2), usual=1,
            source=f"published intravenous MSC trials, 1 to 2 million/kg; {SITE}"),
        expiry=FROZEN, harvest=HARVEST_MARROW, visits=schedule(("edss",), *months(("edss",), 1, 3, 6, 12)),
        regulatory_path="351", evidence="Small randomized trials.", sources_read=(BM_MSC, SCHWANN, ISCT),
    ),
    "BM-MSC-ALS": demonstration(
        title="Own marrow stromal cells for amyotrophic lateral sclerosis", field="neurology", conditions=("als",),
        cell_type="msc", sources=("bone_marrow",), routes=("intrathecal",), relations=("autologous",),
        preparation="Culture-expanded, cryopreserved",
        manipulations=("receive", "density_separate", "isolate", "expand", "cryopreserve", "thaw", "wash", "formulate"),
        vehicle="Preservative-free saline",
        qc=(measured("viability", at_least(80), SCHWANN), *identity(), ENDOTOXIN_NERVE,
            *microbiology(mycoplasma=SCHWANN)),
        dose=dosing(measure="viable_cells", per_kg=False, window=between(40, 70), usual=57,
            source=f"{INTRATHECAL_DOSE}, also window"),
        expiry=FROZEN, harvest=HARVEST_MARROW, visits=schedule(("alsfrs_r",), *months(("alsfrs_r",), *SPINAL_TIMES)),
        regulatory_path="351", evidence="Trials without a proven benefit.", sources_read=(SCHWANN,),
    ),
    "IPSC-PD": demonstration(
        title="iPSC-derived dopamine precursors for Parkinson's disease", field="neurology", conditions=("parkinson",),
        cell_type="ipsc", sources=("peripheral_blood",), routes=("intracerebral",),
        relations=("allogeneic", "autologous"),
        preparation="Reprogrammed, differentiated to midbrain precursors, cryopreserved",
        manipulations=("receive", "reprogram", "expand", "differentiate", "select", "cryopreserve", "thaw", "wash",
            "formulate"),
        vehicle="Balanced salt solution",
        qc=(measured("viability", at_least(70), UNSOURCED), measured("cell_purity", at_least(60), UNSOURCED),
            measured("pluripotent_cells", at_most("0.01"), UNSOURCED), found("karyotype", "normal", UNSOURCED),
            ENDOTOXIN_NERVE,
            *microbiology(mycoplasma=SCHWANN)),
        dose=dosing(measure="viable_cells", per_kg=False, window=between(1, 10), usual=5, source=UNSOURCED),
        expiry=FROZEN, harvest=HarvestLimits(volume=between(10, 450), source=SITE), screening=ALLOGENEIC_HTLV,
        visits=schedule(("mds_updrs_3",), *months(("mds_updrs_3",), 1, 3, 6, 12), *years(("mds_updrs_3",), 2, 15)),
        regulatory_path="351", evidence="First trials in people.", sources_read=(SCHWANN,),
    ),
}  # fmt: skip
