"""What the list of patients and a patient's page tell: lines, facts, the one next action, the printed margin."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flask import url_for
from markupsafe import Markup
from sqlalchemy import or_, select
from sqlalchemy.orm import object_session

from clinic import record_display, wording
from clinic.access import may
from clinic.administration.person_checks import cells_since
from clinic.assets import icon
from clinic.consent.display import STANDINGS, sign_consent
from clinic.consent.models import Consent, Standing
from clinic.course_records import in_turns
from clinic.judged_lines import CourseLine
from clinic.pathway.confirmations import donor_in_doubt
from clinic.pathway.judgement import judge
from clinic.patients.alert_changes import confirming, waits_for
from clinic.patients.donors import Donor
from clinic.patients.identity import IDENTITY, corrected_words, identity_corrections
from clinic.patients.models import Patient
from clinic.patients.search import MOST
from clinic.patients.whole_person import not_asked
from clinic.steps import State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import Row
    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.records import Amendment
    from clinic.treatments.models import Treatment

COLUMNS = [
    ("Patient", "name", False),
    ("Born", "born", False),
    ("Sex", "sex", False),
    ("Record number", "number", False),
    ("Current course", "course", False),
    ("State", "state", False),
]
BEGINNINGS = (
    "treatments.new",
    "consent.new",
    "patients.new_weight",
    "patients.new_blood_group",
    "patients.new_alert",
    "patients.allergies",
    "donors.new",
    "merges.propose",
)


def line(
    row: Row[Any], course: Treatment | None, sexes: Mapping[str, str], *, similar: bool, done: Collection[str]
) -> tuple[Any, ...]:
    """Return one row of the list; a name is shown with birth date and number; similar names are marked (H4)."""
    name = wording.person(row.family_name, row.given_names)
    born = wording.day(row.birth_date, (row.precision or {}).get("birth_date", "")) or "not known"
    return (
        _named(name, url_for("pathway.patient", patient_id=row.id))
        if similar
        else (name, url_for("pathway.patient", patient_id=row.id)),
        born,
        sexes.get(row.sex or "", "not known"),
        row.record_number,
        (course.title, url_for("pathway.course", treatment_id=course.id)) if course else None,
        _state(row, course, done),
    )


def _named(name: str, url: str) -> Markup:
    tag = '<a href="{}">{}</a> <span class="c-tag c-tag--wait">{}Similar name</span>'
    return Markup(tag).format(url, name, icon("users"))  # noqa: S704 - the name is escaped by format


def _state(row: Row[Any], course: Treatment | None, done: Collection[str]) -> tuple[str, str, str]:
    if row.died_on is not None or (row.not_recorded or {}).get("died_on"):
        return ("rest", "circle-minus", "Died")
    if course is None:
        return ("plan", "circle-dashed", "No course yet")
    return course_state(course, done)


def course_state(course: Treatment, done: Collection[str], *, died: bool = False) -> tuple[str, str, str]:
    """Return the tag of a course; ``done``: the ids of those of which every step is done; ``died``: the patient did."""
    if course.stop is not None:
        return ("rest", "ban", "Stopped")
    if died:
        return ("rest", "circle-minus", "Ended")
    return ("rest", "circle-check", "Finished") if course.id in done else ("ok", "activity", "Active")


def finished(session: Session, courses: Iterable[Treatment], at: datetime) -> set[str]:
    """Return the ids of the courses of which every step is done at a moment: as stored, or judged where time passed."""
    ids = [course.id for course in courses]
    rows = session.execute(
        select(CourseLine.treatment_id, CourseLine.state, CourseLine.changes_at).where(CourseLine.treatment_id.in_(ids))
    ).all()
    stale = {row.treatment_id for row in rows if row.changes_at is not None and row.changes_at <= at}
    waits = {row.treatment_id for row in rows if row.state != State.DONE.value} - stale
    for records in in_turns(session, sorted(stale)):
        if any(one.progress.state is not State.DONE for one in judge(records, at)):
            waits.add(records.course.id)
    return {row.treatment_id for row in rows} - waits


def counted(shown: int, *, fits: str, total: int) -> str:
    """Return in words how many patients the page shows, of how many; of none the empty list itself says so.

    ``fits``: what they fit, “ for …”; ``total``: at most one more than are counted one by one.
    """
    if not shown:
        return ""
    people = "1 patient" if total == 1 else f"{total:,} patients"
    if total > MOST:
        people = f"more than {MOST:,} patients"
    return f"{people}{fits}" if total == shown else f"{shown} of {people}{fits}, by name"


def facts_of(patient: Patient, zone: str) -> list[record_display.FactLine]:
    """Return the patient's declared facts."""
    return record_display.facts(patient, zone)


def consents(patient: Patient, at: datetime) -> list[tuple[Consent, tuple[str, str, str]]]:
    """Return each consent, the newest first, with its state."""
    return [(consent, STANDINGS[consent.standing(at)]) for consent in reversed(patient.consents)]


def donors(session: Session, patient: Patient) -> list[Donor]:
    """Return the donors linked to a patient: the patient as donor of own cells, the relatives, those of the courses."""
    named = {course.donor_id for course in patient.courses if course.donor_id}
    linked = or_(Donor.patient_id == patient.id, Donor.relative_of_id == patient.id, Donor.id.in_(named))
    return list(session.scalars(select(Donor).where(linked).order_by(Donor.recorded_at, Donor.id)))


