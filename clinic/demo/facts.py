"""Plausible facts for synthetic courses: how cells are collected, what tests say, how patients do. All are made up."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic.demo.laboratory import figures
from clinic.protocols.catalogues import BODY_SITES, INSTRUMENTS, QC_TESTS, SOURCES

if TYPE_CHECKING:
    from clinic.demo.people import House
    from clinic.products.models import Product
    from clinic.protocols.content import Content, QCSpec

D = Decimal
MINUTE = timedelta(minutes=1)
HARVESTS: dict[str, dict[str, Any]] = {
    "bone_marrow": {
        "body_site": "posterior_iliac_crest", "method": "multi_hole_needle", "anaesthesia": "sedation",
        "fasting": "confirmed", "anticoagulant": "acd_a", "volume": 60, "passes": 12, "minutes": 35,
    },
    "adipose_tissue": {
        "body_site": "abdomen", "method": "manual_lipoaspiration", "anaesthesia": "tumescent", "lidocaine_mg": D(400),
        "anticoagulant": "none", "volume": 120, "minutes": 55,
    },
    "cord_tissue": {
        "body_site": "umbilical_cord", "method": "cord_segment", "anaesthesia": "none", "anticoagulant": "none",
        "volume": 38, "minutes": 15,
    },
    "cord_blood": {
        "body_site": "umbilical_cord", "method": "in_utero", "anaesthesia": "none", "anticoagulant": "cpd",
        "volume": 96, "minutes": 8,
    },
    "peripheral_blood": {
        "body_site": "central_vein", "method": "continuous_apheresis", "anaesthesia": "local",
        "anticoagulant": "acd_a", "volume": 210, "cd34_before": D(48), "minutes": 225,
    },
}  # fmt: skip
"""Per source: the facts of a usual collection; ``minutes`` is how long it takes."""
CULTURE_DAYS = {"msc": 21, "ipsc": 42, "bioprinted": 28, "ev": 21, "gene_modified": 9}
"""Days in culture by cell type; what is not here is ready the same day."""
VOLUMES = {
    "intravenous": 50, "intrathecal": 5, "intracerebral": 1, "intraspinal": 1, "intradiscal": 2, "intradermal": 3,
}  # fmt: skip
"""Volume of a dose by route, mL; 6 by other routes."""


def collection(house: House, source: str, at: datetime, says: Content | None = None, **special: Any) -> dict[str, Any]:
    """Return the facts of a usual collection that begins at a moment, as much as the protocol asks for."""
    said = dict(HARVESTS[source])
    ended, volume = at + said.pop("minutes") * MINUTE, D(said.pop("volume"))
    if says is not None and says.harvest.volume is not None:
        volume = max(volume, says.harvest.volume.low or volume)
    if source == "bone_marrow" and volume > 90:
        said |= {"method": "operating_room_harvest", "anaesthesia": "general", "passes": 60}
    if said["anticoagulant"] != "none":
        lot = f"AC{house.next('lot', 2201)}"
        said |= {"anticoagulant_volume": (volume / 10).quantize(D(1)), "anticoagulant_lot": lot}
        said["anticoagulant_expires_on"] = (at + timedelta(days=300)).date()
    if BODY_SITES[said["body_site"]].sided:
        said["side"] = house.pick("left", "right")
    if SOURCES[source].harvest in {"aspiration", "liposuction"}:
        said["time_out_at"] = at - 5 * MINUTE
    said |= {"source": source, "volume": volume, "ended_at": ended, "transport": "Cool box, 18 to 25 °C"}
    return said | {"din": house.din(at), "label_checked_by_id": house.nurse.id} | special


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a dose is made: days in culture, whether frozen, volume in mL, amount in the protocol's measure."""

    culture_days: int
    frozen: bool
    volume: Decimal
    amount: Decimal

    @property
    def takes(self) -> timedelta:
        """How long the laboratory needs for it."""
        return timedelta(days=self.culture_days) if self.culture_days else 45 * MINUTE


def plan(says: Content, kg: Decimal) -> Plan:
    """Return how a dose for a patient of a weight is made under a protocol."""
    frozen = "cryopreserve" in says.manipulations and says.expiry.frozen_days is not None
    volume = 2 if says.dose.measure == "constructs" else VOLUMES.get(says.routes[0], 6)
    if kg < 10 and volume == 50:
        volume = 10
    amount = figures(says.dose.usual * kg if says.dose.per_kg else says.dose.usual)
    days = CULTURE_DAYS.get(says.cell_type, 0)
    return Plan(culture_days=days, frozen=frozen, volume=D(volume), amount=amount)


def run(says: Content, *, frozen: bool) -> dict[str, Any]:
    """Return the facts of a run: its manipulations up to the freezing, in the order of the protocol."""
    kinds = list(says.manipulations)
    kinds = kinds[: kinds.index("cryopreserve") + 1] if "cryopreserve" in kinds else kinds
    medium = {"cryo_medium": "5 % human albumin, 5 % DMSO", "dmso_percent": D(5)} if frozen else {}
    return medium | {"kinds": kinds, "room": "Clean room 1, cabinet B", "passage": 3 if "expand" in kinds else None}


