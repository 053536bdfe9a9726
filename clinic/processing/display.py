"""The one next act on a run of the laboratory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for

from clinic.access import may
from clinic.processing.closing import Next, next_in
from clinic.processing.step import LOGS, closed, wanted

if TYPE_CHECKING:
    from collections.abc import Collection

    from clinic.access import Role
    from clinic.accounts.models import User
    from clinic.processing.models import ProcessingRun

OPENS = {
    Next.STEP: ("processing.add_manipulation", "plus", "Record a step"),
    Next.CONTAINERS: ("processing.add_output", "plus", "Add containers"),
    Next.END: ("processing.finish", "flag", "End and balance"),
}


def next_act(run: ProcessingRun, user: User) -> dict[str, Any] | None:
    """Return the one next act on a run: the next step, containers, end, signature, verification; None: it is closed."""
    if closed(run):
        return None
    return _verification(run, user) if run.signed else _in_order(run, user)


def _in_order(run: ProcessingRun, user: User) -> dict[str, Any]:
    left = run.steps_left
    title, text = wanted(run, left)
    found = next_in(run, left)
    if found in OPENS:
        endpoint, icon, label = OPENS[found]
        return _act(LOGS, title, text, user, (url_for(endpoint, run_id=run.id), icon, label))
    text = "By signing you confirm that this record is complete and correct."
    return _act(LOGS, title, text, user, _signature(run))


def _verification(run: ProcessingRun, user: User) -> dict[str, Any]:
    text = "Check the calculations, lots and labels. You must not have taken part in the processing."
    barred = user.is_among(run.hands) or not may(user.role, "record_pages.signature")
    return _act(run.verifiers, "Verify this run", text, user, None if barred else _signature(run))


def _signature(run: ProcessingRun) -> tuple[str, str, str]:
    return url_for("record_pages.signature", record_id=run.id), "signature", "Review and sign"


def _act(
    who: Collection[Role], title: str, text: str, user: User, opens: tuple[str, str, str] | None
) -> dict[str, Any]:
    """Return an action of the macro ``next_action``; whose turn it is where it is not this person's."""
    url, icon, label = opens if opens is not None and user.role in who else (None, "", "")
    tag = "Your next action" if url else "Waiting for " + " or ".join(role.label for role in who)
    return {"tag": tag, "title": title, "text": text[:1].upper() + text[1:], "url": url, "icon": icon, "label": label}
