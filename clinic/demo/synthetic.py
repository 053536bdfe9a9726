"""Synthetic courses in every stage of the path: what a morning at the clinic looks like. Everybody is made up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from faker import Faker

from clinic.demo import care, facts, laboratory
from clinic.demo.course import Walk
from clinic.demo.laboratory import DAY, HOUR, MINUTE
from clinic.demo.people import SYNTHETIC
from clinic.patients.models import Patient
from clinic.protocols.catalogues import SOURCES

if TYPE_CHECKING:
    from clinic.demo.people import House
    from clinic.products.models import Product

D = Decimal
LOCALES = {"north": ("de_DE", "pl_PL", "tr_TR", "cs_CZ", "fr_FR"), "south": ("pt_PT", "es_ES", "fr_FR", "it_IT")}
EARLY = frozenset({"no_consent", "unsigned", "undecided", "eligible"})
"""Stages before the cells; ``days`` counts from the order."""
CHILDREN = frozenset({"HPC-A-CHILD", "HPC-M-CHILD"})
ORDERED = frozenset({"diagnosis", "condition", "relation", "body_site", "comorbidities", "medication"})
BANKED = frozenset({"cord_tissue", "cord_blood"})
TESTS_TAKE = 70 * MINUTE
"""How long the tests take that cells for the same day wait for."""
VIAL = D(2)
"""What one container of the bank is made of, mL; an emptied donation is followed by the next."""
MOST_VIALS = 4000
LONG_AGO = 900
"""Days before now on which the donations of the bank were collected."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """One synthetic patient: the protocol, how far the course is, what is special. ``days``: since cells or order."""

    code: str
    stage: str
    days: int = 0
    person: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)


def patient(house: House, faker: Faker, story: Story, at: datetime) -> tuple[Patient, Decimal]:
    """Write down a made-up person and return her or him with a weight, kg."""
    dice, child = house.random, story.code in CHILDREN
    sex = story.person.get("sex") or house.pick("female", "male")
    years = dice.randrange(3, 15) if child else dice.randrange(34, 78)
    born = date(at.year - years, dice.randrange(1, 13), dice.randrange(1, 28))
    family, given = named(faker, house, sex)
    kg = D(str(round(8 + years * 2.7 + dice.uniform(-1, 1), 1))) if child else D(str(round(dice.uniform(56, 94), 1)))
    said = {
        "record_number": f"{house.site.code[0].upper()}-{house.next('patient', 20417)}",
        "family_name": family,
        "given_names": given,
        "birth_date": born,
        "sex": sex,
        "allergy_status": "none_known",
        "allergies_asked_on": at.date(),
        "abo": house.pick("A", "A", "O", "O", "B", "AB"),
        "rhd": house.pick("positive", "positive", "positive", "negative"),
        "phone": f"0{dice.randrange(200, 999)} 5550{dice.randrange(100, 999)}",
        **story.person,
    }
    by = house.hand(house.coordinator)
    found = Patient.log(by=by, at=at, is_synthetic=True, source_note=SYNTHETIC, **said)
    return house.add(by, found), kg


def named(faker: Faker, house: House, sex: str) -> tuple[str, str]:
    """Return a family name and given names of one country."""
    country = faker[house.pick(*LOCALES.get(house.site.code, ("en_GB",)))]
    family = getattr(country, f"last_name_{sex}", country.last_name)()
    return family, getattr(country, f"first_name_{sex}")()


def start(house: House, story: Story) -> datetime:
    """Return when the course was ordered, so that it stands now where the story says."""
    if story.stage in EARLY:
        return house.at - (story.days or 4) * DAY - 2 * HOUR
    return collected_at(house, story) - 6 * DAY


@dataclass(frozen=True, kw_only=True)
class Durations:
    """How long it takes from the begin of a collection to what comes next."""

    made: timedelta
    known: timedelta
    given: timedelta


def durations(house: House, story: Story) -> Durations:
    """Return how long the cells of a story take. Banked cells are there; what is not frozen is given the same day."""
    says = house.versions[story.code].says
    making = facts.plan(says, D(70))
    if banked(says, story.more.get("relation", says.relations[0].value)):
        return Durations(made=timedelta(0), known=4 * HOUR, given=4 * HOUR + 2 * DAY)
    minutes = 60 if says.sources[0] == "cord_blood" else facts.HARVESTS[says.sources[0]]["minutes"]
    made = (minutes + 40) * MINUTE + (making.culture_days * DAY if making.culture_days else 45 * MINUTE)
    known = made + (15 * DAY if making.frozen else TESTS_TAKE)
    return Durations(made=made, known=known, given=known + (2 * DAY if making.frozen else 20 * MINUTE))


def banked(says: Any, relation: str) -> bool:
    """Whether the cells of a protocol come out of a bank: somebody else's, and not collected for one patient."""
    return relation == "allogeneic" and says.sources[0] not in {"peripheral_blood", "bone_marrow"}


def collected_at(house: House, story: Story) -> datetime:
    """Return when the cells are collected, or where they are banked, when they are assigned."""
    takes = durations(house, story)
    before = {
        "harvested": 2 * HOUR,
        "waiting": 3 * HOUR,
        "culture": 9 * DAY,
        "culture_pending": takes.made + 9 * DAY,
        "failed": takes.known + 2 * HOUR,
        "ready": takes.known + 2 * HOUR,
        "bedside": takes.known + 40 * MINUTE,
        "running": takes.given + 6 * MINUTE,
    }.get(story.stage)
    return house.at - (before if before is not None else takes.given + max(story.days * DAY, 2 * HOUR))


