"""Alerts that were written after the decision on eligibility: whoever decided has not read them (rule 23)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from clinic import clock
from clinic.administration.known_facts import INFECTED
from clinic.eligibility.models import Eligibility, counting
from clinic.patients.doubted import is_after
from clinic.protocols.catalogues import CONDITIONS

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.course_records import CourseRecords
    from clinic.patients.models import Alert

_AGENT = re.compile(
    r"\b(hiv|hbv|hcv|htlv|cmv|ebv|mrsa|vre|esbl)\b|hepatitis|syphilis|malaria|septic|(?<!non.)reactive\b|\bgrew\b"
    r"|cultures?\b.{0,20}(positive|growth)|(positive|growth).{0,20}cultures?\b|\bvir(us|al)\b|bacteri|neutropeni",
    re.IGNORECASE,
)
_PREGNANT = re.compile(r"pregnan|gravid|hcg\b|gestation|trimester|breast.?feed|lactating", re.IGNORECASE)
_MALIGNANT = re.compile(
    r"malignan|cancer|tumou?r|carcinom|sarcom|lymphom|leuk[ae]*emi|melanom|blastom|myelom|metasta|neoplas|mesotheliom"
    r"|gliom|\bblasts?\b|\bblast cells|myelodysplas|\bmds\b",
    re.IGNORECASE,
)
_REFUSES = re.compile(
    r"refus|withdr[ae]w|revok|rescind|objects? to|opts? out|changed (her|his|their|the) mind|against medical advice"
    r"|declin\w* (further|the|more|all|any|every|treat|cell|infus|inject|consent|it\b)"
    r"|(do|does|did|will|must|should|may|can|would)( ?n[o'’]t|not) (be )?(treat|give|inject|infus|want|wish|consent"
    r"|agree|continue|proceed|start)"
    r"|(wants?|wishes|asks?|asked|wanted) (for )?(no|to stop|nothing)\b|no longer (wants|wishes|consents|agrees)"
    r"|no (more|further) (cells?|infusions?|injections?|treatments?|doses?|procedures?)|not to be (treated|given)"
    r"|(stop|cancel|hold|halt)\w* (the |all |this )?(treatment|cells|infusion|injection|course|therapy)|\bdnr\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(no|not|without|never|denies|nor)\s+((signs?|evidence|history) of |active |known |any |longer )*\w+",
    re.IGNORECASE,
)
_RULED_OUT = re.compile(
    r"\b(\w+[ -]){1,2}(is |was |were )?(negative|excluded|ruled out|non.?reactive)\b", re.IGNORECASE
)
"""What an alert says that there is not."""


def alerts_since(records: CourseRecords, at: datetime) -> list[str]:
    """Return the active alerts that were written or changed after the decision that counts in this course.

    Every one counts, whatever its words; those of a similar name tell nothing of the body. Without a decision that
    counts there is none: cells are not given then, and whoever decides reads them all.
    """
    decided = counting(records.of(Eligibility), at)
    if decided is None or decided.performed_at is None:
        return []
    day, moment, found = clock.day(at, records.zone), decided.performed_at, list[str]()
    for alert in (one for person in records.people for one in person.alerts if one.about_id is None):
        written = _written(alert)
        if not is_after(moment, decided.written_at, written, written):
            found += alert.texts_on(day)
    return list(dict.fromkeys(text.strip() for text in found))


def _written(alert: Alert) -> datetime:
    return max([alert.recorded_at, *(one.amended_at for one in alert.amendments)])


def rules_out(text: str, condition: str | None = None) -> bool:
    """Whether an alert speaks of a pregnancy, a malignancy, or a refusal or withdrawal: a physician decides again.

    ``condition``: what the course treats; a malignancy is no news where it is what is treated.
    """
    said = _affirmed(text)
    treated = CONDITIONS.get(condition or "")
    curable = treated is not None and treated.malignant
    return bool(_REFUSES.search(text) or _PREGNANT.search(said) or (not curable and _MALIGNANT.search(said)))


def tells_of_infection(text: str) -> bool:
    """Whether an alert speaks of an infection: whoever is at the bedside asks whether it is over."""
    said = _affirmed(text)
    return bool(INFECTED.search(said) or _AGENT.search(said))


def _affirmed(text: str) -> str:
    return _DENIED.sub(" ", _RULED_OUT.sub(" ", text))


def said_since(text: str) -> str:
    """Return why no cells may be given after such an alert, and what ends that."""
    return (
        f"An alert was written after the decision on eligibility: {text.removesuffix('.')}. A physician decides on "
        "eligibility again, or closes the alert where it is wrong. Then scan wristband and bag again."
    )
