"""The one next act on a run of the laboratory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for

from clinic.access import may
from clinic.processing.step import LOGS, closed

if TYPE_CHECKING:
    from clinic.accounts.models import User
    from clinic.processing.models import ProcessingRun


def next_act(run: ProcessingRun, user: User) -> dict[str, Any] | None:
    """Return the one next act on a run: sign it, or verify it; whose turn it is where it is not ``user``'s."""
    if closed(run) or not run.outputs:
        return None
    if run.ended_at is None:
        mine = user.role in LOGS
        return {
            "tag": "Your next action" if mine else "Waiting for " + " or ".join(role.label for role in LOGS),
            "title": "Record end and balance",
            "text": "Record the end time and the volume of samples and waste. Then the run can be signed.",
            "url": url_for("processing.finish", run_id=run.id) if mine else None,
            "icon": "flag",
            "label": "End and balance",
        }
    who = (*LOGS,) if not run.signed else run.verifiers
    mine = (
        user.role in who and not (run.signed and user.is_among(run.hands)) and may(user.role, "record_pages.signature")
    )
    title, label = ("Sign this run", "Review and sign") if not run.signed else ("Verify this run", "Review and sign")
    text = (
        "By signing you confirm that this record is complete and correct."
        if not run.signed
        else "Check the calculations, lots and labels. You must not have taken part in the processing."
    )
    waits = " or ".join(role.label for role in who)
    return {
        "tag": "Your next action" if mine else f"Waiting for {waits}",
        "title": title,
        "text": text,
        "url": url_for("record_pages.signature", record_id=run.id) if mine else None,
        "icon": "signature",
        "label": label,
    }
