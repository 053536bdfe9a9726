"""What a collection needs, who decides on cells, who is told, and what holds a whole family."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.followup.adverse_events import AdverseEvent
from clinic.harvest.models import Harvest
from clinic.identifiers import check_character
from clinic.processing.models import ProcessingRun
from clinic.release.results import QCResult
from tests.bedside import released_product
from tests.factories import PASSWORD, consented, harvested, published, ready_for_harvest
from tests.safety.bench import begun, does, fills
from tests.safety.driver import Ward
from tests.safety.moments import minutes
from tests.safety.scenes import scene


@scene
def own(ward: Ward):
    """A released syringe of a patient's own cells, to be kept at 18 to 25 °C, and its course."""
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


# a number, a label and what a collection needs


def collects(ward, mine, **typed):
    """The nurse logs a collection from the blood."""
    facts = {
        "performed_at": minutes(90), "ended_at": minutes(50), "performed_by_id": ward.team.nurse.id,
        "source": "peripheral_blood", "body_site": "peripheral_vein", "method": "continuous_apheresis",
        "anaesthesia": "none", "volume": "200", "anticoagulant": "acd_a", "anticoagulant_volume": "18",
        "anticoagulant_lot": "ACD-1", "containers": "1", "cd34_before": "45",
        "anticoagulant_expires_on-d": "1", "anticoagulant_expires_on-m": "1", "anticoagulant_expires_on-y": "2031",
    }  # fmt: skip
    return ward.fill("nurse", f"/treatments/{mine.id}/harvests/new", **(facts | typed))


@pytest.mark.rule(33)
@pytest.mark.parametrize(
    "method", ["continuous_apheresis", "intermittent_apheresis", "unmobilized_apheresis", "venipuncture"]
)
def test_every_collection_from_the_blood_has_a_cd34_count_before_it(ward, method):
    mine = ready_for_harvest(ward.team, code="HPC-A-AUTO")
    assert collects(ward, mine, method=method, cd34_before=None).status_code == 422
    ward.said_no("rule 33")
    assert collects(ward, mine, method=method).status_code == 303, ward.refused


@pytest.mark.rule(31)
@pytest.mark.rule(32)
@pytest.mark.parametrize("missing", [{"anticoagulant_volume": None}, {"anticoagulant_lot": None}])
def test_a_ratio_that_cannot_be_judged_stops_the_collection(ward, missing):
    mine = ready_for_harvest(ward.team, code="HPC-A-AUTO")
    assert collects(ward, mine, **missing).status_code == 422
    ward.said_no("rule 31", "rule 32")


@pytest.mark.rule(35)
def test_an_expired_lot_of_anticoagulant_is_not_used(ward):
    mine = ready_for_harvest(ward.team, code="HPC-A-AUTO")
    last = {"anticoagulant_expires_on-d": "1", "anticoagulant_expires_on-m": "3", "anticoagulant_expires_on-y": "2026"}
    assert collects(ward, mine, **last).status_code == 422
    ward.said_no("rule 35")


@pytest.mark.rule(12)
def test_the_collector_does_not_check_the_label(ward):
    mine = ready_for_harvest(ward.team, code="HPC-A-AUTO")
    assert collects(ward, mine, label_checked_by_id=ward.team.nurse.id).status_code == 422
    ward.said_no("rule 12")
    assert collects(ward, mine, label_checked_by_id=ward.team.nurse2.id).status_code == 303, ward.refused
    record = ward.session.scalars(select(Harvest)).one()
    assert ward.amend("physician", record, label_checked_by_id=ward.team.nurse.id).status_code == 422


@pytest.mark.rule(6)
@pytest.mark.hazard("H3")
def test_a_donation_number_of_one_donor_is_refused_for_another(ward):
    din = f"A9999{clock.now().year % 100:02d}123456"
    spelled = din + check_character(din)
    first, second = (ready_for_harvest(ward.team, code="HPC-A-AUTO") for _course in range(2))
    assert collects(ward, first, din=spelled).status_code == 303, ward.refused
    assert collects(ward, second, din=spelled).status_code == 422
    ward.said_no("rule 6", "another donor")


