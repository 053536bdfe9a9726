"""How a consent is shown: where it stands, and the action that waits under an unsigned one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for

from clinic.access import Role
from clinic.consent.models import SCOPES, Consent, Standing

if TYPE_CHECKING:
    from clinic.accounts.models import User

STANDINGS = {
    Standing.VALID: ("ok", "check", "Valid"),
    Standing.UNSIGNED: ("wait", "hourglass", "Not signed"),
    Standing.EXPIRED: ("rest", "calendar-x", "Expired"),
    Standing.WITHDRAWN: ("bad", "hand-stop", "Withdrawn"),
}


def sign_consent(consent: Consent, user: User) -> dict[str, Any]:
    """Return the action that waits under an unsigned consent: it is signed by who took it (rule 14)."""
    taker = consent.performed_by
    mine = consent.performed_by_id in {None, user.id} and user.role in {Role.NURSE, Role.PHYSICIAN, Role.COORDINATOR}
    title, text = (
        "Sign the consent",
        f"{SCOPES[consent.scope]}: written down, not signed. It holds only when who took it has signed.",
    )
    if mine:
        url = url_for("record_pages.signature", record_id=consent.id)
        return {
            "tag": "Your next action",
            "title": title,
            "text": text,
            "url": url,
            "icon": "signature",
            "label": "Read and sign",
        }
    return {
        "tag": f"Waits for {taker.printed_name if taker else 'who took it'}",
        "title": title,
        "text": text,
        "url": None,
    }
