"""Synthetic courses in every stage of the path: what a morning at the clinic looks like. Everybody is made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from faker import Faker
from sqlalchemy import select

from clinic.demo import builder, facts, laboratory
from clinic.demo.builder import DAY, HOUR, MINUTE
from clinic.demo.turns import TURNS
from clinic.followup.models import BASELINE, PlannedVisit
from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from clinic.protocols.catalogues import ROUTES, SOURCES
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from clinic.administration.models import Administration
    from clinic.demo.people import House
    from clinic.demo.stories import Story
    from clinic.products.models import Product
    from clinic.protocols.content import Content, QCSpec
    from clinic.protocols.models import ProtocolVersion

D = Decimal
LOCALES = {"north": ("de_DE", "pl_PL", "tr_TR", "cs_CZ", "fr_FR"), "south": ("pt_PT", "es_ES", "fr_FR", "it_IT")}
EARLY = frozenset({"no_consent", "unsigned", "undecided", "eligible"})
"""Stages before the cells; a story's ``days`` count from the order."""
CHILDREN = frozenset({"HPC-A-CHILD", "HPC-M-CHILD"})
COLLECTED_FOR_ONE = frozenset({"peripheral_blood", "bone_marrow"})
"""Sources of which a donor's cells are collected for one patient; others come from the bank."""
NAMING = frozenset({"family_name", "given_names", "birth_date"})
TESTS_TAKE = 70 * MINUTE
"""How long the tests take that cells for the same day wait for."""
VIAL = D(2)
"""What one container of the bank is made of, mL; an emptied donation is followed by the next."""
MOST_VIALS = 4000
LONG_AGO = 900
"""Days before now on which the donations of the bank were collected."""


@dataclass(kw_only=True)
class Walk:
    """One synthetic course on its way. ``luck`` 0 to 1.3: how well the patient will do."""

    house: House
    story: Story
    version: ProtocolVersion
    patient: Patient
    kg: Decimal
    begun: datetime
    luck: float
    course: Treatment = field(init=False)
    donation: Product | None = None
    made: list[Product] = field(default_factory=list)
    known: datetime = field(init=False)

    @property
    def says(self) -> Content:
        """What the protocol of this course says."""
        return self.version.says

    @property
    def relation(self) -> str:
        """Whose cells the story takes."""
        return self.story.ordered.get("relation", self.says.relations[0].value)

    @property
    def making(self) -> facts.Plan:
        """How the cells are made."""
        return facts.plan(self.says, self.kg)


def tell(house: House, faker: Faker, story: Story, *, again: bool) -> None:
    """Walk one synthetic course to where its story ends now. A story told again is another person's."""
    if again:
        person = {name: fact for name, fact in story.person.items() if name not in NAMING}
        story = replace(story, person=person, turn="" if story.turn == "alike" else story.turn)
    version = house.versions[story.code]
    begun = house.at - (story.days or 4) * DAY - 2 * HOUR
    if story.stage not in EARLY:
        begun = _collected_at(house, story, version.says) - 6 * DAY
    patient, kg = _person(house, faker, story, begun - 5 * DAY)
    luck = house.pick(1.1, 1.0, 0.8, 0.3)
    walk = Walk(house=house, story=story, version=version, patient=patient, kg=kg, begun=begun, luck=luck)
    for stage in _path(walk):
        if stage == story.stage:
            break
    if story.turn:
        TURNS[story.turn](house, walk.course)


def namer(house: House) -> Faker:
    """Return who names the people of a site: names of several countries, repeatable."""
    faker = Faker(list(LOCALES.get(house.site.code, ("en_GB",))))
    faker.seed_instance(house.dice.randrange(10**9))
    return faker


def _person(house: House, faker: Faker, story: Story, at: datetime) -> tuple[Patient, Decimal]:
    """Write down a made-up person, and return her or him with a weight, kg."""
    dice, child = house.dice, story.code in CHILDREN
    sex = story.person.get("sex") or house.pick("female", "male")
    years = dice.randrange(3, 15) if child else dice.randrange(34, 78)
    born = date(at.year - years, dice.randrange(1, 13), dice.randrange(1, 28))
    country = faker[house.pick(*LOCALES.get(house.site.code, ("en_GB",)))]
    family = getattr(country, f"last_name_{sex}", country.last_name)()
    kg = 8 + years * 2.7 + dice.uniform(-1, 1) if child else dice.uniform(56, 94)
    said = {
        "record_number": f"{house.site.code[0].upper()}-{house.next('patient', 20417)}",
        "family_name": family,
        "given_names": getattr(country, f"first_name_{sex}")(),
        "birth_date": born,
        "sex": sex,
        "allergy_status": "none_known",
        "allergies_asked_on": at.date(),
        "abo": house.pick("A", "A", "O", "O", "B", "AB"),
        "rhd": house.pick("positive", "positive", "positive", "negative"),
        "phone": f"0{dice.randrange(200, 999)} 5550{dice.randrange(100, 999)}",
    }
    return house.log(Patient, house.coordinator, at, is_synthetic=True, **(said | story.person)), D(str(round(kg, 1)))


