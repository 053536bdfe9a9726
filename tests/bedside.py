"""What a bedside is made of: a released product, its results, a check by two people, an administration."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic import clock
from clinic.administration.bedside import give, read
from clinic.administration.models import Administration, BedsideCheck
from clinic.processing.models import ProcessingRun
from clinic.products.models import Product
from clinic.protocols.catalogues import BODY_SITES, QC_TESTS, ROUTES
from clinic.protocols.models import ProtocolVersion
from clinic.release.models import decide
from clinic.release.results import QCResult
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from clinic.protocols.content import QCSpec
from tests.factories import Team, harvested, ready_for_harvest


def released_product(
    of: Treatment,
    people: Team,
    *,
    amount: Decimal | str | None = None,
    volume: Decimal | str = "10",
    results: dict[str, Decimal] | None = None,
    made_at: datetime | None = None,
    released: bool = True,
    **facts: Any,
) -> Product:
    """Harvest, process, test and release one container for a course; its dose is the protocol's usual one."""
    made_at = made_at or clock.now() - timedelta(hours=2)
    says, weight = of.says, of.weight_at(clock.now())
    usual = says.dose.usual * ((weight.kg if weight and weight.kg else 1) if says.dose.per_kg else 1)
    frozen_at, thawed_at = facts.pop("frozen_at", None), facts.pop("thawed_at", None)
    harvest = harvested(of, people, at=made_at - timedelta(hours=1))
    run = people.add(
        ProcessingRun.log(
            by=people.technologist,
            at=made_at,
            treatment=of,
            preparation=says.preparation,
            performed_at=made_at - timedelta(minutes=10),
            ended_at=made_at,
            performed_by=people.technologist,
            cryo_medium=facts.pop("cryo_medium", None),
            dmso_percent=facts.pop("dmso_percent", None),
            added_volume=max(Decimal(0), Decimal(str(volume)) - 60),
            waste_volume=max(Decimal(0), 60 - Decimal(str(volume))),
        )
    )
    run.take(harvest.products[0], by=people.technologist, at=made_at)
    product = run.make(
        by=people.technologist,
        at=made_at,
        volume=Decimal(str(volume)),
        name="Cells to give",
        cell_type=says.cell_type,
        measure=facts.pop("measure", says.dose.measure),
        amount=Decimal(str(amount)) if amount is not None else usual,
        **facts,
    )
    product.frozen_at, product.thawed_at = frozen_at, thawed_at
    if frozen_at is not None:
        product.expires_at = None
        product.keep_to_expiry()
    people.add(run)
    run.sign(by=people.technologist, at=made_at)
    people.add(run)
    for spec in says.qc:
        tested(product, people, of.protocol_version, spec, value=(results or {}).get(spec.test), at=made_at)
    if released:
        decision = decide(product, of.protocol_version, by=people.quality, at=made_at, decision="conforms")
        people.add(decision)
        decision.sign(by=people.quality, at=made_at)
        people.add(decision)
    return product


def tested(
    product: Product, people: Team, version: ProtocolVersion, spec: QCSpec, *, value: Decimal | None, at: datetime
) -> None:
    """Write down a result that conforms, or the value given; read by as many people as the protocol wants."""
    readers = [people.technologist, people.technologist2][: spec.readers]
    for reader in readers:
        found: dict[str, Any] = {"outcome": spec.accepted}
        if QC_TESTS[spec.test].outcomes is None:
            limit = spec.limit
            middle = limit.high / 2 if limit and limit.high is not None and limit.low is None else None
            low = (limit.low if limit and limit.low is not None else Decimal(0)) + 1
            inside = middle if middle is not None else low
            if limit is not None and inside not in limit and limit.low is not None and limit.high is not None:
                inside = (limit.low + limit.high) / 2
            found = {"value": value if value is not None else inside}
        result = QCResult.log(
            by=reader,
            at=at,
            product=product,
            test=spec.test,
            performed_at=at,
            performed_by=reader,
            sampled_at=at - timedelta(days=20),
            **{name: fact for name, fact in found.items() if fact is not None},
        )
        result.weigh(version)
        people.add(result)


VITALS = {"spo2": Decimal(98), "temperature": Decimal("36.6"), "systolic": 124, "diastolic": 78, "pulse": 72}


def checked(of: Treatment, product: Product, people: Team, *, at: datetime | None = None, **facts: Any) -> BedsideCheck:
    """Read wristband and bag: the nurse first, the physician second."""
    facts = {
        "second": people.physician,
        "patient_scan": of.patient_id,
        "product_scan": product.id,
        "vitals": dict(VITALS),
    } | facts
    assert people.session is not None
    check = read(people.session, of, by=facts.pop("by", people.nurse), at=at or clock.now(), **facts)
    people.session.flush()
    return check


def given(check: BedsideCheck, people: Team, *, at: datetime | None = None, **facts: Any) -> Administration:
    """Begin on a check: the nurse gives all of the container, the physician verifies."""
    at = at or clock.now()
    course_, product = check.treatment, check.product
    assert people.session is not None
    assert product is not None
    site = course_.body_site if course_.body_site in ROUTES[course_.route].sites else ROUTES[course_.route].sites[0]
    facts = {
        "performed_at": at,
        "performed_by_id": check.performed_by_id,
        "route": course_.route,
        "body_site": site,
        "side": course_.side if BODY_SITES[site].sided else None,
        "volume_issued": product.volume,
    } | facts
    return give(people.session, check, by=facts.pop("by", people.nurse), at=at, **facts)


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
