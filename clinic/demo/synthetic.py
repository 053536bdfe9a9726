"""Synthetic courses in every stage of the path: what a morning at the clinic looks like. Everybody is made up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from faker import Faker

from clinic import clock
from clinic.demo import builder, facts, laboratory
from clinic.demo.bank import LONG_AGO, VIAL, banked, donation_for, expanded
from clinic.demo.builder import DAY, HOUR, MINUTE
from clinic.demo.turns import TURNS
from clinic.followup.models import BASELINE
from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from clinic.protocols.catalogues import SOURCES
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from clinic.demo.people import House
    from clinic.demo.stories import Story
    from clinic.products.models import Product
    from clinic.protocols.content import Content, QCSpec
    from clinic.protocols.models import ProtocolVersion

D = Decimal
LOCALES = {"north": ("de_DE", "pl_PL", "tr_TR", "cs_CZ", "fr_FR"), "south": ("pt_PT", "es_ES", "fr_FR", "it_IT")}
NAMING = frozenset({"family_name", "given_names", "birth_date"})
EARLY = frozenset({"no_consent", "unsigned", "undecided", "eligible"})
"""Stages before the cells; a story's ``days`` count from the order."""
CHILDREN = frozenset({"HPC-A-CHILD", "HPC-M-CHILD"})
TESTS_TAKE = 70 * MINUTE
"""How long the tests take that cells for the same day wait for."""
MOST_VIALS = 4000


@dataclass(kw_only=True)
class Walk:
    """One synthetic course on its way. ``luck`` 0 to 1.3: how well the patient will do; ``known``: when tests are."""

    house: House
    story: Story
    version: ProtocolVersion
    patient: Patient
    kg: Decimal
    luck: float
    course: Treatment = field(init=False)
    donated: Product | None = None
    made: list[Product] = field(default_factory=list)
    known: datetime = field(init=False)

    @property
    def says(self) -> Content:
        return self.version.says

    @property
    def making(self) -> facts.Plan:
        return facts.plan(self.says, self.kg)

    def scores(self, instruments: Iterable[str], day: int) -> dict[str, Decimal | None]:
        """Return how the patient does on a day after the cells."""
        return {name: facts.score(name, day, self.luck, self.house.dice) for name in instruments}


def namer(house: House) -> Faker:
    """Return who names the people of a site: names of several countries, repeatable."""
    faker = Faker(list(LOCALES.get(house.site.code, ("en_GB",))))
    faker.seed_instance(house.dice.randrange(10**9))
    return faker


def tell(house: House, faker: Faker, story: Story, *, again: bool) -> None:
    """Walk one synthetic course to where its story ends now. A story told again is another person's."""
    if again:
        person = {name: fact for name, fact in story.person.items() if name not in NAMING}
        story = replace(story, person=person, turn="" if story.turn == "alike" else story.turn)
    version, begun = house.versions[story.code], _begun(house, story)
    patient, kg = _person(house, faker, story, begun - 5 * DAY)
    luck = house.pick(1.1, 1.0, 0.8, 0.3)
    walk = Walk(house=house, story=story, version=version, patient=patient, kg=kg, luck=luck)
    for stage in _path(walk, begun):
        if stage == story.stage:
            break
    if story.turn:
        TURNS[story.turn](house, walk.course)


def _person(house: House, faker: Faker, story: Story, at: datetime) -> tuple[Patient, Decimal]:
    """Record a made-up person, and return her or him with a weight, kg."""
    dice, child = house.dice, story.code in CHILDREN
    sex = story.person.get("sex") or house.pick("female", "male")
    years = dice.randrange(3, 15) if child else dice.randrange(34, 78)
    born = date(at.year - years, dice.randrange(1, 13), dice.randrange(1, 28))
    country = faker[house.pick(*LOCALES.get(house.site.code, ("en_GB",)))]
    family = getattr(country, f"last_name_{sex}", country.last_name)()
    given = getattr(country, f"first_name_{sex}")()
    kg = 8 + years * 2.7 + dice.uniform(-1, 1) if child else dice.uniform(56, 94)
    said = {
        "record_number": f"{house.site.code[0].upper()}-{house.next('patient', 20417)}", "birth_date": born,
        "family_name": family, "given_names": given, "sex": sex, "allergy_status": "none_known",
        "allergies_asked_on": clock.day(at, house.site.zone), "abo": house.pick("A", "A", "O", "O", "B", "AB"),
        "rhd": house.pick("positive", "positive", "positive", "negative"),
        "phone": f"0{dice.randrange(200, 999)} 5550{dice.randrange(100, 999)}", **story.person,
    }  # fmt: skip
    return house.log(Patient, house.coordinator, at, is_synthetic=True, **said), D(str(round(kg, 1)))