def _banked(source: str, relation: str) -> bool:
    """Whether cells come out of a bank: somebody else's, and not collected for one patient."""
    return relation == "allogeneic" and source not in COLLECTED_FOR_ONE


def _collected_at(house: House, story: Story, says: Content) -> datetime:
    """Return when the cells are collected, or where they are banked, when they are assigned."""
    making, source = facts.plan(says, D(70)), says.sources[0]
    made, tests = facts.HARVESTS[source]["minutes"] * MINUTE + 40 * MINUTE + making.takes, TESTS_TAKE
    if making.frozen:
        tests = 15 * DAY
    if _banked(source, story.ordered.get("relation", says.relations[0].value)):
        made, tests = timedelta(0), 4 * HOUR
    known = made + tests
    given = known + (2 * DAY if making.frozen else 20 * MINUTE)
    before = {
        "harvested": 2 * HOUR,
        "waiting": 3 * HOUR,
        "culture": 9 * DAY,
        "culture_pending": made + 9 * DAY,
        "failed": known + 2 * HOUR,
        "ready": known + 2 * HOUR,
        "bedside": known + 40 * MINUTE,
        "running": given + 6 * MINUTE,
    }
    return house.at - before.get(story.stage, given + max(story.days * DAY, 2 * HOUR))


def _path(walk: Walk) -> Iterator[str]:
    """Walk the path step by step; yields the name of the stage where a story may end."""
    house, at = walk.house, walk.begun
    due = (house.at + walk.story.more.get("in_days", 0) * DAY).date() if walk.story.stage == "eligible" else None
    unordered = walk.story.stage == "no_consent" and walk.relation != "autologous"
    donor = None if unordered else _donor(walk, at - HOUR)
    walk.course = builder.order(
        house, walk.patient, walk.version, at, donor=donor, signed=not unordered, weight_kg=walk.kg, planned_on=due,
        **walk.story.ordered,
    )  # fmt: skip
    yield "no_consent"
    consent = builder.consent(house, walk.course, at + DAY, signed=False)
    yield "unsigned"
    house.sign(consent, house.physician, at + DAY + 22 * MINUTE)
    yield "undecided"
    illness = walk.says.field == "hematology" and walk.course.condition not in {"nonmalignant", "hemoglobinopathy"}
    builder.decide_eligibility(house, walk.course, at + 2 * DAY, malignancy=illness)
    instruments = next((visit.instruments for visit in walk.says.visits if visit.name == BASELINE), ())
    builder.visit(house, walk.course, BASELINE, at + 3 * DAY, scores=_scores(walk, instruments, 0))
    yield "eligible"
    yield from _laboratory(walk, at + 6 * DAY)
    yield from _ward(walk)


def _donor(walk: Walk, at: datetime) -> Donor | None:
    """Return whose cells a course takes that are not the patient's own: of the bank, or examined for this patient."""
    house, dice, source = walk.house, walk.house.dice, walk.says.sources[0]
    if walk.relation == "autologous":
        return None
    if _banked(source, walk.relation):
        walk.donation = _donation(walk, source)
        return walk.donation.donor
    return builder.donor(
        house, at, markers=dict.fromkeys(walk.says.screening.markers, "negative"), kind="unrelated",
        donor_number=f"REG-{house.next('registry', 88012)}", sex=house.pick("female", "male"),
        age_years=D(dice.randrange(20, 45)), abo=walk.patient.abo, rhd=walk.patient.rhd, hla_match="10/10",
        cmv=house.pick("present", "absent"), typed=walk.says.screening.two_blood_groups,
    )  # fmt: skip


def _donation(walk: Walk, source: str) -> Product:
    """Return a donation of the bank that holds a vial more: cord blood is for one patient, others serve many."""
    house = walk.house
    shelf = (source, walk.version.id, walk.patient.id if source == "cord_blood" else "")
    known = house.bank.get(shelf)
    if known is None or known.left < VIAL:
        kind = "cord" if source in {"cord_tissue", "cord_blood"} else "unrelated"
        about = {"donor_number": f"BANK-{house.next('bank', 1201)}", "abo": "O", "rhd": "negative", "sex": "female"}
        known = house.bank[shelf] = banked(house, walk.version, source, house.at - LONG_AGO * DAY, kind=kind, **about)
    return known


