"""Adverse events by what happened: in the same words but for capitals and spaces, printed as most of them were written.

A term has capitals of its own (°C, COVID-19, GVHD stage II), so none is changed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from clinic.reports.marks import key_of

if TYPE_CHECKING:
    from collections.abc import Iterable

NOT_NAMED = "Not named"


class Term(NamedTuple):
    """What happened: the mark by which its row is known, its words as they are printed, and its events."""

    key: str
    words: str
    rows: list[Any]


def by_term(events: Iterable[Any]) -> list[Term]:
    """Return events by their ``term``, the most frequent term first; of equally frequent spellings the first counts."""
    found: dict[str, list[Any]] = defaultdict(list)
    written: dict[str, Counter[str]] = defaultdict(Counter)
    for row in events:
        words = " ".join((row.term or NOT_NAMED).split())
        same = words.casefold()
        found[same].append(row)
        written[same][words] += 1
    order = sorted(found, key=lambda same: (-len(found[same]), same))
    return [Term(_mark(same), written[same].most_common(1)[0][0], found[same]) for same in order]


def _mark(same: str) -> str:
    """Return the mark of a term, which reports that were kept before have too."""
    return key_of(same[:1].upper() + same[1:])
