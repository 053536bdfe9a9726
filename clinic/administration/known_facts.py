"""What is known of the patient on any record, compared with what is in the bag (rules 21, 23)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from clinic import clock
from clinic.administration.models import Administration
from clinic.eligibility.models import Eligibility
from clinic.harvest.models import Harvest
from clinic.patients.allergens import ADDITIVES, SHORT, mentions
from clinic.patients.donors import BloodTyping
from clinic.patients.names import searchable
from clinic.processing.models import ProcessingRun
from clinic.products.graph import ancestry, donors
from clinic.protocols.catalogues import ANTICOAGULANTS
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from clinic.administration.models import PastReaction
    from clinic.course_records import CourseRecords
    from clinic.patients.donors import Donor
    from clinic.patients.models import Patient
    from clinic.products.models import Product

_ALLERGIC = re.compile(r"allerg|anaphyla|hypersens|intoleran|reaction|urticaria|avoid|never|no ", re.IGNORECASE)
GIVES_TO = {"O": {"O", "A", "B", "AB"}, "A": {"A", "AB"}, "B": {"B", "AB"}, "AB": {"AB"}}


Group = tuple[list[str], list[str]]
"""Every ABO and every RhD that is recorded of one person."""


class GroupConflict(NamedTuple):
    """Blood groups that differ: the cells' and the recipient's, in words; ``unknown``: one of them is not known."""

    cells: str
    recipient: str
    unknown: bool = False


_NONE = re.compile(r"(no|none|nil|nka|nkda|not known|no known)( (known )?(drug )?allerg\w*)?( known)?", re.IGNORECASE)


def past_reactions(records: CourseRecords) -> list[PastReaction]:
    """Return the patient's earlier reactions in any course, the latest first."""
    found = [reaction for source in Administration.past_reactions for reaction in source(records)]
    return sorted(found, key=lambda one: one.at.timestamp() if one.at else 0, reverse=True)


def alerts(records: CourseRecords, at: datetime) -> list[str]:
    """Return the alerts that are shown about the patient; a warning of a similar name tells nothing of the body."""
    day = clock.day(at, records.zone)
    known = [one for person in records.people for one in person.alerts]
    return [text for one in known if one.about_id is None for text in one.texts_on(day)]


def known_allergies(records: CourseRecords, at: datetime) -> list[str]:
    """Return every recorded allergy: on the patient's record, in its alerts, and on each decision of any course."""
    warned = [text for text in alerts(records, at) if _ALLERGIC.search(text)]
    own = {course.id for course in records.every(Treatment) if course.patient_id in records.people_ids}
    decided = [text for one in records.every(Eligibility) if one.treatment_id in own for text in one.all_allergies]
    said = [*(text for person in records.people for text in person.all_allergies), *warned, *decided]
    return list(dict.fromkeys(text.strip() for text in said if text and text.strip()))


def not_understood(records: CourseRecords, product: Product, at: datetime) -> list[str]:
    """Return each allergy that only a person can compare with a container (rule 23).

    That is one to no known component, one to a local anesthetic where the harvest had one that is not named, and any
    that is not found in the container where nobody wrote what the cells are suspended in.
    """
    inside, vehicle = contents(records, product), _vehicle(records, product)
    items = [item for text in known_allergies(records, at) for item in _items(text)]
    return [
        item
        for item in dict.fromkeys(items)
        if not _within(item, inside)
        and (
            not vehicle
            or not any(mentions(searchable(item), words) for words in ADDITIVES.values())
            or (mentions(searchable(item), ADDITIVES["lidocaine"]) and _numbed(records, product))
        )
    ]


def _within(item: str, inside: str) -> bool:
    """Whether an allergy is to something that is known to be in a container: the gate refuses it."""
    said = searchable(item)
    known = any(mentions(said, words) and mentions(inside, words) for words in ADDITIVES.values())
    return known or bool(_literally(item, inside))


def _vehicle(records: CourseRecords, product: Product) -> str:
    """Return what the cells of a container were suspended in; what the protocol plans says not what was put in."""
    run, said = records.get(product.run_id), [product.vehicle, product.cryo_medium]
    said += [run.vehicle, run.cryo_medium] if isinstance(run, ProcessingRun) else []
    return " ".join(text for text in said if text)


def _harvests(records: CourseRecords, product: Product) -> list[Harvest]:
    found = [records.get(one.harvest_id) for one in ancestry(records, product)]
    return [one for one in found if isinstance(one, Harvest)]