def banked(house: House, version: ProtocolVersion, source: str, at: datetime, **donor: Any) -> Product:
    """Collect a donation for the bank, of a donor who was determined the day before."""
    screening = version.says.screening
    markers = dict.fromkeys(screening.markers, "negative")
    giver = builder.donor(house, at - DAY, markers=markers, typed=screening.two_blood_groups, **donor)
    donation = builder.collect(house, giver, at, **facts.collection(house, source, at)).products[0]
    laboratory.receive(house, donation, at + 2 * HOUR)
    return donation


def expanded(  # noqa: PLR0913 - facts of one run
    house: House,
    version: ProtocolVersion,
    donation: Product,
    begun: datetime,
    *,
    volume: Decimal,
    amounts: list[Decimal],
    taken: Decimal | None = None,
    days: int,
    frozen: bool = True,
) -> list[Product]:
    """Make containers out of a donation of the bank, or a part of it, and store them."""
    ended = begun + days * DAY
    said = facts.run(version.says, frozen=frozen)
    run = laboratory.begin_run(house, version, begun, until=ended, written=ended, protocol_version=version, **said)
    run.take(donation, by=house.technologist, at=begun, volume=taken)
    counted = D(house.dice.randrange(90, 98)) if len(amounts) == 1 else None
    made = laboratory.fill(house, run, ended, volume=volume, amounts=amounts, viability=counted)
    laboratory.close_run(house, run, ended)
    laboratory.store(house, made, ended + HOUR)
    return made


def _laboratory(walk: Walk, at: datetime) -> Iterator[str]:
    """Collect, process and test; or take containers of this patient out of the bank."""
    house, course = walk.house, walk.course
    if walk.donation is not None:
        begun = house.at - LONG_AGO * DAY + (house.next("vial") % MOST_VIALS) * 2 * HOUR + 3 * HOUR
        making = walk.making
        walk.made = expanded(
            house, walk.version, walk.donation, begun, volume=making.volume, taken=VIAL, frozen=making.frozen,
            amounts=[making.amount] * walk.says.dose.doses, days=max(making.culture_days, 1),
        )  # fmt: skip
        by = house.act(house.technologist)
        for product in walk.made:
            product.assign(course, by=by, at=at - 2 * DAY)
        _test(walk)
        walk.known = at + 4 * HOUR
    else:
        yield from _own_run(walk, at)
        _test(walk)
    yield walk.story.stage if walk.story.stage in {"culture_pending", "ready"} else ""


def _own_run(walk: Walk, at: datetime) -> Iterator[str]:
    """Collect the cells of one course and process them."""
    house, course, making = walk.house, walk.course, walk.making
    source = course.source or ""
    giver = course.donor or builder.own_donor(house, walk.patient, at)
    special: dict[str, Any] = {}
    if source == "peripheral_blood" and walk.says.cell_type == "ipsc":
        special = {"method": "unmobilized_apheresis", "cd34_before": None, "body_site": "peripheral_vein"}
    elif course.side in {"left", "right"} and SOURCES[source].harvest == "aspiration":
        special = {"side": course.side}
    said = facts.collection(house, source, at, walk.says, **special)
    harvest = builder.harvest(house, course, at, giver, signed=False, contained=False, **said)
    yield "harvested"
    ended = harvest.ended_at or at
    product = builder.contain(house, harvest, ended + 12 * MINUTE)
    house.sign(harvest, house.physician, ended + 17 * MINUTE)
    laboratory.receive(house, product, ended + 32 * MINUTE)
    yield "waiting"
    begun = ended + 40 * MINUTE
    until = None if walk.story.stage == "culture" else begun + making.takes
    run = laboratory.process(
        house, course, [product], begun, until=until, written=until or begun + HOUR,
        **facts.run(walk.says, frozen=making.frozen),
    )  # fmt: skip
    yield "culture"
    done = until or begun
    amount = walk.story.more["per_kg"] * walk.kg if "per_kg" in walk.story.more else making.amount
    counted = D(house.dice.randrange(90, 98))
    walk.made = laboratory.fill(house, run, done, volume=making.volume, amounts=[amount], viability=counted)
    laboratory.close_run(house, run, done)
    if making.frozen:
        laboratory.store(house, walk.made, done + HOUR)


def _test(walk: Walk) -> None:
    """Test every container, and note when all is known that a release waits for: of fresh cells, not the culture."""
    ready = walk.made[0].performed_at or walk.house.at
    walk.known = ready + (15 * DAY if walk.made[0].cryo_medium else TESTS_TAKE)
    for product in walk.made:
        _examine(walk, product, ready, until=min(walk.house.at, walk.known))


