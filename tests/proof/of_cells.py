"""What comes between on a bag's way and is about cells: tests, corrections, decisions, runs, movements."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tests.proof.acts import BAGS, DONATIONS, OUTCOMES, RUNS, Act, amend, cast, result, run, sign, step_later

GOOD: dict[str, dict[str, Any]] = {
    "cd73": {"value": Decimal(97)}, "viability": {"value": Decimal(95)}, "endotoxin": {"value": Decimal(1)},
    "gram_stain": {"outcome": "no_organisms"}, "sterility": {"outcome": "no_growth"},
}  # fmt: skip
LABORATORY = ["technologist", "technologist2"]


def new_result(dice: Random, name: str) -> list[Act]:
    bag, test = dice.choice([cast(dice), cast(dice), dice.choice(DONATIONS)]), dice.choice(list(GOOD))
    by = dice.choice(["technologist", "technologist2", "quality2"])
    if test not in OUTCOMES:
        values = {"viability": [95, 90, 80, 60], "endotoxin": [1, 2, 4, 30], "cd73": [97, 93, 93, 80]}
        return [result(name, bag, test, Decimal(dice.choice(values[test])), None, False, by=by)]
    if dice.random() < 0.25:
        return [result(name, bag, test, None, None, True, by=by)]
    good, bad = OUTCOMES[test]
    return [result(name, bag, test, None, dice.choice([good, good, bad]), False, by=by)]


def amend_result(dice: Random, _name: str) -> list[Act]:
    record, test, by = _tested(dice)
    acts = [amend("results", record, by, **_other(dice, test))]
    if dice.random() < 0.4:
        acts.append(amend("results", record, by, **GOOD[test]))
    if dice.random() < 0.6:
        acts.append(sign("results", record, dice.choice([by, *LABORATORY])))
    return acts


def two_corrections(dice: Random, _name: str) -> list[Act]:
    """Two people correct a result one after the other; who signs confirms the other's, and not the own one."""
    record, test, first = _tested(dice)
    second = dice.choice(LABORATORY)
    acts = [amend("results", record, first, **_other(dice, test)), amend("results", record, second, **GOOD[test])]
    signers = [first, second, *LABORATORY]
    for _time in range(dice.randint(0, 3)):
        acts.insert(dice.randint(1, len(acts)), sign("results", record, dice.choice(signers)))
    return acts


def _tested(dice: Random) -> tuple[str, str, str]:
    test = dice.choice(list(GOOD))
    return f"{dice.choice(['a1', 'p1', 'r1', 'o1'])}.{test}", test, dice.choice([*LABORATORY, "quality"])


def _other(dice: Random, test: str) -> dict[str, Any]:
    values = {"viability": [92, 75, 40], "endotoxin": [0, 3, 20], "cd73": [96, 91, 70]}
    return {"value": Decimal(dice.choice(values[test]))} if test in values else {"outcome": OUTCOMES[test][1]}


def own_test(dice: Random, name: str) -> list[Act]:
    """Quality staff test a bag, badly, and may not release it; then others decide, by exception."""
    bag = dice.choice(["a1", "p1", "o1"])
    kinds = [("quality2", "exceptional"), ("quality", "exceptional")]
    acts: list[Act] = [result(f"{name}.v", bag, "viability", Decimal(60), None, False, by="quality2")]
    acts += [{"do": "decide", "name": f"{name}.{by}", "bag": bag, "kind": kind, "by": by} for by, kind in kinds]
    return acts + [sign("decisions", f"{name}.quality", who) for who in ("quality", "director", "physician")]


def again(dice: Random, name: str) -> list[Act]:
    """Quality decides once more."""
    kind = dice.choice(["hold", "hold", "reject", "reject", "conforms", "conforms", "conditional", "exceptional"])
    bag = dice.choice([cast(dice), cast(dice), dice.choice(DONATIONS)]) if kind in {"hold", "reject"} else cast(dice)
    by = dice.choice(["quality", "quality2"])
    acts: list[Act] = [{"do": "decide", "name": name, "bag": bag, "kind": kind, "by": by}]
    if dice.random() < 0.8:
        acts.append(sign("decisions", name, dice.choice([by, "quality", "quality2"])))
    if kind == "exceptional" and dice.random() < 0.8:
        acts += [sign("decisions", name, "director"), sign("decisions", name, "physician")]
    return acts


