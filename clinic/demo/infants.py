"""The four infants of the published Vietnamese series, with their eight infusions, walked through the clinic whole.

Published (J Transl Med 2020, doi 10.1186/s12967-020-02568-6, Tables 1 and 2): sex, age and weight at infusion, dose per
kg, interval, every test result of each product, blood gases, saturation, oxygen and chest X-ray. Synthetic: names,
dates, volumes, people, containers, and what the clinic did between those figures.
"""

from __future__ import annotations

import csv
from datetime import datetime
from decimal import Decimal
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from clinic.demo import care, laboratory
from clinic.demo.course import Walk
from clinic.demo.laboratory import DAY, HOUR
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
VOLUME = D(10)
FIRST_INFUSION = 480
"""Days before now on which the first infant had the first infusion: long enough ago for the visit at twelve months."""
CHEST = {"normal": D(0), "reduction in fibrosis": D(1)}
INDEPENDENT_BY_MONTH_1 = {"1", "4"}
"""Infants who needed no oxygen within a month; of the others the need at one month is not published."""


def published(name: str) -> list[dict[str, str]]:
    """Return the rows of a published table that comes with the program."""
    text = files("clinic.exchange").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def build(house: House) -> list[Walk]:
    """Walk the four infants from the cord donation to the visit after twelve months."""
    infants, infusions = published("ucmsc_bpd_vietnam_patients_4.csv"), published("ucmsc_bpd_vietnam_infusions_8.csv")
    zone = ZoneInfo(house.site.zone)
    today = house.at.astimezone(zone).date()
    first = [
        datetime(today.year, today.month, today.day, 10, tzinfo=zone) - (FIRST_INFUSION - 21 * number) * DAY
        for number in range(4)
    ]
    weights = [D(row["weight_at_infusion_g"]) / 1000 for row in infants]
    bank = _bank(house, first[0] - 75 * DAY, [kg for kg in weights for _dose in range(2)])
    walks = []
    for number, row in enumerate(infants):
        own = [one for one in infusions if one["patient"] == row["patient"]]
        walks.append(_infant(house, row, own, bank[2 * number : 2 * number + 2], at=first[number], name=NAMES[number]))
    return walks


def _bank(house: House, at: datetime, weights: list[Decimal]) -> list[Product]:
    """Bank one cord's cells: a harvest without a course, one expansion, a container for each infusion."""
    version = house.versions[CODE]
    donor = laboratory.eligible_donor(house, at - DAY, version, NOTE, kind="cord", donor_number="CORD-4417", sex="male")
    harvest = laboratory.collect(house, at, "cord_tissue", donor, note=NOTE)
    house.hand(house.physician)
    cord = harvest.collect(by=house.physician, at=at + HOUR, volume=harvest.volume or D(0))
    house.sign(house.physician, harvest, at + HOUR)
    laboratory.received(house, cord, at + 2 * HOUR)
    begun, ended = at + 4 * HOUR, at + 25 * DAY
    run = laboratory.begin(house, begun, ended, version.says, note=NOTE, frozen=True, protocol_version=version)
    run.take(cord, by=house.technologist, at=begun)
    made = laboratory.formulate(
        house, run, ended, version, volume=VOLUME, amounts=[D("1.0") * kg for kg in weights], note=NOTE
    )
    laboratory.store(house, made, ended + HOUR)
    return made


def _infant(  # noqa: PLR0913 - one published row and its products
    house: House,
    row: dict[str, str],
    infusions: list[dict[str, str]],
    products: list[Product],
    *,
    at: datetime,
    name: tuple[str, str],
) -> Walk:
    kg = D(row["weight_at_infusion_g"]) / 1000
    born = (at - int(row["postnatal_age_at_infusion_days"]) * DAY).date()
    by = house.coordinator
    patient = house.add(
        by,
        Patient.log(
            by=by,
            at=at - 30 * DAY,
            record_number=f"N-{at.year}-{house.next('infant', 1):03}",
            family_name=name[0],
            given_names=name[1],
            birth_date=born,
            sex={"F": "female", "M": "male"}[row["sex"]],
            allergy_status="none_known",
            allergies_asked_on=(at - 30 * DAY).date(),
            is_synthetic=True,
            source_note=NOTE,
        ),
    )
    walk = Walk(house=house, patient=patient, version=house.versions[CODE], kg=kg, note=NOTE)
    walk.order(
        at - 12 * DAY,
        diagnosis=f"Bronchopulmonary dysplasia; born at {row['gestational_age_weeks']} weeks, "
        f"{row['birth_weight_g']} g",
    )
    walk.consent(at - 11 * DAY)
    walk.eligible(at - 10 * DAY, pregnancy="not_applicable")
    walk.named(products[0].donor, at - 10 * DAY)
    care.baseline(
        walk,
        at - DAY,
        {
            "paco2": D(row["paco2_before_mmhg"]),
            "hco3": D(row["hco3_before_as_printed"]),
            "spo2": D(row["spo2_before_pct"]),
            "oxygen_flow": D(row["oxygen_before_l_per_min"]),
        },
    )
    for number, (product, figures) in enumerate(zip(products, infusions, strict=True)):
        when = at + 7 * number * DAY
        house.hand(house.technologist)
        product.assign(walk.course, by=house.technologist, at=when - 9 * DAY)
        tested = (product.performed_at or when) + HOUR
        laboratory.examine(house, product, walk.version, tested, until=house.at, note=NOTE, overrides=_results(figures))
        walk.release(product, when - 2 * DAY)
        care.give(walk, product, when, kg=kg)
    care.follow(walk, until=house.at, scores=_scores(row))
    return walk


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
        "Month 1": month_1,
        "Month 6": {"paco2": D(row["paco2_6m"]), "spo2": D(row["spo2_6m_pct"]), "oxygen_flow": D(0)},
        "Month 12": {"spo2": D(row["spo2_12m_pct"]), "oxygen_flow": D(0), "chest_xray": CHEST[row["cxr_12m"]]},
    }