def _examine(walk: Walk, product: Product, ready: datetime, *, until: datetime, only: str = "") -> None:
    known, bad = facts.follows_from(product, walk.kg), walk.story.more.get("bad", "")

    def reading(spec: QCSpec) -> dict[str, Any]:
        return known.get(spec.test) or facts.reading(spec, walk.house.dice, good=spec.test != bad)

    skip = frozenset(spec.test for spec in walk.says.qc if only and spec.test != only)
    at = ready + 5 * MINUTE
    laboratory.examine(walk.house, product, walk.version, at, until=until, reading=reading, skip=skip)


def _ward(walk: Walk) -> Iterator[str]:
    """Release, give and follow up."""
    house, course, story = walk.house, walk.course, walk.story
    if story.stage == "failed":
        at = min(walk.known + HOUR, house.at - 20 * MINUTE)
        laboratory.release(house, course, walk.made[0], at, "reject", reason=story.more["reason"])
        yield "failed"
    first = walk.known + (2 * DAY if walk.made[0].cryo_medium else 20 * MINUTE)
    if story.stage == "exceptional":
        laboratory.release(house, course, walk.made[0], walk.known, "exceptional", **_exception(walk))
        first = walk.known + 2 * HOUR
    else:
        for product in walk.made:
            fresh = not product.cryo_medium and any(s.test == "sterility" and s.mandatory for s in walk.says.qc)
            laboratory.release(house, course, product, walk.known, "conditional" if fresh else "conforms")
    if story.stage == "bedside":
        builder.weigh(house, walk.patient, house.at - 50 * MINUTE, walk.kg)
        yield "bedside"
    if story.stage == "running":
        give(walk.house, course, walk.made[0], walk.known + 20 * MINUTE, walk.kg, finished=False)
        yield "running"
    for number, product in enumerate(walk.made):
        when = first + number * (walk.says.dose.days_between or 0) * DAY
        if when <= house.at - 75 * MINUTE:
            give(house, course, product, when, walk.kg)
    product = walk.made[0]
    done = product.performed_at or house.at
    if not product.cryo_medium and house.at - done > 15 * DAY:
        _examine(walk, product, done, until=house.at, only="sterility")
    follow_up(
        house, course, lambda plan: _scores(walk, plan.instruments, plan.day), missed=story.more.get("missed", {}),
        left_out=story.more.get("left_out", ()),
    )  # fmt: skip
    yield story.stage


def _exception(walk: Walk) -> dict[str, Any]:
    physician = walk.house.physician
    return {
        "reason": walk.story.more["reason"],
        "physician_told": physician.printed_name,
        "patient_told": True,
        "requested_by": physician,
        "benefit_risk": "No second collection is possible in time; every test of safety is within limits.",
        "follow_up_plan": "Counts every second day until day 30; second dose only if there is no engraftment.",
    }


def give(  # noqa: PLR0913 - facts of one administration
    house: House, course: Treatment, product: Product, at: datetime, kg: Decimal, *, finished: bool = True
) -> Administration:
    """Give a container, with everything around it; unless it is finished, the end is not written down yet."""

    def vitals() -> dict[str, Any]:
        return facts.vitals(house.dice, child=kg < 20)

    viable = D(house.dice.randrange(84, 98))
    given = builder.give_product(house, course, product, at, kg=kg, vitals=vitals, viability_before=viable)
    if finished:
        minutes = 40 if ROUTES[course.route or ""].systemic else 8
        builder.finish(house, given, at + minutes * MINUTE, vitals=vitals)
    return given


def follow_up(
    house: House,
    course: Treatment,
    scores: Callable[[PlannedVisit], dict[str, Decimal | None]],
    *,
    missed: dict[str, str],
    left_out: tuple[str, ...] = (),
) -> None:
    """Make the planned visits that are due; some are missed for a reason, some nobody wrote down."""
    chosen = select(PlannedVisit).where(PlannedVisit.treatment_id == course.id).order_by(PlannedVisit.number)
    for plan in house.database.scalars(chosen).all():
        day = plan.due_on + house.dice.randrange(0, 2) * DAY if plan.closes_on > plan.due_on else plan.due_on
        at = datetime(day.year, day.month, day.day, 10, tzinfo=ZoneInfo(house.site.zone))
        if at > house.at or plan.name in left_out or plan.visit is not None:
            continue
        if plan.name in missed:
            why = {"made": "missed", "missed_reason": missed[plan.name]}
            builder.visit(house, course, plan.name, at, plan=plan, scores={}, **why)
        else:
            builder.visit(house, course, plan.name, at, plan=plan, scores=scores(plan))


def _scores(walk: Walk, instruments: Any, day: int) -> dict[str, Decimal | None]:
    return {name: facts.score(name, day, walk.luck, walk.house.dice) for name in instruments}
