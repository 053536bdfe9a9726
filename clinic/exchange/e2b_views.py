"""The page that gives one adverse event out as data shaped like an E2B(R3) case."""

from __future__ import annotations

import json

from flask import Blueprint, Response

from clinic import clock, read_log
from clinic.access import CLINICAL, allow
from clinic.attachments.files import of_record
from clinic.course_records import of_course
from clinic.exchange.e2b import case, free_texts
from clinic.exchange.withheld import other_patients
from clinic.extensions import db
from clinic.followup.adverse_events import AdverseEvent
from clinic.pages import get_or_404

bp = Blueprint("e2b", __name__)


def _titles(one: AdverseEvent) -> list[str]:
    return [file.headline for file in of_record(db.session(), one.id) if file.withdrawn_at is None]


@bp.get("/adverse-events/<event_id>/e2b.json")
@allow(CLINICAL)
def event(event_id: str) -> Response:
    """Give one event as JSON; that it left the clinic is written down."""
    one = get_or_404(AdverseEvent, event_id)
    records, titles = of_course(db.session(), one.treatment), _titles(one)
    others = other_patients(db.session(), [*free_texts(records, one), *titles])
    found = case(records, one, at=clock.now(), documents=titles, others=others)
    read_log.export("E2B(R3) data", one.treatment.patient_id)
    headers = {"Content-Disposition": f'attachment; filename="e2b-{one.id}.json"', "Cache-Control": "no-store"}
    return Response(json.dumps(found, ensure_ascii=False, indent=2), mimetype="application/json", headers=headers)
