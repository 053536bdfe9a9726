"""What is known of the patient on any record, compared with what is in the bag (rules 21, 23)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from clinic.eligibility.models import Eligibility
from clinic.patients.donors import BloodTyping
from clinic.patients.names import searchable
from clinic.processing.models import ProcessingRun
from clinic.products.graph import ancestry, donors

if TYPE_CHECKING:
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
    "citrate": ("citrate", "acd", "cpd"),
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


def known_allergies(records: CourseRecords) -> list[str]:
    """Return every recorded allergy: on the patient's record, in its alerts, and on each decision."""
    alerts = [alert.text for alert in records.patient.alerts if _ALLERGIC.search(alert.text)]
    said = [*records.patient.all_allergies, *alerts, *(one.additive_allergy for one in records.of(Eligibility))]
    return list(dict.fromkeys(text.strip() for text in said if text and text.strip()))


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


def allergy_conflicts(records: CourseRecords, product: Product) -> list[str]:
    """Return what is in a container to which the patient is known to be allergic (rule 23)."""
    allergies, inside = [searchable(text) for text in known_allergies(records)], contents(records, product)
    found = [
        name
        for name, words in ADDITIVES.items()
        if any(_has(text, words) for text in allergies) and _has(inside, words)
    ]
    other = {word for text in allergies for word in text.split() if len(word) > 4 and word.isalpha()}
    known = {word for words in ADDITIVES.values() for word in words}
    return found + sorted(word for word in other - known if re.search(rf"\b{re.escape(word)}\b", inside))


def _has(text: str, words: tuple[str, ...]) -> bool:
    return any(re.search(rf"\b{re.escape(word)}", text) for word in words)


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
