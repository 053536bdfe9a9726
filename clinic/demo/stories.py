"""Which synthetic courses the demonstration tells, in the order in which it takes them when fewer are asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Story:
    """One synthetic patient: the protocol, how far the course is, and what is special.

    ``days``: since the cells, or since the order in a stage before them. ``turn``: what befalls the patient later, a
    name of `TURNS`. ``person``, ``ordered``: facts of the patient and of the order; ``more``: what its stage needs.
    """

    code: str
    stage: str
    days: int = 0
    turn: str = ""
    person: dict[str, Any] = field(default_factory=dict)
    ordered: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)


def _told(code: str, stage: str, days: int = 0, turn: str = "", **facts: dict[str, Any]) -> Story:
    return Story(code=code, stage=stage, days=days, turn=turn, **facts)


def _with(condition: str) -> dict[str, Any]:
    return {"condition": condition}


def _allergic(to: str) -> dict[str, Any]:
    return {"allergy_status": "present", "allergies": to}


def _named(family: str, given: str, sex: str) -> dict[str, Any]:
    return {"family_name": family, "given_names": given, "sex": sex}


KNEE = {"diagnosis": "Gonarthrosis, Kellgren-Lawrence 3"}
TWIN = {"birth_date": date(1959, 3, 14)}
FAILED = {"bad": "viability", "reason": "Viability under the limit of the protocol."}
SHORT = {"per_kg": Decimal("1.4"), "reason": "1.4 million CD34+ cells per kg, under the minimum of 2."}

STORIES: dict[str, tuple[Story, ...]] = {
    "north": (
        _told("BMAC-KNEE", "bedside", turn="alike", ordered=KNEE, person=_named("Kowalska", "Marta", "female") | TWIN),
        _told("BM-MSC-KNEE", "culture_pending", ordered=KNEE, person=_allergic("Penicillin (anaphylaxis 2011)")),
        _told("AD-MSC-KNEE", "given", 190, "alike", person=_named("Kowalski", "Marta", "female") | TWIN),
        _told("SVF-KNEE", "harvested", ordered=KNEE),
        _told("BM-MSC-ALS", "ready"),
        _told("HPC-A-CHILD", "given", 32, "expected", ordered=_with("aml")),
        _told("BMAC-SHOULDER", "running"),
        _told("BM-MSC-MS", "culture"),
        _told("BM-MNC-STROKE", "given", person=_named("Ğüneş", "İbrahim", "male")),
        _told("BMAC-KNEE", "given", 3, "unexpected", ordered=KNEE),
        _told("BM-MSC-HEART", "unsigned", 3),
        _told("UC-MSC-RA", "bedside", person=_allergic("Latex (urticaria); sulfonamides (rash)")),
        _told("BM-MNC-MI", "waiting"),
        _told("BM-MSC-KNEE", "eligible", 5, ordered=KNEE, more={"in_days": 0}),
        _told("AD-MSC-FISTULA", "given", 58),
        _told("BM-MSC-KNEE", "failed", more=FAILED),
        _told("HPC-A-AUTO", "given", 101, ordered=_with("multiple_myeloma")),
        _told("UC-MSC-LUPUS", "given", 14, "hospital"),
        _told("HPC-M-CHILD", "exceptional", 20, ordered=_with("all"), more=SHORT),
        _told("BMAC-SVF-HIP", "undecided", 3, ordered={"body_site": "hip"}),
        _told("BMAC-KNEE", "given", 370, ordered=KNEE, more={"missed": {"Month 3": "Away on a journey"}}),
        _told("IPSC-PD", "given", 185, ordered={"relation": "autologous"}),
        _told("UC-MSC-IT", "given", 104, more={"left_out": ("Month 3",)}),
        _told("SVF-KNEE", "waiting", turn="amended", ordered=KNEE),
        _told("BM-MSC-HEART", "given", 400, "lost", more={"left_out": ("Month 12",)}),
        _told("BIOPRINT-CARTILAGE", "culture"),
        _told("GM-HSC", "culture_pending"),
        _told("UC-MSC-WELLNESS", "no_consent", 2),
        _told("HPC-C", "given", 62, ordered=_with("hemoglobinopathy")),
        _told("EV-WELLNESS", "given", 5, "mild"),
        _told("BMAC-KNEE", "waiting", turn="withdrawn", ordered=KNEE),
        _told("BMAC-SHOULDER", "eligible", 5, "stopped"),
    ),
    "south": (
        _told("BMAC-KNEE", "given", ordered=KNEE, person=_named("Conceição", "João Inácio", "male")),
        _told("BM-MSC-KNEE", "ready", ordered=KNEE),
        _told("UC-MSC-RA", "given", 33),
        _told("SVF-KNEE", "harvested", ordered=KNEE),
        _told("AD-MSC-KNEE", "bedside", person=_allergic("Iodinated contrast (bronchospasm)")),
        _told("BM-MSC-MS", "culture_pending"),
        _told("BMAC-SHOULDER", "no_consent", 1),
        _told("HPC-M-CHILD", "given", 103, ordered=_with("nonmalignant")),
        _told("BM-MNC-STROKE", "waiting"),
        _told("BMAC-KNEE", "given", 94, ordered=KNEE, more={"left_out": ("Month 3",)}),
        _told("AD-MSC-FISTULA", "unsigned", 2),
        _told("UC-MSC-IT", "given", 8, "mild"),
        _told("BM-MSC-HEART", "culture"),
        _told("BMAC-KNEE", "given", 12, "joint", ordered=KNEE),
        _told("BM-MSC-ALS", "eligible", 4, more={"in_days": 1}),
        _told("HPC-A-AUTO", "given", 29, ordered=_with("lymphoma")),
    ),
}
"""By the code of the site. A site without stories of its own tells the southern ones."""


def chosen(site: str, wanted: int) -> list[tuple[Story, bool]]:
    """Return so many stories of a site, begun again where there are too few, and whether each is told again."""
    told = STORIES.get(site, STORIES["south"])
    return [(told[number % len(told)], number >= len(told)) for number in range(wanted)]