def _numbed(records: CourseRecords, product: Product) -> bool:
    """Whether the cells were collected under a local anesthetic."""
    local = {"topical", "local", "tumescent", "regional", "sedation"}
    return any(one.anaesthesia in local for one in _harvests(records, product))


def _items(text: str) -> list[str]:
    """Return the single allergies of a list as people write it, without what is said in parentheses."""
    parts = re.split(r"[,;\n+/]|\band\b|\bund\b", re.sub(r"\([^)]*\)", " ", text))
    return [part for one in parts if (part := one.strip(" .:-")) and not _NONE.fullmatch(part)]


def contents(records: CourseRecords, product: Product) -> str:
    """Return in words all that is known to be in a container.

    Vehicle, freezing medium, DMSO, reagents, protocol, and what was added when the cells were collected.
    """
    version = product.judged_under
    said = [version.says.vehicle if version is not None else ""]
    for one in ancestry(records, product):
        said += [one.vehicle, one.cryo_medium, "DMSO" if one.dmso_percent else ""]
        run = records.get(one.run_id)
        if isinstance(run, ProcessingRun):
            said += [run.vehicle, run.cryo_medium, "DMSO" if run.dmso_percent else ""]
            said += [text for step in run.manipulations for text in (step.reagent, step.detail)]
    for harvest in _harvests(records, product):
        added = ANTICOAGULANTS.get(harvest.anticoagulant or "")
        said += [added.label if added is not None and added.key != "none" else ""]
        said += ["citrate" if added is not None and mentions(searchable(added.label), ADDITIVES["citrate"]) else ""]
        said += ["lidocaine" if harvest.lidocaine_mg or harvest.anaesthesia == "tumescent" else ""]
    return " ".join(searchable(text) for text in said if text)


def components(records: CourseRecords, product: Product) -> list[str]:
    """Return the known components of a container."""
    inside = contents(records, product)
    return [name for name, words in ADDITIVES.items() if mentions(inside, words)]


def allergy_conflicts(records: CourseRecords, product: Product, at: datetime) -> list[str]:
    """Return what is in a container against which the patient's allergies or alerts warn (rule 23)."""
    allergies, inside = known_allergies(records, at), contents(records, product)
    said = [searchable(text) for text in (*allergies, *alerts(records, at))]
    found = [
        name
        for name, words in ADDITIVES.items()
        if any(mentions(text, words) for text in said) and mentions(inside, words)
    ]
    known = {word for words in ADDITIVES.values() for word in words}
    other = sorted({word for text in allergies for word in _literally(text, inside)} - known)
    return found + other


def _literally(text: str, inside: str) -> list[str]:
    """Return the longer words of an allergy that are written on the bag."""
    words = {word for word in searchable(text).split() if len(word) > SHORT and word.isalpha()}
    return sorted(word for word in words if re.search(rf"\b{re.escape(word)}\b", inside))


def group_conflicts(records: CourseRecords, product: Product) -> list[GroupConflict]:
    """Return where the group of the cells' donor is not compatible with the recipient's, or one is not known (rule 21).

    Every typing and every entry of all records of the person counts.
    """
    found = []
    recipient = _group(records, records.people)
    for donor in donors(records, product):
        if donor.kind == "self":
            continue
        cells = _group(records, [donor])
        unknown = not all((*cells, *recipient))
        if unknown or not _compatible(cells, recipient):
            found.append(GroupConflict(_words(cells), _words(recipient), unknown))
    return found


def _compatible(cells: Group, recipient: Group) -> bool:
    """Whether no group that is recorded of one goes against any that is recorded of the other, red cells and plasma."""
    pairs = [pair for one in cells[0] for other in recipient[0] for pair in ((one, other), (other, one))]
    both_ways = all(takes in GIVES_TO.get(gives, {gives}) for gives, takes in pairs)
    return both_ways and not ("positive" in cells[1] and "negative" in recipient[1])


def _group(records: CourseRecords, person: Sequence[Patient | Donor]) -> Group:
    """Return every ABO and every RhD that is recorded of a person: typed, or entered on a record."""
    read = [*person, *(typing for one in person for typing in records.on(one, BloodTyping))]
    return sorted({one.abo for one in read if one.abo}), sorted({one.rhd for one in read if one.rhd})


def _words(group: Group) -> str:
    return f"{' or '.join(group[0]) or 'ABO not known'} RhD {' or '.join(group[1]) or 'not known'}"
