"""What is decided on, or found on, one container and counts for what shares its cells (hazards H9, H29).

Quality rejects or holds a bag, somebody discards it or says that it arrived with the label of another patient, a nurse
stops giving it for mould. Where the reason speaks of the cells, it counts for the whole family; a “no” of quality
whose reason is not plainly of that container counts for what came from the same run, collection or container. It counts
from the moment when it is written, until quality decides on the other container anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic.products.graph import ancestry, parents, relatives
from clinic.products.models import Movement
from clinic.products.reasons import ever_said, speaks_of_the_cells, speaks_of_whose
from clinic.record_pool import once
from clinic.release.results import QCResult, contaminated

if TYPE_CHECKING:
    from collections.abc import Callable

    from clinic.course_records import CourseRecords
    from clinic.products.models import Product
    from clinic.records import Record


def found_on(move: Movement) -> str:
    """Return the reason for which a container was thrown away, or was not intact, where it speaks of the cells."""
    broken = move.intact is False or any(
        "intact" in one.changes and one.changes["intact"][0] is False for one in move.amendments
    )
    reason = ever_said(move, "reason") if broken or move.kind == "discarded" else ""
    return reason if speaks_of_the_cells(reason) else ""


SPEAKS: dict[type[Record], Callable[[CourseRecords, Any], str]] = {Movement: lambda _records, move: found_on(move)}
"""By kind of record, how the reason is asked for that it gives against a container; later rooms add theirs."""


@once
def said_of_kin(records: CourseRecords, product: Product) -> list[tuple[Record, str]]:
    """Return each record that speaks against a container which shares cells with a product, with a sentence.

    What was said of the ancestors of a product is asked by itself, see `clinic.release.evidence`.
    """
    others = [one for one in relatives(records, product) if any(records.on(one, kind) for kind in SPEAKS)]
    if not others:
        return []
    line = ancestry(records, product)
    mine, runs = {one.id for one in line}, {one.run_id for one in line} - {None}
    harvests = {one.harvest_id for one in line} - {None}
    found = []
    for other in others:
        if other.id in mine:
            continue
        near = other.run_id in runs or other.harvest_id in harvests
        near = near or any(one.id in mine for one in parents(records, other))
        for kind, ask in SPEAKS.items():
            for record in records.on(other, kind):
                reason = ask(records, record)
                if reason and (speaks_of_the_cells(reason) or near) and not _is_told(records, other, reason):
                    found.append((record, _sentence(other, record, reason)))
    return found


def _is_told(records: CourseRecords, other: Product, reason: str) -> bool:
    """Whether germs that were found in the container hold the family already, and the reason tells of nothing else."""
    return not speaks_of_whose(reason) and any(contaminated(one) for one in records.on(other, QCResult))


def _sentence(other: Product, record: Record, reason: str) -> str:
    name = f"{other.name} {other.division or ''}".strip()
    said = record.headline()
    why = reason.strip().removesuffix(".")
    return (
        f"{name}, which shares cells with this product: {said[:1].lower()}{said[1:]} ({why}). Quality decides on this "
        "container, too."
    )


def against_by_kin(records: CourseRecords, product: Product) -> list[str]:
    """Return in a sentence each what was said of other containers and counts for a product; empty: nothing."""
    return [said for _record, said in said_of_kin(records, product)]
