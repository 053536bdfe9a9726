"""The demonstration's bank: donations of others, collected for no course, and containers that are made of them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic.demo import builder, facts, laboratory
from clinic.demo.builder import DAY, HOUR

if TYPE_CHECKING:
    from clinic.demo.people import House
    from clinic.patients.models import Patient
    from clinic.products.models import Product
    from clinic.protocols.models import ProtocolVersion

COLLECTED_FOR_ONE = frozenset({"peripheral_blood", "bone_marrow"})
"""Sources of which a donor's cells are collected for one patient; others come from the bank."""
VIAL = Decimal(2)
"""What one container is made of, mL; an emptied donation is followed by the next."""
LONG_AGO = 900
"""Days before now on which the donations were collected."""


def banked(source: str, relation: str) -> bool:
    """Whether cells come out of the bank: somebody else's, and not collected for one patient."""
    return relation == "allogeneic" and source not in COLLECTED_FOR_ONE


def donation_for(house: House, version: ProtocolVersion, patient: Patient) -> Product:
    """Return a donation that holds a vial more: cord blood is for one patient, others serve many."""
    source = version.says.sources[0]
    shelf = (source, version.id, patient.id if source == "cord_blood" else "")
    known = house.bank.get(shelf)
    if known is None or known.left < VIAL:
        kind = "cord" if source in {"cord_tissue", "cord_blood"} else "unrelated"
        about = {"donor_number": f"BANK-{house.next('bank', 1201)}", "abo": "O", "rhd": "negative", "sex": "female"}
        known = house.bank[shelf] = donation(house, version, source, house.at - LONG_AGO * DAY, kind=kind, **about)
    return known


def donation(house: House, version: ProtocolVersion, source: str, at: datetime, **donor: Any) -> Product:
    """Collect a donation, of a donor who was determined the day before."""
    giver = builder.donor(house, at - DAY, typed=version.says.screening.two_blood_groups, **donor)
    took = facts.collection(house, source, at)
    if source not in {"cord_tissue", "cord_blood"}:
        took |= {"weight_kg": Decimal(71)}
    collected = builder.collect(house, giver, at, **took).products[0]
    laboratory.receive(house, collected, at + 2 * HOUR)
    return collected


def expanded(  # noqa: PLR0913 - facts of one run
    house: House,
    version: ProtocolVersion,
    donated: Product,
    begun: datetime,
    *,
    making: facts.Plan,
    amounts: list[Decimal],
    taken: Decimal | None = None,
) -> list[Product]:
    """Add containers for each amount out of a donation, or out of ``taken`` mL of it, and store them."""
    ended = begun + max(making.culture_days, 1) * DAY
    said = facts.run(version.says, frozen=making.frozen)
    run = laboratory.begin_run(house, version, begun, until=ended, protocol_version=version, **said)
    run.take(donated, by=house.technologist, at=begun, volume=taken)
    made = laboratory.fill(house, run, ended, volume=making.volume, amounts=amounts, counted=len(amounts) == 1)
    laboratory.close_run(house, run, ended)
    laboratory.store(house, made, ended + HOUR)
    return made
