"""The page that lists the records of one step in a course."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import render_template, url_for

from clinic import clock, record_display
from clinic.course_records import of_course
from clinic.extensions import db
from clinic.pages import me
from clinic.patients.banner import patient_banner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinic.steps import Step
    from clinic.treatments.models import Treatment


def step_list(step: Step, course: Treatment, *, rows: Sequence[Any], begin: tuple[str, str], **shown: Any) -> str:
    """Return the list of a step: the way back to the course, the button that begins the step, or why it cannot begin.

    ``begin``: icon and label of the button. Why it cannot begin is only worked out where nothing is listed yet.
    """
    reasons = [] if rows else step.reasons(of_course(db.session(), course), clock.now())
    may_begin = me().role in step.logs and not reasons
    actions = [(url_for(step.begin, treatment_id=course.id), *begin)] if may_begin else []
    return render_template(
        "records/list.html",
        rows=rows,
        reasons=record_display.reasons(reasons),
        reasons_title=f"{step.title} is blocked, because…",
        actions=[(url_for("pathway.course", treatment_id=course.id), "list-check", "Course"), *actions],
        patient=patient_banner(course),
        **({"lede": course.title} | shown),
    )
