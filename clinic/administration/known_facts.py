"""What is known of the patient on any record, compared with what is in the bag (rules 21, 23)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from clinic import clock
from clinic.administration.models import Administration
from clinic.eligibility.models import Eligibility
from clinic.patients.donors import BloodTyping
from clinic.patients.names import searchable
from clinic.processing.models import ProcessingRun
from clinic.products.graph import ancestry, donors

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.administration.models import PastReaction
    from clinic.course_records import CourseRecords
    from clinic.patients.donors import Donor
    from clinic.patients.models import Patient
    from clinic.products.models import Product

ADDITIVES = {
    "DMSO": ("dmso", "dimethyl"),
    "albumin": (
        "albumin",
        "humanalbumin",
        "albumen",
        "hsa",
        "albunorm",
        "human serum",
        "serum albumin",
        "plasmalbumin",
    ),
    "dextran": ("dextran",),
    "heparin": ("heparin",),
    "citrate": ("citrate", "acd", "acda", "cpd", "cpda"),
    "penicillin": ("penicillin", "penstrep", "pen strep"),
    "streptomycin": ("streptomycin", "penstrep", "pen strep"),
    "gentamicin": ("gentamicin", "gentamycin"),
    "amphotericin": ("amphotericin", "fungizone"),
    "bovine serum": ("bovine", "fbs", "fcs", "fetal calf"),
    "porcine trypsin": ("porcine", "trypsin"),
    "collagenase": ("collagenase",),
    "hydroxyethyl starch": ("starch", "hes"),
    "gelatin": ("gelatin",),
    "lidocaine": ("lidocaine", "lignocaine"),
    "latex": ("latex",),
}
"""What a preparation may hold, with the words by which it is written on orders, bags and allergy lists."""
_ALLERGIC = re.compile(r"allerg|anaphyla|hypersens|intoleran|reaction|urticaria|avoid|never|no ", re.IGNORECASE)
GIVES_TO = {"O": {"O", "A", "B", "AB"}, "A": {"A", "AB"}, "B": {"B", "AB"}, "AB": {"AB"}}


class GroupConflict(NamedTuple):
    """Blood groups that differ: the cells' and the recipient's, in words."""

    cells: str
    recipient: str


_NONE = re.compile(r"(no|none|nil|nka|nkda|not known|no known)( (known )?(drug )?allerg\w*)?( known)?", re.IGNORECASE)
_SHORT = 4
"""Words up to this length are compared whole: “hes” is not the beginning of “hesitant”."""


def past_reactions(records: CourseRecords) -> list[PastReaction]:
    """Return the patient's earlier reactions in any course, the latest first."""
    found = [reaction for source in Administration.past_reactions for reaction in source(records)]
    return sorted(found, key=lambda one: one.at.timestamp() if one.at else 0, reverse=True)


def alerts(records: CourseRecords, at: datetime) -> list[str]:
    """Return the alerts that are shown about the patient; a warning of a similar name tells nothing of the body."""
    day = clock.day(at, records.zone)
    known = [one for person in records.people for one in person.alerts]
    return [one.text for one in known if one.about_id is None and one.shown_on(day)]


def known_allergies(records: CourseRecords, at: datetime) -> list[str]:
    """Return every recorded allergy: on the patient's record, in its alerts, and on each decision."""
    warned = [text for text in alerts(records, at) if _ALLERGIC.search(text)]
    own = [text for person in records.people for text in person.all_allergies]
    said = [*own, *warned, *(one.additive_allergy for one in records.of(Eligibility))]
    return list(dict.fromkeys(text.strip() for text in said if text and text.strip()))


def not_understood(records: CourseRecords, product: Product, at: datetime) -> list[str]:
    """Return each allergy that is none to a known component, where something is known to be in the bag.

    Whether it is in the bag can only be compared by a person (rule 23).
    """
    inside = contents(records, product)
    if not inside:
        return []
    items = [item for text in known_allergies(records, at) for item in _items(text)]
    return [
        item
        for item in dict.fromkeys(items)
        if not any(_has(searchable(item), words) for words in ADDITIVES.values()) and not _literally(item, inside)
    ]


def _items(text: str) -> list[str]:
    """Return the single allergies of a list as people write it, without what is said in parentheses."""
    parts = re.split(r"[,;\n+/]|\band\b|\bund\b", re.sub(r"\([^)]*\)", " ", text))
    return [part for one in parts if (part := one.strip(" .:-")) and not _NONE.fullmatch(part)]


def contents(records: CourseRecords, product: Product) -> str:
    """Return in words all that is known to be in a container: vehicle, freezing medium, DMSO, reagents, protocol."""
    version = product.judged_under
    said = [version.says.vehicle if version is not None else ""]
    for one in ancestry(records, product):
        said += [one.vehicle, one.cryo_medium, "DMSO" if one.dmso_percent else ""]
        run = records.get(one.run_id)
        if isinstance(run, ProcessingRun):
            said += [run.vehicle, run.cryo_medium, "DMSO" if run.dmso_percent else ""]
            said += [manipulation.reagent for manipulation in run.manipulations]
    return " ".join(searchable(text) for text in said if text)


def components(records: CourseRecords, product: Product) -> list[str]:
    """Return the known components of a container."""
    inside = contents(records, product)
    return [name for name, words in ADDITIVES.items() if _has(inside, words)]


def allergy_conflicts(records: CourseRecords, product: Product, at: datetime) -> list[str]:
    """Return what is in a container against which the patient's allergies or alerts warn (rule 23)."""
    allergies, inside = known_allergies(records, at), contents(records, product)
    said = [searchable(text) for text in (*allergies, *alerts(records, at))]
    found = [
        name for name, words in ADDITIVES.items() if any(_has(text, words) for text in said) and _has(inside, words)
    ]
    known = {word for words in ADDITIVES.values() for word in words}
    other = sorted({word for text in allergies for word in _literally(text, inside)} - known)
    return found + other


def _literally(text: str, inside: str) -> list[str]:
    """Return the longer words of an allergy that are written on the bag."""
    words = {word for word in searchable(text).split() if len(word) > _SHORT and word.isalpha()}
    return sorted(word for word in words if re.search(rf"\b{re.escape(word)}\b", inside))


def _has(text: str, words: tuple[str, ...]) -> bool:
    return any(re.search(_pattern(word), text) for word in words)


def _pattern(word: str) -> str:
    return rf"\b{re.escape(word)}\d*\b" if len(word) <= _SHORT else rf"\b{re.escape(word)}"


def group_conflicts(records: CourseRecords, product: Product) -> list[GroupConflict]:
    """Return where the group of the cells' donor is not compatible with the recipient's, or is not known (rule 21)."""
    found = []
    recipient = _group(records, records.patient)
    for donor in donors(records, product):
        if donor.kind == "self":
            continue
        cells = _group(records, donor)
        if cells == (None, None) or recipient == (None, None):
            continue
        compatible = recipient[0] in GIVES_TO.get(cells[0] or "", {recipient[0]}) and cells[0] in GIVES_TO.get(
            recipient[0] or "", {cells[0]}
        )
        if not compatible or (cells[1] == "positive" and recipient[1] == "negative"):
            found.append(GroupConflict(_words(cells), _words(recipient)))
    return found


def _group(records: CourseRecords, person: Patient | Donor) -> tuple[str | None, str | None]:
    typings = records.on(person, BloodTyping)
    return (typings[-1].abo, typings[-1].rhd) if typings else (person.abo, person.rhd)


def _words(group: tuple[str | None, str | None]) -> str:
    return f"{group[0] or 'ABO not known'} RhD {group[1] or 'not known'}"
