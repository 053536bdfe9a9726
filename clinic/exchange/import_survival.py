"""What scores say of survival: they contradict neither the day of death on the record nor each other (rules 65, 69).

Of one course: nobody lives after a death, and a death has one day. A longer time of the living, and a death after the
last day on which the patient was known to be alive, are news and no contradiction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sqlalchemy import inspect, select

from clinic import wording
from clinic.administration.models import Administration
from clinic.clock import Span, span_in
from clinic.exchange import parse_cell
from clinic.exchange.import_checks import Fault, asked
from clinic.exchange.import_same_visit import said_of
from clinic.exchange.import_targets import Slot
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.after_death import CLOSE
from clinic.followup.models import FollowUpVisit, OutcomeScore

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from clinic.patients.models import Patient
    from clinic.treatments.models import Treatment

T = TypeVar("T", FollowUpVisit, AdverseEvent, Administration)
TIME, STATUS = "survival_days", "survival_status"
NO_STATUS = "“survival_status” beside it, 1 for died and 0 for alive, or a pair of both: the time alone does not tell"


def survival_faults(history: Any, patient: Any, begun: Span | None, course: Treatment) -> list[Fault]:
    """Return where scores of survival contradict the day of death on the record, or each other, unless confirmed.

    ``begun``: when the first cells were given, as far as it is known. A time of survival alone does not tell whether it
    ended in death.
    """
    day = begun.day if begun is not None else None
    return [*_against_record(history, patient, begun), *_against_each_other(history, patient, course, day)]


def _against_record(history: Any, patient: Any, begun: Span | None) -> list[Fault]:
    found, died = [], span_in(patient, "died_on", history.by.site.zone)
    died_on = wording.day(patient.died_on, patient.precision_of("died_on"))
    days = {one.key: one for one in history.given if (one.part, one.name) == ("score", TIME)}
    states = {one.key: one for one in history.given if (one.part, one.name) == ("score", STATUS)}
    for key, place in days.items():
        time, until = _whole(history.given[place].text), history.given[place].by_day
        if time is not None and not any(history.text_of(one) for one in states.values()) and place.key:
            found += asked(history, place, NO_STATUS, f"score.{TIME}")
        ended = died.days_since(begun) if died is not None and begun is not None else None
        dead = key in states and _whole(history.text_of(states[key])) == 1
        if ended is None:
            continue
        wrong = time is not None and dead and not ended[0] - CLOSE <= time <= ended[1] + CLOSE
        if wrong or (until or 0) > ended[1]:
            days = " to ".join(map(str, dict.fromkeys(ended)))
            said = f"the {days} days from the first cells to the death, {died_on} (rule 65)"
            found += asked(history, place, said, f"score.{TIME}")
    for place in states.values():
        if died is not None and _whole(history.text_of(place)) == 0:
            said = f"1, died: the record says that the patient died, {died_on} (rule 65)"
            found += asked(history, place, said, f"score.{STATUS}")
    return found


def _whole(text: str | None) -> int | None:
    """Return a whole number; None where there is none, or where what stands there is refused elsewhere."""
    try:
        return None if text is None else parse_cell.whole(text)
    except parse_cell.NotThat:
        return None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one visit tells of survival, in days since the first cells. ``until``: the last day known to be alive.

    ``died_by``: the day of the death, where it is told. ``alive``: a living patient on a day that nobody tells.
    """

    name: str
    died: bool = False
    died_by: int | None = None
    until: int | None = None
    alive: bool = False


class Score(NamedTuple):
    """What of a score tells of survival."""

    instrument: str
    value: Decimal | None
    did_not_occur: bool
    course_day: int | None


class Known(NamedTuple):
    """What is known of the survival of a course: its visits by id, the scores of each, deaths by events, cells given.

    ``begun``: the day of its first cells, where it is known.
    """

    visits: dict[str, FollowUpVisit]
    scores: dict[str, list[Score]]
    events: list[AdverseEvent]
    given: list[Administration]
    begun: date | None

    def seen(self, zone: str, begun: date | None, *, of: str = "") -> dict[str, Seen]:
        """Return what each visit, event and administration tells, in days since ``begun``, by its id.

        ``of``: the course of which it tells, where that is another one.
        """
        found = {id_: _seen(one, self.scores.get(id_, ()), zone, self.begun) for id_, one in self.visits.items()}
        found |= {one.id: _of_event(one, zone, self.begun) for one in self.events}
        cells = [(one.id, one, _day_since(one, "performed_at", zone, self.begun)) for one in self.given]
        found |= {id_: Seen(name=one.NOUN, until=day) for id_, one, day in cells if day is not None}
        if not of:
            return found
        by = (self.begun - begun).days if self.begun is not None and begun is not None else None
        return {id_: _moved(one, by, of) for id_, one in found.items()}