def _relation(story: Story, says: Content) -> str:
    return story.ordered.get("relation", says.relations[0].value)


def _begun(house: House, story: Story) -> datetime:
    """Return when the course was ordered, so that it stands now where the story says.

    Cells are collected, or those of the bank assigned, six days after the order.
    """
    if story.stage in EARLY:
        return house.at - (story.days or 4) * DAY - 2 * HOUR
    says = house.versions[story.code].says
    making, source = facts.plan(says, D(70)), says.sources[0]
    made = facts.HARVESTS[source]["minutes"] * MINUTE + 40 * MINUTE + making.takes
    known = made + (15 * DAY if making.frozen else TESTS_TAKE)
    if banked(source, _relation(story, says)):
        made, known = timedelta(0), 4 * HOUR
    given = known + (2 * DAY if making.frozen else 20 * MINUTE)
    before = {
        "harvested": 2 * HOUR, "waiting": 3 * HOUR, "culture": 9 * DAY, "culture_pending": made + 9 * DAY,
        "ready": known + 2 * HOUR, "failed": known + 2 * HOUR, "bedside": known + 40 * MINUTE,
        "running": given + 6 * MINUTE,
    }  # fmt: skip
    return house.at - before.get(story.stage, given + max(story.days * DAY, 2 * HOUR)) - 6 * DAY


def _path(walk: Walk, at: datetime) -> Iterator[str]:
    """Walk the path from the order on; yields the name of each stage at which a story may end."""
    house, story, says = walk.house, walk.story, walk.says
    complete = story.stage != "no_consent" or _relation(story, says) == "autologous"
    giver = _donor(walk, at - HOUR) if complete else None
    due = (house.at + story.more["in_days"] * DAY).date() if "in_days" in story.more else None
    walk.course = builder.order(
        house, walk.patient, walk.version, at, donor=giver, signed=complete, weight_kg=walk.kg, planned_on=due,
        **story.ordered,
    )  # fmt: skip
    yield "no_consent"
    consent = builder.consent(house, walk.course, at + DAY, signed=False)
    yield "unsigned"
    house.sign(consent, house.physician, at + DAY + 22 * MINUTE)
    yield "undecided"
    illness = says.field == "hematology" and walk.course.condition not in {"nonmalignant", "hemoglobinopathy"}
    builder.decide_eligibility(house, walk.course, at + 2 * DAY, malignancy=illness)
    instruments = next((visit.instruments for visit in says.visits if visit.name == BASELINE), ())
    builder.visit(house, walk.course, BASELINE, at + 3 * DAY, walk.scores(instruments, 0))
    yield "eligible"
    if walk.donated is not None:
        _take_from_bank(walk, walk.donated, at + 6 * DAY)
    else:
        yield from _make(walk, at + 6 * DAY)
    yield story.stage if story.stage in {"culture_pending", "ready"} else ""
    yield from _give(walk)


def _donor(walk: Walk, at: datetime) -> Donor | None:
    """Return whose cells a course takes that are not the patient's own: of the bank, or examined for this patient."""
    house, patient, relation = walk.house, walk.patient, _relation(walk.story, walk.says)
    if relation == "autologous":
        return None
    if banked(walk.says.sources[0], relation):
        walk.donated = donation_for(house, walk.version, patient)
        return walk.donated.donor
    return builder.donor(
        house, at, kind="unrelated", donor_number=f"REG-{house.next('registry', 88012)}", abo=patient.abo,
        rhd=patient.rhd, hla_match="10/10", sex=house.pick("female", "male"), cmv=house.pick("present", "absent"),
        age_years=D(house.dice.randrange(20, 45)), typed=walk.says.screening.two_blood_groups,
    )  # fmt: skip


def _take_from_bank(walk: Walk, donated: Product, at: datetime) -> None:
    """Take a container for each dose out of the bank, tested there, and assign them."""
    house, making = walk.house, walk.making
    begun = house.at - LONG_AGO * DAY + (house.next("vial") % MOST_VIALS) * 2 * HOUR + 3 * HOUR
    amounts = [making.amount] * walk.says.dose.doses
    walk.made = expanded(house, walk.version, donated, begun, making=making, amounts=amounts, taken=VIAL)
    by = house.act(house.technologist)
    for product in walk.made:
        product.assign(walk.course, by=by, at=at - 2 * DAY)
    _test(walk)
    walk.known = at + 4 * HOUR


