"""What comes between on a bag's way and is about people: donors, consent, eligibility, patients and their records."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

from clinic.protocols.catalogues import MARKERS
from tests.proof.acts import Act, amend, cast, sign
from tests.proof.book import OF_COURSE, PERSONAL
from tests.proof.scene import COURSES, TWINS

PATIENTS = ["ann", "ben", "cid"]
DONORS = ["ada", "bob", "mix", "sis"]
GIVERS = ["ada", "bob", "sis"]
PHYSICIANS = ["physician", "physician2"]


def determine(dice: Random, name: str) -> list[Act]:
    donor, outcome = dice.choice([*GIVERS, *DONORS]), dice.choice(["eligible", "eligible", "ineligible", "incomplete"])
    found = dict.fromkeys(MARKERS, "negative")
    if outcome == "ineligible" or dice.random() < 0.1:
        found[dice.choice(["hiv_nat", "hcv_nat", "syphilis"])] = dice.choice(["reactive", "indeterminate"])
    if outcome == "incomplete":
        found[dice.choice(["hiv_nat", "syphilis"])] = "not_done"
    need = dice.random() < 0.3
    acts: list[Act] = [{
        "do": "determine", "name": name, "donor": donor, "outcome": outcome, "markers": found, "by": "physician",
        "sample_ago": timedelta(days=dice.choice([50, 50, 45])),
        "for": dice.choice([None, *PATIENTS]) if need else None, "urgent": "no other donor" if need else None,
        "told": "physician2" if need else None,
    }]  # fmt: skip
    if dice.random() < 0.6:
        acts.append(sign("determinations", name, "physician"))
        if dice.random() < (0.7 if need else 0.3):
            acts.append(sign("determinations", name, "physician2"))
    return acts


def withdraw(dice: Random, name: str) -> list[Act]:
    course = dice.choice(list(COURSES))
    acts: list[Act] = [{"do": "withdraw", "consent": f"{course}.consent", "by": "nurse"}]
    return acts + (consent(dice, name, course) if dice.random() < 0.4 else [])


def consent(dice: Random, name: str, course: str = "") -> list[Act]:
    patient, protocol, _donor = COURSES[course or dice.choice(list(COURSES))]
    days = dice.choice([None, timedelta(0), timedelta(days=1)])
    acts: list[Act] = [
        {"do": "consent", "name": name, "patient": patient, "protocol": protocol, "by": "physician", "until_in": days}
    ]
    return acts + ([sign("consents", name, dice.choice(PHYSICIANS))] if dice.random() < 0.7 else [])


def shorten(dice: Random, _name: str) -> list[Act]:
    record, days = f"{dice.choice(list(COURSES))}.consent", dice.choice([0, 1])
    acts = [amend("consents", record, "physician", expires_on=timedelta(days=days))]
    if dice.random() < 0.5:
        acts.append(amend("consents", record, dice.choice(PHYSICIANS), expires_on=timedelta(days=days + 20)))
    if dice.random() < 0.3:
        acts.append(amend("consents", record, dice.choice(PHYSICIANS), expires_on=timedelta(days=days + 40)))
    return acts + [sign("consents", record, who) for who in dice.sample(PHYSICIANS, dice.choice([0, 1, 2]))]


def eligibility(dice: Random, name: str, course: str = "", *, yes: bool | None = None) -> list[Act]:
    by, said = dice.choice(PHYSICIANS), dice.random() < 0.4 if yes is None else yes
    acts: list[Act] = [
        {"do": "decide_eligibility", "name": name, "course": course or dice.choice(list(COURSES)), "yes": said,
         "by": by, "personal": not said and dice.random() < 0.4}
    ]  # fmt: skip
    if dice.random() < 0.7:
        acts.append(sign("eligibilities", name, dice.choice([by, *PHYSICIANS])))
    return acts


def overturn(dice: Random, name: str) -> list[Act]:
    """A physician says no, and the same or another one yes; one or two of them sign."""
    course = dice.choice(list(COURSES))
    acts = eligibility(dice, f"{name}.no", course, yes=False) + eligibility(dice, f"{name}.yes", course, yes=True)
    return acts + ([sign("eligibilities", f"{name}.yes", dice.choice(PHYSICIANS))] if dice.random() < 0.5 else [])


def turn(dice: Random, _name: str) -> list[Act]:
    record = f"{dice.choice(list(COURSES))}.eligibility"
    why = dice.choice([OF_COURSE, PERSONAL])
    acts = [amend("eligibilities", record, dice.choice(PHYSICIANS), eligible=False, reasons=why)]
    if dice.random() < 0.5:
        acts.append(amend("eligibilities", record, dice.choice(PHYSICIANS), eligible=True, reasons=None))
    return acts + [sign("eligibilities", record, who) for who in dice.sample(PHYSICIANS, dice.choice([0, 1, 2]))]


def weigh(dice: Random, name: str) -> list[Act]:
    acts: list[Act] = [{
        "do": "weigh", "name": name, "patient": dice.choice([*PATIENTS, *TWINS]), "by": "nurse",
        "kg": Decimal(dice.choice([60, 60, 63, 46, 44, 91, 3])), "ago": timedelta(days=dice.choice([0, 0, 6, 20, 40])),
    }]  # fmt: skip
    return acts + ([sign("weights", name, dice.choice(["nurse", "nurse2"]))] if dice.random() < 0.5 else [])


def amend_weight(dice: Random, _name: str) -> list[Act]:
    record = f"{dice.choice(PATIENTS)}.weight"
    values = [Decimal(kg) for kg in (61, 64, 68, 40, 100, 60)]
    acts = [
        amend("weights", record, dice.choice(["nurse", "nurse2"]), kg=dice.choice(values))
        for _time in range(dice.randint(1, 2))
    ]
    return acts + [sign("weights", record, dice.choice(["nurse", "nurse2"])) for _time in range(dice.randint(0, 2))]


def allergy(dice: Random, _name: str) -> list[Act]:
    who = dice.choice([*PATIENTS, *TWINS])
    acts: list[Act] = []
    for _time in range(dice.choice([1, 1, 2])):
        said = dice.choice(["DMSO", "human albumin", "penicillin", "none", "not_asked", "not_asked"])
        acts.append({"do": "allergy", "patient": who, "said": said, "by": "nurse"})
    return acts + (
        [{"do": "confirm", "patient": who, "by": dice.choice(["nurse", "nurse2"])}] if dice.random() < 0.3 else []
    )


def die(dice: Random, _name: str) -> list[Act]:
    who = dice.choice([*PATIENTS, *PATIENTS, *TWINS])
    acts: list[Act] = [{"do": "die", "patient": who, "by": "coordinator", "on_ago": 0}]
    if dice.random() < 0.4:
        acts.append(acts[0] | {"on_ago": None})
        if dice.random() < 0.5:
            acts.append({"do": "confirm", "patient": who, "by": dice.choice(["coordinator", "physician"])})
    return acts


def merge(dice: Random, name: str) -> list[Act]:
    """Somebody proposes that two records are one person's; it is confirmed, undone, or left open."""
    other, who = dice.choice(list(TWINS.items()))
    if dice.random() < 0.15:
        other, who = dice.sample(PATIENTS, 2)
    pair = {"patient": who, "merged": other}
    acts: list[Act] = [{"do": "propose", "name": name, **pair, "by": dice.choice(["nurse", "physician"])}]
    if dice.random() < 0.4:
        acts.insert(dice.randint(0, 1), {"do": "allergy", "patient": other, "said": dice.choice(["penicillin", "DMSO"]),
                                         "by": "nurse2"})  # fmt: skip
    if other in TWINS and dice.random() < 0.4:
        acts.append({"do": "confirm_merge", "merge": name, "by": dice.choice(["physician", "quality", "nurse"])})
    if dice.random() < 0.4:
        acts.append({"do": "undo_merge", "merge": name, "by": "coordinator", "second": "quality2"})
    return acts


