"""Which course a container of cells belongs to, for the reports on products."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from clinic.products.models import Product

if TYPE_CHECKING:
    from clinic.reports.data import Data
    from clinic.reports.dimensions import Course

BANKED = "banked"


class Container(NamedTuple):
    """One container: its course (None: in the bank), and what it is, where no course says so."""

    id: str
    course: Course | None
    source: str
    cell_type: str
    origin: str
    run: str | None


def containers(data: Data) -> dict[str, Container]:
    """Return the containers of the chosen courses by id; those of the bank only where no filter asks for a course."""
    found = {}
    rows = data.read(
        Product.id,
        Product.treatment_id,
        Product.source,
        Product.cell_type,
        Product.origin,
        Product.run_id,
        Product.protocol_version_id,
        order=[Product.recorded_at, Product.id],
    )
    for row in rows:
        course = data.courses.get(row.treatment_id) if row.treatment_id else None
        if course is None and (row.treatment_id or data.asked.chosen):
            continue
        version = data.versions.get(row.protocol_version_id)
        kind = row.cell_type or (course.cell_type if course else version.cell_type if version else "")
        found[row.id] = Container(row.id, course, row.source or "", kind or "", row.origin.value, row.run_id)
    return found


def group_of(data: Data, one: Container) -> str:
    """Return the group of a container: that of its course; else what it is itself, else the bank."""
    if one.course is not None:
        return data.key_of(one.course)
    return {"source": one.source, "cell_type": one.cell_type, "origin": one.origin}.get(data.asked.by, "") or BANKED


def group_label(data: Data, key: str) -> str:
    """Return the label of a group of containers."""
    return "In the bank, no course yet" if key == BANKED else data.label(key)
