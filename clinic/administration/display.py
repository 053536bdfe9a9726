"""What was given in a course, and every bedside check, as rows of a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import select

from clinic import wording
from clinic.administration.models import Administration, BedsideCheck
from clinic.course_records import of_course
from clinic.templating import units

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.treatments.models import Treatment

MOST_CHECKS = 50


def given_rows(session: Session, course: Treatment, zone: str) -> list[tuple[Any, ...]]:
    """Return what was given in a course, oldest first: what, when, by whom, its state."""
    return [_given_row(given, zone) for given in of_course(session, course, only={Administration}).of(Administration)]


def _given_row(given: Administration, zone: str) -> tuple[Any, ...]:
    state = ("ok", "check", "Signed") if given.signed else ("wait", "hourglass", "Not signed")
    if given.origin == "imported" and not given.signed:
        state = ("rest", "archive", "Imported")
    url = url_for("administration.show", administration_id=given.id)
    return (given.headline() or "Cells given", url), _when(given, zone), _by(given), state


def check_rows(session: Session, course: Treatment, zone: str) -> list[tuple[Any, ...]]:
    """Return the latest bedside checks of a course, clear and refused, the last one first."""
    chosen = select(BedsideCheck).where(BedsideCheck.treatment_id == course.id)
    latest = chosen.order_by(BedsideCheck.performed_at.desc(), BedsideCheck.id).limit(MOST_CHECKS)
    return [_check_row(check, zone) for check in session.scalars(latest)]


def _check_row(check: BedsideCheck, zone: str) -> tuple[Any, ...]:
    state = ("ok", "check", "Clear") if check.clear else ("danger", "alert-octagon", "Refused")
    named = (f"{check.NOUN}: {check.headline()}", url_for("administration.check", check_id=check.id))
    return named, _when(check, zone), _by(check), state


def _when(record: Administration | BedsideCheck, zone: str) -> str | None:
    if record.performed_at is not None:
        return wording.moment(record.performed_at, zone, record.precision_of("performed_at"))
    return f"Day {record.course_day}" if record.course_day is not None else None


def what_was_given(given: Administration) -> list[tuple[str, Any, str]]:
    """Return which container was given, its time limit, the check of two people and why warnings were passed over.

    It stands on records of their own, and who signs the giving reads it first.
    """
    product, zone, check = given.product, given.zone, given.bedside_check
    limit = "after thaw, " if product.thawed_at is not None else ""
    found: list[tuple[str, Any, str]] = [
        ("Product", units(f"{product.name}, {product.amount_text}".strip(", ")), ""),
        ("Division", product.division or "", ""),
        ("Product number", product.id, ""),
        ("Use before", f"{limit}{wording.moment(product.end, zone, product.end_known)}" if product.end else "", ""),
    ]
    if check is not None:
        second = check.second_person.printed_name if check.second_person is not None else ""
        people = " and ".join(filter(None, (check.done_by, second)))
        found.append(("Bedside check", f"{people}, {wording.moment(check.performed_at, zone)}", ""))
    why = given.confirmed.get("warnings", "")
    found.append(("Reason given for the warnings", f"“{why}”" if why else "", ""))
    return [line for line in found if line[1]]


def _by(record: Administration | BedsideCheck) -> str | None:
    return record.performed_by.printed_name if record.performed_by else None
