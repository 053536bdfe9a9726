"""What the cells are: cell type and tissue of a container and of all that it was made of (rules 1, 37).

They are compared with what the order names and the protocol allows, wherever cells come nearer to a patient: when they
are assigned, processed, released, issued and given. What is not recorded is unknown and fits nothing: a person records
it first. Nothing here asks the clock or the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinic.errors import Problem, RuleBroken
from clinic.products.graph import ancestry, donors
from clinic.protocols.catalogues import CELL_TYPES, SOURCES, labels, within
from clinic.protocols.cells import given_types, on_the_way

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from clinic.course_records import CourseRecords
    from clinic.products.models import Product
    from clinic.protocols.content import Content

ELSE = "Use another container, or correct the record that is wrong."


@dataclass(frozen=True, kw_only=True)
class Against:
    """One thing that keeps cells from being what was ordered. ``field``: the fact of the container, "" of the order."""

    field: str
    sentence: str


def tissues(line: Iterable[Product], harvest_of: Callable[[str | None], Any]) -> list[str]:
    """Return the tissues from which the cells of an ancestry were collected, keys of ``SOURCES``; "" where unknown.

    What the harvest says counts beside what its container says, so that a contradiction of both shows.
    """
    found: dict[str, None] = {}
    for one in line:
        if one.run_id is None:
            said = (getattr(harvest_of(one.harvest_id), "source", None), one.source)
            found |= dict.fromkeys([key for key in said if key] or [""])
    return list(found)


def tissues_for(says: Content, ordered: str | None) -> tuple[str, ...]:
    """Return the tissues that may be given: the ordered one; all of the protocol where it combines them."""
    if ordered and says.cell_type != "combination":
        return (ordered,)
    return tuple(dict.fromkeys(([ordered] if ordered else []) + list(says.sources)))


def wrong_cells(
    records: CourseRecords, product: Product, says: Content | None = None, ordered: str | None = None
) -> list[Against]:
    """Return why a container is not what was ordered; ``says`` and ``ordered``: of a course that it is meant for."""
    course = product.treatment
    if says is None and product.judged_under is not None:
        says, ordered = product.judged_under.says, course.source if course is not None else None
    if says is None:
        return []
    meant = course is not None or ordered is not None
    found = tissues(ancestry(records, product), records.get)
    return [*_of_type(product, says), *_held(product, found), *_of_tissue(product, found, says, ordered, meant=meant)]


def _of_type(product: Product, says: Content) -> list[Against]:
    if product.cell_type is None:
        as_collected = product.run_id is None and product.origin == "clinic"
        if as_collected and all(step == "receive" for step in says.manipulations):
            return []
        return [Against(field="cell_type", sentence="The cell type is not recorded. Record it on the product first.")]
    if product.cell_type in given_types(says.cell_type, says.manipulations):
        return []
    said = f"These cells are {type_words(product.cell_type)}; the protocol gives {type_words(says.cell_type)}. {ELSE}"
    return [Against(field="cell_type", sentence=said)]


def _held(product: Product, found: list[str]) -> list[Against]:
    """Return that no tissue of which a container is made holds cells of its type."""
    kind, known = product.cell_type or "", {key for key in found if key}
    holds = set(CELL_TYPES[kind].tissues) if kind in CELL_TYPES else set()
    if not holds or not known or holds & known:
        return []
    said = f"These cells are from {tissue_words(sorted(known))}, which holds no {type_words(kind)}. {ELSE}"
    return [Against(field="cell_type", sentence=said)]


def _of_tissue(product: Product, found: list[str], says: Content, ordered: str | None, *, meant: bool) -> list[Against]:
    allowed = tissues_for(says, ordered)
    known = [key for key in found if key]
    if not known or "" in found:
        said = "The origin of tissue is not recorded. Record it on the product first."
        return [Against(field="source", sentence=said)]
    if meant and not ordered and len(says.sources) > 1:
        said = "The order names no source, and the protocol allows several. Amend the order first."
        return [Against(field="", sentence=said)]
    if any(key not in allowed for key in known):
        whose = "order" if meant else "protocol"
        said = f"These cells are from {tissue_words(known)}; the {whose} is for {tissue_words(allowed)}. {ELSE}"
        return [Against(field="source", sentence=said)]
    lacking = [key for key in says.sources if key not in known] if product.cell_type == "combination" else []
    if lacking:
        only, both = tissue_words(known), tissue_words(says.sources)
        said = f"These cells are from {only} only; the protocol combines {both}. {ELSE}"
        return [Against(field="source", sentence=said)]
    if product.source is not None and product.source not in known:
        said = (
            f"The container says {tissue_words([product.source])}, but its cells are from {tissue_words(known)}. "
            "Correct the origin of tissue of the container."
        )
        return [Against(field="source", sentence=said)]
    return []


def not_own(records: CourseRecords, product: Product, course: Any) -> str:
    """Return that cells collected from a patient are meant for somebody else, whatever their container says (rule 3).

    Asked of every donor in the ancestry: own cells are those of a donor who is the patient of the course.
    """
    people = {one.id for one in course.patient.person}
    for donor in donors(records, product):
        own = donor.patient_id in people
        if not own and (donor.kind == "self" or course.relation == "autologous"):
            return OTHERS
        if own and course.relation != "autologous":
            return "These are the patient's own cells; the order is for a donor's. Correct the order first."
    return ""


OTHERS = "These are another patient's own cells, or a donor's. They must not be given to anyone else."


def refuse_other_type(says: Content | None, cell_type: str | None) -> None:
    """Raise `RuleBroken` where a run under a protocol makes no container of a cell type, nor any on the way to it."""
    if says is not None and cell_type not in {None, *on_the_way(says.cell_type, says.manipulations, says.sources)}:
        said = f"This protocol makes {type_words(says.cell_type)}, not {type_words(cell_type)}."
        raise RuleBroken(Problem(said, "cell_type", rule=1))


def not_together(says: Content | None, found: Iterable[str], ordered: str | None = None) -> str:
    """Return why cells of some tissues do not go into one run; "" where they do (rule 37)."""
    known = [key for key in dict.fromkeys(found) if key]
    if len(known) > 1 and (says is None or says.cell_type != "combination"):
        return (
            f"Cells from {tissue_words(known)} are not pooled: the protocol combines no tissues. "
            "Process each in a run of its own."
        )
    other = [key for key in known if says is not None and key not in tissues_for(says, ordered)]
    if says is None or not other:
        return ""
    whose = "order" if ordered else "protocol"
    return (
        f"These cells are from {tissue_words(other)}; the {whose} is for {tissue_words(tissues_for(says, ordered))}. "
        f"{ELSE}"
    )


def pooled(sources: Iterable[str | None]) -> str | None:
    """Return the tissue that a container of several is named after: the first in the order of the catalogue."""
    known = set(sources)
    return next((key for key in SOURCES if key in known), None)


def type_words(cell_type: str | None) -> str:
    """Return a cell type as it stands within a sentence."""
    return within(labels(CELL_TYPES).get(cell_type or "", "")) or "not recorded"


def tissue_words(keys: Iterable[str]) -> str:
    """Return tissues as they stand within a sentence: “adipose tissue and bone marrow”."""
    named = [within(SOURCES[key].label) if key in SOURCES else key for key in keys]
    return " and ".join(named) or "not recorded"
