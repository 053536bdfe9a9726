"""What is decided on, or found on, one container and counts for what shares its cells (hazards H9, H29).

Quality rejects or holds a bag, somebody discards it or says that it arrived with the label of another patient, a nurse
stops giving it for mould. Unless the reason is plainly of that container alone, it counts for the whole family: an
unknown word may be a germ or a name. What a nurse writes who stops counts where it speaks of the cells, since it mostly
tells of the patient. It counts from the moment when it is written, until quality decides on the other container anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import or_

from clinic.products.graph import ancestry, relatives
from clinic.products.models import Movement
from clinic.products.reasons import ever_said, of_one_container, speaks_of_whose
from clinic.record_pool import once
from clinic.release.results import QCResult, contaminated

if TYPE_CHECKING:
    from collections.abc import Callable

    from clinic.course_records import CourseRecords
    from clinic.products.models import Product
    from clinic.records import Record


def found_on(move: Movement) -> str:
    """Return why a container was thrown away, or was not intact, unless that is plainly of the container alone."""
    broken = move.intact is False or any(
        "intact" in one.changes and one.changes["intact"][0] is False for one in move.amendments
    )
    broken = broken or move.noted_damage
    reason = ever_said(move, "reason") if broken or move.kind == "discarded" else ""
    return "" if of_one_container(reason) else reason


class Speaker(NamedTuple):
    """How a kind of record speaks against a container: its reason (empty: none), and which of its rows may have one."""

    ask: Callable[[CourseRecords, Any], str]
    may: Any


SPEAKS: dict[type[Any], Speaker] = {
    Movement: Speaker(
        lambda _records, move: found_on(move),
        or_(Movement.kind == "discarded", Movement.intact.is_(False), Movement.reason.is_not(None)),
    )
}
"""By kind of record, how the reason is asked for that it gives against a container; later rooms add theirs."""
RUNNING: list[Callable[[CourseRecords, Product], bool]] = []
"""Whether a container is being given: the administration adds how it is known."""


@once
def said_of_kin(records: CourseRecords, product: Product) -> list[tuple[Record, str]]:
    """Return each record that speaks against a container which shares cells with a product, with a sentence.

    What was said of the ancestors of a product is asked by itself, see `clinic.release.evidence`.
    """
    return [
        (record, f"{said} Quality decides on this container, too.")
        for record, said in said_of_relatives(records, product)
    ]


def said_of_relatives(records: CourseRecords, product: Product) -> list[tuple[Record, str]]:
    """Return the same for whom nobody decides any more: the cells were given."""
    others = [one for one in relatives(records, product) if any(records.on(one, kind) for kind in SPEAKS)]
    if not others:
        return []
    mine = {one.id for one in ancestry(records, product)}
    return [
        told
        for other in others
        if other.id not in mine
        for told in said_of(records, other, "which shares cells with this product")
    ]


def said_of(records: CourseRecords, other: Product, kinship: str) -> list[tuple[Record, str]]:
    """Return each record that speaks against the cells in one container, with a sentence that says whose they are."""
    return [
        (record, _sentence(other, kinship, record, reason))
        for kind, speaker in SPEAKS.items()
        for record in records.on(other, kind)
        if (reason := speaker.ask(records, record)) and not _is_told(records, other, reason)
    ]


def _is_told(records: CourseRecords, other: Product, reason: str) -> bool:
    """Whether germs that were found in the container hold the family already, and the reason tells of nothing else."""
    return not speaks_of_whose(reason) and any(contaminated(one) for one in records.on(other, QCResult))


def _sentence(other: Product, kinship: str, record: Record, reason: str) -> str:
    name = f"{other.name} {other.division or ''}".strip()
    said = record.headline()
    why = reason.strip().removesuffix(".")
    return f"{name}, {kinship}: {said[:1].lower()}{said[1:]} ({why})."


def against_by_kin(records: CourseRecords, product: Product) -> list[str]:
    """Return in a sentence each what was said of other containers and counts for a product; empty: nothing."""
    return [said for _record, said in said_of_kin(records, product)]