def _make(walk: Walk, at: datetime) -> Iterator[str]:
    """Collect the cells of one course, process and test them."""
    house, course, making = walk.house, walk.course, walk.making
    giver, source = course.donor or builder.own_donor(house, walk.patient, at), course.source or ""
    special: dict[str, Any] = {}
    if source == "peripheral_blood" and walk.says.cell_type == "ipsc":
        special = {"method": "unmobilized_apheresis", "cd34_before": None, "body_site": "peripheral_vein"}
    elif course.side in {"left", "right"} and SOURCES[source].harvest == "aspiration":
        special = {"side": course.side}
    said = facts.collection(house, source, at, walk.says, **special)
    if course.relation != "autologous" and source not in {"cord_tissue", "cord_blood"}:
        said |= {"weight_kg": Decimal(71)}
    harvest = builder.harvest(house, course, at, giver, signed=False, contained=False, **said)
    yield "harvested"
    ended = harvest.ended_at or at
    product = builder.contain(house, harvest, ended + 12 * MINUTE)
    house.sign(harvest, house.physician, ended + 17 * MINUTE)
    laboratory.receive(house, product, ended + 32 * MINUTE)
    yield "waiting"
    begun, how = ended + 40 * MINUTE, facts.run(walk.says, frozen=making.frozen)
    done = begun + making.takes
    until = None if walk.story.stage == "culture" else done
    run = laboratory.process(house, course, [product], begun, until=until, **how)
    yield "culture"
    amount = walk.story.more["per_kg"] * walk.kg if "per_kg" in walk.story.more else making.amount
    walk.made = laboratory.fill(house, run, done, volume=making.volume, amounts=[amount], counted=True)
    laboratory.close_run(house, run, done)
    if making.frozen:
        laboratory.store(house, walk.made, done + HOUR)
    _test(walk)


def _test(walk: Walk) -> None:
    """Test every container, and note when all is known that a release waits for: of fresh cells, not the culture."""
    ready = walk.made[0].performed_at or walk.house.at
    walk.known = ready + (15 * DAY if _cultured_before(walk) else TESTS_TAKE)
    for product in walk.made:
        _examine(walk, product, until=min(walk.house.at, walk.known))


def _cultured_before(walk: Walk) -> bool:
    """Whether the culture is read before the release: of what lies in the bank or in a tank."""
    return walk.donated is not None or bool(walk.made[0].cryo_medium)


def _examine(walk: Walk, product: Product, *, until: datetime, only: str = "") -> None:
    known, bad = facts.follows_from(product, walk.kg), walk.story.more.get("bad", "")

    def reading(spec: QCSpec) -> dict[str, Any]:
        return known.get(spec.test) or facts.reading(spec, walk.house.dice, good=spec.test != bad)

    skip = frozenset(spec.test for spec in walk.says.qc if only and spec.test != only)
    at = (product.performed_at or walk.house.at) + 5 * MINUTE
    laboratory.examine(walk.house, product, walk.version, at, until=until, reading=reading, skip=skip)


def _give(walk: Walk) -> Iterator[str]:
    """Release, give and follow up."""
    house, course, story, more, product = walk.house, walk.course, walk.story, walk.story.more, walk.made[0]
    first = walk.known + (2 * DAY if product.cryo_medium else 25 * MINUTE)
    if story.stage == "failed":
        at = min(walk.known + HOUR, house.at - 20 * MINUTE)
        laboratory.release(house, course, product, at, "reject", reason=more["reason"])
        yield "failed"
    if story.stage == "exceptional":
        laboratory.release(
            house, course, product, walk.known, "exceptional", reason=more["reason"], patient_told=True,
            physician_told=house.physician.printed_name, requested_by=house.physician,
            benefit_risk="No second collection is possible in time; every test of safety is within limits.",
            follow_up_plan="Counts every second day until day 30; second dose only if there is no engraftment.",
        )  # fmt: skip
        first = walk.known + 2 * HOUR
    else:
        cultured = any(spec.test == "sterility" and spec.mandatory for spec in walk.says.qc)
        decision = "conditional" if cultured and not _cultured_before(walk) else "conforms"
        for one in walk.made:
            laboratory.release(house, course, one, walk.known, decision)
    if story.stage == "bedside":
        builder.weigh(house, walk.patient, house.at - 50 * MINUTE, walk.kg)
        yield "bedside"
    if story.stage == "running":
        builder.administer(house, course, product, first, kg=walk.kg, finished=False)
        yield "running"
    for number, one in enumerate(walk.made):
        when = first + number * (walk.says.dose.days_between or 0) * DAY
        if when <= house.at - 75 * MINUTE:
            if when - first >= DAY:
                builder.decide_eligibility(house, course, when - 2 * HOUR)
            builder.administer(house, course, one, when, kg=walk.kg)
    if not product.cryo_medium and house.at - (product.performed_at or house.at) > 15 * DAY:
        _examine(walk, product, until=house.at, only="sterility")
    builder.follow_up(
        house, course, lambda plan: walk.scores(plan.instruments, plan.day), until=house.at,
        missed=more.get("missed", {}), left_out=more.get("left_out", ()),
    )  # fmt: skip
    yield story.stage
