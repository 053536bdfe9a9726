"""What the demonstration protocols share: their sources, the usual tests, visits and people.

Demonstrations show how a protocol is recorded. They are not medical advice, and no clinic may treat under one:
a clinic writes its own version, with its own approval. A limit that no source gives says "site default".
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic.protocols.catalogue import Number, at_least, at_most, between
from clinic.protocols.content import Content, DoseWindow, Expiry, HarvestLimits, Infectious, QCSpec, VisitPlan

if TYPE_CHECKING:
    from clinic.fields import Range

SITE = "site default, change to local practice"
UNSOURCED = "site default [no published source]"
ISCT = "ISCT 2006, Dominici et al., Cytotherapy 8:315, doi 10.1080/14653240600855905"
BM_MSC = "J Transl Med 2018, doi 10.1186/s12967-018-1659-4, Table 2"
CONCERT_HF = "CONCERT-HF, Circ Res 2018, PMC5993622, Table 5"
SCHWANN = "J Neurosurg Spine 2021, PMC10193489, Table 2"
WHARTON = "Wharton's jelly MSC, PMC9289888, Table 1"
ADIPOSE_ALLO = "Stem Cells Int 2022, article 4664917, Table 2"
ADIPOSE_KNEE = "Stem Cell Research & Therapy 2019, doi 10.1186/s13287-019-1406-7, Table 3 (reported for three donors)"
BPD = "J Transl Med 2020, doi 10.1186/s12967-020-02568-6"
HANDBOOK = "marrow harvest handbook: at most 10 mL per puncture position"
FISTULA = "PMC10069615: one injection of 120 million cells in 24 mL; visits at weeks 24 and 52"

DEMONSTRATION = "Demonstration of the software, not medical advice."
NO_ETHICS = "Demonstration: not approved by an ethics committee. The clinic enters its own approval before use."

MONTH = 30
EVERY_ALLOGENEIC = ("hiv_ab", "hiv_nat", "hbsag", "anti_hbc", "hbv_nat", "hcv_ab", "hcv_nat", "syphilis")
AUTOLOGOUS = Infectious()
ALLOGENEIC = Infectious(markers=EVERY_ALLOGENEIC)
ALLOGENEIC_HTLV = Infectious(markers=(*EVERY_ALLOGENEIC, "htlv"))
TRANSPLANT = Infectious(markers=(*EVERY_ALLOGENEIC, "htlv", "cmv"), two_blood_groups=True)

LOGS = {
    "harvest": ("physician", "nurse"),
    "processing": ("technologist",),
    "release": ("quality",),
    "administration": ("physician", "nurse"),
    "followup": ("physician", "nurse", "coordinator"),
}
VERIFIES = {
    "harvest": ("physician", "nurse"),
    "processing": ("technologist", "quality"),
    "release": ("quality", "director"),
    "administration": ("physician", "nurse"),
    "followup": ("physician",),
}


def measured(test: str, limit: Range, source: str, *, judged: bool = True) -> QCSpec:
    """Return a test with its limit, in the test's unit; not ``judged``: recorded for information."""
    return QCSpec(test=test, limit=limit, mandatory=judged, source=source)


def found(test: str, accepted: str, source: str, *, may_be_pending: bool = False) -> QCSpec:
    """Return a test whose outcome must be the accepted one."""
    return QCSpec(test=test, accepted=accepted, may_be_pending=may_be_pending, source=source)


def recorded(test: str, source: str) -> QCSpec:
    """Return a test that is recorded and not judged."""
    return QCSpec(test=test, mandatory=False, source=source)


def identity(source: str = ISCT, low: int = 95, negative: int = 2) -> tuple[QCSpec, ...]:
    """Return the surface markers of MSC: three to be there, five to be absent, in percent of cells."""
    there = tuple(measured(marker, at_least(low), source) for marker in ("cd73", "cd90", "cd105"))
    return (*there, measured("negative_markers", at_most(negative), source))


