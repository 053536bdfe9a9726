"""The names in a history and the acts that several parts of it draw: results, corrections, signatures, runs."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

Act = dict[str, Any]
BAGS = ["a1", "a2", "p1", "r1", "o1"]
DONATIONS = ["ada.don1", "ada.don2", "bob.don1", "sis.don1", "own.don1"]
MADE = ["w0.1", "w0.2", "w1.1"]
"""Bags that a run on the way may make; an act on one that is not there yet is left out."""
OUTCOMES = {"gram_stain": ("no_organisms", "organisms"), "sterility": ("no_growth", "growth")}
RUNS: dict[str, tuple[list[tuple[str, int, int]], int, int]] = {
    "thaw": ([("thaw", 0, 5)], 15, 0),
    "wash": ([("thaw", 0, 5), ("wash", 6, 15)], 20, 10),
    "wash and formulate": ([("thaw", 0, 4), ("wash", 5, 12), ("formulate", 13, 18)], 20, 10),
    "pool": ([("thaw", 0, 5), ("pool", 6, 10)], 15, 0),
    "refill": ([], 10, 0),
    "split": ([("split", 1, 6)], 10, 0),
    "refreeze": ([("thaw", 0, 5), ("cryopreserve", 8, 25)], 30, 0),
    "refreeze late": ([("thaw", 0, 5), ("cryopreserve", 20, 95)], 100, 0),
    "culture": ([("thaw", 0, 5), ("expand", 10, 780)], 790, 0),
    "short culture": ([("thaw", 0, 5), ("expand", 6, 180)], 185, 0),
    "wash untouched": ([("wash", 2, 10)], 15, 10),
    "split and wash": ([("split", 1, 5), ("wash", 6, 12)], 15, 0),
}
"""What a run does: its steps, in minutes from its beginning, how long it takes, and mL that are added."""


def cast(dice: Random) -> str:
    """Return one of the bags that are there from the beginning, or now and then one that a run made."""
    return dice.choice([*BAGS, *BAGS, *MADE])


def result(
    name: str, bag: str, test: str, value: Any, outcome: Any, pending: bool, *, by: str = "technologist2",
    days: int | None = None,
) -> Act:  # fmt: skip
    """Return one result; ``days``: how old its sample is."""
    ago = timedelta(days=days if days is not None else 5 if pending else 15)
    return {
        "do": "result", "name": name, "bag": bag, "test": test, "value": value, "outcome": outcome, "pending": pending,
        "by": by, "sampled_ago": ago,
    }  # fmt: skip


def amend(table: str, record: str, by: str, **changes: Any) -> Act:
    return {"do": "amend", "table": table, "record": record, "by": by, "changes": changes}


def sign(table: str, record: str, by: str) -> Act:
    return {"do": "sign", "table": table, "record": record, "by": by}


def run(name: str, what: str, bags: list[str], made: list[str], *, by: str = "technologist", late: bool = False) -> Act:
    """Return a run that has just been done; ``late``: its containers are recorded before its steps."""
    steps, minutes, added = RUNS[what]
    return {
        "do": "run", "what": what, "name": name, "inputs": bags, "bags": made, "by": by, "minutes": minutes,
        "added": Decimal(added), "late": late, "steps": [_step(*one) for one in steps],
    }  # fmt: skip


def step_later(act: Act) -> list[Act]:
    """Return a run without its last step, and the step recorded afterwards."""
    if not act["steps"]:
        return [act]
    last = {"do": "step", "run": act["name"], "by": act["by"], **act["steps"][-1]}
    return [act | {"steps": act["steps"][:-1]}, last]


def _step(kind: str, begun: int, ended: int) -> dict[str, Any]:
    return {"kind": kind, "from": timedelta(minutes=begun), "to": timedelta(minutes=ended)}