def stop(dice: Random, _name: str) -> list[Act]:
    return [{"do": "stop", "course": dice.choice(list(COURSES)), "by": "physician"}]


def amend_order(dice: Random, _name: str) -> list[Act]:
    course = dice.choice(list(COURSES))
    acts = [amend("courses", course, "physician", diagnosis="stage 2")]
    return acts + ([sign("courses", course, "physician")] if dice.random() < 0.5 else [])


def wait(dice: Random, _name: str) -> list[Act]:
    minutes = dice.choice([5, 20, 28, 31, 45, 59, 61, 90, 6 * 60, 24 * 60, 6 * 24 * 60, 15 * 24 * 60, 45 * 24 * 60])
    return [{"do": "wait", "minutes": minutes}]


def wrong(dice: Random, name: str) -> list[Act]:
    """Somebody takes any bag to any course."""
    bag, course = cast(dice), dice.choice(list(COURSES))
    if dice.random() < 0.5:
        return [{"do": "assign", "bag": bag, "course": course, "by": "technologist"}]
    second: Any = dice.choice(["physician", "physician", "nurse"])
    return [
        {"do": "check", "name": name, "bag": bag, "course": course, "by": "nurse", "second": second},
        {"do": "begin", "name": f"{name}.given", "check": name, "by": "nurse"},
    ]
