"""Patients who wait for cells of a donor, or got them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic.patients.donors import Donor
from tests.factories import published, ready_for_harvest

if TYPE_CHECKING:
    from clinic.products.models import Product
    from clinic.treatments.models import Treatment
    from tests.safety.driver import Ward


def recipient(ward: Ward, donor: Donor, **facts: Any) -> Treatment:
    """A course under it that is consented and eligible, and names a donor."""
    return ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor, **facts)


def two_recipients(ward: Ward) -> tuple[list[Product], list[Treatment]]:
    """Two patients, each with a bag of the same donation; the first patient got hers."""
    cord, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    bags = ward.banked(ward.donated(donor, cord), cord, bags=2)
    courses = [recipient(ward, donor) for _ in bags]
    for bag, course in zip(bags, courses, strict=True):
        ward.assign(bag, course)
        ward.release(bag)
    ward.give(courses[0], bags[0])
    assert ward.given(bags[0]) is not None, ward.refused
    return bags, courses
