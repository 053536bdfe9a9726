"""Constants complete what a row says; alone they tell of nothing that happened to this patient.

A record that a row need not have (an event, a visit with its scores, a weight, a result, cells, an administration) is
made where one of its cells says something. Where the mapping has no column for it at all, its constants say that every
row has one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from clinic.exchange.import_checks import Given
from clinic.exchange.import_targets import SAMPLED, Slot, slot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clinic.exchange.mapping import Mapping

Group = tuple[str, str]
"""One record that a row may tell of: its kind, and the word that tells it from others of that kind."""
CONTAINER: Group = ("container", "")
CELLS = frozenset({"harvest", "product", "administration", "qc"})
FIGURES = frozenset({"score", "qc", "weight"})
"""Parts of one figure: what is taken where its cell is empty (``default``) is said of that figure itself."""
SURVIVAL = frozenset({"survival_days", "survival_status"})
PLACES = frozenset({"name", "course_day"})
OF_A_ROW = PLACES | {"performed_at", "instrument"}
"""What tells which visit and score a code for “not recorded” is about; the second where a row is one visit."""


def _groups(at: Slot) -> Iterator[Group]:
    """Yield the records to which a fact belongs; a fact of the patient, the donor or the order belongs to none."""
    if at.part in {"visit", "score"}:
        yield "visit", at.key
    elif at.part in {"event", "weight", "administration"}:
        yield at.part, at.key
    elif at.part == "qc" and (at.part, at.name) != SAMPLED:
        yield "qc", at.name
    if at.part in CELLS:
        yield CONTAINER


class Told:
    """Which records of a table hang on its cells, and which facts of a row are constants of a record that is not."""

    def __init__(self, mapping: Mapping) -> None:
        self.columns: dict[Slot, str] = {}
        fixed = mapping.constants.keys() | mapping.numbered.keys()
        for target, column in mapping.targets():
            place = slot(target, mapping.kind)
            if place is not None and (column != "the mapping" or target not in fixed):
                self.columns[place] = column
        self.hanging: defaultdict[Group, set[Slot]] = defaultdict(set)
        for place in self.columns:
            for group in _groups(place):
                self.hanging[group].add(place)
        survived = {one for one in self.columns if one.part == "score" and one.name in SURVIVAL}
        for group in (("administration", ""), CONTAINER):  # it is counted from the cells, so they were given
            self.hanging[group] |= survived if self.hanging[group] else set()
        sampled = {one for one in self.columns if (one.part, one.name) == SAMPLED}
        constant = {place for to in fixed if (place := slot(to, mapping.kind)) is not None}
        for place in constant | self.columns.keys() if sampled else ():  # the day of the samples tells of each result
            for group in _groups(place):
                self.hanging[group] |= sampled if group[0] == "qc" else set()

    def kept(self, given: dict[Slot, Given]) -> dict[Slot, Given]:
        """Return what a row says without the constants of records of which none of its cells tells.

        What places a score of which a cell says a code for “not recorded” stays, and is marked ``idle``: it makes no
        visit by itself.
        """
        silent = {
            group
            for group, places in self.hanging.items()
            if places and not any(_speaks(given.get(at)) for at in places)
        }
        found = {}
        for place, said in given.items():
            groups = set(_groups(place))
            if said.cell or not (groups & silent):
                found[place] = said
            elif place.part in {"visit", "score"} and _places(place) and _coded(given, place.key):
                found[place] = replace(said, idle=True)
            elif place in self.columns:
                found[place] = Given(text=None, column=self.columns[place], written="")
        return found


def _places(at: Slot) -> bool:
    return at.name in (PLACES if at.key else OF_A_ROW)


def _coded(given: dict[Slot, Given], key: str) -> bool:
    return any(one.part == "score" and one.key == key and said.missing for one, said in given.items())


def _speaks(said: Given | None) -> bool:
    """Whether a cell tells something: a code for “not recorded” does not, half of a pair does."""
    if said is None or not said.cell:
        return False
    return said.text is not None or said.never or (bool(said.missing) and said.missing[0] != "“")
