"""The page that gives out a patient's dossier."""

from __future__ import annotations

import os
import weakref
from pathlib import Path

from flask import Blueprint, Response, current_app
from werkzeug.wsgi import FileWrapper

from clinic import clock, read_log
from clinic.access import CLINICAL, allow
from clinic.dossier import making
from clinic.exchange.exporting import digest_of
from clinic.extensions import db
from clinic.ledger import sealing
from clinic.pages import get_or_404, me
from clinic.patients.models import Patient

bp = Blueprint("dossier", __name__)


@bp.get("/patients/<patient_id>/dossier.zip")
@allow(CLINICAL)
def download(patient_id: str) -> Response:
    """Send everything that is recorded about a patient as one file that proves itself.

    It is made to its end before its first byte is sent. The access log keeps its hash.
    """
    patient, key = get_or_404(Patient, patient_id), sealing.key_of(Path(current_app.instance_path))
    seals, _faults = sealing.found_in(current_app.config["SEAL_FOLDERS"], key)
    file = making.make(db.session(), patient, seals=seals, key=key, at=clock.now(), by=me().label)
    read_log.export(f"dossier.zip {digest_of(file)}", patient.id)
    response = Response(FileWrapper(file), mimetype="application/zip")  # type: ignore[arg-type]
    response.headers["Content-Disposition"] = f'attachment; filename="dossier-{patient.id}.zip"'
    response.headers["Cache-Control"] = "no-store"
    response.content_length = file.seek(0, os.SEEK_END)
    file.seek(0)
    weakref.finalize(response, file.close)  # also of an answer that nobody reads to its end
    return response
