"""What befalls some synthetic courses later: adverse events, a withdrawal, a stop, an amendment, a loss."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic.administration.models import Administration
from clinic.demo.people import SYNTHETIC
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import LOST_AFTER, ContactAttempt, FollowUpVisit, PlannedVisit
from clinic.harvest.models import Harvest
from clinic.patients.models import Alert
from clinic.treatments.models import Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from clinic.demo.course import Walk

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def event(walk: Walk, *, days_ago: float, aware_days_ago: int, **facts: Any) -> AdverseEvent:
    """Report an adverse event as a physician, and sign."""
    house = walk.house
    by, onset = house.hand(house.physician), house.at - days_ago * DAY
    aware = house.at - aware_days_ago * DAY
    first = house.session.scalar(
        select(Administration)
        .where(Administration.treatment_id == walk.course.id)
        .order_by(Administration.performed_at)
    )
    ended = facts.get("ended_at") or onset
    written = max(onset, aware, ended) + HOUR if aware_days_ago else house.at - 30 * timedelta(minutes=1)
    found = AdverseEvent.report(
        by=by,
        at=written,
        treatment=walk.course,
        performed_at=onset,
        performed_by=by,
        administration_id=first.id if first else None,
        aware_on=aware.date(),
        source_note=SYNTHETIC,
        **facts,
    )
    house.add(by, found)
    house.sign(by, found, written)
    return found


def mild(walk: Walk) -> None:
    event(
        walk,
        days_ago=2,
        aware_days_ago=2,
        term="Fever",
        grade="1",
        serious=[],
        from_cells="possible",
        from_harvest="unlikely",
        from_delivery="possible",
        expected="expected",
        outcome="resolved",
        ended_at=walk.house.at - 1.5 * DAY,
        action="Paracetamol 500 mg once.",
    )


def joint(walk: Walk) -> None:
    event(
        walk,
        days_ago=9,
        aware_days_ago=9,
        term="Joint effusion",
        grade="2",
        serious=[],
        from_cells="possible",
        from_harvest="unlikely",
        from_delivery="probable",
        expected="expected",
        outcome="recovering",
        action="Rest and cooling; puncture without growth.",
    )


def unexpected(walk: Walk) -> None:
    """Serious, unexpected, suspected and life-threatening: the clock of seven days runs (rule 67)."""
    event(
        walk,
        days_ago=2.2,
        aware_days_ago=2,
        term="Septic arthritis with sepsis",
        grade="4",
        serious=["life_threatening", "hospitalisation"],
        from_cells="possible",
        from_harvest="unlikely",
        from_delivery="probable",
        expected="unexpected",
        outcome="recovering",
        action="Lavage, intravenous antibiotics, two days of intensive care.",
        narrative="Fever and a hot joint; lavage the same night. The cultures are pending.",
    )


def hospital(walk: Walk) -> None:
    """Serious, unexpected and suspected: the clock of fifteen days runs, and is near its end."""
    event(
        walk,
        days_ago=13,
        aware_days_ago=12,
        term="Pulmonary embolism",
        grade="3",
        serious=["hospitalisation"],
        from_cells="possible",
        from_harvest="unlikely",
        from_delivery="possible",
        expected="unexpected",
        outcome="recovering",
        action="Anticoagulation; four days in hospital.",
    )


def expected(walk: Walk) -> None:
    event(
        walk,
        days_ago=30,
        aware_days_ago=30,
        term="Graft versus host disease",
        grade="2",
        serious=[],
        from_cells="certain",
        from_harvest="unlikely",
        from_delivery="unlikely",
        expected="expected",
        outcome="recovering",
        action="Methylprednisolone 1 mg/kg.",
    )


def withdrawn(walk: Walk) -> None:
    """Withdraw the consent: the open steps close (rule 15)."""
    house = walk.house
    at, by = house.at - 20 * HOUR, house.hand(house.coordinator)
    consent = walk.patient.consents[-1]
    house.session.add(
        consent.withdraw(
            by=by,
            at=at,
            performed_at=at - HOUR,
            performed_by=by,
            reason="Prefers to wait for an operation.",
            source_note=SYNTHETIC,
        )
    )


def stopped(walk: Walk) -> None:
    house = walk.house
    at, by = house.at - 3 * DAY, house.hand(house.physician)
    stop = house.add(
        by,
        Stop.log(
            by=by,
            at=at,
            performed_at=at,
            performed_by=by,
            treatment=walk.course,
            reason="A fracture needs an operation first.",
            source_note=SYNTHETIC,
        ),
    )
    house.sign(by, stop, at)


def amended(walk: Walk) -> None:
    """Correct what was written wrongly: the old value stays readable, and the record is signed again."""
    house = walk.house
    harvest = house.session.scalars(select(Harvest).where(Harvest.treatment_id == walk.course.id)).first()
    if harvest is None:
        return
    at, by = house.at - 90 * timedelta(minutes=1), house.hand(house.physician)
    passes = (harvest.passes or 0) + 2
    house.session.add(
        harvest.amend(
            by=by,
            at=at,
            reason="Two punctures of the second position were left out when the record was typed.",
            passes=passes,
        )
    )
    house.sign(by, harvest, at + timedelta(minutes=2))


def lost(walk: Walk) -> None:
    """Three contacts without an answer: lost to follow-up (rule 62)."""
    house = walk.house
    house.session.flush()
    chosen = (
        select(PlannedVisit)
        .where(PlannedVisit.treatment_id == walk.course.id, PlannedVisit.closes_on < house.at.date())
        .order_by(PlannedVisit.number.desc())
    )
    plan = next((one for one in house.session.scalars(chosen) if one.visit is None), None)
    if plan is None:
        return
    by = house.hand(house.coordinator)
    for number, way in enumerate(("call", "call", "letter")):
        at = house.at - (9 - 3 * number) * DAY
        house.add(
            by,
            ContactAttempt.log(
                by=by,
                at=at,
                performed_at=at,
                performed_by=by,
                plan=plan,
                way=way,
                result="not_reached",
                source_note=SYNTHETIC,
            ),
        )
    house.session.flush()
    if len(plan.contacts) < LOST_AFTER:
        return
    at = house.at - DAY
    visit = FollowUpVisit.log(
        by=by,
        at=at,
        performed_at=at,
        performed_by=by,
        treatment=walk.course,
        plan=plan,
        name=plan.name,
        made="lost",
        missed_reason="Not reached by telephone or letter.",
        source_note=SYNTHETIC,
    )
    house.add(by, visit)
    house.sign(by, visit, at)


def alike(walk: Walk) -> None:
    """Warn of a person with nearly the same name and the same birth date (rule 11)."""
    house = walk.house
    by = house.hand(house.coordinator)
    house.add(
        by,
        Alert.log(
            by=by,
            at=house.at - DAY,
            patient=walk.patient,
            text="Nearly the same name and birth date as another patient: read the record number aloud.",
            source_note=SYNTHETIC,
        ),
    )


def heavier(walk: Walk) -> None:
    """Weigh the patient again today: more than a tenth was gained (rule 51)."""
    walk.weigh(walk.house.at - 20 * timedelta(minutes=1), (walk.kg * Decimal("1.13")).quantize(Decimal("0.1")))


TURNS: dict[str, Callable[[Walk], None]] = {
    "mild": mild,
    "joint": joint,
    "unexpected": unexpected,
    "hospital": hospital,
    "expected": expected,
    "withdrawn": withdrawn,
    "stopped": stopped,
    "amended": amended,
    "lost": lost,
    "alike": alike,
    "heavier": heavier,
}
