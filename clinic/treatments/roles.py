"""Who orders, decides on and stops a course."""

from __future__ import annotations

from clinic.access import Role

ORDERS = frozenset({Role.PHYSICIAN, Role.COORDINATOR})
DECIDES = frozenset({Role.PHYSICIAN})
STOPS = frozenset({Role.PHYSICIAN, Role.DIRECTOR})
