"""What the laboratory and the collecting room of the demonstration write down, for a course or for the bank."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic.demo import facts
from clinic.harvest.models import Harvest
from clinic.patients.donors import BloodTyping, Donor, DonorEligibility
from clinic.processing.models import InProcessCount, Manipulation, ProcessingRun
from clinic.protocols.catalogues import BODY_SITES, COUNTS, DOSE_MEASURES, QC_TESTS, SOURCES, class_name
from clinic.records import Meaning
from clinic.release.results import QCResult

if TYPE_CHECKING:
    from clinic.demo.people import House
    from clinic.products.models import Product
    from clinic.protocols.models import ProtocolVersion
    from clinic.treatments.models import Treatment

D = Decimal
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CRYO = "5 % human albumin, 5 % DMSO"
METHODS = {
    "viability": "7-AAD, flow cytometry",
    "endotoxin": "LAL, kinetic chromogenic",
    "sterility": "Automated culture, 14 days",
    "mycoplasma": "PCR",
    "gram_stain": "Microscopy",
    "karyotype": "G-banding, 20 metaphases",
    "cd34_dose": "ISHAGE, single platform",
}


def received(house: House, product: Product, at: datetime) -> None:
    """Take a container into the laboratory."""
    by = house.hand(house.technologist)
    product.move(kind="received", place="Laboratory, reception", by=by, at=at, temperature=D("19.5"), intact=True)


def house_donor(house: House, at: datetime, **said: Any) -> Donor:
    """Register a donor."""
    by = house.hand(house.physician)
    return Donor.register(house.session, by=by, at=at, **said)


def eligible_donor(house: House, at: datetime, version: ProtocolVersion, note: str, **said: Any) -> Donor:
    """Register a donor of other people's cells and determine that the cells may be used."""
    donor = house_donor(house, at, source_note=note, **said)
    by = house.hand(house.physician)
    markers = dict.fromkeys(version.says.screening.markers, "negative")
    found = house.add(
        by,
        DonorEligibility.log(
            by=by,
            at=at + HOUR,
            performed_at=at + 30 * MINUTE,
            performed_by=by,
            donor=donor,
            sample_taken_on=(at - 2 * DAY).date(),
            markers=markers,
            history="No risk found at the interview.",
            outcome="eligible",
            source_note=note,
        ),
    )
    house.sign(by, found, at + HOUR)
    if version.says.screening.two_blood_groups:
        blood_groups(house, at, donor=donor, abo=donor.abo, rhd=donor.rhd)
    return donor


def blood_groups(house: House, at: datetime, *, abo: str | None, rhd: str | None, **of: Any) -> None:
    """Type a person twice, from two samples."""
    for number, by in enumerate((house.technologist, house.technologist2)):
        when = at + number * HOUR
        house.hand(by)
        typing = house.add(
            by,
            BloodTyping.log(
                by=by,
                at=when + HOUR,
                performed_at=when,
                performed_by=by,
                sample_number=f"S{house.next('sample', 41001)}",
                abo=abo,
                rhd=rhd,
                **of,
            ),
        )
        house.sign(by, typing, when + HOUR)


def collect(  # noqa: PLR0913 - facts of one record
    house: House,
    at: datetime,
    source: str,
    donor: Donor,
    *,
    note: str,
    treatment: Treatment | None = None,
    limits: Any = None,
    **more: Any,
) -> Harvest:
    """Write down one collection."""
    by, said = house.hand(house.physician), dict(facts.HARVESTS[source])
    length, volume = said.pop("minutes") * MINUTE, D(said.pop("volume"))
    if limits is not None and limits.volume is not None:
        volume = max(volume, limits.volume.low or volume)
    if source == "bone_marrow" and volume > 90:
        said |= {"method": "operating_room_harvest", "anaesthesia": "general", "passes": 60}
    if said["anticoagulant"] != "none":
        said |= {
            "anticoagulant_volume": (volume / 10).quantize(D(1)),
            "anticoagulant_lot": f"AC{house.next('lot', 2201)}",
        }
    if BODY_SITES[said["body_site"]].sided:
        said["side"] = house.pick("left", "right")
    if SOURCES[source].harvest in {"aspiration", "liposuction"}:
        said["time_out_at"] = at - 5 * MINUTE
    written = more.pop("written_at", at + length + 10 * MINUTE)
    said |= {
        "volume": volume,
        "ended_at": at + length,
        "handed_over_at": at + length + 30 * MINUTE,
        "transport": "Cool box, 18 to 25 °C",
        **more,
    }
    if said["handed_over_at"] and said["handed_over_at"] > written:
        said["handed_over_at"] = None
    return house.add(
        by,
        Harvest.log(
            by=by,
            at=written,
            performed_at=at,
            performed_by=by,
            treatment=treatment,
            donor=donor,
            source=source,
            din=house.din(at),
            label_checked_by_id=house.nurse.id,
            source_note=note,
            **said,
        ),
    )