@pytest.mark.rule(26)
def test_a_protocol_that_combines_two_sources_collects_both(ward):
    mine = ready_for_harvest(ward.team, code="BMAC-SVF-HIP")
    harvested(mine, ward.team)
    answer = collects(
        ward, mine, source="adipose_tissue", body_site="abdomen", method="manual_lipoaspiration", volume="60",
        anaesthesia="tumescent", time_out_at=minutes(95), anticoagulant="none", anticoagulant_volume=None,
        anticoagulant_lot=None,
    )  # fmt: skip
    assert answer.status_code == 303, ward.refused
    assert {one.source for one in ward.session.scalars(select(Harvest))} == {"bone_marrow", "adipose_tissue"}


@pytest.mark.rule(37)
@pytest.mark.rule(17)
def test_a_pool_of_two_eligible_donors_is_made_and_each_is_judged(ward):
    version = published(ward.team, "UC-MSC-RA")
    givers = [ward.giver(), ward.giver()]
    bags = [ward.donated(giver, version) for giver in givers]
    facts = {"performed_at": minutes(120), "performed_by_id": ward.team.technologist.id, "preparation": "Pooled"}
    facts |= {"received_intact": True, "received_temperature": "20"}
    ward.fill("technologist", "/processing/new", inputs=[b.id for b in bags], protocol_version_id=version.id, **facts)
    ward.session.expire_all()
    run = ward.session.scalars(select(ProcessingRun)).one()
    (pool,) = fills(ward, run)
    assert pool.din is None, ward.refused
    ward.determine(givers[1], "ineligible", signed=False, hiv_ab="reactive")
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=givers[0])
    ward.assign(pool, mine)
    ward.said_no("rule 18")


# who decides, and who is told


EXCEPTION = {
    "reason": "no second collection is possible", "benefit_risk": "benefit outweighs", "patient_told": True,
    "follow_up_plan": "counts every second day",
}  # fmt: skip


@scene
def failing(ward: Ward):
    """A bag of which the viability is 61 %, and its course."""
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team, results={"viability": Decimal(61)}, released=False)
    return ward.verified(bag), mine


def _releasers(ward: Ward, mine, bag):
    """Whom the bedside check names as having released a bag."""
    check = ward.check(mine, bag)
    (said,) = [line["left"] for line in check.evidence if line["check"] == "Released"]
    return [one.partition(",")[0] for one in said.split("; ")]


@pytest.mark.rule(47, by="http")
@pytest.mark.hazard("H26")
def test_an_exception_is_signed_by_who_requested_it(ward, failing):
    bag, mine = failing
    people = {"requested_by_id": ward.team.physician.id, "physician_told": ward.team.physician.id}
    answer = ward.decide(bag, "exceptional", **EXCEPTION, **people)
    assert answer.status_code == 303, ward.refused
    for who in ("quality", "director"):
        ward.fill(who, answer.location, password=PASSWORD)
    assert ward.tag(bag) != "Released by exception"
    assert ward.fill("physician2", answer.location, password=PASSWORD).status_code == 422
    assert "Sign the release" in ward.browser("physician").get("/").text
    assert ward.fill("physician", answer.location, password=PASSWORD).status_code == 303, ward.refused
    assert ward.tag(bag) == "Released by exception"
    assert EXCEPTION["reason"] in ward.browser("nurse").get(f"/products/{bag.id}").text
    assert _releasers(ward, mine, bag) == [ward.team.quality.printed_name, ward.team.director.printed_name]


@pytest.mark.rule(44, by="http")
@pytest.mark.parametrize("told", ["Dr Nobody, 14:10", "x", "nurse", ""])
def test_nobody_is_told_of_a_conditional_release(ward, told):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team, released=False))
    named = ward.team.nurse.id if told == "nurse" else told
    assert ward.decide(bag, "conditional", reason="culture runs", physician_told=named).status_code == 422
    ward.said_no("Physician informed")


