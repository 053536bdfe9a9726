"""What a bedside is made of: a released product, its results, a check by two people, an administration."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic import clock
from clinic.demo import builder, laboratory
from clinic.protocols.catalogues import QC_TESTS
from clinic.release.arithmetic import of_amount
from tests.factories import harvested, ready_for_harvest

if TYPE_CHECKING:
    from clinic.administration.models import Administration, BedsideCheck
    from clinic.products.models import Product
    from clinic.protocols.content import QCSpec
    from clinic.protocols.models import ProtocolVersion
    from clinic.treatments.models import Treatment
    from tests.factories import Team


def released_product(
    of: Treatment,
    people: Team,
    *,
    amount: Decimal | str | None = None,
    volume: Decimal | str = "10",
    results: dict[str, Decimal] | None = None,
    made_at: datetime | None = None,
    released: bool = True,
    frozen_at: datetime | None = None,
    thawed_at: datetime | None = None,
    **facts: Any,
) -> Product:
    """Harvest, process, test and release one container for a course; its dose is the protocol's usual one.

    What is frozen is in a medium without DMSO unless ``dmso_percent`` says otherwise.
    """
    if frozen_at is not None:
        facts.setdefault("dmso_percent", Decimal(0))
    made_at, begun = made_at or clock.now() - timedelta(hours=2), timedelta(minutes=10)
    says, weight = of.says, of.patient.weight_at(clock.now())
    usual = says.dose.usual * ((weight.kg if weight and weight.kg else 1) if says.dose.per_kg else 1)
    harvest = harvested(of, people, at=made_at - timedelta(hours=1, minutes=10))
    medium = {name: facts.pop(name, None) for name in ("cryo_medium", "dmso_percent", "vehicle")}
    run = laboratory.process(people, of, harvest.products, made_at - begun, until=made_at, **medium)
    (product,) = laboratory.fill(
        people, run, made_at, volume=Decimal(str(volume)), **({"name": "Cells to give"} | facts),
        amounts=[Decimal(str(amount)) if amount is not None else usual],
    )  # fmt: skip
    product.frozen_at, product.thawed_at = frozen_at, thawed_at
    if frozen_at is not None:
        product.expires_at = None
        product.keep_to_expiry()
    laboratory.close_run(people, run, made_at, verified=released)
    for spec in says.qc:
        tested(product, people, of.protocol_version, spec, value=(results or {}).get(spec.test), at=made_at)
    if released:
        last = max([made_at, *(moment for test in says.qc if (moment := known_at(test, made_at)) <= clock.now())])
        waits = any(known_at(spec, made_at) > clock.now() for spec in says.qc)
        laboratory.release(people, of, product, last, decision="conditional" if waits else "conforms")
    return product


def known_at(spec: QCSpec, at: datetime) -> datetime:
    """Return when the result of a sample taken at a moment is final."""
    return at + timedelta(days=QC_TESTS[spec.test].final_after_days or 0)


def tested(
    product: Product, people: Team, version: ProtocolVersion, spec: QCSpec, *, value: Decimal | None, at: datetime
) -> None:
    """Record a result that conforms, or the value given; a culture whose days are not over is still pending.

    It is read by as many people as the protocol wants.
    """
    found: dict[str, Any] = {"outcome": spec.accepted} if spec.accepted else {}
    if QC_TESTS[spec.test].outcomes is None:
        stated = conforming(spec, product)
        found = {"value": value if value is not None else stated}
        if value is None and spec.limit is not None and stated not in spec.limit:
            found = {"value": conforming(spec), "note": "Counted before the container was divided."}
    for reader in [people.technologist, people.technologist2][: spec.readers]:
        final = known_at(spec, at)
        if final > clock.now():
            final, found = at, {"pending": True}
        laboratory.result(people, product, version, spec, final, by=reader, sampled_at=at, **found)


def conforming(spec: QCSpec, product: Product | None = None) -> Decimal:
    """Return a value inside the limit of a test; of a test that counts the container's amount, that amount."""
    weight = product.treatment.patient.weight_at(clock.now()) if product and product.treatment else None
    if product is not None and (stated := of_amount(product, spec.test, weight.kg if weight else None)):
        return stated
    low, high = (spec.limit.low, spec.limit.high) if spec.limit else (None, None)
    if high is not None:
        return ((low or Decimal(0)) + high) / 2
    return (low or Decimal(0)) + 1


VITALS = {"spo2": Decimal(98), "temperature": Decimal("36.6"), "systolic": 124, "diastolic": 78, "pulse": 72}


def checked(of: Treatment, product: Product, people: Team, *, at: datetime | None = None, **facts: Any) -> BedsideCheck:
    """Read wristband and bag: the nurse first, the physician second."""
    return builder.check(people, of, product, at or clock.now(), **({"vitals": dict(VITALS)} | facts))


def given(check: BedsideCheck, people: Team, *, at: datetime | None = None, **facts: Any) -> Administration:
    """Begin on a check: the nurse gives all of the container, the physician verifies."""
    return builder.give(people, check, at or clock.now(), **facts)


def frozen(team: Team, minutes: int, **facts: object) -> tuple:
    course = ready_for_harvest(team, code="BM-MSC-MS")
    product = released_product(
        course,
        team,
        frozen_at=clock.now() - timedelta(hours=2),
        thawed_at=clock.now() - timedelta(minutes=minutes),
        **facts,
    )
    return course, product


def rules(check: BedsideCheck) -> set[int]:
    """The numbers of the rules that refused."""
    return {reason["rule"] for reason in check.reasons}
