"""Audits of the record against its source: the published infants, whose paper has all that is asked."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from clinic.access import keep_to_site
from clinic.demo.builder import DAY, HOUR, MINUTE
from clinic.reports.asking import Asked
from clinic.reports.data import Data
from clinic.reports.source_audits import SourceAudit, SourceCheck, recorded
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from typing import Any

    from clinic.demo.people import House

AUDITS = ((90, 2, "6d1f0a35c2e84b97"), (2, 3, "b07c41e95a3d2f68"))
"""Days before now, courses drawn, and seed of each audit."""
RIGHT = {"disease": "right", "source": "right", "donor": "right", "engraftment": "none", "survival": "right"}
FOUND: tuple[dict[str, Any], ...] = (
    {"survival": "wrong", "note": "The letter of the pediatrician tells of a later visit."},
    {"donor": "missing", "note": "The file of the donor is with the cord bank."},
    {},
)
"""What is found of the first courses of an audit; the rest is as in the source."""


def build(house: House) -> None:
    """Draw two samples of the infants, and check all courses of each but the last one drawn."""
    keep_to_site(house.database, house.site.id)
    for days, size, seed in AUDITS:
        at, by = house.at - days * DAY, house.act(house.quality)
        data = Data(house.database, Asked(), zone=house.site.zone, at=at)
        said = {"since": date(2025, 7, 1), "until": date(2025, 10, 12), "size": size, "source_note": house.note}
        audit = SourceAudit.draw(data, by=by, at=at, seed=seed, **said)
        house.add(audit)
        for number, id_ in enumerate(audit.drawn[: max(1, size - 1)]):
            course = house.database.get_one(Treatment, id_)
            found = RIGHT | FOUND[number] | ({"donor": None} if course.relation == "autologous" else {})
            house.log(
                SourceCheck, by, at + HOUR + number * 10 * MINUTE, audit=audit, treatment=course,
                said=recorded(course, house.site.zone), **found,
            )  # fmt: skip
    keep_to_site(house.database, None)