def move(dice: Random, name: str) -> list[Act]:
    kind = dice.choice(["received", "received", "discarded", "thawed", "thawed", "stored"])
    bag = dice.choice([*BAGS, *BAGS, *DONATIONS]) if kind == "received" else cast(dice)
    intact = dice.choice([True, False]) if kind == "received" else None
    told = {"do": "move", "bag": bag, "by": "technologist", "intact": None}
    acts: list[Act] = [told | {"name": name, "kind": kind, "intact": intact}]
    if dice.random() < 0.3:
        acts.append(told | {"name": f"{name}.kept", "kind": "stored"})
    if intact is False and dice.random() < 0.6:
        acts.append(amend("moves", name, "technologist", intact=True))
    return acts


def amend_bag(dice: Random, _name: str) -> list[Act]:
    bag, first = cast(dice), dice.choice(LABORATORY)
    values: list[dict[str, Any]] = [
        {"amount": Decimal(100)}, {"amount": Decimal(50)}, {"amount": Decimal(130)}, {"volume": Decimal(9)},
    ]  # fmt: skip
    acts = [amend("bags", bag, first, **dice.choice(values))]
    if dice.random() < 0.4:
        acts.append(amend("bags", bag, dice.choice(LABORATORY), **dice.choice(values)))
    return acts + [sign("bags", bag, dice.choice([first, *LABORATORY])) for _time in range(dice.randint(1, 2))]


def use_before(dice: Random, _name: str) -> list[Act]:
    """Somebody shortens the life of a bag by hand, and perhaps lengthens it again."""
    bag = cast(dice)
    spans = [timedelta(minutes=m) for m in (20, 50, 24 * 60, 6 * 24 * 60, 15 * 24 * 60, 90 * 24 * 60)]
    acts: list[Act] = [
        {"do": "use_before", "bag": bag, "by": dice.choice(LABORATORY), "in": dice.choice(spans)}
        for _time in range(dice.randint(1, 2))
    ]
    return acts + [sign("bags", bag, dice.choice(LABORATORY)) for _time in range(dice.randint(0, 2))]


def amend_origin(dice: Random, _name: str) -> list[Act]:
    if dice.random() < 0.5:
        name, by = dice.choice(["run.ada", "run.mix", "run.sis", "run.own", "w0"]), dice.choice(LABORATORY)
        waste = Decimal({"run.mix": 109}.get(name, 39))
        changes: dict[str, Any] = dice.choice([{"room": f"Cabinet {dice.randint(2, 9)}"}, {"waste_volume": waste}])
        if name == "w0":
            changes = {"room": "Cabinet 1"}
        return [amend("runs", name, by, **changes)] + [
            sign("runs", name, who) for who in dice.sample(LABORATORY, dice.randint(0, 2))
        ]
    harvest, by = f"{dice.choice(DONATIONS)}.harvest", dice.choice(["nurse", "physician"])
    acts = [
        amend(
            "harvests",
            harvest,
            by,
            **dice.choice([{"volume": Decimal(61)}, {"volume": Decimal(61)}, {"notes": "a second look"}]),
        )
    ]
    signers = dice.sample(["physician", "physician2"], dice.randint(0, 2))
    return acts + [sign("harvests", harvest, who) for who in signers]


def work(dice: Random, name: str, what: str = "") -> list[Act]:
    """The laboratory takes one bag or two into a run, with care or without."""
    what = what or dice.choice(list(RUNS))
    bags = dice.sample(BAGS, 2) if what == "pool" and dice.random() < 0.5 else [cast(dice)]
    made = [f"{name}.{number}" for number in range(1, dice.choice([2, 3]))]
    act = run(name, what, bags, made, by=dice.choice(LABORATORY), late=dice.random() < 0.3)
    acts = step_later(act) if dice.random() < 0.3 else [act]
    return acts + [sign("runs", name, who) for who in dice.sample(LABORATORY, dice.randint(0, 2))]
