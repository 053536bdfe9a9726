"""Authorizations for tests, and the days on which they count."""

from __future__ import annotations

from datetime import UTC, date, timedelta

from clinic import clock
from clinic.accounts.authorizations import StaffAuthorization
from clinic.ledger.listener import set_actor
from tests.safety.driver import Ward

DAY = timedelta(days=1)


def today() -> date:
    return clock.today("Europe/Berlin")


def authorize(ward: Ward, who: str, step: str, *, first: int = -400, last: int = 400, by: str = "quality"):
    """Authorize a person for a step from one day to another, in days from today; given on its first day."""
    ward.session.commit()
    giver = ward.person(by)
    set_actor(ward.session, giver.id)
    given_at = clock.local(clock.now(), "Europe/Berlin") + min(first, 0) * DAY  # the same time of day: DAY is no 24 h
    made = StaffAuthorization.give(
        ward.person(who), by=giver, at=clock.now(), performed_at=given_at.astimezone(UTC), step=step,
        valid_from=today() + first * DAY, valid_until=today() + last * DAY, basis="Training record TR-1, assessed",
    )  # fmt: skip
    ward.session.add(made)
    ward.session.commit()
    return made
