"""Histories of small clinics, out of a seed: one or two bags on their way, and what comes between in any order.

A history is a list of acts in plain values, so that one can be left out: what fails is shrunk to what it needs.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

from tests.proof import of_cells, of_people
from tests.proof.acts import RUNS, Act, result, run, sign, step_later

if TYPE_CHECKING:
    from collections.abc import Callable

RIGHT = [
    ("a1", "ann.loose"), ("a2", "ann.loose"), ("a2", "ann.strict"), ("a1", "ann.strict"), ("p1", "cid.mix"),
    ("r1", "ann.sis"), ("o1", "ben.own"),
]  # fmt: skip
PROCESSED = [
    "thaw", "wash", "split", "pool", "culture", "refill", "wash and formulate", "refreeze", "short culture",
    "refreeze late",
]  # fmt: skip
CARRIED = {"thaw", "wash", "wash and formulate", "pool", "refill"}
"""After these runs the cells are what they were: what was found of their identity need not be found again."""


def way(dice: Random, number: int, turn: int) -> list[Act]:
    """Return the acts by which one bag comes to its patient, as it is or through a run, with a slip here and there."""
    return _through_a_run(dice, number, turn // 2) if turn % 2 else _as_it_is(dice, number, dice.choice(RIGHT))


def _two_doses(dice: Random) -> list[Act]:
    """Two bags for one course, one after the other; eligibility is decided again before the second."""
    course = "ann.loose"
    again = [
        {"do": "wait", "minutes": dice.choice([25 * 60, 2 * 24 * 60])},
        {
            "do": "decide_eligibility",
            "name": "again",
            "course": course,
            "yes": True,
            "by": "physician",
            "personal": False,
        },
        sign("eligibilities", "again", "physician"),
    ]
    return _as_it_is(dice, 0, ("a1", course)) + again + _as_it_is(dice, 1, ("a2", course))


def _as_it_is(dice: Random, number: int, pair: tuple[str, str]) -> list[Act]:
    bag, course = pair
    acts: list[Act] = []
    if bag != "o1":
        acts.append({"do": "assign", "bag": bag, "course": course, "by": "technologist"})
    kind = "conforms"
    if bag == "a2":
        waits = dice.random() < 0.4
        kind = "conditional" if waits else kind
        acts += _tests(dice, bag, str(number), waits=waits, identity=True, days=None)
    slip = _slip(dice, bag, number) if dice.random() < 0.4 else []
    acts += _decided(dice, bag, str(number), kind) + slip
    return acts + _thaw(bag, str(number)) + _given(bag, course, str(number))


def _slip(dice: Random, bag: str, number: int) -> list[Act]:
    """What speaks against a bag between its release and its thaw: a result beside it, a no of quality, time."""
    other = {"a1": "ada.don1", "a2": "a1", "p1": "ada.don2", "r1": "sis.don1", "o1": "own.don1"}[bag]
    no = {"do": "decide", "name": f"no.{number}", "bag": bag, "kind": dice.choice(["hold", "reject"]), "by": "quality2"}
    return dice.choice([
        [result(f"beside.{number}", other, "cd73", Decimal(80), None, False)],
        [no],
        [{"do": "wait", "minutes": 12 * 24 * 60}],
    ])  # fmt: skip


def _through_a_run(dice: Random, number: int, turn: int) -> list[Act]:
    """The bag is thawed and washed, pooled, divided, frozen again or grown first; then its cells are tested anew."""
    bag, course = dice.choice([one for one in RIGHT if one[1] != "ann.strict"])
    what = PROCESSED[turn % len(PROCESSED)]
    taken = ["a1", "a2"] if what == "pool" and bag in {"a1", "a2"} else [bag]
    made = [f"w{number}.{one}" for one in range(1, 3 if what == "split" or len(taken) == 2 else 2)]
    acts: list[Act] = [
        {"do": "assign", "bag": one, "course": course, "by": "technologist"} for one in taken if one != "o1"
    ]
    act = run(f"w{number}", what, taken, made, late=dice.random() < 0.3)
    acts += step_later(act) if dice.random() < 0.2 else [act]
    acts += [sign("runs", f"w{number}", who) for who in ("technologist", "technologist2")]
    given: list[Act] = []
    for place, one in enumerate(made if what == "split" else made[:1]):
        name = f"{number}.{place}"
        acts += _tests(dice, one, name, waits=True, identity=what not in CARRIED, days=0)
        if what == "culture":
            acts += [
                {"do": "use_before", "bag": one, "by": "technologist", "in": timedelta(hours=dice.choice([1, 24]))},
                sign("bags", one, dice.choice(["technologist2", "technologist2", "technologist"])),
            ]
        acts += _decided(dice, one, name, "conditional")
        given += (_thaw(one, name) if what in {"split", "refreeze"} else []) + _given(one, course, name)
    return acts + given


def _tests(dice: Random, bag: str, name: str, *, waits: bool, identity: bool, days: int | None) -> list[Act]:
    good: list[tuple[str, Any, Any, bool]] = [
        *([("cd73", Decimal(dice.choice([97, 97, 93])), None, False)] if identity else []),
        ("viability", Decimal(dice.choice([95, 91, 85])), None, False),
        ("endotoxin", Decimal(dice.choice([1, 3])), None, False), ("gram_stain", None, "no_organisms", False),
        ("sterility", None, None if waits else "no_growth", waits),
    ]  # fmt: skip
    return [result(f"{bag}.{test}.{name}", bag, test, *said, days=days) for test, *said in good]


def _decided(dice: Random, bag: str, name: str, kind: str) -> list[Act]:
    last = f"decision.{name}"
    return [
        {"do": "decide", "name": last, "bag": bag, "kind": kind, "by": "quality"},
        sign("decisions", last, dice.choice(["quality", "quality", "quality2"])),
        *([sign("decisions", last, "physician")] if kind == "conditional" else []),
    ]


def _thaw(bag: str, name: str) -> list[Act]:
    return [{"do": "move", "name": f"thaw.{name}", "bag": bag, "kind": "thawed", "intact": None, "by": "technologist"}]


def _given(bag: str, course: str, name: str) -> list[Act]:
    return [
        {"do": "check", "name": f"check.{name}", "bag": bag, "course": course, "by": "nurse", "second": "physician"},
        {"do": "begin", "name": f"given.{name}", "check": f"check.{name}", "by": "nurse"},
    ]


BETWEEN: dict[Callable[[Random, str], list[Act]], int] = {
    of_cells.new_result: 6, of_cells.amend_result: 3, of_cells.two_corrections: 4, of_cells.again: 7,
    of_cells.own_test: 4, of_cells.move: 5,
    of_cells.amend_bag: 3, of_cells.use_before: 4, of_cells.amend_origin: 4, of_cells.work: 6, of_people.determine: 5,
    of_people.withdraw: 3, of_people.consent: 2, of_people.shorten: 3, of_people.eligibility: 2, of_people.overturn: 4,
    of_people.turn: 3, of_people.weigh: 3, of_people.amend_weight: 3, of_people.allergy: 3, of_people.die: 2,
    of_people.merge: 5, of_people.stop: 1, of_people.amend_order: 2, of_people.wait: 6, of_people.wrong: 5,
}  # fmt: skip


TAILS = 10
"""Histories that share a beginning."""


def tree(seed: int) -> tuple[list[Act], list[list[Act]]]:
    """Return a beginning of a clinic and the ways in which it goes on; each with the beginning is a history.

    One or two bags are on their way; in each history something else comes between, in any order.
    """
    dice = Random(seed)  # noqa: S311 - a seed that anybody can repeat
    acts: list[Act] = _two_doses(dice) if seed % 10 == 6 else []
    for number in range(dice.choice([1, 1, 2]) if not acts else 0):
        acts = _merged(dice, acts, way(dice, number, seed))
    if dice.random() < 0.5:
        acts = _merged(dice, acts, _between(dice, "0"))
    cut = dice.randint(0, len(acts) - 1)
    tails = []
    for place in range(TAILS):
        if place == 0:  # each kind of run comes, of a bag that is whole
            tails.append(of_cells.work(dice, "work.t", list(RUNS)[seed % len(RUNS)]))
            continue
        tail = _merged(dice, acts[cut:] if dice.random() < 0.8 else [], _in_turn(dice, seed * TAILS + place))
        for number in range(dice.randint(0, 2)):
            tail = _merged(dice, tail, _between(dice, str(number + 1)))
        tails.append(tail)
    return acts[:cut], tails


def _in_turn(dice: Random, turn: int) -> list[Act]:
    """Return what comes between by its turn, so that a few histories draw each kind."""
    kinds = [kind for kind, times in BETWEEN.items() for _time in range(1 + times // 4)]
    kind = kinds[turn % len(kinds)]
    return kind(dice, f"{kind.__name__}.t")


def _between(dice: Random, number: str) -> list[Act]:
    (kind,) = dice.choices(list(BETWEEN), list(BETWEEN.values()))
    return kind(dice, f"{kind.__name__}.{number}")


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