@pytest.mark.rule(44)
@pytest.mark.parametrize("named", ["id", "name"])
def test_the_physician_who_was_told_acknowledges_it(ward, named):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team, released=False))
    told = ward.team.physician.id if named == "id" else f"{ward.team.physician.printed_name}, 14:10"
    answer = ward.decide(bag, "conditional", reason="culture runs", physician_told=told)
    ward.fill("quality", answer.location, password=PASSWORD)
    assert ward.tag(bag) == "Released, result pending", ward.refused
    assert "Acknowledge the release" in ward.browser("physician").get("/").text
    assert ward.fill("physician2", answer.location, password=PASSWORD).status_code == 422
    assert ward.fill("physician", answer.location, password=PASSWORD).status_code == 303, ward.refused
    assert "Acknowledge the release" not in ward.browser("physician").get("/").text
    assert ward.tag(bag) == "Released, result pending"
    assert _releasers(ward, mine, bag) == [ward.team.quality.printed_name]


@pytest.mark.rule(45)
def test_a_rejection_is_not_washed_out_by_a_hold(ward, own):
    bag, _mine = own
    ward.decide(bag, "reject", reason="mixed up")
    ward.decide(bag, "hold", "quality2", reason="looking again")
    assert ward.decide(bag, "conditional", reason="fine", physician_told=ward.team.physician.id).status_code == 422
    ward.said_no("rule 45")
    answer = ward.decide(bag, "conditional", "quality2", reason="fine", physician_told=ward.team.physician.id)
    ward.fill("quality2", answer.location, password=PASSWORD)
    assert ward.tag(bag) == "On hold"
    ward.fill("director", answer.location, password=PASSWORD)
    assert ward.tag(bag) == "Released, result pending", ward.refused


# results


@pytest.mark.rule(40)
@pytest.mark.parametrize(
    ("half", "box"),
    [
        ({"sterility_finding": "Staphylococcus seen"}, "choose the outcome"),
        ({"viability_comparator": "<"}, "enter the result"),
        ({"viability_method": "7-AAD"}, "enter the result"),
    ],
)
def test_half_a_row_is_refused_and_nothing_is_saved(ward, failing, half, box):
    bag, _mine = failing
    before = ward.session.query(QCResult).count()
    answer = ward.fill(
        "technologist", f"/products/{bag.id}/results?add=1", tnc_value="8", sampled_at=bag.performed_at, **half
    )
    assert answer.status_code == 422
    ward.said_no(box)
    assert ward.session.query(QCResult).count() == before


@pytest.mark.rule(40)
def test_a_failing_value_is_told_in_red_where_it_is_saved(ward, failing):
    bag, mine = failing
    url, browser, quality = f"/products/{bag.id}/results", ward.browser("technologist"), ward.browser("quality")
    ward.browser = lambda _who: browser  # what was saved is told once, to the same browser
    typed = {"viability_value": "61", "tnc_value": "6", "sampled_at": bag.performed_at}
    answer = ward.fill("technologist", f"{url}?add=1", **typed)
    assert answer.status_code == 303, ward.refused
    shown = browser.get(url).text
    assert "c-flash--danger" in shown
    assert "1 of 2 out of limits: Viability 61 %, limit 70 % or more" in shown
    assert "out of limits" in quality.get(f"/treatments/{mine.id}").text
    assert "out of limits" in quality.get(f"/products/{bag.id}").text


# consent, events, what is left


@pytest.mark.rule(15)
def test_a_new_consent_restores_no_cells_without_quality(ward, own):
    bag, mine = own
    ward.fill("nurse", f"/consents/{mine.patient.consents[-1].id}/withdrawal", performed_at=minutes(20))
    assert ward.tag(bag) == "On hold"
    consented(mine, ward.team, at=clock.now() - timedelta(minutes=5))
    ward.give(mine, bag)
    ward.not_given(bag, "withdrew the consent")
    assert not any(".." in said for said in ward.refused), ward.refused
    answer = ward.decide(bag, "conditional", reason="culture runs", physician_told=ward.team.physician.id)
    ward.fill("quality", answer.location, password=PASSWORD)
    assert ward.tag(bag) == "Released, result pending", ward.refused


