"""What is known of the patient on any record, compared with what is in the bag (rules 21, 23)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from clinic import clock
from clinic.administration.models import Administration
from clinic.eligibility.models import Eligibility
from clinic.harvest.models import Harvest
from clinic.patients.allergens import (
    ADDITIVES,
    CARRIERS,
    PLASMA,
    RELATED,
    SHORT,
    mentions,
    named_allergies,
    not_known,
    reacts,
    remainder,
    spelled,
)
from clinic.patients.donors import BloodTyping
from clinic.patients.doubted import alone
from clinic.patients.infections import INFECTED
from clinic.patients.names import searchable
from clinic.patients.ruled_out import rules_out
from clinic.processing.models import Manipulation, ProcessingRun
from clinic.products.graph import ancestry, donors
from clinic.protocols.catalogues import ANTICOAGULANTS, MANIPULATIONS
from clinic.record_pool import once
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from clinic.administration.models import PastReaction
    from clinic.course_records import CourseRecords
    from clinic.patients.donors import Donor
    from clinic.patients.models import Patient
    from clinic.products.models import Product

_AVOIDS = re.compile(r"\b(avoid|never|no |not to be given|contraindicat)", re.IGNORECASE)
GIVES_TO = {"O": {"O", "A", "B", "AB"}, "A": {"A", "AB"}, "B": {"B", "AB"}, "AB": {"AB"}}


Group = tuple[list[str], list[str]]
"""Every ABO and every RhD that is recorded of one person."""


class GroupConflict(NamedTuple):
    """Blood groups that differ: the cells' and the recipient's, in words; ``unknown``: one of them is not known."""

    cells: str
    recipient: str
    unknown: bool = False


_SENTENCE = re.compile(r"[;\n]|\.(?=\s|$)")
_CARRIED = re.compile("|".join(rf"\b{name}\b" for name in CARRIERS))
_NEGATED = re.compile(r"\b(?:without|no|not containing|free of|free from) \w+|\b\w+ free\b")
"""What a label says is not inside: “albumin-free”. A person reads it, since nothing is taken for granted of it."""
PLASMA_WORDS = "plasma"
NAMED = ADDITIVES | {PLASMA_WORDS: PLASMA}
"""What is looked for in what is written of a person: the components, and plasma with what is made of it."""
_OWN_PLASMA = re.compile(r"\b(autologous|own|patient s?|patient) plasma\b")


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
    """Return every recorded allergy.

    On the patient's record, in its alerts, on each decision of any course, and in the free text of any order: an alert
    or an order need not say “allergy” where it tells of a reaction. An alert that rules cells out, whatever is in the
    bag, names no allergy: it stops by itself.
    """
    warned = [text for text in alerts(records, at) if reacts(text) or (_AVOIDS.search(text) and not rules_out(text))]
    own = [course for course in records.every(Treatment) if course.patient_id in records.people_ids]
    ids = {course.id for course in own}
    decided = [text for one in records.every(Eligibility) if one.treatment_id in ids for text in one.all_allergies]
    ordered = [text for course in own for text in _told_in_order(course)]
    said = [*(text for person in records.people for text in person.all_allergies), *warned, *decided, *ordered]
    return list(dict.fromkeys(text.strip() for text in said if text and named_allergies(text)))


def _told_in_order(course: Treatment) -> list[str]:
    """Return the sentences of an order's free text that tell of an allergy; of its medication not the drugs before."""
    found = [s for s in _SENTENCE.split(f"{course.comorbidities or ''}\n{course.diagnosis or ''}") if reacts(s)]
    for sentence in _SENTENCE.split(course.medication or ""):
        clauses = sentence.split(",")
        first = next((number for number, clause in enumerate(clauses) if reacts(clause)), None)
        if first is not None:
            found.append(",".join(clauses[first:]))
    return [text for text in found if any(True for _item in named_allergies(text))]