def begin(  # noqa: PLR0913 - facts of one record
    house: House, at: datetime, until: datetime | None, says: Any, *, note: str, frozen: bool, **more: Any
) -> ProcessingRun:
    """Begin a run of the laboratory; its manipulations follow each other to its end."""
    by, kinds = house.hand(house.technologist), facts.manipulations(says)
    run = ProcessingRun.log(
        by=by,
        at=until or at + HOUR,
        performed_at=at,
        performed_by=by,
        ended_at=until,
        room="Clean room 1, cabinet B",
        source_note=note,
        preparation=says.preparation,
        vehicle=says.vehicle or None,
        cryo_medium=CRYO if frozen else None,
        dmso_percent=D(5) if frozen else None,
        passage=3 if "expand" in kinds else None,
        **more,
    )
    house.add(by, run)
    house.session.flush()
    step = ((until or at + 3 * HOUR) - at) / max(len(kinds), 1)
    for number, kind in enumerate(kinds if until else kinds[:3]):
        begun = at + number * step
        if not until and begun > house.at:
            break
        run.manipulations.append(
            Manipulation.log(
                by=by,
                at=(begun + step) if until else begun,
                performed_at=begun,
                performed_by=by,
                ended_at=begun + step if until else None,
                run_id=run.id,
                kind=kind,
                lot=f"L{house.next('lot', 2201)}",
                lot_expires_on=(at + 400 * DAY).date(),
                equipment=f"EQ-{10 + number:03}",
                source_note=note,
            )
        )
    return run


def formulate(  # noqa: PLR0913 - facts of one record
    house: House,
    run: ProcessingRun,
    at: datetime,
    version: ProtocolVersion,
    *,
    volume: Decimal,
    amounts: list[Decimal],
    note: str,
) -> list[Product]:
    """Count, fill the containers, sign, and have a second technologist verify."""
    by, says, measure = house.hand(house.technologist), version.says, DOSE_MEASURES[version.says.dose.measure]
    kind = measure.count
    if kind and len(amounts) == 1:
        factor = measure.each / COUNTS[kind].each
        per_ml = facts.figures(amounts[0] * factor / volume, 6)
        run.counts.append(
            InProcessCount.log(
                by=by,
                at=at,
                performed_at=at,
                performed_by=by,
                run_id=run.id,
                counted=kind,
                stage="Final container",
                concentration=per_ml,
                volume=volume,
                viability=D(house.random.randrange(90, 98)),
                source_note=note,
            )
        )
    taken, wanted = run.input_volume, volume * len(amounts)
    run.added_volume = wanted - taken + 1 if wanted >= taken else None
    run.waste_volume = D(1) if wanted >= taken else taken - wanted
    source = run.inputs[0].product.source or ""
    name = class_name(says.cell_type, source) or f"{says.title.split(' for ')[0]}"
    made = []
    for amount in amounts:
        made.append(
            run.make(
                by=by,
                at=at,
                volume=volume,
                name=name,
                cell_type=says.cell_type,
                container="mould" if measure.key == "constructs" else "bag" if volume >= 20 else "vial",
                measure=measure.key,
                amount=amount,
                source_note=note,
            )
        )
        house.session.add(made[-1])
        house.session.flush()
    house.sign(by, run, at)
    house.sign(house.technologist2, run, at + 20 * MINUTE, meaning=Meaning.VERIFICATION)
    return made


def store(house: House, products: list[Product], at: datetime) -> None:
    """Put containers into the tank."""
    by = house.hand(house.technologist)
    for product in products:
        position = house.next("position")
        product.move(
            kind="stored",
            place=f"Tank 2, rack {1 + position // 60}, box {1 + position // 10 % 6}, position {1 + position % 10}",
            by=by,
            at=at,
            temperature=D(-178),
            intact=True,
        )


def examine(  # noqa: PLR0913 - facts of one kind of record
    house: House,
    product: Product,
    version: ProtocolVersion,
    at: datetime,
    *,
    until: datetime,
    note: str,
    skip: frozenset[str] = frozenset(),
    bad: str = "",
    overrides: dict[str, dict[str, Any]] | None = None,
) -> None:
    """Write down the results of a product that are known by a moment; a culture younger than its days is pending."""
    house.session.flush()
    for number, spec in enumerate(version.says.qc):
        if spec.test in skip:
            continue
        days = QC_TESTS[spec.test].final_after_days
        by = house.hand(house.pick(house.technologist2, house.quality2))
        when = at + days * DAY + (10 + 4 * number) * MINUTE
        sampled = at if product.performed_at is None else max(product.performed_at, at)
        said: dict[str, Any] = {
            "test": spec.test,
            "performed_by": by,
            "sampled_at": sampled,
            "source_note": note,
            "method": METHODS.get(spec.test),
        }
        if when > until:
            if days == 0:
                continue
            entered = at + 20 * MINUTE
            pending = QCResult.log(by=by, at=entered, product=product, performed_at=entered, pending=True, **said)
            pending.weigh(version)
            house.add(by, pending)
            continue
        found = (overrides or {}).get(spec.test) or facts.reading(spec, house.random, good=spec.test != bad)
        result = QCResult.log(by=by, at=when, product=product, performed_at=when, **(said | found))
        result.weigh(version)
        house.add(by, result)
    house.session.flush()


def vitals(house: House, *, child: bool = False) -> dict[str, Any]:
    """Return one set of normal vital signs."""
    dice = house.random
    if child:
        return {
            "spo2": D(dice.randrange(93, 99)),
            "temperature": D(dice.randrange(364, 373)) / 10,
            "systolic": dice.randrange(90, 102),
            "pulse": dice.randrange(115, 150),
            "breathing": dice.randrange(28, 44),
        }
    return {
        "spo2": D(dice.randrange(95, 100)),
        "temperature": D(dice.randrange(362, 373)) / 10,
        "systolic": dice.randrange(108, 142),
        "diastolic": dice.randrange(62, 88),
        "pulse": dice.randrange(58, 92),
        "breathing": dice.randrange(12, 18),
    }
