"""A note that tells of damage beside “intact: yes” is asked about and holds the container (rule 34)."""

from __future__ import annotations

import pytest

from clinic.products.damage_words import tells_of_damage
from tests.factories import PASSWORD
from tests.safety.test_a_no_to_one_bag import bags

__all__ = ["bags"]
pytestmark = [pytest.mark.rule(34), pytest.mark.hazard("H31")]
DRIPS = "port drips a little when tilted, wiped dry"


@pytest.mark.parametrize("kind", ["issued", "handed_over", "received"])
def test_a_bag_that_is_called_intact_and_drips_waits_for_quality(ward, bags, kind):
    bag, _sister, mine = bags
    told = {"intact": True, "place": "Ward", "reason": DRIPS}
    told |= {"temperature": "-150"} if kind == "received" else {"handed_to": "Nurse"}
    assert ward.move("technologist", bag, kind, **told).status_code == 422
    ward.said_no("Recorded as intact, and the reason tells of damage")
    assert ward.move("technologist", bag, kind, sure="it is dry now", **told).status_code == 303, ward.refused
    assert ward.tag(bag) == "On hold"
    ward.give(mine, bag)
    ward.not_given(bag, DRIPS)


def test_quality_decides_on_it(ward, bags):
    bag, _sister, mine = bags
    told = {"intact": True, "place": "Ward", "handed_to": "Nurse", "reason": DRIPS}
    ward.move("technologist", bag, "handed_over", sure="it is dry now", **told)
    asked = {"requested_by_id": ward.team.physician.id, "physician_told": ward.team.physician.printed_name}
    more = {"benefit_risk": "one drop, port clamped", "patient_told": True, "follow_up_plan": "temperature for a day"}
    answer = ward.decide(bag, "exceptional", reason="seen by two, port clamped", **asked, **more)
    assert answer.status_code == 303, ward.refused
    for who in ("quality", "director", "physician"):
        ward.fill(who, answer.location, password=PASSWORD)
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


def test_a_note_that_tells_of_no_damage_is_none(ward, bags):
    bag, _sister, mine = bags
    told = {"intact": True, "place": "Ward", "handed_to": "Nurse", "reason": "dry, no leaks, label read by two"}
    assert ward.move("technologist", bag, "handed_over", **told).status_code == 303, ward.refused
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.parametrize(
    ("note", "tells"),
    [
        (DRIPS, True), ("slightly wet on the outside", True), ("seal loose", True), ("label half off", True),
        ("thawed on arrival", True), ("dry ice melted", True), ("mould in it", True), ("fell, looks fine", True),
        ("undicht am Port", True), ("no label on it", True), ("was not leaking before, now drips", True),
        ("no leak", False), ("not leaking", False), ("for dose 1", False), ("all seals closed", False), (None, False),
        ("without damage", False), ("sent with dry ice", False), ("split into two boxes", False),
        ("port closed", False),
    ],
)  # fmt: skip
def test_words_of_damage(note, tells):
    assert tells_of_damage(note) is tells
