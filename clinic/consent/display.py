"""How a consent is shown: whether it is valid, what waits under an unsigned one, its withdrawal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for

from clinic.access import WRITERS
from clinic.consent.models import SCOPES, Consent, Standing
from clinic.consent.step import TAKES_CONSENT
from clinic.record_display import amendments, facts, hands, signature_lines

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from clinic.access import Role
    from clinic.accounts.models import User
    from clinic.consent.models import Withdrawal
    from clinic.records import Amendment

COLUMNS = [
    ("Consent", "consent", False),
    ("To", "version", False),
    ("Obtained by", "by", False),
    ("State", "state", False),
]

STANDINGS = {
    Standing.VALID: ("ok", "check", "Valid"),
    Standing.UNSIGNED: ("wait", "hourglass", "Not signed"),
    Standing.EXPIRED: ("rest", "calendar-x", "Expired"),
    Standing.WITHDRAWN: ("bad", "hand-stop", "Withdrawn"),
    Standing.WRONG_SIGNER: ("bad", "alert-triangle", "Wrong signer"),
    Standing.OUTGROWN: ("bad", "alert-triangle", "Of age now"),
    Standing.DISPUTED: ("bad", "alert-octagon", "Not agreed with"),
}


def sign_consent(consent: Consent, user: User) -> dict[str, Any]:
    """Return the action that waits under an unsigned consent: it is signed by the person who obtained it (rule 14)."""
    correction = consent.unconfirmed
    if correction is not None and consent.attested:
        return _confirm(consent, correction, user)
    taker = consent.performed_by
    mine = consent.performed_by_id in {None, user.id} and user.role in TAKES_CONSENT
    title, text = (
        "Sign the consent",
        f"{SCOPES[consent.scope]}: recorded, not signed. It is valid only after the person who obtained it has signed.",
    )
    if mine:
        url = url_for("record_pages.signature", record_id=consent.id)
        return {
            "tag": "Your next action",
            "title": title,
            "text": text,
            "url": url,
            "icon": "signature",
            "label": "Review and sign",
        }
    return {
        "tag": f"Waiting for {taker.printed_name if taker else 'the person who obtained it'}",
        "title": title,
        "text": text,
        "url": None,
    }


def _confirm(
    record: Consent | Withdrawal, correction: Amendment, user: User, roles: Collection[Role] = TAKES_CONSENT
) -> dict[str, Any]:
    """Return the action on a correction that only its author has signed: a second person confirms it (14, 15)."""
    mine = not user.is_same_person(correction.amended_by) and user.role in roles
    text = f"{correction.amended_by.printed_name} corrected it. Compare it with the paper; the correction counts then."
    if not mine:
        return {"tag": "Waiting for a second person", "title": "Confirm the correction", "text": text, "url": None}
    return {
        "tag": "Your next action",
        "title": "Confirm the correction",
        "text": text,
        "url": url_for("record_pages.signature", record_id=record.id),
        "icon": "signature",
        "label": "Review and sign",
    }


def standing_of(consent: Consent, user: User, at: datetime) -> dict[str, Any]:
    """Return the state of a consent at a moment, the next action on it, and the courses that rest on it."""
    standing, gone = consent.standing(at), consent.withdrawal
    action = sign_consent(consent, user) if standing is Standing.UNSIGNED and consent.origin == "clinic" else None
    if gone is not None and not gone.signed and user.role in WRITERS:
        action = {
            "tag": "Your next action",
            "title": "Sign the withdrawal",
            "text": "It is already in force. By signing you confirm that it was recorded as the patient said it.",
            "url": url_for("record_pages.signature", record_id=gone.id),
            "icon": "signature",
            "label": "Review and sign",
        }
    elif gone is not None and gone.unconfirmed is not None and user.role in WRITERS:
        action = _confirm(gone, gone.unconfirmed, user, WRITERS)
    courses = consent.patient.courses if consent.scope == "treatment" else []
    return {
        "next": action,
        "state": STANDINGS[standing],
        "standing": standing.value,
        "courses": [c for c in courses if c.protocol_version_id == consent.protocol_version_id],
    }


def withdrawal_shown(gone: Withdrawal | None, zone: str, people: Mapping[str, str], *, writes: bool) -> dict[str, Any]:
    """Return what the page of a consent shows of its withdrawal."""
    url = url_for("record_pages.amendment", record_id=gone.id) if gone is not None and writes else None
    return {
        "withdrawal": gone,
        "withdrawal_facts": facts(gone, zone, people=people) if gone else [],
        "withdrawal_hands": hands(gone, zone) if gone else [],
        "withdrawal_amendments": amendments(gone, zone) if gone else [],
        "withdrawal_signatures": signature_lines(gone, zone) if gone else [],
        "withdrawal_amend_url": url,
    }


def withdrawing(consent: Consent) -> dict[str, str]:
    """Return the words on the form of a withdrawal."""
    return {
        "heading": "Withdraw the consent",
        "lede": f"{consent.headline()}. A patient may withdraw at any time, without a reason.",
        "save_label": "Record the withdrawal",
        "save_icon": "hand-stop",
        "after": (
            "Harvest, processing, release and administration stop at once, also under earlier consents to the same "
            "treatment. The products stay on hold until quality decides on each one. Nothing is discarded or deleted, "
            "and follow-up visits for safety stay possible."
        ),
    }


def rows_of(consents: Sequence[Consent], now: Sequence[Consent], at: datetime) -> list[tuple[object, ...]]:
    """Return the consents to treatment as rows of a list, first those ``now``: to the version of the course."""
    to_treatment = [consent for consent in consents if consent.scope == "treatment"]
    return [_row(consent, at) for consent in sorted(to_treatment, key=lambda c: c not in now)]


def _row(consent: Consent, at: datetime) -> tuple[object, ...]:
    state = ("ok", "check", "Valid")
    if not consent.current(at):
        state = ("wait", "hourglass", consent.standing(at).value.capitalize())
    return (
        (consent.headline(), url_for("consent.show", consent_id=consent.id)),
        consent.protocol_version.name if consent.protocol_version else None,
        consent.performed_by.printed_name if consent.performed_by else None,
        state,
    )
