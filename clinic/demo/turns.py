"""What befalls some synthetic courses later: adverse events, a withdrawal, a stop, an amendment, a loss."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic import clock
from clinic.administration.models import Administration
from clinic.demo.builder import DAY, HOUR, MINUTE
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.event_records import EventNotification
from clinic.followup.models import ContactAttempt, FollowUpVisit, PlannedVisit
from clinic.harvest.models import Harvest
from clinic.patients.models import Alert
from clinic.requests import acts
from clinic.treatments.models import Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from clinic.demo.people import House
    from clinic.treatments.models import Treatment

EVENTS: dict[str, dict[str, Any]] = {
    "mild": {
        "onset": 2, "aware": 2, "term": "Fever", "grade": "1", "from_delivery": "possible", "outcome": "resolved",
        "ended": 1.5, "action": "Paracetamol 500 mg once.",
    },
    "joint": {
        "onset": 9, "aware": 9, "term": "Joint effusion", "grade": "2", "from_delivery": "probable",
        "action": "Rest and cooling; puncture without growth.",
    },
    # serious, unexpected, suspected and life-threatening: the clock of seven days runs (rule 67)
    "unexpected": {
        "onset": 2.2, "aware": 2, "term": "Septic arthritis with sepsis", "grade": "4", "expected": "unexpected",
        "serious": ["life_threatening", "hospitalisation"], "from_delivery": "probable",
        "action": "Lavage, intravenous antibiotics, two days of intensive care.",
        "narrative": "Fever and a hot joint; lavage the same night. The cultures are pending.",
        "told": ("laboratory",),
    },
    # serious, unexpected and suspected: the clock of fifteen days runs, and is near its end
    "hospital": {
        "onset": 13, "aware": 12, "term": "Pulmonary embolism", "grade": "3", "expected": "unexpected",
        "serious": ["hospitalisation"], "from_delivery": "possible",
        "action": "Anticoagulation; four days in hospital.", "told": ("laboratory", "ethics", "donor_physician"),
    },
    "expected": {
        "onset": 30, "aware": 30, "term": "Graft versus host disease", "grade": "2", "from_cells": "certain",
        "from_delivery": "unlikely", "action": "Methylprednisolone 1 mg/kg.",
    },
}  # fmt: skip
"""Adverse events; ``onset``, ``aware`` and ``ended`` are days before now, ``told`` who was told the same day."""
NAMES = {
    "laboratory": "Cell laboratory", "ethics": "Ethics board of the clinic", "donor_physician": "Physician of the donor"
}  # fmt: skip
USUAL = {
    "serious": [], "from_cells": "possible", "from_harvest": "unlikely", "expected": "expected",
    "outcome": "recovering",
}  # fmt: skip


def event(  # noqa: PLR0913 - when, and who was told
    house: House, course: Treatment, *, onset: float, aware: float, ended: float = 0, told: tuple[str, ...] = (),
    **facts: Any,
) -> None:  # fmt: skip
    """Report an adverse event as a physician, sign, and record who was told."""
    by, known = house.act(house.physician), house.at - aware * DAY
    chosen = select(Administration.id).where(Administration.treatment_id == course.id)
    first = house.database.scalar(chosen.order_by(Administration.performed_at).limit(1))
    began = house.at - onset * DAY
    over = house.at - ended * DAY if ended else began
    written = max(began, known, over) + HOUR
    said = USUAL | facts | ({"ended_at": over} if ended else {})
    found = AdverseEvent.report(
        by=by, at=written, treatment=course, performed_at=began, performed_by=by, administration_id=first,
        aware_on=clock.day(known, house.site.zone), source_note=house.note, **said,
    )  # fmt: skip
    house.add(found)
    house.sign(found, by, written)
    for recipient in told:
        said = {"recipient": recipient, "whom": NAMES[recipient], "way": "phone"}
        house.log(EventNotification, by, written, treatment=course, event=found, **said)


def withdrawn(house: House, course: Treatment) -> None:
    """Withdraw the consent after the harvest: the open steps close (rule 15)."""
    at, by = house.at - 20 * MINUTE, house.act(house.coordinator)
    said = {"reason": "Prefers to wait for an operation.", "source_note": house.note}
    consent = course.patient.consents[-1]
    house.add(consent.withdraw(by=by, at=at, performed_at=at - 20 * MINUTE, performed_by=by, **said))


def stopped(house: House, course: Treatment) -> None:
    at, why = house.at - 3 * DAY, "A fracture needs an operation first."
    house.sign(house.log(Stop, house.physician, at, treatment=course, reason=why), house.physician, at)


def amended(house: House, course: Treatment) -> None:
    """Correct what was written wrongly: the old value stays readable, and the record is signed again."""
    harvest = house.database.scalars(select(Harvest).where(Harvest.treatment_id == course.id)).one()
    at, by, passes = house.at - 90 * MINUTE, house.act(house.physician), (harvest.passes or 0) + 2
    why = "Two punctures of the second position were left out when the record was typed."
    house.add(harvest.amend(by=by, at=at, reason=why, passes=passes))
    house.sign(harvest, by, at + 2 * MINUTE)
    talked_about(house, harvest)


def talked_about(house: House, harvest: Harvest) -> None:
    """Ask a second person to check the corrected harvest, who has not answered yet, and comment on it."""
    asked = {
        "of": house.nurse2,
        "kind": "second_check",
        "text": "Please compare the passes with the paper of that day.",
    }
    by = house.act(house.physician)
    acts.ask(house.database, harvest, by=by, at=house.at - 80 * MINUTE, **asked)
    by = house.act(house.technologist)
    text = "The bag came in at 21 °C, intact."
    acts.comment(house.database, harvest, by=by, at=house.at - 70 * MINUTE, text=text)
    house.database.flush()


def lost(house: House, course: Treatment) -> None:
    """Three contacts without an answer: lost to follow-up (rule 62)."""
    by, today = house.coordinator, clock.day(house.at, house.site.zone)
    chosen = select(PlannedVisit).where(PlannedVisit.treatment_id == course.id, PlannedVisit.closes_on < today)
    late = house.database.scalars(chosen.order_by(PlannedVisit.number.desc()))
    plan = next(one for one in late if one.visit is None)
    for number, way in enumerate(("call", "call", "letter")):
        house.log(ContactAttempt, by, house.at - (9 - 3 * number) * DAY, plan=plan, way=way, result="not_reached")
    house.database.refresh(plan)
    why = {"made": "lost", "missed_reason": "Not reached by telephone or letter."}
    at = house.at - DAY
    house.sign(house.log(FollowUpVisit, by, at, treatment=course, plan=plan, name=plan.name, **why), by, at)


def alike(house: House, course: Treatment) -> None:
    """Warn of a person with nearly the same name and the same birth date (rule 11)."""
    text = "Nearly the same name and birth date as another patient: read the record number aloud."
    house.log(Alert, house.coordinator, house.at - DAY, patient=course.patient, text=text, may_go_on="yes")


TURNS: dict[str, Callable[[House, Treatment], None]] = {
    **{name: partial(event, **facts) for name, facts in EVENTS.items()},
    "withdrawn": withdrawn,
    "stopped": stopped,
    "amended": amended,
    "lost": lost,
    "alike": alike,
}
