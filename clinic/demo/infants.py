"""The four infants of the published Vietnamese series, with their eight infusions, walked through the clinic whole.

Published (J Transl Med 2020, doi 10.1186/s12967-020-02568-6, Tables 1 and 2): sex, age and weight at infusion, dose per
kg, interval, every test result of each product, blood gases, saturation, oxygen and chest X-ray. Synthetic: names,
dates, volumes, people, containers, and what the clinic did between those figures.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from clinic import clock
from clinic.demo import builder, laboratory
from clinic.demo.bank import donation, expanded
from clinic.demo.builder import DAY, HOUR
from clinic.demo.facts import Plan
from clinic.demo.people import rows_of
from clinic.followup.models import BASELINE
from clinic.patients.models import Patient

if TYPE_CHECKING:
    from clinic.demo.people import House
    from clinic.products.models import Product

D = Decimal
CODE = "UC-MSC-BPD"
NOTE = (
    "Figures published in J Transl Med 2020, doi 10.1186/s12967-020-02568-6 (Tables 1 and 2); "
    "names, dates and volumes are synthetic"
)
NAMES = (("Nguyễn", "Thị An Nhiên"), ("Trần", "Thị Bảo Châu"), ("Lê", "Minh Quân"), ("Phạm", "Thị Diệu Linh"))
MAKING = Plan(culture_days=25, frozen=True, volume=D(10), amount=D(0))
"""How the cord was expanded; each container has an amount of its own."""
FIRST_INFUSION = 480
"""Days before now on which the first infant had the first infusion: long enough ago for the visit at twelve months."""
CHEST = {"normal": D(0), "reduction in fibrosis": D(1)}
INDEPENDENT_BY_MONTH_1 = {"1", "4"}
"""Infants who needed no oxygen within a month; of the others the need at one month is not published."""


def build(house: House) -> int:
    """Walk the four infants from the cord donation to the visit after twelve months; return how many they are."""
    house = replace(house, note=NOTE)
    infants, infusions = rows_of("ucmsc_bpd_vietnam_patients_4.csv"), rows_of("ucmsc_bpd_vietnam_infusions_8.csv")
    zone = ZoneInfo(house.site.zone)
    today = house.at.astimezone(zone).date()
    first = datetime(today.year, today.month, today.day, 10, tzinfo=zone) - FIRST_INFUSION * DAY
    version, at = house.versions[CODE], first - 75 * DAY
    cord = donation(house, version, "cord_tissue", at, kind="cord", donor_number="CORD-4417", sex="male")
    doses = [_kg(row) for row in infants for _dose in range(2)]
    bank = expanded(house, version, cord, at + 4 * HOUR, making=MAKING, amounts=doses)
    for number, row in enumerate(infants):
        own = [one for one in infusions if one["patient"] == row["patient"]]
        products = bank[2 * number : 2 * number + 2]
        _infant(house, row, list(zip(products, own, strict=True)), at=first + 21 * number * DAY, name=NAMES[number])
    return len(infants)


def _kg(row: dict[str, str]) -> Decimal:
    return D(row["weight_at_infusion_g"]) / 1000


def _infant(
    house: House,
    row: dict[str, str],
    infusions: list[tuple[Product, dict[str, str]]],
    *,
    at: datetime,
    name: tuple[str, str],
) -> None:
    kg, version, donor = _kg(row), house.versions[CODE], infusions[0][0].donor
    patient = house.log(
        Patient, house.coordinator, at - 30 * DAY,
        record_number=f"N-{at.year}-{house.next('infant', 1):03}", family_name=name[0], given_names=name[1],
        birth_date=(at - int(row["postnatal_age_at_infusion_days"]) * DAY).date(),
        sex={"F": "female", "M": "male"}[row["sex"]], allergy_status="none_known",
        allergies_asked_on=clock.day(at - 30 * DAY, house.site.zone), is_synthetic=True,
    )  # fmt: skip
    born = f"born at {row['gestational_age_weeks']} weeks, {row['birth_weight_g']} g"
    course = builder.order(
        house, patient, version, at - 12 * DAY, donor=donor, weight_kg=kg,
        diagnosis=f"Bronchopulmonary dysplasia; {born}",
    )  # fmt: skip
    builder.consent(house, course, at - 11 * DAY)
    builder.decide_eligibility(house, course, at - 10 * DAY)
    scores = _scores(row)
    builder.visit(house, course, BASELINE, at - DAY, scores[BASELINE])
    for number, (product, figures) in enumerate(infusions):
        when, results = at + 7 * number * DAY, _results(figures)
        if number:
            builder.decide_eligibility(house, course, when - 3 * DAY)
        product.assign(course, by=house.act(house.technologist), at=when - 9 * DAY)
        sampled = (product.performed_at or when) + HOUR
        laboratory.examine(
            house, product, version, sampled, until=house.at, reading=lambda spec, known=results: known[spec.test]
        )
        laboratory.release(house, course, product, when - 2 * DAY)
        builder.administer(house, course, product, when, kg=kg)
    builder.follow_up(house, course, lambda plan: scores.get(plan.name, {}), until=house.at, missed={})


def _results(figures: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return the published results of one infusion's product."""
    endotoxin = figures["endotoxin_eu_per_ml"]
    comparator = "<" if endotoxin.startswith("<") else "="
    measured = {
        "viability": "viability_pct",
        "cd73": "cd73_pct",
        "cd90": "cd90_pct",
        "cd105": "cd105_pct",
        "negative_markers": "negative_markers_pct",
    }
    found: dict[str, dict[str, Any]] = {test: {"value": D(figures[column])} for test, column in measured.items()}
    return found | {
        "endotoxin": {"comparator": comparator, "value": D(endotoxin.lstrip("<"))},
        "karyotype": {"outcome": "normal", "finding": "46,XY,16qh+"},
        "cfu_f": {"value": D(519), "note": "519 ± 80 per 1000 cells, one result for the series"},
        "sterility": {"outcome": "no_growth"},
        "mycoplasma": {"outcome": "negative"},
        "differentiation": {"outcome": "pass"},
    }


def _scores(row: dict[str, str]) -> dict[str, dict[str, Decimal | None]]:
    """Return the published readings by visit. What is not published is not made up."""
    month_1: dict[str, Decimal | None] = {"oxygen_flow": D(0)} if row["patient"] in INDEPENDENT_BY_MONTH_1 else {}
    return {
        BASELINE: {
            "paco2": D(row["paco2_before_mmhg"]), "hco3": D(row["hco3_before_as_printed"]),
            "spo2": D(row["spo2_before_pct"]), "oxygen_flow": D(row["oxygen_before_l_per_min"]),
        },
        "Month 1": month_1,
        "Month 6": {"paco2": D(row["paco2_6m"]), "spo2": D(row["spo2_6m_pct"]), "oxygen_flow": D(0)},
        "Month 12": {"spo2": D(row["spo2_12m_pct"]), "oxygen_flow": D(0), "chest_xray": CHEST[row["cxr_12m"]]},
    }  # fmt: skip