class KnownSurvival:
    """What is known of the survival of each course: what is recorded, and what earlier rows of a table tell.

    ``courses``: the courses of a patient that are recorded; ``first_given``: the day of the first cells of one.
    """

    def __init__(
        self,
        session: Session,
        courses: Callable[[Patient], list[Treatment]],
        first_given: Callable[[Treatment], date | None],
    ) -> None:
        self.session, self.courses, self.first_given = session, courses, first_given
        self._known: dict[str, Known] = {}
        self._made: dict[str, dict[str, Known]] = defaultdict(dict)

    def of(self, course: Treatment, patient: Patient, begun: date | None) -> Known:
        """Return what is known of a course, to which rows add; of a new one, nothing yet."""
        if not inspect(patient).persistent:
            return self._recorded(course, begun)  # a new patient has one row
        if course.id not in self._known:
            self._known[course.id] = self._recorded(course, begun)
            self._made[patient.id][course.id] = self._known[course.id]
        return self._known[course.id]

    def others(self, course: Treatment, patient: Patient) -> Iterator[tuple[str, Known]]:
        """Yield the other courses of the patient, those of earlier rows too, with what is known of each."""
        recorded = self.courses(patient) if inspect(patient).persistent else []
        for one in recorded:
            if one.id != course.id:
                yield one.id, self.of(one, patient, self.first_given(one))
        known = {one.id for one in recorded} | {course.id}
        yield from ((id_, one) for id_, one in [*self._made[patient.id].items()] if id_ not in known)

    def _recorded(self, course: Treatment, begun: date | None) -> Known:
        if not inspect(course).persistent:
            return Known({}, defaultdict(list), [], [], begun)
        visits = {one.id: one for one in self._of(FollowUpVisit, course)}
        events = [one for one in self._of(AdverseEvent, course) if _is_fatal(one)]
        given = [one for one in self._of(Administration, course) if one.counts]
        scores: dict[str, list[Score]] = defaultdict(list)
        facts = [getattr(OutcomeScore, name) for name in Score._fields]
        stored = select(OutcomeScore.visit_id, *facts).where(OutcomeScore.treatment_id == course.id)
        for visit_id, *told in self.session.execute(stored.order_by(OutcomeScore.id)):
            scores[visit_id or ""].append(Score(*told))
        return Known(visits, scores, events, given, begun)

    def _of(self, model: type[T], course: Treatment) -> Iterator[T]:
        yield from self.session.scalars(select(model).where(model.treatment_id == course.id).order_by(model.id))


def _against_each_other(history: Any, patient: Any, course: Treatment, begun: date | None) -> Iterator[Fault]:
    """Yield a fault for each fact of a row that contradicts another one, of the row or known before.

    What is known under another course of the patient counts as well, where both courses have a day.
    """
    known = history.known.survival.of(course, patient, begun)
    told = dict.fromkeys(one.id for one in history.records if isinstance(one, FollowUpVisit) and one.made == "made")
    known.visits.update({one.id: one for one in history.records if isinstance(one, FollowUpVisit)})
    given = [one for one in history.records if isinstance(one, Administration) and one.counts]
    known.given.extend(given)
    known.events.extend(one for one in history.records if isinstance(one, AdverseEvent) and _is_fatal(one))
    keys: dict[str, list[str]] = defaultdict(list)
    for one in (record for record in history.records if isinstance(record, OutcomeScore)):
        visit_id = one.visit_id or (one.visit.id if one.visit is not None else "")
        known.scores[visit_id].append(Score(*(getattr(one, name) for name in Score._fields)))
        keys[visit_id].append(one.instrument or "")
        told[visit_id] = None
    zone = history.by.site.zone
    own = known.seen(zone, begun)
    told |= dict.fromkeys(one.id for one in given if one.id in own)
    told |= dict.fromkeys(one.id for one in history.records if isinstance(one, AdverseEvent) and _is_fatal(one))
    elsewhere = [
        seen
        for id_, other in history.known.survival.others(course, patient)
        for seen in other.seen(zone, begun, of=id_).values()
    ]
    for place, id_ in enumerate(told):
        earlier = list(told)[: place + 1]
        others = [one for other, one in own.items() if other not in told or other in earlier] + elsewhere
        said = next((said for one in others if (said := _contradicts(own[id_], one))), "")
        if said:
            wanted = _place(history, known.visits.get(id_), keys[id_], id_)
            yield from asked(history, wanted, said, f"score.{STATUS if wanted.name == STATUS else TIME}")


