"""The form on which a code is scanned or typed."""

from __future__ import annotations

from clinic.form_fields import StringField
from clinic.forms import RecordForm


class ScanForm(RecordForm):
    """One code of the clinic."""

    code = StringField("Code")
