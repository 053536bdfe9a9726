"""To what people and cells were exposed: the denominators of vigilance, each unit and person once in its group."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from clinic.harvest.models import Harvest
from clinic.processing.models import ProcessingRun
from clinic.products.models import Product
from clinic.products.movements import Movement
from clinic.reports.cells import Container, containers
from clinic.reports.data import Given, of_events
from clinic.reports.report import Column

if TYPE_CHECKING:
    from collections.abc import Callable

    from clinic.reports.data import Data
    from clinic.reports.dimensions import Course

DENOMINATORS = (
    Column("donors", "Donors"),
    Column("collections", "Collections"),
    Column("processed", "Units processed"),
    Column("distributed", "Units distributed"),
    Column("applied", "Units applied"),
    Column("recipients", "Recipients"),
)
Groups = defaultdict[str, defaultdict[str, list[str]]]


class Exposure(NamedTuple):
    """The ids behind each denominator by group, and what they were read from. ``silent``: administrations left out."""

    found: Groups
    given: list[Given]
    silent: tuple[str, list[str]]
    known: dict[str, Container]


def exposure(data: Data, of_cells: Callable[[Container], str], of_course: Callable[[Course], str]) -> Exposure:
    """Return the denominators of the period; a container belongs to one group, and so does a course."""
    found: Groups = defaultdict(lambda: defaultdict(list))
    known = {
        id_: one
        for id_, one in containers(data).items()
        if one.origin == "clinic" or (one.course is not None and one.course.id in data.tell_of_events)
    }
    groups = {id_: of_cells(one) for id_, one in known.items()}
    _collected(data, groups, found)
    _units(data, known, groups, found)
    given, silent = of_events(data, data.given)
    for one in given:
        found[of_course(one.course)]["applied"].append(one.id)
        found[of_course(one.course)]["recipients"].append(one.course.patient)
    return Exposure(found, given, silent, known)


def _collected(data: Data, groups: dict[str, str], found: Groups) -> None:
    of_harvest = {
        row.harvest_id: groups[row.id]
        for row in data.read(Product.id, Product.harvest_id, where=[Product.harvest_id.is_not(None)])
        if row.id in groups
    }
    for row in data.read(Harvest.id, Harvest.donor_id, Harvest.performed_at, Harvest.precision):
        if row.id in of_harvest and data.within(data.when(row.performed_at, row.precision), row.id):
            found[of_harvest[row.id]]["collections"].append(row.id)
            found[of_harvest[row.id]]["donors"].append(row.donor_id)


def _units(data: Data, known: dict[str, Container], groups: dict[str, str], found: Groups) -> None:
    runs = {row.id: row for row in data.read(ProcessingRun.id, ProcessingRun.performed_at, ProcessingRun.ended_at)}
    for id_, one in known.items():
        run = runs.get(one.run) if one.run else None
        if run is not None and data.within(data.day(run.ended_at or run.performed_at), id_):
            found[groups[id_]]["processed"].append(id_)
    for row in data.read(Movement.product_id, Movement.performed_at, where=[Movement.kind == "issued"]):
        if row.product_id in known and data.within(data.day(row.performed_at), row.product_id):
            found[groups[row.product_id]]["distributed"].append(row.product_id)