def ordered(walk: Walk, story: Story, begun: datetime, **more: Any) -> None:
    """Order the course with what the story says of it."""
    walk.order(begun, **{key: value for key, value in story.more.items() if key in ORDERED}, **more)


def prepared(walk: Walk, story: Story, begun: datetime) -> datetime:
    """Order, consent, eligibility, baseline; return when the cells may be collected."""
    ordered(walk, story, begun)
    walk.consent(begun + DAY)
    walk.eligible(begun + 2 * DAY)
    care.baseline(walk, begun + 3 * DAY)
    return begun + 6 * DAY


def cells(walk: Walk, story: Story, at: datetime, **more: Any) -> list[Product]:
    """Get the cells of a course to where they can be tested: collected and processed, or out of the bank."""
    says, making = walk.says, facts.plan(walk.says, walk.kg)
    if banked(says, walk.course.relation):
        return _from_the_bank(walk, at, making)
    donor_of_others(walk, at)
    harvest = walk.harvest(at, **special_harvest(walk), **more)
    ended = harvest.ended_at or at
    begun = ended + 40 * MINUTE
    until = begun + (making.culture_days * DAY if making.culture_days else 45 * MINUTE)
    return walk.process(begun, until=until, per_kg=story.more.get("per_kg"))


def donor_of_others(walk: Walk, at: datetime) -> None:
    """Name an unrelated donor, examined within the days that the protocol allows."""
    if walk.course.relation == "autologous" or walk.course.donor is not None:
        return
    dice = walk.house.random
    donor = laboratory.eligible_donor(
        walk.house,
        at - 4 * DAY,
        walk.version,
        SYNTHETIC,
        kind="unrelated",
        donor_number=f"REG-{walk.house.next('registry', 88012)}",
        sex=walk.house.pick("female", "male"),
        age_years=D(dice.randrange(20, 45)),
        abo=walk.patient.abo,
        rhd=walk.patient.rhd,
        hla_match="10/10",
        cmv=walk.house.pick("present", "absent"),
    )
    walk.named(donor, at - 3 * DAY)


def special_harvest(walk: Walk) -> dict[str, Any]:
    if walk.course.source == "peripheral_blood" and walk.says.cell_type == "ipsc":
        return {"method": "unmobilized_apheresis", "cd34_before": None, "body_site": "peripheral_vein"}
    return (
        {"side": walk.course.side}
        if walk.course.side in {"left", "right"} and SOURCES[walk.course.source].harvest == "aspiration"
        else {}
    )


def _from_the_bank(walk: Walk, at: datetime, making: facts.Plan) -> list[Product]:
    """Take a container for this patient out of the bank: one donation serves many courses."""
    house, version, source = walk.house, walk.version, walk.course.source
    shelf = f"{source} {version.id} {walk.patient.id if source == 'cord_blood' else ''}"
    cord = house.shelf.get(shelf)
    then = house.at - LONG_AGO * DAY
    if cord is None or cord.left < VIAL:
        kind = "cord" if source in BANKED else "unrelated"
        donor = laboratory.eligible_donor(
            house,
            then - DAY,
            version,
            SYNTHETIC,
            kind=kind,
            donor_number=f"BANK-{house.next('bank', 1201)}",
            abo="O",
            rhd="negative",
            sex="female",
        )
        harvest = laboratory.collect(house, then, source, donor, note=SYNTHETIC)
        by = house.hand(house.physician)
        cord = harvest.collect(by=by, at=then + HOUR, volume=harvest.volume_to_label)
        house.sign(by, harvest, then + HOUR)
        laboratory.received(house, cord, then + 2 * HOUR)
        house.shelf[shelf] = cord
    walk.named(cord.donor, at - 3 * DAY)
    number = house.next("vial")
    begun = then + (number % MOST_VIALS) * 2 * HOUR + 3 * HOUR
    ended = begun + max(making.culture_days, 1) * DAY
    run = laboratory.begin(
        house, begun, ended, walk.says, note=SYNTHETIC, frozen=making.frozen, protocol_version=version
    )
    run.take(cord, by=house.technologist, at=begun, volume=VIAL)
    made = laboratory.formulate(
        house, run, ended, version, volume=making.volume, amounts=[making.amount] * walk.says.dose.doses, note=SYNTHETIC
    )
    laboratory.store(house, made, ended + HOUR)
    by = house.hand(house.technologist)
    for product in made:
        product.assign(walk.course, by=by, at=at - 2 * DAY)
    walk.products = made
    return made


def tested(walk: Walk, made: list[Product], **more: Any) -> datetime:
    """Test every container; return when all is known that the release waits for: of fresh cells, not the culture."""
    ready = made[0].performed_at or walk.house.at
    known = ready + (15 * DAY if made[0].cryo_medium else TESTS_TAKE)
    for product in made:
        walk.test(product, ready + 5 * MINUTE, until=min(walk.house.at, known), **more)
    return known


def released(walk: Walk, story: Story, begun: datetime) -> tuple[list[Product], datetime]:
    """Go as far as a signed release; return the containers and when that was."""
    at = prepared(walk, story, begun)
    made = cells(walk, story, at)
    known = tested(walk, made)
    if banked(walk.says, walk.course.relation):
        known = at + 4 * HOUR
    for product in made:
        pending = not product.cryo_medium and any(spec.test == "sterility" and spec.mandatory for spec in walk.says.qc)
        walk.release(product, known, "conditional" if pending else "conforms")
    return made, known


def crowd(house: House) -> Faker:
    """Return who names the people of a site: names of several countries, repeatable."""
    faker = Faker(list(LOCALES.get(house.site.code, ("en_GB",))))
    faker.seed_instance(house.random.randrange(10**9))
    return faker
