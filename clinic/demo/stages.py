"""How far a synthetic course has come: one function for each stage of the path."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from faker import Faker

from clinic.demo import care
from clinic.demo.course import Walk
from clinic.demo.laboratory import DAY, HOUR, MINUTE
from clinic.demo.people import SYNTHETIC
from clinic.demo.synthetic import (
    Story,
    cells,
    donor_of_others,
    ordered,
    patient,
    prepared,
    released,
    special_harvest,
    start,
    tested,
)

if TYPE_CHECKING:
    from clinic.demo.people import House
    from clinic.products.models import Product


def no_consent(walk: Walk, story: Story, begun: datetime) -> None:
    ordered(walk, story, begun)


def unsigned(walk: Walk, story: Story, begun: datetime) -> None:
    ordered(walk, story, begun)
    walk.consent(begun + DAY, signed=False)


def undecided(walk: Walk, story: Story, begun: datetime) -> None:
    ordered(walk, story, begun)
    walk.consent(begun + DAY)


def eligible(walk: Walk, story: Story, begun: datetime) -> None:
    ordered(walk, story, begun, planned_on=(walk.house.at + story.more.get("in_days", 0) * DAY).date())
    walk.consent(begun + DAY)
    walk.eligible(begun + 2 * DAY)
    donor_of_others(walk, begun + 3 * DAY)
    care.baseline(walk, begun + 3 * DAY)


def harvested(walk: Walk, story: Story, begun: datetime) -> None:
    walk.harvest(prepared(walk, story, begun), contained=False)


def waiting(walk: Walk, story: Story, begun: datetime) -> None:
    walk.harvest(prepared(walk, story, begun), **special_harvest(walk))


def culture(walk: Walk, story: Story, begun: datetime) -> None:
    at = prepared(walk, story, begun)
    harvest = walk.harvest(at, **special_harvest(walk))
    walk.process((harvest.ended_at or at) + HOUR, until=walk.house.at, finished=False)


def culture_pending(walk: Walk, story: Story, begun: datetime) -> None:
    at = prepared(walk, story, begun)
    tested(walk, cells(walk, story, at))


def ready(walk: Walk, story: Story, begun: datetime) -> None:
    culture_pending(walk, story, begun)


def failed(walk: Walk, story: Story, begun: datetime) -> None:
    at = prepared(walk, story, begun)
    made = cells(walk, story, at)
    known = tested(walk, made, bad=story.more["bad"])
    walk.release(made[0], min(known + HOUR, walk.house.at - 20 * MINUTE), "reject", reason=story.more["reason"])


def exceptional(walk: Walk, story: Story, begun: datetime) -> None:
    at = prepared(walk, story, begun)
    made = cells(walk, story, at)
    known = tested(walk, made)
    walk.release(
        made[0],
        known,
        "exceptional",
        reason=story.more["reason"],
        physician_told=walk.house.physician.printed_name,
        patient_told=True,
        requested_by=walk.house.physician,
        benefit_risk="No second collection is possible in time; every test of safety is within limits.",
        follow_up_plan="Counts every second day until day 30; second dose only if there is no engraftment.",
    )
    care.give(walk, made[0], known + 2 * HOUR, kg=walk.kg)
    care.follow(walk, until=walk.house.at)


def bedside(walk: Walk, story: Story, begun: datetime) -> None:
    released(walk, story, begun)
    walk.weigh(walk.house.at - 50 * MINUTE)


def running(walk: Walk, story: Story, begun: datetime) -> None:
    """Cells that are being given at this moment: the end is not written down yet."""
    made, known = released(walk, story, begun)
    care.give(walk, made[0], known + 20 * MINUTE, kg=walk.kg, finished=False)


def given(walk: Walk, story: Story, begun: datetime) -> Any:
    """Give the first dose and, where the protocol has more and their time has come, the later ones; then follow up."""
    made, known = released(walk, story, begun)
    dose = walk.says.dose
    first = known + (2 * DAY if made[0].cryo_medium else 20 * MINUTE)
    doses = [first + number * (dose.days_between or 0) * DAY for number in range(len(made))]
    found = None
    for product, when in zip(made, doses, strict=True):
        if when <= walk.house.at - 75 * MINUTE:
            one = care.give(
                walk, product, when, kg=walk.kg, reaction=story.more.get("reaction") if found is None else None
            )
            found = found or one
    _late_culture(walk, made)
    care.follow(
        walk, until=walk.house.at, missed=story.more.get("missed"), left_out=frozenset(story.more.get("left_out", ()))
    )
    return found


def _late_culture(walk: Walk, made: list[Product]) -> None:
    """Write down the final culture of cells that could not wait for it."""
    product = made[0]
    if product.cryo_medium or "sterility" not in {spec.test for spec in walk.says.qc} or product.performed_at is None:
        return
    if walk.house.at - product.performed_at > timedelta(days=15):
        others = frozenset(spec.test for spec in walk.says.qc if spec.test != "sterility")
        walk.test(product, product.performed_at + 5 * MINUTE, until=walk.house.at, skip=others)


STAGES: dict[str, Callable[[Walk, Story, datetime], Any]] = {
    "no_consent": no_consent,
    "unsigned": unsigned,
    "undecided": undecided,
    "eligible": eligible,
    "harvested": harvested,
    "waiting": waiting,
    "culture": culture,
    "culture_pending": culture_pending,
    "ready": ready,
    "failed": failed,
    "exceptional": exceptional,
    "bedside": bedside,
    "running": running,
    "given": given,
}


def tell(house: House, faker: Faker, story: Story) -> Walk:
    """Walk one synthetic course to where its story ends now."""
    begun = start(house, story)
    person, kg = patient(house, faker, story, begun - 5 * DAY)
    walk = Walk(
        house=house,
        patient=person,
        version=house.versions[story.code],
        kg=kg,
        note=SYNTHETIC,
        luck=house.random.choice((1.1, 1.0, 0.8, 0.3)),
    )
    STAGES[story.stage](walk, story, begun)
    return walk