def follows_from(product: Product, kg: Decimal) -> dict[str, dict[str, Any]]:
    """Return the results that follow from what a product is: cells per kg or in all, and the donor's blood group."""
    known: dict[str, dict[str, Any]] = {}
    test, over = {"cd34": ("cd34_dose", kg), "tnc_7": ("tnc_dose_7", kg), "tnc_8": ("tnc", D(1))}.get(
        product.measure or "", ("", D(1))
    )
    if test and product.amount is not None:
        known[test] = {"value": (product.amount / over).quantize(D("0.01"))}
    if product.donor.abo and product.donor.rhd:
        known["abo_rh"] = {"outcome": f"{product.donor.abo}{'+' if product.donor.rhd == 'positive' else '-'}"}
    return known


def reading(spec: QCSpec, dice: random.Random, *, good: bool = True) -> dict[str, Any]:
    """Return the result of one test: value or outcome, within its limit or, where it can be, outside."""
    test = QC_TESTS[spec.test]
    if test.outcomes is not None:
        accepted = spec.accepted or next(iter(test.outcomes))
        return {"outcome": accepted if good else next(key for key in test.outcomes if key != accepted)}
    low, high = _ends(spec, good=good)
    value = low + (high - low) * D(str(round(dice.uniform(0.35, 0.8), 3)))
    return {"value": value.quantize(D(1).scaleb(-test.decimals))}


def _ends(spec: QCSpec, *, good: bool) -> tuple[Decimal, Decimal]:
    """Return between which values a usual result lies: well inside the limit, or a little outside."""
    bottom, top = (D(str(end)) for end in QC_TESTS[spec.test].scale)
    low, high = (spec.limit.low, spec.limit.high) if spec.limit else (None, None)
    if not good:
        return (low * D("0.8"), low * D("0.97")) if low else ((high or top) * D("1.05"), (high or top) * D("1.4"))
    if spec.test == "endotoxin":
        return D("0.02"), min(D("0.4"), high or top)
    if low is None:
        end = high / 2 if high else bottom + (top - bottom) * D("0.6")
        return bottom, end
    if high is not None:
        return low, high
    return (low + (top - low) * D("0.3"), top) if top > low else (low * D("1.1"), low * D("1.6"))


SCORES: dict[str, tuple[float, float]] = {
    "vas_pain_cm": (6.6, 3.1), "vas_pain_mm": (66, 31), "nrs_pain": (7, 3), "womac": (52, 30), "koos_pain": (44, 68),
    "koos_symptoms": (52, 70), "koos_adl": (49, 73), "koos_sport": (22, 42), "koos_qol": (28, 50), "ikdc": (40, 62),
    "constant": (46, 68), "oxford_shoulder": (24, 37), "harris_hip": (54, 76), "asia": (1, 2), "scim_3": (34, 47),
    "mrs": (3, 2), "nihss": (9, 5), "edss": (5.0, 4.5), "alsfrs_r": (37, 32), "mds_updrs_3": (41, 35),
    "lvef": (33, 38), "nyha": (3, 2), "kccq": (48, 61), "six_minute_walk": (312, 356), "das28": (5.6, 3.6),
    "ra_cdai": (31, 14), "sdai": (33, 15), "sledai": (12, 6), "crohn_cdai": (241, 150), "draining_fistulas": (2, 0),
    "sf36_physical": (42, 58), "sf36_mental": (56, 63), "promis_physical": (38, 43), "promis_mental": (42, 46),
    "eq_vas": (54, 67), "paco2": (61, 41), "hco3": (33, 26), "spo2": (86, 97), "oxygen_flow": (0.75, 0.0),
    "chest_xray": (2, 1), "anc_recovered": (1, 1), "anc_recovery": (17, 17), "platelets_recovered": (1, 1),
    "platelet_recovery": (22, 22), "donor_chimerism": (98, 100), "acute_gvhd": (1, 0), "acute_gvhd_2_4": (0, 0),
    "acute_gvhd_3_4": (0, 0), "chronic_gvhd": (0, 0), "relapse": (0, 0), "survival_status": (0, 0),
}  # fmt: skip
"""Instrument → a usual score before the cells and a year after. Made up; nobody's result."""
AS_THEY_ARE = {
    "anc_recovered", "platelets_recovered", "acute_gvhd_2_4", "acute_gvhd_3_4", "chronic_gvhd", "relapse",
    "survival_status",
}  # fmt: skip


def score(instrument: str, day: int, luck: float, dice: random.Random) -> Decimal | None:
    """Return a score on a day after the cells; ``luck`` 0 to 1.3 is how well it goes. None: it did not occur."""
    if instrument == "acute_gvhd_3_4_day":
        return None
    if instrument == "survival_days":
        return D(day)
    before, after = SCORES[instrument]
    if instrument in AS_THEY_ARE:
        return D(int(before))
    progress = 0.0 if day <= 0 else min(1.0, 0.35 + day / 365 * 0.65) * luck
    raw = before + (after - before) * progress + dice.gauss(0, abs(after - before) * 0.08 + 0.01)
    return fitted(instrument, raw)


def fitted(instrument: str, raw: float) -> Decimal:
    """Return the value of the instrument's scale that lies nearest: in its range, on its steps, in no gap."""
    scale = INSTRUMENTS[instrument]
    low, high = scale.range.low or D(0), scale.range.high or D(10**6)
    value = min(max(D(str(round(raw, 4))), low), high)
    value = low + ((value - low) / scale.step).quantize(D(1)) * scale.step
    value = min(max(value, low), high)
    return (
        value + scale.step if value in scale.gaps else value.quantize(scale.step) if scale.step < 1 else D(int(value))
    )
