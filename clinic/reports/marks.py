"""The mark of a text that somebody typed: it stands in addresses and keys of rows in the place of the text."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from flask import current_app, has_app_context

DIGITS = 32
"""Hex digits of a mark, 16 bytes: no two texts of a clinic are ever one group."""
NO_CLINIC = secrets.token_hex(32)
"""The secret outside an application, where a mark is in no address and is compared within the process alone."""


def key_of(text: str) -> str:
    """Return the mark of a text: HMAC-SHA256 under a secret of the clinic, cut to `DIGITS`.

    What people write about a patient is in no address, and without the secret nobody learns from a mark whether it is
    the mark of a text that they guess.
    """
    secret = current_app.config["MARK_SECRET"] if has_app_context() else NO_CLINIC
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()[:DIGITS]
