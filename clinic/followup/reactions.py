"""Earlier reactions to cells, for the gate at the bedside (rule 23): adverse events, and what was written while giving.

A reaction counts from the moment when it is written. A severe one, or one of which nobody has said how severe it is,
stops further giving to this patient until a physician has decided.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from clinic.access import Role
from clinic.administration.models import Administration, PastReaction
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.event_news import OVER, TEXTS, last_news, said_later, unread
from clinic.followup.event_rules import SUSPECTED, may_be_serious
from clinic.followup.models import FollowUpVisit
from clinic.followup.reaction_words import ANAPHYLACTIC, is_allergic, is_anaphylactic, is_mild, is_severe
from clinic.followup.seen import day_of, ever, seen_during
from clinic.followup.symptoms import is_answered, last_said, reported, tells_of_symptoms
from clinic.patients.doubted import alone, starts
from clinic.patients.merging import known_here_at
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from clinic.course_records import CourseRecords

RECOVERED = timedelta(days=30)
"""After a grave event whoever decides must have known of it for so long [site default]."""


def reactions(records: CourseRecords) -> list[PastReaction]:
    """Return this patient's reactions to cells or their administration in any course.

    Severe are an anaphylaxis and the like, every event of grade 4 or 5, an event that no physician has assessed and
    that is serious or goes on, and what was seen during the giving unless it is plainly mild; see
    `PastReaction.severe`.
    """
    own, events = _of_the_person(records)
    found = [(event.treatment_id, _told(records, event)) for event in events if _counts(event)]
    found += [
        (event.treatment_id, told)
        for event in events
        if not _counts(event) and (told := _assessed_elsewhere(records, event, own[event.treatment_id])) is not None
    ]
    for given in records.every(Administration):
        if given.treatment_id in own:
            found += [(given.treatment_id, one) for one in seen_during(records, given, events)]
    found += [(visit.treatment_id, one) for visit, one in unreported(records)]
    return [_known_here(records, own[course_id], one) for course_id, one in found]


def _of_the_person(records: CourseRecords) -> tuple[dict[str, str], list[AdverseEvent]]:
    """Return the courses of the person, each with whose record it is on, and the adverse events in them."""
    people = records.people_ids
    own = {course.id: course.patient_id for course in records.every(Treatment) if course.patient_id in people}
    return own, [event for event in records.every(AdverseEvent) if event.treatment_id in own]


def _assessed_elsewhere(records: CourseRecords, event: AdverseEvent, patient_id: str) -> PastReaction | None:
    """Return a grave event that was on another record before the merge: who assessed it knew nothing of these cells."""
    since = last_news(event)
    if known_here_at(records, patient_id, since) == since or not _is_grave(event):
        return None
    words = ", ".join((event.term or "", day_of(records, event.performed_at)))
    return PastReaction(words, event.performed_at, severe=True, written=since, of_cells=False)


def _known_here(records: CourseRecords, patient_id: str, reaction: PastReaction) -> PastReaction:
    """Return a reaction as the people of the course know it: news on the day when the two records were merged."""
    written = reaction.written or reaction.at
    since = known_here_at(records, patient_id, written) if written is not None else None
    return reaction if since == written else reaction._replace(written=since, over_at=None)


def _counts(event: AdverseEvent) -> bool:
    """Whether the bedside hears of an event: of all that no physician has assessed, by whatever name it is called."""
    if awaits_physician(event):
        return True
    text = _words(event)
    if not {event.from_cells, event.from_delivery} & SUSPECTED:
        return False
    return event.grade in {"3", "4", "5"} or is_anaphylactic(text) or is_allergic(text)


def _words(event: AdverseEvent) -> str:
    """Return all that is written of an event, also what a correction took away that no other person has signed."""
    return "; ".join([ever(event, TEXTS), *said_later(event)])


def awaits_physician(event: AdverseEvent) -> bool:
    """Whether no physician answers for what the event and its follow-up reports say now."""
    if event.assessed_here:
        return not event.signed or bool(unread(event))
    if unread(event):
        return True
    return event.from_cells is None and event.from_delivery is None and not event.signed


def _told(records: CourseRecords, event: AdverseEvent) -> PastReaction:
    grade = f"grade {event.grade}" if event.grade else ""
    waits = awaits_physician(event)
    state = (
        "not assessed by a physician" if not event.signed else "with a follow-up report that no physician has signed"
    )
    state = state if waits else ""
    words = ", ".join(part for part in (event.term, grade, state, day_of(records, event.performed_at)) if part)
    severe = bool({"4", "5"} & set(said_ever(event, "grade"))) or ANAPHYLACTIC.search(event.term or "") is not None
    unclear = waits and not is_mild(_words(event))
    severe = severe or unclear or (waits and _may_be_grave(event))
    return PastReaction(
        words, event.performed_at, severe, last_news(event), event.id if waits else "",
        of_cells=not waits or bool({event.from_cells, event.from_delivery} & SUSPECTED),
        over_at=_over_at(event) if waits else None, grave=unclear or _is_grave(event),
    )  # fmt: skip


def _may_be_grave(event: AdverseEvent) -> bool:
    """Whether an event that no physician has assessed may be serious, or goes on and is not said to be mild."""
    return _is_grave(event) or not (_is_over(event) or said_ever(event, "grade") == ["1"])


def _is_grave(event: AdverseEvent) -> bool:
    """Whether an event is serious, may be, or is of grade 3 or more, or its words say so."""
    serious = any(may_be_serious(one) for one in said_ever(event, "serious"))
    graded = bool({"3", "4", "5"} & set(said_ever(event, "grade")))
    return serious or graded or is_severe(_words(event))


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
    """Return since when who decided saw the patient recovered from an event; None where it goes on or may be of cells.

    That is its end, its onset where none is known; of a grave one not before some weeks have passed.
    """
    suspected = {event.from_cells, event.from_delivery} & SUSPECTED
    if suspected or is_anaphylactic(_words(event)) or not _is_over(event) or unread(event):
        return None
    over = max(starts(event, "ended_at") or starts(event), default=None)
    return over + RECOVERED if over is not None and _is_grave(event) else over


def unreported(records: CourseRecords) -> Iterator[tuple[FollowUpVisit, PastReaction]]:
    """Yield the person's visits whose symptoms nobody has reported, with what the bedside hears of each."""
    courses, events = _of_the_person(records)
    for visit in records.every(FollowUpVisit):
        if visit.treatment_id not in courses or not tells_of_symptoms(visit):
            continue
        if not is_answered(visit, events, _is_grave):
            told = f"{visit.name}: {visit.notes[:160]}" if visit.notes else visit.name
            yield (
                visit,
                PastReaction(
                    f"{told}, {day_of(records, visit.performed_at)}", visit.performed_at, severe=True,
                    written=last_said(visit), of_cells=False, report_in=visit.treatment_id, visit_id=visit.id,
                    grave=is_severe(visit.notes or ""),
                    event_id=next((one.id for one in reported(visit, events)), ""),
                ),
            )  # fmt: skip


def waiting_visits(records: CourseRecords) -> list[FollowUpVisit]:
    """Return the visits among which who reports an adverse event chooses."""
    return [visit for visit, _told in unreported(records)]


Administration.past_reactions.append(reactions)