def named_otherwise(records: CourseRecords, product: Product, at: datetime) -> list[tuple[str, list[str]]]:
    """Return what is written of the person that is no allergy and names a component of a container, with these (23).

    Of a container that is not understood every component counts that an illness or a diagnosis names. What the gate
    refuses or asks already is left out.
    """
    held = set(components(records, product)) | ({PLASMA_WORDS} if _holds_plasma(records, product) else set())
    asked, refused = known_allergies(records, at), set(allergy_conflicts(records, product, at))
    open_ = not _vehicle(records, product) or bool(unknown(records, product))
    found = dict[str, list[str]]()
    for text, illness in _written_of_person(records):
        for sentence in (one.strip() for one in _SENTENCE.split(text)):
            names = {name for name, words in NAMED.items() if mentions(spelled(sentence), words)}
            counts = names if open_ and illness else names & held
            if counts - refused and not any(sentence in one for one in asked):
                found[sentence] = sorted(counts - refused)
    return list(found.items())


def _written_of_person(records: CourseRecords) -> list[tuple[str, bool]]:
    """Return the free text of every order, decision and giving of the person, each with whether it tells of illness."""
    own = [course for course in records.every(Treatment) if course.patient_id in records.people_ids]
    ids, said = {course.id for course in own}, list[tuple[str | None, bool]]()
    for course in own:
        said += [(course.comorbidities, True), (course.diagnosis, True), (course.medication, False)]
    for one in records.every(Eligibility):
        if one.treatment_id in ids:
            said += [(text, False) for text in (one.reasons, one.anticoagulation, one.anti_inflammatory)]
    given = [one for one in records.every(Administration) if one.treatment_id in ids]
    said += [(text, False) for one in given for text in (one.notes, one.partial_reason)]
    return [(text, illness) for text, illness in said if text]


def infections(records: CourseRecords, at: datetime) -> list[str]:
    """Return what the alerts, the order of this course, and those on the person's other records say of an infection.

    A person judges it (rule 23).
    """
    here = records.course
    others = [one for one in records.every(Treatment) if one.patient_id in records.people_ids] if here else []
    read = [one for one in others if one is here or (one.patient_id != here.patient_id and one.stop is None)]
    ordered = [text for one in read for text in (one.comorbidities, one.medication)]
    said = [*alerts(records, at), *(s for text in ordered if text for s in _SENTENCE.split(text))]
    return list(dict.fromkeys(text.strip() for text in said if INFECTED.search(text)))


def not_understood(records: CourseRecords, product: Product, at: datetime) -> list[str]:
    """Return each allergy that only a person can compare with a container (rule 23).

    That is one to no known component, one of which a word is not understood, one to a local anesthetic where the
    harvest had one that is not named, one to something close to a component, and any that is not found in the container
    where nobody wrote what the cells are suspended in, or where a word on it is not understood.
    """
    inside, vehicle = contents(records, product), _vehicle(records, product)
    items = [item for text in known_allergies(records, at) for item in named_allergies(text)]
    strange = bool(unknown(records, product)) if items else False
    held = set(components(records, product)) if items else set()
    return [
        item
        for item in dict.fromkeys(items)
        if not _within(item, inside) and (not vehicle or strange or _asks(records, product, item, held))
    ]


def _asks(records: CourseRecords, product: Product, item: str, held: set[str]) -> bool:
    """Whether a person compares an allergy with a container of which every word is understood."""
    said = spelled(item)
    names = {name for name, words in ADDITIVES.items() if mentions(said, words)}
    near = {other for name in names for other in RELATED.get(name, ())}
    plasma = names & {"albumin", "bovine serum"} or mentions(said, PLASMA)
    return (
        not names
        or bool(remainder(item))
        or ("lidocaine" in names and _numbed(records, product))
        or bool(near & held)
        or (bool(plasma) and _holds_plasma(records, product))
    )


def unknown(records: CourseRecords, product: Product) -> list[str]:
    """Return what is written of a container, or was done to its cells, that the list of components does not cover."""
    found = []
    for text in _written(records, product):
        bare = _OWN_PLASMA.sub(" ", searchable(text))
        found += [text] if not_known(bare) or _NEGATED.search(bare.replace("preservative free", " ")) else []
    for step in _steps(records, product):
        kind = MANIPULATIONS.get(step.kind or "")
        if not step.reagent and kind is not None and (kind.key == "digest" or kind.culture):
            found.append(f"{kind.label}: reagent not recorded")
    return list(dict.fromkeys(found))