def _is_fatal(one: AdverseEvent) -> bool:
    return one.outcome == "fatal" or one.grade == "5"


def _of_event(one: AdverseEvent, zone: str, begun: date | None) -> Seen:
    name = "ended_at" if one.ended_at is not None else "performed_at"
    return Seen(name=one.term or one.NOUN, died=True, died_by=_day_since(one, name, zone, begun))


def _day_since(one: Any, name: str, zone: str, begun: date | None) -> int | None:
    """Return the day of the course on which something was, where it is known."""
    on = span_in(one, name, zone)
    if on is not None and on.day is not None and begun is not None:
        return (on.day - begun).days
    return one.course_day


def _moved(one: Seen, by: int | None, course: str) -> Seen:
    """Return what another course tells, in days since the first cells of this one; without days if they are unknown."""
    died_by, until = (None if None in {day, by} else day + by for day in (one.died_by, one.until))  # type: ignore[operator]
    return replace(one, name=f"{one.name}, {course}", died_by=died_by, until=until)


def _seen(visit: FollowUpVisit, scores: Iterable[Score], zone: str, begun: date | None) -> Seen:
    told, never = {}, list[int]()
    for one in scores:
        if one.did_not_occur and one.course_day is not None and one.course_day != visit.course_day:
            never.append(one.course_day)
        elif one.value is not None:
            told[one.instrument] = int(one.value)
    said = said_of(visit, zone)
    on = (date(*said.on) - begun).days if said.whole and begun is not None else said.course_day
    time, status = told.get(TIME), told.get(STATUS)
    if status == 1 or visit.alive is False:
        return Seen(name=visit.name, died=True, died_by=on if time is None else time, until=max(never, default=None))
    known = [*never, *([] if time is None else [time])]
    measured = said.on or told.keys() - {TIME, STATUS} or (status == 0 and time is None)
    if visit.made == "made" and on is not None and measured:
        known.append(on)
    return Seen(name=visit.name, until=max(known, default=None), alive=status == 0 and not known)


def _contradicts(one: Seen, other: Seen) -> str:
    """Return what was expected where what a row tells contradicts something; "" where it does not."""
    if one.died_by is not None and other.until is not None and other.until > one.died_by:
        return f"a death after day {other.until}, on which the patient was alive (“{other.name}”, rule 69)"
    if other.died and one is not other:
        if one.died:
            two = (one.died_by, other.died_by)
            apart = one.died_by is not None and other.died_by is not None and abs(one.died_by - other.died_by) > CLOSE
            return f"the death on day {two[1]}, as “{other.name}” has it (rule 65)" if apart else ""
        if other.died_by is not None and one.until is not None and one.until > other.died_by:
            return f"nothing of a living patient after the death on day {other.died_by} (“{other.name}”, rule 69)"
        if one.alive:
            return f"1, died, or the day: the patient died, as “{other.name}” has it (rule 65)"
    return ""


def _place(history: Any, visit: FollowUpVisit | None, instruments: list[str], record: str) -> Slot:
    """Return the cell of a row that tells of survival in a visit: the time, the status, else any score or the visit.

    ``record``: the id of what tells it; that of cells or an event has a cell of its own.
    """
    if visit is None:
        at = history.slots[record]
        return replace(at, name=at.name or "performed_at")
    names = [(visit.name or "").casefold(), ""]
    order = [one for one in (TIME, STATUS, *instruments) if one in instruments]
    slots = [at for at in history.given if at.part == "score" and history.text_of(at) is not None]
    slots += [at for at in history.given if at.part == "score" and history.given[at].never]
    of_visit = [at for at in slots if _name_at(history, at.key) in names] or slots
    found = (at for name in order for at in of_visit if at.name == name)
    return next(found, Slot(part="visit", name="performed_at"))


def _name_at(history: Any, key: str) -> str:
    said = history.text_of(Slot(part="visit", key=key, name="name"))
    return (said or history.visit_names.get(key, (key, None))[0]).casefold() if key else ""
