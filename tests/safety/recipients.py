"""A patient who waits for cells of a donor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic.patients.donors import Donor
from tests.factories import ready_for_harvest

if TYPE_CHECKING:
    from clinic.treatments.models import Treatment
    from tests.safety.driver import Ward


def recipient(ward: Ward, donor: Donor, **facts: Any) -> Treatment:
    """A course under it that is consented and eligible, and names a donor."""
    return ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor, **facts)