def _within(item: str, inside: str) -> bool:
    """Whether an allergy is to something that is known to be in a container: the gate refuses it."""
    said = spelled(item)
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


def _steps(records: CourseRecords, product: Product) -> list[Manipulation]:
    """Return what was done in the runs of a container's ancestry."""
    runs = {one.run_id: records.get(one.run_id) for one in ancestry(records, product)}
    return [step for run in runs.values() if isinstance(run, ProcessingRun) for step in run.manipulations]


def _written(records: CourseRecords, product: Product) -> list[str]:
    """Return what vehicle, medium and reagents of a container's ancestry are called."""
    said: list[str | None] = []
    for one in ancestry(records, product):
        run = records.get(one.run_id)
        said += [one.vehicle, one.cryo_medium]
        said += [run.vehicle, run.cryo_medium] if isinstance(run, ProcessingRun) else []
    said += [step.reagent for step in _steps(records, product)]
    return list(dict.fromkeys(text for text in said if text))


def _labels(records: CourseRecords, product: Product) -> str:
    """Return what is written of a container without the names of salt solutions: “Plasma-Lyte” holds no plasma."""
    return without_carriers(" ".join(_written(records, product)))


def without_carriers(text: str) -> str:
    """Return a label as it is compared, without the names of the solutions of salts, sugar and water."""
    return _CARRIED.sub(" ", spelled(text))


def _holds_plasma(records: CourseRecords, product: Product) -> bool:
    return mentions(_labels(records, product), PLASMA)


@once
def contents(records: CourseRecords, product: Product) -> str:
    """Return in words all that is known to be in a container.

    Vehicle, freezing medium, DMSO, reagents with their lots, protocol, and what was added when the cells were
    collected. What a label says is not inside is left out.
    """
    version = product.judged_under
    said = [version.says.vehicle if version is not None else "", *_written(records, product)]
    for one in ancestry(records, product):
        run = records.get(one.run_id)
        said += [one.preparation, "DMSO" if one.dmso_percent else ""]
        if isinstance(run, ProcessingRun):
            said += [run.preparation, "DMSO" if run.dmso_percent else ""]
    said += [text for step in _steps(records, product) for text in (step.detail, step.lot)]
    for harvest in _harvests(records, product):
        added = ANTICOAGULANTS.get(harvest.anticoagulant or "")
        said += [added.label if added is not None and added.key != "none" else ""]
        said += ["citrate" if added is not None and mentions(searchable(added.label), ADDITIVES["citrate"]) else ""]
        said += [harvest.anticoagulant_lot]
        said += ["lidocaine" if harvest.lidocaine_mg or harvest.anaesthesia == "tumescent" else ""]
    return " | ".join(_NEGATED.sub(" ", without_carriers(text)) for text in said if text)


def components(records: CourseRecords, product: Product) -> list[str]:
    """Return the known components of a container."""
    inside = contents(records, product)
    return [name for name, words in ADDITIVES.items() if mentions(inside, words)]


def allergy_conflicts(records: CourseRecords, product: Product, at: datetime) -> list[str]:
    """Return what is in a container against which the patient's allergies or alerts warn (rule 23)."""
    allergies, inside = known_allergies(records, at), contents(records, product)
    said = [spelled(text) for text in (*allergies, *alerts(records, at))]
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
    words = {word for word in not_known(text) if len(word) > SHORT and word.isalpha()}
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
    """Return every ABO and every RhD that is recorded of a person: typed, or entered on a record.

    What a typing said before counts too, until a second person has confirmed its correction.
    """
    typed = [typing for one in person for typing in records.on(one, BloodTyping)]
    read = [*person, *typed]
    before = [correction.changes for one in typed for correction in alone(one)]
    abo, rhd = ({said[name][0] for said in before if name in said} - {None} for name in ("abo", "rhd"))
    return (
        sorted(abo | {one.abo for one in read if one.abo}),
        sorted(rhd | {one.rhd for one in read if one.rhd}),
    )


def _words(group: Group) -> str:
    return f"{' or '.join(group[0]) or 'ABO not known'} RhD {' or '.join(group[1]) or 'not known'}"