def _confirm(patient: Patient, correction: Amendment, user: User) -> dict[str, Any]:
    """Return the task that a second person confirms a correction which took a warning away (rule 23)."""
    who, mine = correction.amended_by.printed_name, not user.is_same_person(correction.amended_by)
    url = url_for("patients.confirm_correction", patient_id=patient.id, amendment_id=correction.id)
    mine = mine and may(user.role, "patients.confirm_correction")
    waits = "a second person"
    did, until = "took an allergy or the death out of this record.", "Until then the earlier entry still counts."
    if correction.corrects(IDENTITY) and correction.record == patient.__tablename__:
        did = f"corrected who the patient is: {corrected_words([correction])}."
        until = "Until then no cells are given. Replace wristband and labels that were printed with the old entry."
    if correction.record == "alert":
        alert = next(one for same in patient.person for one in same.alerts if one.id == correction.record_id)
        who_may = confirming(alert, correction)
        did, mine = "closed or changed an alert that counts at the bedside.", mine and user.role in who_may
        until, waits = f"It counts until {waits_for(who_may)} confirms that.", waits_for(who_may)
    return {
        "tag": "Your next action" if mine else f"Waiting for {waits}",
        "title": "Confirm the correction",
        "text": f"{who} {did} {until}",
        "url": url if mine else None,
        "icon": "user-check",
        "label": "Compare and confirm",
    }


def identity_in_doubt(patient: Patient) -> list[Amendment]:
    """Return the corrections of who a patient is that wait for a second person, once a course has cells (rule 1)."""
    session = object_session(patient)
    found = identity_corrections(patient)
    if not found or session is None:
        return []
    courses = {course.id for one in patient.person for course in one.courses}
    since = [cells_since(records) for records in in_turns(session, sorted(courses))]
    first = min((one for one in since if one is not None), default=None)
    return identity_corrections(patient, since=first) if first is not None else []


def new_labels(record: Any) -> str:
    """Return what follows from a correction of who a patient is, once a course has cells; else nothing."""
    if isinstance(record, Donor):
        doubted = donor_in_doubt(record)
        return (
            "The donor's cells are on hold until a second person confirms this. Compare their labels."
            if doubted
            else ""
        )
    if not isinstance(record, Patient) or not identity_in_doubt(record):
        return ""
    return "A second person must confirm it before cells are given. Replace wristband and labels with the old entry."


def next_action(patient: Patient, user: User, *, at: datetime) -> dict[str, Any]:
    """Return the one next thing to do for a patient, and whether it is this user's turn."""
    if not_asked(patient.person):
        why = "Allergies are shown on every page about the patient. No cells can be given until they are known."
        return _turn(user, "patients.allergies", patient.id, "Record allergies", why, "message-report", "the nurse")
    if patient.open_corrections:
        return _confirm(patient, patient.open_corrections[-1], user)
    doubted = identity_in_doubt(patient)
    if doubted:
        return _confirm(patient, doubted[0], user)
    waiting = next((c for c in patient.consents if _waits(c, user, at)), None)
    if waiting is not None:
        return sign_consent(waiting, user)
    running = [course for course in patient.courses if course.stop is None]
    if not running:
        why = "This patient has no active course. The order names the condition, the cells and the protocol."
        return _turn(user, "treatments.new", patient.id, "Order a course", why, "clipboard-plus", "a physician")
    course = running[-1]
    return {
        "tag": "Continue",
        "title": course.title,
        "text": f"The next step is on the course page. {course.protocol_version.name}.",
        "url": url_for("pathway.course", treatment_id=course.id),
        "icon": "list-check",
        "label": "Open the course",
    }


def _waits(consent: Consent, user: User, at: datetime) -> bool:
    """Whether an unsigned consent comes first: to treatment for everybody, of another scope for who took it."""
    mine = consent.scope == "treatment" or consent.performed_by_id == user.id
    return mine and consent.origin == "clinic" and consent.standing(at) is Standing.UNSIGNED


def _turn(user: User, endpoint: str, patient_id: str, title: str, text: str, icon: str, whose: str) -> dict[str, Any]:  # noqa: PLR0913, PLR0917
    url = url_for(endpoint, patient_id=patient_id) if may(user.role, endpoint) else None
    return {
        "tag": "Your next action" if url else f"Waiting for {whose}",
        "title": title,
        "text": text,
        "url": url,
        "icon": icon,
        "label": title,
    }


def css_text(text: str) -> str:
    """Return text as a quoted CSS string: every character but letters, digits and spaces is escaped."""
    return '"' + re.sub(r"[^A-Za-z0-9 ]", lambda m: f"\\{ord(m[0]):x} ", text) + '"'


def margin_boxes(patient: Patient, printed: str) -> str:
    """Return the style sheet of one patient: the patient is named at the top of every printed page."""
    allergy = {
        "present": f"ALLERGY: {patient.allergies}",
        "none_known": "No known allergies",
        "not_asked": "Allergies not asked",
    }
    said = "  ·  ".join(
        (
            patient.display_name,
            wording.born(patient.birth_date, patient.precision_of("birth_date")),
            patient.record_number or "",
            allergy.get(patient.allergy_status or "", "Allergies not recorded"),
        )
    )
    line = "border-bottom: .5pt solid #000; vertical-align: bottom; padding-bottom: 1mm;"
    look = f'font: {{}} 8.5pt "Source Sans 3", sans-serif; {line}'
    left = f"@top-left {{ content: {css_text(said)}; {look.format(600)} }}"
    right = f"@top-right {{ content: {css_text(f'printed {printed}')}; {look.format(400)} }}"
    return f"@page {{ {left} {right} }}\n"
