"""Histories of small clinics, out of a seed: one or two bags on their way, and what comes between in any order.

A history is a list of acts in plain values, so that one can be left out: what fails is shrunk to what it needs.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

from clinic.protocols.catalogues import MARKERS
from tests.proof.scene import COURSES

if TYPE_CHECKING:
    from collections.abc import Callable

Act = dict[str, Any]
RIGHT = [
    ("a1", "ann.loose"), ("a2", "ann.loose"), ("a2", "ann.strict"), ("a1", "ann.strict"), ("p1", "cid.mix"),
    ("r1", "ann.sis"), ("o1", "ben.own"),
]  # fmt: skip
BAGS = ["a1", "a2", "p1", "r1", "o1"]
DONATIONS = ["ada.don1", "ada.don2", "bob.don1", "sis.don1", "own.don1"]
PATIENTS = ["ann", "ben", "cid"]
DONORS = ["ada", "bob", "mix", "sis"]
GIVERS = ["ada", "bob", "sis"]


def way(dice: Random, number: int) -> list[Act]:
    """Return the acts by which one bag comes to its patient, with a slip here and there."""
    bag, course = dice.choice(RIGHT)
    acts: list[Act] = []
    if bag != "o1":
        acts.append({"do": "assign", "bag": bag, "course": course, "by": "technologist"})
    kind = "conforms"
    if bag == "a2":
        waits = dice.random() < 0.4
        kind = "conditional" if waits else kind
        good: list[tuple[str, Any, Any, bool]] = [
            ("viability", Decimal(dice.choice([95, 91, 85])), None, False),
            ("endotoxin", Decimal(dice.choice([1, 3])), None, False), ("gram_stain", None, "no_organisms", False),
            ("sterility", None, None if waits else "no_growth", waits),
        ]  # fmt: skip
        acts += [_result(f"{bag}.{test}.{number}", bag, test, *said) for test, *said in good]
    last = f"decision.{number}"
    acts += [
        {"do": "decide", "name": last, "bag": bag, "kind": kind, "by": "quality"},
        {"do": "sign", "table": "decisions", "record": last, "by": dice.choice(["quality", "quality", "quality2"])},
        *([{"do": "sign", "table": "decisions", "record": last, "by": "physician"}] if kind == "conditional" else []),
        {"do": "move", "name": f"thaw.{number}", "bag": bag, "kind": "thawed", "intact": None, "by": "technologist"},
        {"do": "check", "name": f"check.{number}", "bag": bag, "course": course, "by": "nurse", "second": "physician"},
        {"do": "begin", "name": f"given.{number}", "check": f"check.{number}", "by": "nurse"},
    ]
    return acts


def _result(
    name: str, bag: str, test: str, value: Any, outcome: Any, pending: bool, *, by: str = "technologist2"
) -> Act:
    return {
        "do": "result", "name": name, "bag": bag, "test": test, "value": value, "outcome": outcome, "pending": pending,
        "by": by, "sampled_ago": timedelta(days=5 if pending else 15),
    }  # fmt: skip


# what may come between


def _new_result(dice: Random, name: str) -> list[Act]:
    bag, test = (
        dice.choice([*BAGS, *BAGS, *DONATIONS]),
        dice.choice(["viability", "endotoxin", "gram_stain", "sterility"]),
    )
    by = dice.choice(["technologist", "technologist2", "quality2"])
    if test in {"viability", "endotoxin"}:
        value = Decimal(dice.choice([95, 90, 80, 60] if test == "viability" else [1, 2, 4, 30]))
        return [_result(name, bag, test, value, None, False, by=by)]
    if dice.random() < 0.25:
        return [_result(name, bag, test, None, None, True, by=by)]
    good, bad = ("no_organisms", "organisms") if test == "gram_stain" else ("no_growth", "growth")
    return [_result(name, bag, test, None, dice.choice([good, good, bad]), False, by=by)]


def _amend_result(dice: Random, name: str) -> list[Act]:
    bag, test = (
        dice.choice(["a1", "p1", "r1", "o1"]),
        dice.choice(["viability", "endotoxin", "gram_stain", "sterility"]),
    )
    record, by = f"{bag}.{test}", dice.choice(["technologist", "technologist2", "quality"])
    new: dict[str, Any] = {
        "viability": {"value": Decimal(dice.choice([92, 75, 40]))},
        "endotoxin": {"value": Decimal(dice.choice([0, 3, 20]))},
        "gram_stain": {"outcome": "organisms"}, "sterility": {"outcome": "growth"},
    }[test]  # fmt: skip
    acts = [_amend("results", record, by, **new)]
    if dice.random() < 0.4:
        old: dict[str, Any] = {
            "viability": {"value": Decimal(95)}, "endotoxin": {"value": Decimal(1)},
            "gram_stain": {"outcome": "no_organisms"}, "sterility": {"outcome": "no_growth"},
        }[test]  # fmt: skip
        acts.append(_amend("results", record, by, **old))
    if dice.random() < 0.6:
        acts.append(_sign("results", record, dice.choice([by, "technologist", "technologist2"])))
    return acts


def _amend(table: str, record: str, by: str, **changes: Any) -> Act:
    return {"do": "amend", "table": table, "record": record, "by": by, "changes": changes}


def _sign(table: str, record: str, by: str) -> Act:
    return {"do": "sign", "table": table, "record": record, "by": by}


def _again(dice: Random, name: str) -> list[Act]:
    """Quality decides once more."""
    kind = dice.choice(["hold", "hold", "reject", "conforms", "conforms", "conditional", "exceptional"])
    bag = dice.choice([*BAGS, *BAGS, *DONATIONS]) if kind in {"hold", "reject"} else dice.choice(BAGS)
    by = dice.choice(["quality", "quality2"])
    acts: list[Act] = [{"do": "decide", "name": name, "bag": bag, "kind": kind, "by": by}]
    if dice.random() < 0.8:
        acts.append(_sign("decisions", name, dice.choice([by, "quality", "quality2"])))
    if kind == "exceptional" and dice.random() < 0.8:
        acts.append(_sign("decisions", name, "director"))
    return acts


def _determine(dice: Random, name: str) -> list[Act]:
    donor, outcome = dice.choice([*GIVERS, *DONORS]), dice.choice(["eligible", "eligible", "ineligible", "incomplete"])
    found = dict.fromkeys(MARKERS, "negative")
    if outcome == "ineligible" or dice.random() < 0.1:
        found[dice.choice(["hiv_nat", "hcv_nat", "syphilis"])] = dice.choice(["reactive", "indeterminate"])
    if outcome == "incomplete":
        found[dice.choice(["hiv_nat", "syphilis"])] = "not_done"
    need = dice.random() < 0.3
    acts: list[Act] = [{
        "do": "determine", "name": name, "donor": donor, "outcome": outcome, "markers": found, "by": "physician",
        "sample_ago": timedelta(days=50), "urgent": "no other donor" if need else None,
        "told": "physician2" if need else None,
    }]  # fmt: skip
    if dice.random() < 0.6:
        acts.append(_sign("determinations", name, "physician"))
        if need and dice.random() < 0.7:
            acts.append(_sign("determinations", name, "physician2"))
    return acts


def _withdraw(dice: Random, name: str) -> list[Act]:
    course = dice.choice(list(COURSES))
    acts: list[Act] = [{"do": "withdraw", "consent": f"{course}.consent", "by": "nurse"}]
    return acts + (_consent(dice, name, course) if dice.random() < 0.4 else [])


def _consent(dice: Random, name: str, course: str = "") -> list[Act]:
    patient, protocol, _donor = COURSES[course or dice.choice(list(COURSES))]
    days = dice.choice([None, timedelta(0), timedelta(days=1)])
    acts: list[Act] = [
        {"do": "consent", "name": name, "patient": patient, "protocol": protocol, "by": "physician", "until_in": days}
    ]
    return acts + ([_sign("consents", name, dice.choice(["physician", "physician2"]))] if dice.random() < 0.7 else [])


def _shorten(dice: Random, _name: str) -> list[Act]:
    record, days = f"{dice.choice(list(COURSES))}.consent", dice.choice([0, 1])
    acts = [_amend("consents", record, "physician", expires_on=timedelta(days=days))]
    if dice.random() < 0.5:
        acts.append(_amend("consents", record, "physician", expires_on=timedelta(days=days + 20)))
    signers = dice.sample(["physician", "physician2"], dice.choice([0, 1, 2]))
    return acts + [_sign("consents", record, who) for who in signers]


def _eligibility(dice: Random, name: str) -> list[Act]:
    acts: list[Act] = [
        {"do": "decide_eligibility", "name": name, "course": dice.choice(list(COURSES)), "yes": dice.random() < 0.4,
         "by": "physician"}
    ]  # fmt: skip
    return acts + ([_sign("eligibilities", name, "physician")] if dice.random() < 0.6 else [])


def _turn(dice: Random, _name: str) -> list[Act]:
    record = f"{dice.choice(list(COURSES))}.eligibility"
    acts = [_amend("eligibilities", record, "physician", eligible=False, reasons="a new finding")]
    if dice.random() < 0.5:
        acts.append(_amend("eligibilities", record, "physician", eligible=True, reasons=None))
    signers = dice.sample(["physician", "physician2"], dice.choice([0, 1, 2]))
    return acts + [_sign("eligibilities", record, who) for who in signers]


def _move(dice: Random, name: str) -> list[Act]:
    kind = dice.choice(["received", "received", "discarded", "thawed", "stored"])
    bag = dice.choice([*BAGS, *BAGS, *DONATIONS]) if kind == "received" else dice.choice(BAGS)
    intact = dice.choice([True, True, False]) if kind == "received" else None
    acts: list[Act] = [{"do": "move", "name": name, "bag": bag, "kind": kind, "intact": intact, "by": "technologist"}]
    if intact is False and dice.random() < 0.3:
        acts.append(_amend("moves", name, "technologist", intact=True))
    return acts


def _weigh(dice: Random, name: str) -> list[Act]:
    return [{
        "do": "weigh", "name": name, "patient": dice.choice(PATIENTS), "by": "nurse",
        "kg": Decimal(dice.choice([60, 60, 46, 44, 91, 3])), "ago": timedelta(days=dice.choice([0, 0, 6, 20, 40])),
    }]  # fmt: skip


def _amend_weight(dice: Random, _name: str) -> list[Act]:
    record = f"{dice.choice(PATIENTS)}.weight"
    return [_amend("weights", record, "nurse", kg=Decimal(dice.choice([61, 40, 100])))]


def _allergy(dice: Random, _name: str) -> list[Act]:
    said = dice.choice(["DMSO", "human albumin", "penicillin", "none", "not_asked"])
    return [{"do": "allergy", "patient": dice.choice(PATIENTS), "said": said, "by": "nurse"}]


def _die(dice: Random, _name: str) -> list[Act]:
    acts: list[Act] = [{"do": "die", "patient": dice.choice(PATIENTS), "by": "coordinator", "on_ago": 0}]
    return acts + ([acts[0] | {"on_ago": None}] if dice.random() < 0.3 else [])


def _stop(dice: Random, _name: str) -> list[Act]:
    return [{"do": "stop", "course": dice.choice(list(COURSES)), "by": "physician"}]


def _amend_bag(dice: Random, _name: str) -> list[Act]:
    new: dict[str, Any] = dice.choice(
        [{"amount": Decimal(100)}, {"amount": Decimal(50)}, {"amount": Decimal(130)}, {"volume": Decimal(9)}]
    )
    bag = dice.choice(BAGS)
    signs = [_sign("bags", bag, "technologist2")] if dice.random() < 0.6 else []
    return [_amend("bags", bag, "technologist", **new), *signs]


def _amend_origin(dice: Random, _name: str) -> list[Act]:
    if dice.random() < 0.5:
        run = dice.choice(["run.ada", "run.mix", "run.sis", "run.own"])
        acts = [_amend("runs", run, "technologist", room=f"Cabinet {dice.randint(2, 9)}")]
        return acts + [
            _sign("runs", run, who) for who in dice.sample(["technologist", "technologist2"], dice.randint(0, 2))
        ]
    harvest = f"{dice.choice(DONATIONS)}.harvest"
    acts = [_amend("harvests", harvest, "nurse", volume=Decimal(61))]
    return acts + ([_sign("harvests", harvest, "physician")] if dice.random() < 0.6 else [])


def _amend_order(dice: Random, _name: str) -> list[Act]:
    course = dice.choice(list(COURSES))
    acts = [_amend("courses", course, "physician", diagnosis="stage 2")]
    return acts + ([_sign("courses", course, "physician")] if dice.random() < 0.5 else [])


def _wait(dice: Random, _name: str) -> list[Act]:
    minutes = dice.choice([5, 20, 28, 31, 45, 59, 61, 90, 6 * 60, 24 * 60, 6 * 24 * 60, 15 * 24 * 60, 45 * 24 * 60])
    return [{"do": "wait", "minutes": minutes}]


def _split(dice: Random, name: str) -> list[Act]:
    bag = dice.choice(BAGS)
    halves = [f"{bag}.{name}.{n}" for n in (1, 2)]
    acts: list[Act] = [{"do": "split", "name": name, "bag": bag, "bags": halves, "by": "technologist"}]
    return acts + [
        _sign("runs", name, who) for who in dice.sample(["technologist", "technologist2"], dice.randint(0, 2))
    ]


def _wrong(dice: Random, name: str) -> list[Act]:
    """Somebody takes any bag to any course."""
    bag, course = dice.choice(BAGS), dice.choice(list(COURSES))
    if dice.random() < 0.5:
        return [{"do": "assign", "bag": bag, "course": course, "by": "technologist"}]
    second = dice.choice(["physician", "physician", "nurse"])
    return [
        {"do": "check", "name": name, "bag": bag, "course": course, "by": "nurse", "second": second},
        {"do": "begin", "name": f"{name}.given", "check": name, "by": "nurse"},
    ]


BETWEEN: dict[Callable[[Random, str], list[Act]], int] = {
    _new_result: 6, _amend_result: 5, _again: 7, _determine: 6, _withdraw: 3, _consent: 2, _shorten: 3, _eligibility: 3,
    _turn: 3, _move: 5, _weigh: 3, _amend_weight: 2, _allergy: 3, _die: 1, _stop: 1, _amend_bag: 3, _amend_origin: 4,
    _amend_order: 2, _wait: 6, _split: 2, _wrong: 5,
}  # fmt: skip


TAILS = 10
"""Histories that share a beginning."""


def tree(seed: int) -> tuple[list[Act], list[list[Act]]]:
    """Return a beginning of a clinic and the ways in which it goes on; each with the beginning is a history.

    One or two bags are on their way; in each history something else comes between, in any order.
    """
    dice = Random(seed)  # noqa: S311 - a seed that anybody can repeat
    acts: list[Act] = []
    for number in range(dice.choice([1, 1, 2])):
        acts = _merged(dice, acts, way(dice, number))
    if dice.random() < 0.5:
        acts = _merged(dice, acts, _between(dice, "0"))
    cut = dice.randint(0, len(acts) - 1)
    tails = []
    for _tail in range(TAILS):
        tail = acts[cut:] if dice.random() < 0.8 else []
        for number in range(dice.randint(1, 3)):
            tail = _merged(dice, tail, _between(dice, str(number + 1)))
        tails.append(tail)
    return acts[:cut], tails


def _between(dice: Random, number: str) -> list[Act]:
    (kind,) = dice.choices(list(BETWEEN), list(BETWEEN.values()))
    return kind(dice, f"{kind.__name__[1:]}.{number}")


def _merged(dice: Random, one: list[Act], other: list[Act]) -> list[Act]:
    """Return two lists as one, each in its own order; now and then a short one goes in as a block."""
    if len(other) <= 3 and dice.random() < 0.5:
        place = dice.randint(0, len(one))
        return one[:place] + other + one[place:]
    left, right, found = list(one), list(other), []
    while left or right:
        take = left if dice.random() * (len(left) + len(right)) < len(left) else right
        found.append(take.pop(0))
    return found
