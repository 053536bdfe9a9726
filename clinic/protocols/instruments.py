"""Outcome measures: what a score may be, which way is better, and how much change matters.

Only scores are kept, with the instrument's name and version; never the questions of a licensed instrument.
MCID: minimal clinically important difference, with its source. Where none is given, the page says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from clinic.fields import SHARE, Range, plain
from clinic.protocols.catalogue import Catalogue, Entry, Number, gone

if TYPE_CHECKING:
    from collections.abc import Mapping

Better = Literal["lower", "higher"]
MOST_CHOICES = 40
SITE = "site default, change to local practice"
FREE = "free"


@dataclass(frozen=True, kw_only=True)
class Instrument(Entry):
    """One score. ``range`` is closed, in ``unit``; ``step`` counts from its lower end; ``gaps`` are steps it skips.

    ``expected``: outside it asks once whether it is right (rule 39).
    ``mcid`` is in the unit of the score, or ``mcid_percent`` of the baseline; above ``mcid_high_from`` of baseline
    ``mcid_high`` counts instead. ``mcid_exceeded``: the change must be more, not equal. ``grades``: words for each
    value of an ordinal score; ``said``: how else a table may write them, lower case. ``note``: what a reader must know
    to read the number.
    """

    better: Better
    range: Range
    step: Decimal
    unit: str = ""
    expected: Range | None = None
    gaps: tuple[Decimal, ...] = ()
    grades: Mapping[int, str] | None = None
    said: Mapping[str, int] | None = None
    mcid: Decimal | None = None
    mcid_percent: Decimal | None = None
    mcid_high: Decimal | None = None
    mcid_high_from: Decimal | None = None
    mcid_exceeded: bool = False
    mcid_source: str = ""
    license: str = FREE
    loinc: str = ""
    version: str = ""
    note: str = ""

    def words(self, value: Decimal) -> str:
        """Return a score as a person reads it, with its unit: "C", "III", "6.5", "38 mmHg"."""
        if self.grades and value == value.to_integral_value() and int(value) in self.grades:
            return self.grades[int(value)]
        return f"{plain(value)} {self.unit}".strip()

    def value_of(self, text: str) -> Decimal | None:
        """Return the value that a word for a grade means ("III", "CR"), in any case; None where it is no such word."""
        said = " ".join(text.casefold().split())
        words = {word.casefold(): value for value, word in (self.grades or {}).items()}
        found = (words | dict(self.said or {})).get(said)
        return None if found is None else Decimal(found)


def values(instrument: Instrument) -> tuple[Decimal, ...]:
    """Return every value that the score can take, in order; () where they are too many to choose from a list."""
    low, high = instrument.range.low, instrument.range.high
    if low is None or high is None or (high - low) / instrument.step > MOST_CHOICES:
        return ()
    steps = (low + number * instrument.step for number in range(int((high - low) / instrument.step) + 1))
    return tuple(value for value in steps if value not in instrument.gaps)


def score_fault(instrument: Instrument, value: Decimal) -> str | None:
    """Return in one sentence why this cannot be a score of the instrument (rule 63), or None."""
    if not value.is_finite():
        return f"{instrument.label} needs a number."
    if value not in instrument.range:
        return f"{instrument.label} is {instrument.range}; {plain(value)} is outside."
    low = instrument.range.low or Decimal(0)
    if value in instrument.gaps:
        return f"{instrument.label} has no {plain(value)}."
    if (value - low) % instrument.step:
        return f"{instrument.label} goes in steps of {plain(instrument.step)}; {plain(value)} is between two."
    return None


def change(instrument: Instrument, baseline: Decimal, value: Decimal) -> Decimal:
    """Return by how much the score is better than at baseline, in its unit; worse is negative (rule 63)."""
    return baseline - value if instrument.better == "lower" else value - baseline


def threshold(instrument: Instrument, baseline: Decimal) -> Decimal | None:
    """Return the change that matters to a patient who began at ``baseline``; None where no MCID is set."""
    if instrument.mcid_percent is not None:
        return abs(baseline) * instrument.mcid_percent / 100
    if instrument.mcid_high_from is not None and baseline > instrument.mcid_high_from:
        return instrument.mcid_high
    return instrument.mcid


def responder(instrument: Instrument, baseline: Decimal, value: Decimal) -> bool | None:
    """Return whether the change for the better reaches the MCID; None where no MCID is set."""
    needed = threshold(instrument, baseline)
    if needed is None:
        return None
    gained = change(instrument, baseline, value)
    if gained <= 0:
        return False
    return gained > needed if instrument.mcid_exceeded else gained >= needed


def _lower(key: str, label: str, low: Number, high: Number, step: Number = 1, **more: Any) -> Instrument:
    possible = Range(Decimal(low), Decimal(high))
    return Instrument(key=key, label=label, better="lower", range=possible, step=Decimal(step), **more)


def _higher(key: str, label: str, low: Number, high: Number, step: Number = 1, **more: Any) -> Instrument:
    return replace(_lower(key, label, low, high, step, **more), better="higher")


def _gone(key: str) -> Instrument:
    """Return what stands for an instrument that records have and that nobody knows any more: its figures alone."""
    return Instrument(key=key, label=gone(key), gone=True, better="higher", range=Range(), step=Decimal("1E-9"))


ASIA = MappingProxyType({0: "A", 1: "B", 2: "C", 3: "D", 4: "E"})
CLASSES = MappingProxyType({1: "I", 2: "II", 3: "III", 4: "IV"})
GVHD = MappingProxyType({0: "none", 1: "I", 2: "II", 3: "III", 4: "IV"})
YES_NO = MappingProxyType({0: "no", 1: "yes"})
ALIVE = MappingProxyType({0: "alive", 1: "dead"})
CHEST = MappingProxyType({0: "normal", 1: "reduction in fibrosis", 2: "unchanged", 3: "worse"})
RESPONSE = MappingProxyType({
    0: "progression (PD)", 1: "no response or stable (NR)", 2: "partial response (PR)", 3: "complete response (CR)",
})  # fmt: skip
RESPONSES = MappingProxyType({
    "pd": 0, "progression": 0, "progressive disease": 0, "nr": 1, "sd": 1, "no response": 1, "stable disease": 1,
    "pr": 2, "partial response": 2, "partial remission": 2,
    "cr": 3, "complete response": 3, "complete remission": 3,
})  # fmt: skip
CHRONIC_GVHD = MappingProxyType({0: "none", 1: "mild", 2: "moderate", 3: "severe"})
D = Decimal
OSS_MCID = "about 3, published range for the shoulder"
KOOS_QOL = "PMC3943561"
DIFFERS = "published MCID varies by population"

# key, label, lowest, highest, step (1 unless given)
INSTRUMENTS = Catalogue(
    # pain
    _lower("vas_pain_cm", "VAS pain", 0, 10, "0.1", unit="cm", mcid=D("1.75"),
        mcid_source="knee osteoarthritis, 1.75 cm", loinc="38214-3"),
    _lower("vas_pain_mm", "VAS pain (mm)", 0, 100, unit="mm", mcid=D("17.5"),
        mcid_source="knee osteoarthritis, 1.75 cm", loinc="38214-3"),
    _lower("nrs_pain", "NRS pain", 0, 10, mcid=D(2), mcid_source="2 points", loinc="38208-5"),
    # joints; KOOS has five subscales and no total
    _higher("koos_pain", "KOOS pain", 0, 100, "0.01"),
    _higher("koos_symptoms", "KOOS symptoms", 0, 100, "0.01"),
    _higher("koos_adl", "KOOS daily living", 0, 100, "0.01"),
    _higher("koos_sport", "KOOS sport and recreation", 0, 100, "0.01"),
    _higher("koos_qol", "KOOS quality of life", 0, 100, "0.01", mcid=D(8), mcid_source=KOOS_QOL),
    _lower("womac", "WOMAC total (Likert)", 0, 96, mcid_percent=D(12), mcid_source="12 % of baseline",
        license="license needed"),
    _lower("womac_pain", "WOMAC pain (Likert)", 0, 20, license="license needed"),
    _lower("womac_stiffness", "WOMAC stiffness (Likert)", 0, 8, license="license needed"),
    _lower("womac_function", "WOMAC function (Likert)", 0, 68, license="license needed"),
    _higher("oxford_knee", "Oxford Knee Score", 0, 48, mcid=D("6.1"), mcid_source="6.1 points",
        license="license needed"),
    _higher("ikdc", "IKDC", 0, 100, "0.1"),
    _higher("lysholm", "Lysholm", 0, 100, license=SITE),
    _higher("harris_hip", "Harris Hip Score", 0, 100, "0.01", license=SITE),
    _higher("constant", "Constant score", 0, 100, mcid=D("6.7"), mcid_source="6.3 to 6.7, the larger", license=SITE),
    _higher("ucla_shoulder", "UCLA shoulder", 2, 35, mcid=D(3), mcid_source="3.0 points", license=SITE),
    _higher("oxford_shoulder", "Oxford Shoulder Score", 0, 48, mcid=D(3), mcid_source=OSS_MCID,
        license="license needed"),
    # nerves
    _lower("edss", "EDSS", 0, 10, "0.5", gaps=(D("0.5"),), mcid=D(1), mcid_high=D("0.5"), mcid_high_from=D("5.5"),
        mcid_source=SITE),
    _lower("mds_updrs_3", "MDS-UPDRS part III", 0, 132, mcid=D("3.25"), mcid_source="3.25 better, 4.63 worse",
        license="license needed"),
    _lower("mrs", "Modified Rankin Scale", 0, 6, mcid=D(1), mcid_source=SITE),
    _lower("nihss", "NIHSS", 0, 42),
    _higher("asia", "ASIA impairment scale", 0, 4, grades=ASIA, mcid=D(1), mcid_source="one grade",
        note="A complete, E normal"),
    _higher("scim_3", "SCIM-III", 0, 100),
    _higher("alsfrs_r", "ALSFRS-R", 0, 48, note="read as a slope over time"),
    # heart
    _higher("lvef", "LVEF", 0, 100, "0.1", unit="%", expected=Range(5, 90), mcid=D(5), mcid_source=SITE, license="",
        note="50 or more preserved, 41 to 49 mildly reduced, 40 or less reduced"),
    _lower("nyha", "NYHA class", 1, 4, grades=CLASSES, mcid=D(1), mcid_source="one class", loinc="88020-3"),
    _higher("kccq", "KCCQ overall", 0, 100, "0.01", mcid=D(5), mcid_source="5 small, 10 moderate, 20 large",
        license="license needed", loinc="71940-1"),
    _higher("kccq_12", "KCCQ-12 overall", 0, 100, "0.01", mcid=D(5), mcid_source="5 small, 10 moderate, 20 large",
        license="license needed", loinc="86924-8"),
    _lower("mlhfq", "MLHFQ", 0, 105, license="fee", note="published MCID 3.59 to 19.14"),
    _higher("six_minute_walk", "6-minute walk", 0, 900, unit="m", mcid=D(30), mcid_source=SITE),
    # joints and bowel under attack; two different instruments are called CDAI
    _lower("das28", "DAS28", 0, "9.4", "0.01", mcid=D("1.2"), mcid_exceeded=True, mcid_source="EULAR, more than 1.2",
        note="remission under 2.6, low to 3.2, moderate to 5.1, then high"),
    _lower("ra_cdai", "RA-CDAI (rheumatoid arthritis)", 0, 76, "0.1",
        note="remission to 2.8, low to 10, moderate to 22, then high"),
    _lower("crohn_cdai", "Crohn's CDAI (Crohn's disease)", 0, 600, mcid=D(100), mcid_source=SITE,
        note="remission under 150"),
    _lower("sdai", "SDAI", 0, 86, "0.1", note="remission to 3.3, low to 11, moderate to 26, then high"),
    _lower("sledai", "SLEDAI", 0, 105, mcid=D(4), mcid_source=SITE),
    _lower("draining_fistulas", "Draining fistula openings", 0, 50, note="0: all treated openings closed"),
    # life
    _higher("sf36_physical", "SF-36 physical functioning", 0, 100, "0.01", license="RAND-36 free, SF-36v2 license",
        note=DIFFERS),
    _higher("sf36_mental", "SF-36 mental health", 0, 100, "0.01", license="RAND-36 free, SF-36v2 license",
        note=DIFFERS),
    _higher("promis_physical", "PROMIS global physical T", 20, 80, "0.1", loinc="71971-6", note=DIFFERS),
    _higher("promis_mental", "PROMIS global mental T", 20, 80, "0.1", loinc="71969-0", note=DIFFERS),
    _lower("promis_pain", "PROMIS pain interference T", 20, 80, "0.1", note=DIFFERS),
    _higher("eq_vas", "EQ-5D VAS", 0, 100, license="registration needed"),
    _higher("eq_index", "EQ-5D-5L index", "-0.6", 1, "0.001", license="registration needed"),
    # transplant
    _higher("anc_recovered", "Neutrophils recovered", 0, 1, grades=YES_NO, license=""),
    _lower("anc_recovery", "Neutrophil recovery, day", 1, 365, unit="days", license="",
        note="no score where it did not occur"),
    _higher("platelets_recovered", "Platelets recovered", 0, 1, grades=YES_NO, license=""),
    _lower("platelet_recovery", "Platelet recovery, day", 1, 1000, unit="days", license="",
        note="no score where it did not occur"),
    _higher("donor_chimerism", "Donor chimerism", 0, 100, "0.1", unit="%", expected=SHARE, license=""),
    _lower("acute_gvhd", "Acute GVHD grade", 0, 4, grades=GVHD),
    _lower("acute_gvhd_2_4", "Acute GVHD grade II to IV", 0, 1, grades=YES_NO),
    _lower("acute_gvhd_3_4", "Acute GVHD grade III or IV", 0, 1, grades=YES_NO),
    _higher("acute_gvhd_3_4_day", "Day of acute GVHD III or IV", 1, 3650, unit="days",
        note="no score where it did not occur"),
    _lower("chronic_gvhd", "Extensive chronic GVHD", 0, 1, grades=YES_NO),
    _lower("acute_gvhd_skin", "Acute GVHD of the skin, stage", 0, 4),
    _lower("acute_gvhd_liver", "Acute GVHD of the liver, stage", 0, 4),
    _lower("acute_gvhd_gut", "Acute GVHD of the lower gut, stage", 0, 4),
    _lower("acute_gvhd_upper_gut", "Acute GVHD of the upper gut, stage", 0, 1),
    _lower("chronic_gvhd_severity", "Chronic GVHD, global severity (NIH)", 0, 3, grades=CHRONIC_GVHD),
    _higher("response", "Response", 0, 3, grades=RESPONSE, said=RESPONSES, license="",
        note="by the criteria of the disease, which the protocol names"),
    _lower("relapse", "Relapse", 0, 1, grades=YES_NO, license=""),
    _higher("survival_days", "Survival, days observed", 0, 36500, unit="days", license=""),
    _lower("survival_status", "Survival status", 0, 1, grades=ALIVE, license=""),
    # lungs
    _lower("paco2", "PaCO₂", 5, 250, "0.1", unit="mmHg", license="", note="better is lower while it is above normal"),
    _lower("hco3", "HCO₃⁻", 0, 100, "0.1", license="", note="unit as the source prints it; mmol/L is usual"),
    _higher("spo2", "SpO₂ in room air", 0, 100, "0.1", unit="%", expected=Range(50, 100), license=""),
    _lower("oxygen_flow", "Oxygen need", 0, 60, "0.01", unit="L/min", license="", note="0: independent of oxygen"),
    _lower("chest_xray", "Chest X-ray against the first", 0, 3, grades=CHEST, license=""),
    gone=_gone,
)  # fmt: skip