def microbiology(source: str = CONCERT_HF, mycoplasma: str = "") -> tuple[QCSpec, ...]:
    """Return Gram stain and 14-day culture (may be pending, rule 44); with a source, mycoplasma."""
    rapid = found("gram_stain", "no_organisms", source)
    culture = found("sterility", "no_growth", source, may_be_pending=True)
    return (rapid, culture, found("mycoplasma", "negative", mycoplasma)) if mycoplasma else (rapid, culture)


def endotoxin(source: str, limit: Range) -> QCSpec:
    """Return the endotoxin limit in EU/mL; the limit per kg of the route is judged besides (rule 42)."""
    return measured("endotoxin", limit, source)


ENDOTOXIN_VEIN = endotoxin(f"5 EU/kg ({CONCERT_HF}) × 50 kg ÷ 50 mL, {SITE}", at_most(5))
ENDOTOXIN_NERVE = endotoxin(f"0.2 EU/kg ({SCHWANN}) × 50 kg ÷ 5 mL, {SITE}", at_most(2))

POINT_OF_CARE = Expiry(fresh_hours=4, storage=between(18, 25), source=f"same procedure, {SITE}")
FROZEN = Expiry(
    thaw_minutes=60, frozen_days=1825, storage=at_most(-150), source=f"vapor phase at −150 °C or colder; times: {SITE}"
)
HARVEST_MARROW = HarvestLimits(
    volume=between(30, 150), ml_per_kg=Decimal(20), ml_per_pass=Decimal(10),
    anticoagulant_ratio=between("0.08", "0.12"),
    source=f"{HANDBOOK}; ACD 1:10; volume and 20 mL/kg: {SITE}",
)  # fmt: skip
HARVEST_FAT = HarvestLimits(volume=between(30, 500), source=SITE)


def dosing(*, usual: Number, **says: Any) -> DoseWindow:
    """Return the dose of one administration; ``usual`` and its window in the unit of the measure."""
    return DoseWindow(usual=Decimal(usual), **says)


def window(day: int) -> int:
    """Return the days by which a visit may be early or late: 3 to one month, 7 to three, 14 to nine, then 30."""
    return next(days for until, days in ((31, 3), (92, 7), (300, 14), (10**6, 30)) if day <= until)


def visit(name: str, day: int, *instruments: str) -> VisitPlan:
    """Return a visit with the usual window (site default)."""
    return VisitPlan(name=name, day=day, before=window(day), after=window(day), instruments=instruments)


def months(instruments: tuple[str, ...], *numbers: int) -> tuple[VisitPlan, ...]:
    """Return visits with the same instruments, at so many months of 30 days (12 months are 365 days)."""
    days = {number: round(number * 365 / 12) if number % 12 == 0 else number * MONTH for number in numbers}
    return tuple(visit(f"Month {number}", day, *instruments) for number, day in days.items())


def years(instruments: tuple[str, ...], first: int, last: int) -> tuple[VisitPlan, ...]:
    """Return a visit a year, from the first to the last year."""
    return tuple(visit(f"Year {number}", 365 * number, *instruments) for number in range(first, last + 1))


def schedule(baseline: tuple[str, ...], *later: VisitPlan) -> tuple[VisitPlan, ...]:
    """Return the baseline, the safety contacts on days 1 and 7, and the later visits (site defaults)."""
    return (
        VisitPlan(name="Baseline", day=0, before=30, after=0, instruments=baseline),
        VisitPlan(name="Day 1 safety contact", day=1, before=0, after=1, contact=True),
        VisitPlan(name="Day 7 safety contact", day=7, before=3, after=3, contact=True),
        *later,
    )


def demonstration(**says: object) -> Content:
    """Return a demonstration protocol: marked so, with the roles that record and verify each step."""
    evidence = f"{DEMONSTRATION} {says.pop('evidence')}"
    more = {"ethics": NO_ETHICS, "logs": LOGS, "verifies": VERIFIES, **says}
    return Content.model_validate({**more, "evidence": evidence, "demonstration": True})
