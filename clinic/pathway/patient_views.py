"""The list of patients with its search, a patient's page, the line on printed sheets."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template, request, url_for

from clinic import clock, read_log, record_display, record_pages, searches, wording
from clinic.access import CLINICAL, allow, may
from clinic.extensions import db
from clinic.followup import reporting
from clinic.pages import Answer, get_or_404, me, zone
from clinic.pathway import patient_filters, patient_page
from clinic.pathway.views import bp
from clinic.patients.banner import patient_banner
from clinic.patients.merging import of_patient
from clinic.patients.models import SEXES, Patient, has_died
from clinic.patients.search import present_courses, search, similar_names, total, with_those_that_go_on
from clinic.patients.views import REGISTERS

record_pages.CONSEQUENCES.append(patient_page.new_labels)


@bp.route("/patients", methods=["GET", "POST"])
@allow(CLINICAL)
def patients() -> Answer:
    """List the patients of the site; any part of name, number or birth date finds them.

    What is searched for travels in the form and stays on the server, never in an address.
    """
    if request.method == "POST":
        words = {name: request.form.get(name, "").strip()[:200] for name in ("q", *patient_filters.WORDS)}
        return searches.answer(me().id, "pathway.patients", **words)
    asked = {**request.args, "q": "", **searches.asked(me().id)}
    typed, boxes = asked["q"], patient_filters.boxes(asked)
    people, courses = patient_filters.conditions(boxes)
    place: dict[str, Any] = {name: request.args.get(name, "") for name in ("after", "before")}
    found = search(db.session(), typed, among=people, **place)
    read_log.page_of("patients", [row.id for row in found.rows], searched=bool(typed))
    register = (url_for("patients.new"), "user-plus", "Register a patient")
    narrowed = bool(typed or any(box.chosen for box in boxes))
    return render_template(
        "pathway/patients.html", heading="Patients", typed=typed, boxes=boxes, narrowed=narrowed,
        rows=_rows(found.rows, courses), columns=patient_page.COLUMNS,
        actions=[register] if me().role in REGISTERS else [], pager=_pager(found, typed, people, boxes),
        empty_text=NOBODY_FITS if narrowed else "No patients registered yet.",
    )  # fmt: skip


def _rows(found: list[Any], among: list[Any]) -> list[Any]:
    found, under = with_those_that_go_on(db.session(), found)
    courses = present_courses(db.session(), [row.id for row in found], among)
    similar = similar_names(db.session(), found)
    done = patient_page.finished(db.session(), courses.values(), clock.now())
    numbers = {row.id: row.record_number for row in found}
    lines = [
        patient_page.line(row, courses.get(row.id), SEXES, similar=row.name_key in similar, done=done) for row in found
    ]
    return [
        (*line[:-1], ("rest", "users", f"Merged into {numbers.get(under[row.id], '')}")) if row.id in under else line
        for row, line in zip(found, lines, strict=True)
    ]


NOBODY_FITS = "No matching patient. Try fewer letters, the birth date, or fewer filters."


def _pager(found: Any, typed: str, people: list[Any], boxes: list[patient_filters.Box]) -> dict[str, Any]:
    whole = not (found.before or found.after)
    more: dict[str, Any] = searches.place() or patient_filters.kept(boxes)
    return {
        "previous_url": url_for("pathway.patients", before=found.before, **more) if found.before else None,
        "next_url": url_for("pathway.patients", after=found.after, **more) if found.after else None,
        "text": patient_page.counted(
            len(found.rows), fits=f" for “{typed}”" if typed else "",
            total=len(found.rows) if whole else total(db.session(), typed, among=people),
        ),
    }  # fmt: skip


@bp.get("/patients/<patient_id>")
@allow(CLINICAL)
def patient(patient_id: str) -> str:
    """Show who the patient is, what must be known, the courses and consents, and one next action."""
    patient, at, role = get_or_404(Patient, patient_id), clock.now(), me().role
    done, died = patient_page.finished(db.session(), patient.courses, at), has_died(patient.person)
    return render_template(
        "pathway/patient.html",
        record=patient,
        patient=patient_banner(patient),
        reports=reporting.of_patient(db.session(), patient, clock.day(at, zone())),
        action=patient_page.next_action(patient, me(), at=at),
        today=clock.day(at, zone()),
        states={course.id: patient_page.course_state(course, done, died=died) for course in patient.courses},
        facts=patient_page.facts_of(patient, zone()),
        amendments=record_display.amendments(patient, zone()),
        hands=record_display.hands(patient, zone()),
        consents=patient_page.consents(patient, at),
        donors=patient_page.donors(db.session(), patient),
        merges=of_patient(db.session(), patient),
        amend_url=url_for("record_pages.amendment", record_id=patient.id) if role in REGISTERS else None,
        may={endpoint: may(role, endpoint) for endpoint in patient_page.BEGINNINGS},
    )


@bp.get("/patients/<patient_id>/print.css")
@allow(CLINICAL)
def patient_print(patient_id: str) -> Response:
    """Give the style sheet that puts name, birth date, number and allergy on top of every printed sheet."""
    printed, patient = wording.moment(clock.now(), zone()), get_or_404(Patient, patient_id)
    sheet = patient_page.margin_boxes(patient, printed)
    read_log.printed_with(patient.id)
    return Response(sheet, content_type="text/css; charset=utf-8")
