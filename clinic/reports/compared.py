"""A report as it was known compared with that of today: which figures moved, and which records behind moved them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from clinic.audit.sentences import nouns
from clinic.products.models import Product
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from clinic.reports.past import Later, Past
    from clinic.reports.report import Figure, Result

CAME, WENT, CHANGED = "Counted today only", "Counted then only", "Counted both times, and changed"
ACTS = {"insert": "recorded", "update": "changed", "delete": "removed"}
MOST_ACTS = 3
"""Acts that are named beside one record, each with its first entry."""


class Moved(NamedTuple):
    """One figure that is another one today, or counts other records; an en dash where there was none.

    ``counted``: it counts records, of which some came or went; a rate or a median counts none of its own.
    """

    row: str
    column: str
    then: str
    now: str
    came: tuple[str, ...]
    went: tuple[str, ...]
    counted: bool


class Mover(NamedTuple):
    """One record behind figures that moved: how it did, and what the ledger has about it since."""

    id: str
    how: str
    entries: tuple[str, ...]
    more: int


def moved(then: Result, now: Result) -> list[Moved]:
    """Return every figure that is another one or counts other records, rows that came or went too."""
    before, after = _figures(then), _figures(now)
    found = []
    for place in {**before, **after}:
        (row, column, old), (_, _, new) = (
            before.get(place) or (*after[place][:2], None),
            after.get(place) or (*before[place][:2], None),
        )
        then_of, now_of = ((one and one.of) or () for one in (old, new))
        came, went = _without(now_of, then_of), _without(then_of, now_of)
        words = [one.shown if one is not None else "–" for one in (old, new)]
        if words[0] != words[1] or came or went:
            counted = any(one is not None and one.of is not None for one in (old, new))
            found.append(Moved(row, column, words[0], words[1], came, went, counted))
    return found


def _without(some: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    known = set(others)
    return tuple(one for one in some if one not in known)


def _figures(result: Result) -> dict[tuple[str, str], tuple[str, str, Figure]]:
    """Return the figures of a report by the keys of row and column: label, heading and figure."""
    found = {("", one.key): (one.label, "", one.figure) for one in result.asides}
    for row in result.all_rows:
        for column, figure in zip(result.columns, row.figures, strict=True):
            found[row.key, column.key] = (row.label, column.heading, figure)
    return found


def movers(session: Session, then: Result, now: Result, some: list[Moved], past: Past) -> list[Mover]:
    """Return the records that made the differences, those that came first; later entries about each of them.

    A record that is counted both times is one of them where something about it was written since.
    """
    came = dict.fromkeys(id_ for one in some for id_ in one.came)
    went = dict.fromkeys(id_ for one in some for id_ in one.went if id_ not in came)
    figures = {(one.row, one.column) for one in some}
    both = {
        id_: None
        for result in (then, now)
        for label, heading, figure in _figures(result).values()
        if (label, heading) in figures
        for id_ in figure.of or ()
        if id_ not in came and id_ not in went
    }
    about = _about(session, [*came, *went, *both], past)
    found = [_mover(id_, CAME, about[id_]) for id_ in came] + [_mover(id_, WENT, about[id_]) for id_ in went]
    return found + [_mover(id_, CHANGED, about[id_]) for id_ in both if about[id_]]


def _mover(id_: str, how: str, about: list[Later]) -> Mover:
    """Return a record with what was done since, each act once with its first entry: “Harvest recorded (entry 12)”."""
    acts: dict[str, list[int]] = defaultdict(list)
    for one in about:
        for number, act in zip(one.numbers, one.acts, strict=True):
            acts[f"{nouns().get(one.table, one.table)} {ACTS.get(act, act)}"].append(number)
    told = [_said(words, sorted(numbers)) for words, numbers in sorted(acts.items(), key=lambda one: min(one[1]))]
    return Mover(id_, how, tuple(told[:MOST_ACTS]), max(0, len(told) - MOST_ACTS))


def _said(words: str, numbers: list[int]) -> str:
    more = f" and {len(numbers) - 1} more" if len(numbers) > 1 else ""
    return f"{words[:1].upper()}{words[1:]} (entry {numbers[0]}{more})"


def _about(session: Session, ids: Iterable[str], past: Past) -> dict[str, list[Later]]:
    """Return what was written since about each record: about itself, and what names it, its products or its patient."""
    wanted = list(ids)
    parts: dict[str, set[str]] = {id_: {id_} for id_ in wanted}
    courses = {id_ for id_ in wanted if id_.startswith(Treatment.KIND)}
    if courses:
        for product, course in session.execute(select(Product.id, Product.treatment_id)):
            if course in courses:
                parts[course].add(product)
        for course, patient in session.execute(select(Treatment.id, Treatment.patient_id)):
            if course in courses:
                parts[course].add(patient)
    every = {part for some in parts.values() for part in some}
    naming: dict[str, list[Later]] = defaultdict(list)
    for one in past.later(every) if every else ():
        for name in one.names & every:
            naming[name].append(one)
    return {id_: list({one.id: one for part in parts[id_] for one in naming[part]}.values()) for id_ in wanted}
