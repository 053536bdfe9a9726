"""What a name and a figure say of one thing agrees, and what a limit per kg needs is there (rules 29, 35, 53, 54)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from clinic import clock
from clinic.processing.models import ProcessingRun
from clinic.products.media import contradicts, dmso_named, names_medium
from tests.bedside import released_product
from tests.factories import day_boxes, patient, published, ready_for_harvest

MEDIA = [
    ("CryoStor CS10", 10), ("CS5", 5), ("cs 2", 2), ("10 % DMSO in HSA", 10), ("DMSO 7,5 %", Decimal("7.5")),
    ("5% (v/v) dimethyl sulfoxide", 5), ("DMSO-free CryoSOfree", 0), ("20 % human albumin", None), ("CryoStor", None),
]  # fmt: skip


@pytest.mark.rule(53)
@pytest.mark.parametrize(("medium", "percent"), MEDIA)
def test_the_name_of_a_medium_says_its_dmso(medium, percent):
    assert dmso_named(medium) == percent
    assert names_medium(medium)
    assert not contradicts(medium, None if percent is None else Decimal(percent))


@pytest.mark.rule(53)
@pytest.mark.parametrize(
    ("medium", "percent"), [("CryoStor CS10", 0), ("10 % DMSO in HSA", 0), ("CryoStor", 0), ("CS10", 2), ("CS5", 10)]
)
def test_a_figure_against_the_medium_is_refused(ward, medium, percent):
    cord, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    bag = ward.donated(donor, cord)
    came = clock.now() - timedelta(hours=6)
    ward.move("technologist", bag, "received", performed_at=came, place="Laboratory", temperature="5", intact=True)
    typed = {"protocol_version_id": cord.id, "inputs": [bag.id], "preparation": "explant", "vehicle": "saline"}
    made = typed | {"performed_at": clock.now() - timedelta(hours=5), "cryo_medium": medium}
    answer = ward.fill("technologist", "/processing/new", sure="yes", **made, dmso_percent=percent)
    assert answer.status_code == 422
    ward.said_no("rule 53", "DMSO")
    right = dmso_named(medium) or 10
    answer = ward.fill("technologist", "/processing/new", sure="yes", **made, dmso_percent=right)
    assert answer.status_code == 303, ward.refused
    run = ward.session.get(ProcessingRun, answer.location.rsplit("/", 1)[-1])
    assert ward.amend("technologist", run, dmso_percent=percent).status_code == 422


@pytest.mark.rule(53)
def test_a_diluted_medium_holds_less():
    assert not contradicts("CryoStor CS10 diluted 1:1", Decimal(5))
    assert contradicts("CryoStor CS10 diluted 1:1", Decimal(0))
    assert not names_medium("none")


@pytest.mark.rule(54)
def test_what_is_in_a_freezing_medium_was_frozen_whatever_its_dmso(ward):
    course = ready_for_harvest(ward.team)
    bag = released_product(course, ward.team, cryo_medium="Trehalose medium, DMSO-free", dmso_percent=Decimal(0))
    ward.give(course, bag)
    ward.not_given(bag, "no thaw is recorded")


def suction(ward, url, **typed):
    now = clock.now()
    facts = {
        "performed_at": now - timedelta(hours=2), "ended_at": now - timedelta(hours=1, minutes=30),
        "time_out_at": now - timedelta(hours=2, minutes=5), "performed_by_id": ward.team.physician.id,
        "source": "adipose_tissue", "body_site": "abdomen", "method": "manual_lipoaspiration",
        "anaesthesia": "tumescent", "volume": "200", "anticoagulant": "none", "containers": "1",
    }  # fmt: skip
    return ward.fill("physician", url, sure="seen", **(facts | typed))


@pytest.mark.rule(29)
def test_lidocaine_needs_a_weight_and_is_judged_by_it(ward):
    unweighed = ready_for_harvest(ward.team, patient(ward.team, weight=None), code="SVF-KNEE", weight_kg=None)
    for url in (f"/treatments/{unweighed.id}/harvests/new", f"/donors/{ward.giver().id}/harvests/new"):
        ward.refused.clear()
        assert suction(ward, url, lidocaine_mg="900").status_code == 422
        ward.said_no("Body weight: required")
        assert suction(ward, url, lidocaine_mg="6000", weight_kg="72").status_code == 422
        ward.said_no("maximum for this technique")
        assert suction(ward, url, lidocaine_mg="900", weight_kg="72").status_code == 303, ward.refused


@pytest.mark.rule(28)
def test_much_marrow_of_a_donor_without_a_weight_is_asked_about(ward):
    marrow = {
        "source": "bone_marrow", "body_site": "posterior_iliac_crest", "side": "right", "method": "needle_aspiration",
        "anaesthesia": "local", "passes": "200",
    }  # fmt: skip
    url = f"/donors/{ward.giver().id}/harvests/new"
    now = clock.now()
    answer = ward.fill(
        "physician", url, performed_at=now - timedelta(hours=2), ended_at=now - timedelta(hours=1), volume="1200",
        time_out_at=now - timedelta(hours=2, minutes=5), performed_by_id=ward.team.physician.id, containers="1",
        anticoagulant="none", **marrow,
    )  # fmt: skip
    assert answer.status_code == 422
    ward.said_no("rule 28", "without a body weight")


@pytest.mark.rule(35)
def test_the_lot_of_an_anticoagulant_has_its_expiry(ward):
    course, now = ready_for_harvest(ward.team), clock.now()
    facts = {
        "performed_at": now - timedelta(hours=2), "ended_at": now - timedelta(hours=1, minutes=30),
        "time_out_at": now - timedelta(hours=2, minutes=5), "performed_by_id": ward.team.nurse.id, "volume": "60",
        "body_site": "posterior_iliac_crest", "side": "right", "method": "needle_aspiration", "anaesthesia": "local",
        "anticoagulant": "acd_a", "anticoagulant_volume": "6", "anticoagulant_lot": "L-1", "containers": "1",
        "passes": "8",
    }  # fmt: skip
    url = f"/treatments/{course.id}/harvests/new"
    assert ward.fill("nurse", url, sure="seen", **facts).status_code == 422
    ward.said_no("expires on: required")
    until = day_boxes("anticoagulant_expires_on", date(2031, 1, 1))
    assert ward.fill("nurse", url, sure="seen", **facts, **until).status_code == 303, ward.refused
