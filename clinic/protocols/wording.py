"""A protocol version in words: for its page, and for what changed between two versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from clinic.protocols.content import CELLS, DOSE, TREATS
from clinic.protocols.facts import Leaf, leaves, tables

if TYPE_CHECKING:
    from decimal import Decimal

    from clinic.protocols.content import Content


class Bar(NamedTuple):
    """A limit on a scale: ends of the scale, ends of the limit (None: open), a value to mark."""

    low: Decimal
    high: Decimal
    at_least: Decimal | None
    at_most: Decimal | None
    mark: Decimal | None


class Cell(NamedTuple):
    """A value in words, and as a bar where it is drawn."""

    words: str
    bar: Bar | None = None


class Table(NamedTuple):
    """The rows of a list of parts: under each column the words of its facts."""

    name: str
    title: str
    columns: list[str]
    rows: list[list[Cell]]


def sections(content: Content) -> dict[str, dict[str, Cell]]:
    """Return label and words of every fact that the version states, by section; its claims are in `claims`."""
    found: dict[str, dict[str, Cell]] = {}
    for leaf in leaves(type(content)):
        words = "" if leaf.fact.claim else leaf.words(content)
        if words:
            found.setdefault(leaf.fact.section, {})[leaf.fact.label] = Cell(words, _bar(leaf, content))
    return found


def page_tables(content: Content) -> list[Table]:
    """Return the tests and the visits as tables."""
    return [
        Table(
            rows.name,
            rows.fact.section,
            list(rows.columns),
            [[_cell(columns, row) for columns in rows.columns.values()] for row in rows.of(content)],
        )
        for rows in tables(type(content))
    ]


def _cell(facts: list[Leaf], row: Any) -> Cell:
    words = dict.fromkeys(words for leaf in facts if (words := leaf.words(row)))
    return Cell(", ".join(words), next((bar for leaf in facts if (bar := _bar(leaf, row))), None))


def _bar(leaf: Leaf, whole: Any) -> Bar | None:
    limit = leaf.value(whole) if leaf.fact.scaled else None
    if limit is None or (limit.low is None and limit.high is None):
        return None
    low, high, mark = leaf.part(whole).scale
    return Bar(low, high, limit.low, limit.high, mark)


def _pairs(content: Content, *wanted: str) -> list[tuple[str, str, str]]:
    found = sections(content)
    return [(label, cell.words, "") for title in wanted for label, cell in found.get(title, {}).items()]


def plan(content: Content) -> list[tuple[str, str, str]]:
    """Return label and words of what is treated, with which cells, as a list of facts shows them."""
    return _pairs(content, TREATS, CELLS)


def dose(content: Content) -> list[tuple[str, str, str]]:
    """Return label and words of the dose of one administration, as a list of facts shows them."""
    return _pairs(content, DOSE)


def lines(content: Content) -> dict[str, tuple[Any, str, str]]:
    """Return everything that a version says: by label the value, its words, and its plain words."""
    found: dict[str, tuple[Any, str, str]] = {
        leaf.fact.label: (leaf.value(content), leaf.words(content), leaf.plain_words(content))
        for leaf in leaves(type(content))
    }
    for rows in tables(type(content)):
        key = rows.leaves[0]
        for row in rows.of(content):
            words = "; ".join(
                f"{column}: {cell.words}"
                for column, facts in rows.columns.items()
                if key not in facts and (cell := _cell(facts, row)).words
            )
            each = "; ".join(f"{leaf.fact.label}: {leaf.plain_words(row)}" for leaf in rows.leaves)
            found[f"{rows.fact.label}: {key.words(row)}"] = (row, words, each)
    return found


def changed(before: Content, after: Content) -> list[tuple[str, str, str]]:
    """Return label, earlier and later words of every value that two versions do not share.

    Where the words do not show the difference (a value that the page leaves out), the plain values are written.
    """
    old, new, nothing = lines(before), lines(after), (None, "", "")
    found = []
    for label in dict.fromkeys((*new, *old)):
        (was, was_words, was_plain), (now, now_words, now_plain) = old.get(label, nothing), new.get(label, nothing)
        if was != now:
            found.append((label, was_plain, now_plain) if was_words == now_words else (label, was_words, now_words))
    return found
