"""Which synthetic courses the demonstration tells, in the order in which it takes them when fewer are asked for."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from clinic.demo.synthetic import Story

KNEE = "Gonarthrosis, Kellgren-Lawrence 3"
TWIN = date(1959, 3, 14)

STORIES: dict[str, tuple[Story, ...]] = {
    "north": (
        Story(
            code="BMAC-KNEE",
            stage="bedside",
            more={"diagnosis": KNEE},
            person={
                "family_name": "Kowalska",
                "given_names": "Marta",
                "birth_date": TWIN,
                "sex": "female",
                "turn": "alike",
            },
        ),
        Story(
            code="BM-MSC-KNEE",
            stage="culture_pending",
            more={"diagnosis": KNEE},
            person={"allergy_status": "present", "allergies": "Penicillin (anaphylaxis 2011)"},
        ),
        Story(
            code="AD-MSC-KNEE",
            stage="given",
            days=190,
            person={
                "family_name": "Kowalski",
                "given_names": "Marta",
                "birth_date": TWIN,
                "sex": "female",
                "turn": "alike",
            },
        ),
        Story(code="SVF-KNEE", stage="harvested", more={"diagnosis": KNEE}),
        Story(code="BM-MSC-ALS", stage="ready"),
        Story(code="HPC-A-CHILD", stage="given", days=32, more={"condition": "aml"}, person={"turn": "expected"}),
        Story(code="BMAC-SHOULDER", stage="running"),
        Story(code="BM-MSC-MS", stage="culture"),
        Story(
            code="BM-MNC-STROKE",
            stage="given",
            days=0,
            person={"family_name": "Ğüneş", "given_names": "İbrahim", "sex": "male"},
        ),
        Story(code="BMAC-KNEE", stage="given", days=3, more={"diagnosis": KNEE}, person={"turn": "unexpected"}),
        Story(code="BM-MSC-HEART", stage="unsigned", days=3),
        Story(
            code="UC-MSC-RA",
            stage="bedside",
            person={"allergy_status": "present", "allergies": "Latex (urticaria); sulfonamides (rash)"},
        ),
        Story(code="BM-MNC-MI", stage="waiting"),
        Story(code="BM-MSC-KNEE", stage="eligible", days=5, more={"diagnosis": KNEE, "in_days": 0}),
        Story(code="AD-MSC-FISTULA", stage="given", days=58),
        Story(
            code="BM-MSC-KNEE",
            stage="failed",
            more={"bad": "viability", "reason": "Viability under the limit of the protocol."},
        ),
        Story(code="HPC-A-AUTO", stage="given", days=101, more={"condition": "multiple_myeloma"}),
        Story(code="UC-MSC-LUPUS", stage="given", days=14, person={"turn": "hospital"}),
        Story(
            code="HPC-M-CHILD",
            stage="exceptional",
            days=20,
            more={
                "condition": "all",
                "per_kg": Decimal("1.4"),
                "reason": "1.4 million CD34+ cells per kg, under the minimum of 2.",
            },
        ),
        Story(code="BMAC-SVF-HIP", stage="undecided", days=3, more={"body_site": "hip"}),
        Story(
            code="BMAC-KNEE",
            stage="given",
            days=370,
            more={"diagnosis": KNEE, "missed": {"Month 3": "Away on a journey"}},
        ),
        Story(code="IPSC-PD", stage="given", days=185, more={"relation": "autologous"}),
        Story(code="UC-MSC-IT", stage="given", days=104, more={"left_out": ("Month 3",)}),
        Story(code="SVF-KNEE", stage="waiting", more={"diagnosis": KNEE}, person={"turn": "amended"}),
        Story(code="BM-MSC-HEART", stage="given", days=400, more={"left_out": ("Month 12",)}, person={"turn": "lost"}),
        Story(code="BIOPRINT-CARTILAGE", stage="culture"),
        Story(code="GM-HSC", stage="culture_pending"),
        Story(code="UC-MSC-WELLNESS", stage="no_consent", days=2),
        Story(code="HPC-C", stage="given", days=62, more={"condition": "hemoglobinopathy"}),
        Story(code="EV-WELLNESS", stage="given", days=5, person={"turn": "mild"}),
        Story(code="BMAC-KNEE", stage="waiting", more={"diagnosis": KNEE}, person={"turn": "withdrawn"}),
        Story(code="BMAC-SHOULDER", stage="eligible", days=5, person={"turn": "stopped"}),
    ),
    "south": (
        Story(
            code="BMAC-KNEE",
            stage="given",
            days=0,
            more={"diagnosis": KNEE},
            person={"family_name": "Conceição", "given_names": "João Inácio", "sex": "male"},
        ),
        Story(code="BM-MSC-KNEE", stage="ready", more={"diagnosis": KNEE}),
        Story(code="UC-MSC-RA", stage="given", days=33),
        Story(code="SVF-KNEE", stage="harvested", more={"diagnosis": KNEE}),
        Story(
            code="AD-MSC-KNEE",
            stage="bedside",
            person={"allergy_status": "present", "allergies": "Iodinated contrast (bronchospasm)"},
        ),
        Story(code="BM-MSC-MS", stage="culture_pending"),
        Story(code="BMAC-SHOULDER", stage="no_consent", days=1),
        Story(code="HPC-M-CHILD", stage="given", days=103, more={"condition": "nonmalignant"}),
        Story(code="BM-MNC-STROKE", stage="waiting"),
        Story(code="BMAC-KNEE", stage="given", days=94, more={"diagnosis": KNEE, "left_out": ("Month 3",)}),
        Story(code="AD-MSC-FISTULA", stage="unsigned", days=2),
        Story(code="UC-MSC-IT", stage="given", days=8, person={"turn": "mild"}),
        Story(code="BM-MSC-HEART", stage="culture"),
        Story(code="BMAC-KNEE", stage="given", days=12, more={"diagnosis": KNEE}, person={"turn": "joint"}),
        Story(code="BM-MSC-ALS", stage="eligible", days=4, more={"in_days": 1}),
        Story(code="HPC-A-AUTO", stage="given", days=29, more={"condition": "lymphoma"}),
    ),
}
"""By the code of the site. A site without stories of its own tells the southern ones."""


def chosen(site: str, wanted: int) -> list[tuple[Story, bool]]:
    """Return so many stories of a site, begun again where there are too few, and whether each is told again."""
    told = STORIES.get(site, STORIES["south"])
    return [(told[number % len(told)], number >= len(told)) for number in range(wanted)]
