"""Who records visits and events, and who judges them."""

from __future__ import annotations

from clinic.access import Role

REPORTERS = frozenset({Role.NURSE, Role.PHYSICIAN})
VISITORS = frozenset({Role.COORDINATOR, Role.NURSE, Role.PHYSICIAN})
SIGNS = frozenset({Role.PHYSICIAN, Role.NURSE})
JUDGES = frozenset({Role.PHYSICIAN})
SENDERS = frozenset({Role.PHYSICIAN, Role.QUALITY})
"""Who sends the report of a serious event to the authority or sponsor."""
