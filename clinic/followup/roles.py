"""Who records visits and events, and who judges them."""

from __future__ import annotations

from clinic.access import Role

REPORTERS = frozenset({Role.NURSE, Role.PHYSICIAN})
VISITORS = frozenset({Role.COORDINATOR, Role.NURSE, Role.PHYSICIAN})
SIGNS = frozenset({Role.PHYSICIAN, Role.NURSE})
JUDGES = frozenset({Role.PHYSICIAN})
SENDERS = frozenset({Role.PHYSICIAN, Role.QUALITY})
"""Who sends the report of a serious event to the authority or sponsor."""
TELLERS = SENDERS | {Role.NURSE, Role.COORDINATOR, Role.DIRECTOR}
"""Who records that somebody was told of an event; that nobody need be told is said by `EXCUSES`."""
EXCUSES = SENDERS | {Role.DIRECTOR}
REOPENERS = SENDERS | {Role.DIRECTOR}