@pytest.mark.rule(43)
@pytest.mark.hazard("H29")
@pytest.mark.parametrize(("cause", "held"), [("certain", True), ("probable", True), ("possible", True)])
def test_a_serious_event_from_the_cells_holds_what_shares_cells_with_them(ward, cause, held):
    version, giver = published(ward.team, "UC-MSC-RA"), ward.giver()
    first, second = ward.banked(ward.donated(giver, version), version, bags=2)
    mine, other = (ready_for_harvest(ward.team, code="UC-MSC-RA", donor=giver) for _course in range(2))
    for bag, course in ((first, mine), (second, other)):
        ward.assign(bag, course)
        ward.release(bag)
    assert ward.tag(second) == "Released", ward.refused
    first.move(kind="given", by=ward.team.nurse, at=clock.now() - timedelta(minutes=30))
    ward.team.add(first)
    today = clock.today(ward.team.site.zone)
    event = AdverseEvent.log(
        by=ward.team.physician, at=clock.now(), treatment=mine, term="septic shock", grade="4", from_cells=cause,
        serious=["life_threatening"], from_harvest="unlikely", from_delivery="unlikely", expected="unexpected",
        outcome="ongoing", performed_at=clock.now() - timedelta(minutes=10), performed_by=ward.team.physician,
        aware_on=today,
    )  # fmt: skip
    ward.team.add(event)
    ward.session.commit()
    assert (ward.tag(second) == "On hold") is held
    shown = ward.browser("quality").get("/products?state=hold").text
    assert (f"/products/{second.id}" in shown) is held
    if held:
        assert "septic shock" in ward.browser("quality").get(f"/products/{second.id}").text


@pytest.mark.rule(72)
@pytest.mark.hazard("H14")
def test_a_donor_found_reactive_holds_every_bag_and_lists_the_recipients(ward):
    version, giver = published(ward.team, "UC-MSC-RA"), ward.giver()
    bags = [ward.banked(ward.donated(giver, version), version)[0] for _donation in range(2)]
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=giver)
    ward.assign(bags[0], mine)
    ward.release(bags[0])
    bags[0].move(kind="given", by=ward.team.nurse, at=clock.now() - timedelta(minutes=30))
    ward.team.add(bags[0])
    ward.determine(giver, "ineligible", signed=False, hiv_ab="reactive")
    ward.session.commit()
    assert ward.tag(bags[1]) in {"On hold", "In quarantine"}
    shown = ward.browser("quality").get(f"/products/{bags[1].id}/look-back").text
    assert mine.patient.record_number in shown
    assert f"/products/{bags[0].id}" in shown


def test_what_is_left_of_a_given_bag_can_be_discarded(ward, own):
    bag, _mine = own
    bag.move(kind="given", by=ward.team.nurse, at=clock.now() - timedelta(minutes=5))
    ward.team.add(bag)
    assert "kind=discarded" not in ward.browser("technologist").get(f"/products/{bag.id}").text
    assert ward.move("technologist", bag, "discarded", reason="nothing came back").status_code == 422
    ward.said_no("A remainder that came back can be discarded")
    bag.move(kind="remainder", place="laboratory", by=ward.team.nurse, at=clock.now() - timedelta(minutes=2))
    ward.team.add(bag)
    assert "kind=discarded" in ward.browser("technologist").get(f"/products/{bag.id}").text
    assert ward.move("technologist", bag, "stored", place="Bench").status_code == 422
    assert ward.move("technologist", bag, "discarded", reason="remainder of the dose").status_code == 303
    assert "kind=discarded" not in ward.browser("technologist").get(f"/products/{bag.id}").text
    assert ward.tag(bag) == "Given"


@pytest.mark.rule(54)
def test_a_thaw_of_cells_that_nobody_froze_is_asked_about(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    run = begun(ward, mine, harvested(mine, ward.team, at=clock.now() - timedelta(hours=5)).products[0])
    does(ward, run, "thaw", 50, 45)
    ward.said_no("ever frozen")
    ward.session.expire_all()
    assert run.manipulations == []
    url, facts = f"/runs/{run.id}/manipulations/new", {"performed_at": minutes(50), "ended_at": minutes(45)}
    answer = ward.fill("technologist", url, sure="came frozen", kind="thaw", **facts)
    assert answer.status_code == 303, ward.refused
    does(ward, run, "wash", 40, 35)
    step = next(one for one in run.manipulations if one.kind == "wash")
    ward.amend("technologist", step, kind="thaw")
    ward.said_no("ever frozen")
