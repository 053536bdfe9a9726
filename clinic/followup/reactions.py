"""Earlier reactions to cells, for the gate at the bedside (rule 23): adverse events, and what was written while giving.

A reaction counts from the moment when it is written. A severe one, or one of which nobody has said how severe it is,
stops further giving to this patient until a physician has decided.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from clinic import clock, wording
from clinic.access import Role
from clinic.administration.models import Administration, PastReaction
from clinic.followup.adverse_events import SUSPECTED, AdverseEvent, may_be_serious
from clinic.patients.doubted import alone, starts
from clinic.patients.names import searchable
from clinic.records import Origin
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords
    from clinic.records import Record

_SEVERE = re.compile(
    r"anaphyla|angio.?edema|angio.?oedema|bronchospas|laryngospas|stridor|wheez|cytokine release|\bcrs\b|shock|collaps"
    r"|arrest|resuscitat|\bcpr\b|unconscious|unresponsive|syncop|seizure|convuls|intubat|ventilat|\bicu\b"
    r"|intensive care"
    r"|epinephrine|adrenalin|epipen|noradrenalin|vasopress|hypotens|hypox|cyano|desaturat|dyspn|short(ness)? of breath"
    r"|respiratory distress|chest pain|arrhythm|emboli|stroke|sepsis|septic|h[ae]?emoly"
    r"|swollen (tongue|face|lip|throat)|life.?threat|severe|serious|\bdied\b|death|fatal"
    r"|low (blood )?pressure|(pressure|\bbp\b).{0,12}(drop|fell|fall|low)|faint|apn(o?e|ea)|not breathing|coma\b|confus"
    r"|tongue|\blips?\b|throat (tight|swell|clos)|(tight|swell|swollen|clos)\w* (of |in )?(the )?(throat|face)"
    r"|(face|facial) swell|chest tight|tightness|hoarse|paraly|paresis",
    re.IGNORECASE,
)
_ANAPHYLACTIC = re.compile(r"anaphyla|angio.?o?edema|bronchospasm|cytokine release", re.IGNORECASE)
"""What stays severe whatever grade a physician gave it."""
_LOW = re.compile(r"\b[2-8]\d\s*/\s*\d{2}\b|(spo2|spo₂|sat\w*|saturation)\D{0,6}[4-8]\d\b", re.IGNORECASE)
"""A systolic pressure below 90 mmHg, a saturation below 90 %, as they are jotted down."""
_ABSENT = re.compile(
    r"\b(no|without|never|not)\s+((signs?|symptoms?|evidence)\s+of\s+|any\s+)?(anaphyla\w*|angio.?o?edema|bronchospasm\w*"
    r"|laryngospasm\w*|stridor|wheez\w*|shock|hypotension|hypoxia|dyspn\w*|shortness of breath|chest pain|epinephrine"
    r"|adrenaline?|severe|serious|tachycardia|bradycardia)(\s*(,|or|and|nor)\s*(anaphyla\w*|bronchospasm\w*|stridor"
    r"|wheez\w*|shock|hypotension|hypoxia|dyspn\w*|chest pain|tachycardia|bradycardia))*",
    re.IGNORECASE,
)
_MILD = re.compile(
    r"chill|shiver|flush|warm|feverish|fever|itch|prurit|headache|nausea|vomit|cough|taste|smell|garlic|hive|urticaria"
    r"|rash|ache|pain|sore|swelling|bruis|h[ae]?ematoma|dizz|light.?headed|tired|fatigue|mild|minor|tingl|redness"
    r"|erythema|anxi|sweat|burning|pressure|stiff",
    re.IGNORECASE,
)
_NONE = re.compile(
    r"(no|none|nil|n/?a|nothing|-+|no (adverse )?(reactions?|events?)( (seen|observed|noted|occurred))?"
    r"|none (seen|observed|noted)|(well )?tolerated( well)?|uneventful)[\s.!]*",
    re.IGNORECASE,
)
_ALLERGIC = re.compile(r"allerg|hypersens|urticaria|infusion.{0,12}reaction|transfusion.{0,12}reaction", re.IGNORECASE)
_BEFORE, _AFTER = timedelta(minutes=15), timedelta(hours=24)
"""How long before and after what was seen during the giving an adverse event begins that tells the same."""
_LONG = 5
OVER = frozenset({"resolved", "sequelae"})
"""The outcomes of an event that does not go on."""


def reactions(records: CourseRecords) -> list[PastReaction]:
    """Return this patient's reactions to cells or their administration in any course.

    Severe are an anaphylaxis and the like, every event of grade 4 or 5, an event that no physician has assessed and
    that is serious or goes on, and what was seen during the giving unless it is plainly mild; see
    `PastReaction.severe`.
    """
    own = {course.id for course in records.every(Treatment) if course.patient_id in records.people_ids}
    events = [event for event in records.every(AdverseEvent) if event.treatment_id in own]
    found = [_told(records, event) for event in events if _counts(event)]
    for given in records.every(Administration):
        if given.treatment_id in own:
            found += seen_during(records, given, events)
    return found


def seen_during(records: CourseRecords, given: Administration, events: list[AdverseEvent]) -> list[PastReaction]:
    """Return what was written of a reaction on an administration; left out is what a physician has assessed since."""
    notes = [(one, ("signs", "measures")) for one in given.events if one.kind == "reaction"]
    found = []
    for record, names in (*notes, (given, ("reaction", "partial_reason"))):
        text = _ever(record, names) if record is not given or _tells(given) else ""
        if not text:
            continue
        at = record.performed_at
        if record is given:
            at = given.ended_at or given.performed_at
        if not any(_same(event, given, at, text) for event in events if event.signed):
            severe = is_severe(text) or not _MILD.search(text)
            words = f"{text[:160]}, {_day(records, at)}"
            found.append(PastReaction(words, at, severe, _written(record, names), grave=severe))
    return found


def is_severe(text: str) -> bool:
    """Whether free text tells of an anaphylaxis, a shock and the like, other than that there was none."""
    return bool(_SEVERE.search(_ABSENT.sub(" ", text)) or _LOW.search(text))


def _tells(given: Administration) -> bool:
    """Whether an administration tells of a reaction: in its own box, or as the severe reason why it was stopped."""
    return bool(_ever(given, ("reaction",))) or is_severe(_ever(given, ("partial_reason",)))


def _same(event: AdverseEvent, given: Administration, at: datetime | None, text: str) -> bool:
    """Whether a signed event tells of what was seen during the giving: same cells, same time, and of the same thing."""
    onset = event.performed_at
    if event.administration_id != given.id or onset is None or at is None:
        return False
    begun = min(at, given.performed_at or at)
    if not begun - _BEFORE <= onset <= at + _AFTER:
        return False
    said = f"{event.term or ''} {event.narrative or ''}"
    if is_severe(said) or _ALLERGIC.search(said) or "reaction" in said.lower():
        return True
    return bool(_long_words(said) & _long_words(text))


def _long_words(text: str) -> set[str]:
    return {word for word in searchable(text).split() if len(word) >= _LONG}


def _counts(event: AdverseEvent) -> bool:
    """Whether the bedside hears of an event: of all that no physician has assessed, by whatever name it is called."""
    if awaits_physician(event):
        return True
    text = _ever(event, ("term", "narrative"))
    if not {event.from_cells, event.from_delivery} & SUSPECTED:
        return False
    return event.grade in {"3", "4", "5"} or bool(
        _ANAPHYLACTIC.search(_ABSENT.sub(" ", text)) or _ALLERGIC.search(text)
    )


def awaits_physician(event: AdverseEvent) -> bool:
    """Whether no physician answers for what the event says now."""
    if event.origin is Origin.CLINIC:
        return not event.signed
    return event.from_cells is None and event.from_delivery is None and not event.signed


def _told(records: CourseRecords, event: AdverseEvent) -> PastReaction:
    grade = f"grade {event.grade}" if event.grade else ""
    waits = awaits_physician(event)
    state = "not assessed by a physician" if waits else ""
    words = ", ".join(part for part in (event.term, grade, state, _day(records, event.performed_at)) if part)
    severe = bool({"4", "5"} & set(said_ever(event, "grade"))) or bool(_ANAPHYLACTIC.search(event.term or ""))
    severe = severe or (waits and _may_be_grave(event))
    return PastReaction(
        words, event.performed_at, severe, _written(event, ("term", "grade", "serious")), event.id if waits else "",
        of_cells=not waits or bool({event.from_cells, event.from_delivery} & SUSPECTED),
        over_at=_over_at(event) if waits else None, grave=_is_grave(event),
    )  # fmt: skip


def _may_be_grave(event: AdverseEvent) -> bool:
    """Whether an event that no physician has assessed may be serious, or goes on and is not said to be mild."""
    return _is_grave(event) or not (_is_over(event) or said_ever(event, "grade") == ["1"])


def _is_grave(event: AdverseEvent) -> bool:
    """Whether an event is serious, may be, or is of grade 3 or more, or its words say so."""
    serious = any(may_be_serious(one) for one in said_ever(event, "serious"))
    graded = bool({"3", "4", "5"} & set(said_ever(event, "grade")))
    return serious or graded or is_severe(_ever(event, ("term", "narrative")))


def said_ever(event: AdverseEvent, name: str) -> list[Any]:
    """Return what an event says, and said before corrections of one person who is no physician (rule 45)."""
    found = [getattr(event, name)]
    for one in alone(event):
        if name in one.changes and one.amended_by.role is not Role.PHYSICIAN:
            found += [one.changes[name][0]]
    return found


def _is_over(event: AdverseEvent) -> bool:
    """Whether an event does not go on: by its outcome or its end, as each was said at its worst."""
    return set(said_ever(event, "outcome")) <= OVER or None not in said_ever(event, "ended_at")


def _over_at(event: AdverseEvent) -> datetime | None:
    """Return when an event was over, its onset where no end is known; None where it goes on or may be of cells."""
    suspected = {event.from_cells, event.from_delivery} & SUSPECTED
    anaphylactic = _ANAPHYLACTIC.search(_ABSENT.sub(" ", _ever(event, ("term", "narrative"))))
    if suspected or anaphylactic or not _is_over(event):
        return None
    return max(starts(event, "ended_at") or starts(event), default=None)


def _day(records: CourseRecords, at: datetime | None) -> str:
    return wording.day(clock.day(at, records.zone)) if at is not None else "not dated"


def _ever(record: Record, names: tuple[str, ...]) -> str:
    """Return what is written under some names, and what a correction took away that no other person has signed.

    “None”, “no reaction” and the like are nothing, whatever stands in the other boxes.
    """
    said = [getattr(record, name) for name in names]
    for amendment in alone(record):
        said += [amendment.changes[name][0] for name in names if name in amendment.changes]
    told = dict.fromkeys(text.strip() for text in said if text and text.strip())
    return "; ".join(text for text in told if not _NONE.fullmatch(text))


def _written(record: Record, names: tuple[str, ...]) -> datetime:
    """Return when what is written under some names was written last."""
    changed = [one.amended_at for one in record.amendments if one.corrects(frozenset(names))]
    return max([record.recorded_at, *changed])


Administration.past_reactions.append(reactions)
