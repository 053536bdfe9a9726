"""By what the courses of a report can be chosen and grouped: each dimension once, for filters, tables and words."""

from __future__ import annotations

from collections import ChainMap
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from clinic import clock
from clinic.patients.models import SEXES
from clinic.protocols.catalogues import BODY_SITES, CELL_TYPES, CONDITIONS, FIELDS, ROUTES, SOURCES, labels
from clinic.treatments.models import ASA, RELATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clinic.clock import Span

UNKNOWN = "unknown"
AGES = ((0, 9), (10, 17), (18, 39), (40, 64), (65, 130))
HEALTH = {key: f"ASA {words}" for key, words in ASA.items()}
DONORS = {
    "self": "The patient",
    "related": "Related donor",
    "unrelated": "Unrelated donor",
    "cord": "Cord blood or tissue",
}
ORIGINS = {"clinic": "Recorded here", "imported": "Imported histories"}


class Course(NamedTuple):
    """One course as reports see it. ``patient``: the person, however often registered.

    ``ages``: the least and the most years at the order. ``ordered`` and ``died``: when that can have been.
    """

    id: str
    patient: str
    protocol: str
    field: str
    condition: str
    cell_type: str
    source: str
    route: str
    relation: str
    origin: str
    sex: str
    ages: tuple[int, int] | None
    place: str
    asa: str
    donor: str
    ordered: Span | None
    died: Span | None

    @property
    def age(self) -> int | None:
        """Years at the order, where they are known."""
        return self.ages[0] if self.ages is not None and self.ages[0] == self.ages[1] else None


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One way to tell courses apart. ``of`` returns a key; ``labels`` has its words, in the order of a table."""

    key: str
    label: str
    of: Callable[[Course], str]
    labels: Mapping[str, str]
    filters: bool = True

    def words(self, value: str) -> str:
        """Return a key in words; the parts of a composed one are apart by a bar."""
        return self._word(value) if self.filters else ", ".join(self._word(part) for part in value.split("|"))

    def _word(self, value: str) -> str:
        if value in {UNKNOWN, ""} and value not in self.labels:  # no key that is gone from a catalogue
            return "Not recorded"
        try:
            return self.labels[value]
        except KeyError:
            return value


def ages_at(born: Span | None, on: date | None, told: Decimal | None) -> tuple[int, int] | None:
    """Return the least and the most whole years: as the order says it, else from the birth date; None: not known."""
    if told is not None:
        return int(told), int(told)
    return None if born is None or on is None else clock.years_on(born, on)


def age_band(course: Course) -> str:
    """Return the age band of a course, by its lower end, where the age lies in one whatever it was."""
    bands = {next((str(low) for low, high in AGES if low <= age <= high), UNKNOWN) for age in course.ages or ()}
    return bands.pop() if len(bands) == 1 else UNKNOWN


def _ages() -> dict[str, str]:
    return {str(low): f"{low} to {high} years" if high < 100 else f"{low} years or more" for low, high in AGES}


_ALL = (
    Dimension(key="protocol", label="Protocol", of=lambda c: c.protocol, labels={}),
    Dimension(key="field", label="Field", of=lambda c: c.field, labels=labels(FIELDS)),
    Dimension(key="condition", label="Condition", of=lambda c: c.condition, labels=labels(CONDITIONS)),
    Dimension(key="cell_type", label="Cell type", of=lambda c: c.cell_type, labels=labels(CELL_TYPES)),
    Dimension(key="source", label="Source", of=lambda c: c.source, labels=labels(SOURCES)),
    Dimension(key="route", label="Route", of=lambda c: c.route, labels=labels(ROUTES)),
    Dimension(
        key="body_site",
        label="Body site",
        of=lambda c: c.place,
        labels=labels(BODY_SITES) | {UNKNOWN: "No site recorded"},
    ),
    Dimension(key="relation", label="Whose cells", of=lambda c: c.relation, labels=RELATIONS),
    Dimension(key="age", label="Age", of=age_band, labels=_ages()),
    Dimension(key="sex", label="Sex", of=lambda c: c.sex, labels=SEXES),
    Dimension(key="asa", label="Health at baseline", of=lambda c: c.asa, labels=HEALTH),
    Dimension(key="donor", label="Donor", of=lambda c: c.donor, labels=DONORS),
    Dimension(key="origin", label="Records", of=lambda c: c.origin, labels=ORIGINS),
    Dimension(
        key="profile",
        label="Condition, cell type and health at baseline",
        filters=False,
        of=lambda c: f"{c.condition}|{c.cell_type}|{c.asa}",
        labels=ChainMap({UNKNOWN: "not recorded"}, HEALTH, labels(CELL_TYPES), labels(CONDITIONS)),
    ),
)
DIMENSIONS = {one.key: one for one in _ALL}
"""Every dimension that a course has before its outcome is known: what comes later can be no group."""
FILTERS = {key: one for key, one in DIMENSIONS.items() if one.filters}
COURSE = tuple(FILTERS)
"""The dimensions by which a report of courses can be grouped."""
