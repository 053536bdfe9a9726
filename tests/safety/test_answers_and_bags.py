"""What is answered of a patient, which samples count twice, and where bags go."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.demo import laboratory
from clinic.eligibility.models import Eligibility
from clinic.exchange.exporting import Choice, dataset_named, rows
from clinic.patients.donor_screening import independent
from clinic.patients.donors import BloodTyping
from clinic.products.models import Product
from clinic.protocols.catalogues import QC_TESTS
from clinic.release.carried import judged_results
from clinic.release.models import Release
from clinic.release.points import points_of
from clinic.release.results import QCResult
from clinic.release.who_decides import hands_on
from tests import bedside
from tests.bedside import released_product
from tests.factories import (
    PASSWORD,
    consented,
    course,
    day_boxes,
    eligible,
    patient,
    published,
    ready_for_harvest,
)
from tests.judging import records_of
from tests.safety.driver import VITALS
from tests.safety.scenes import scene

ANEW = {"sterility", "gram_stain", "endotoxin"}
"""Tests for what can come in with each open step."""


@scene
def cord(ward):
    """A released bag out of the bank, its course, its donor."""
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    (bag,) = ward.banked(ward.donated(donor, version), version)
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    ward.assign(bag, mine)
    ward.release(bag)
    return bag, mine, donor


@pytest.mark.rule(23)
@pytest.mark.parametrize(("days", "taken"), [(200, False), (8, False), (7, True), (0, True)])
def test_a_pregnancy_is_excluded_by_a_test_of_the_last_week(ward, days, taken):
    woman = patient(ward.team, sex="female", birth_date=date(1996, 1, 1))
    mine = course(ward.team, woman, signed=True)
    day = clock.today("Europe/Berlin")
    facts = {"active_infection": "no", "malignancy": "no", "eligible": "yes", "pregnancy": "excluded"}
    decide = f"/treatments/{mine.id}/eligibility/new"
    now = {"performed_at": clock.now()}
    answer = ward.fill(
        "physician", decide, **facts, **now, **day_boxes("pregnancy_tested_on", day - timedelta(days=days))
    )
    assert (answer.status_code == 303) is taken, ward.refused
    if taken:
        made = ward.session.scalar(select(Eligibility))
        ward.amend("physician", made, **day_boxes("pregnancy_tested_on", day - timedelta(days=30)))
        ward.session.expire_all()
        assert made.pregnancy_tested_on == day - timedelta(days=days)
    ward.said_no("Repeat the test")


HELD = [
    "paused since 3 Nov 2026",
    "stopped",
    "held 72 h",
    "3 days ago",
    "no longer taken",
    "last dose 22.11.",
    "will pause",
]
TAKEN = [
    "apixaban",
    "continues",
    "ok",
    "not paused",
    "do not stop",
    "continues, INR 2.1 on 3.11.2026",
    "5 mg twice daily",
]


@pytest.mark.rule(24)
@pytest.mark.parametrize(("answer", "held"), [(one, True) for one in HELD] + [(one, False) for one in TAKEN])
def test_an_answer_about_anticoagulants_says_that_they_are_paused_or_since_when(ward, answer, held):
    mine = course(ward.team, medication="apixaban 5 mg", signed=True)
    consented(mine, ward.team)
    eligible(mine, ward.team, anticoagulation=answer)
    opened = ward.browser("nurse").get(f"/treatments/{mine.id}/harvests/new")
    assert (opened.status_code == 200) is held, opened.text[-3000:]


@pytest.mark.rule(24)
@pytest.mark.rule(25)
@pytest.mark.parametrize(
    "medicine",
    [
        "Falithrom 3 mg",
        "Iscover 75 mg",
        "Thrombo ASS 100",
        "Dolormin 400",
        "aceclofenac 100 mg",
        "Orfarin",
        "Xefo 8 mg",
    ],
)
def test_well_known_brands_are_known(ward, medicine):
    mine = course(ward.team, medication=medicine, signed=True)
    consented(mine, ward.team)
    eligible(mine, ward.team)
    assert ward.browser("nurse").get(f"/treatments/{mine.id}/harvests/new").status_code == 409


@pytest.mark.rule(24)
def test_a_medicine_that_nobody_knows_refuses_nothing(ward):
    mine = course(ward.team, medication="Asacol, metformin, Zyxwol 5 mg", signed=True)
    consented(mine, ward.team)
    eligible(mine, ward.team)
    assert ward.browser("nurse").get(f"/treatments/{mine.id}/harvests/new").status_code == 200


SAME = [("S-1", 5, "sample number"), ("s 1", 5, "sample number"), ("S-2", 0, "same minute")]


@pytest.mark.rule(20, by=("http", "amendment"))
@pytest.mark.parametrize("of", ["donors", "patients"])
@pytest.mark.parametrize(("number", "minutes", "why"), SAME)
def test_two_blood_groups_are_from_two_samples(ward, of, number, minutes, why):
    person = ward.giver() if of == "donors" else patient(ward.team)
    ward.session.commit()
    url, at = f"/{of}/{person.id}/blood-groups/new", clock.now() - timedelta(hours=1)
    facts = {"abo": "A", "rhd": "positive"}
    assert ward.fill("technologist", url, sample_number="S-1", performed_at=at, **facts).status_code == 303
    later = at + timedelta(minutes=minutes)
    assert ward.fill("technologist", url, sample_number=number, performed_at=later, **facts).status_code == 422
    ward.said_no("A second blood group needs a second sample")
    good = ward.fill("technologist", url, sample_number="S-2", performed_at=at + timedelta(minutes=5), **facts)
    assert good.status_code == 303
    second = ward.session.scalar(select(BloodTyping).where(BloodTyping.sample_number == "S-2"))
    wrong = {"sample_number": number} if minutes else {"performed_at": at}
    ward.amend("technologist", second, **wrong)
    ward.session.expire_all()
    assert second.sample_number == "S-2"
    assert independent([*person.typings]) == 2


@pytest.mark.rule(4)
@pytest.mark.parametrize("who", ["quality", "physician"])
@pytest.mark.parametrize("stopped", [False, True])
def test_a_banked_bag_of_the_wrong_course_goes_back_to_the_bank(ward, cord, who, stopped):
    bag, wrong, donor = cord
    right = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    ward.assign(bag, right)
    ward.said_no("already belongs to a course")
    if stopped:
        ward.fill("physician", f"/treatments/{wrong.id}/stop", sure="yes", reason="withdrew", performed_at=clock.now())
    back = f"/products/{bag.id}/unassignment"
    assert f'href="{back}"' in ward.browser(who).get(f"/products/{bag.id}").text
    assert ward.fill(who, back, reason="").status_code == 422
    assert ward.fill(who, back, reason="assigned to the wrong course").status_code == 303
    ward.session.expire_all()
    assert bag.treatment_id is None
    assert ward.tag(bag) != "Released"
    assert ward.assign(bag, right).status_code == 303, ward.refused
    ward.give(right, bag)
    ward.not_given(bag, "not released", "wait", "quarantine")
    ward.release(bag)
    ward.give(right, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(4)
@pytest.mark.parametrize("act", ["issued", "given", "own"])
def test_cells_that_left_for_a_course_stay_with_it(ward, cord, act):
    bag, mine, _donor = cord
    if act == "issued":
        assert ward.move("technologist", bag, "issued", handed_to="N. Rask", intact=True).status_code == 303, (
            ward.refused
        )
    elif act == "given":
        ward.give(mine, bag)
    else:
        mine = ready_for_harvest(ward.team)
        bag = released_product(mine, ward.team)
    ward.fill("quality", f"/products/{bag.id}/unassignment", reason="wrong course")
    ward.said_no("rule 4")
    ward.session.expire_all()
    assert bag.treatment_id is not None
    assert ward.fill("nurse", f"/products/{bag.id}/unassignment", reason="wrong").status_code == 403


@pytest.mark.rule(59)
@pytest.mark.hazard("H37")
def test_a_bag_number_copied_wrongly_from_paper_is_taken_back_by_two(ward):
    one, other = ready_for_harvest(ward.team), ready_for_harvest(ward.team)
    right = ward.verified(released_product(one, ward.team))
    wrong = ward.verified(released_product(other, ward.team))
    now = clock.now()
    paper = {
        "paper_written_by_id": ward.team.nurse.id, "paper_why": "outage", "paper_second_id": ward.team.physician.id,
        "patient_scan": one.patient_id, "performed_at": now - timedelta(minutes=20),
        "performed_by_id": ward.team.nurse.id, "ended_at": now - timedelta(minutes=10), "route": "intra_articular",
        "body_site": "knee", "side": one.side, "volume_issued": "10", "volume_given": "10", "premedication": "given",
    } | VITALS  # fmt: skip
    url = f"/treatments/{one.id}/paper/administration/new"
    assert ward.fill("nurse", url, sure="as on paper", product_scan=wrong.id, **paper).status_code == 303, ward.refused
    copied = ward.given(wrong)
    assert f"/administrations/{copied.id}/void" in ward.browser("nurse").get(f"/administrations/{copied.id}").text
    void = {"because": "bag number copied wrongly", "untouched": "yes", "second_person_id": ward.team.physician.id}
    words = {"own_password": PASSWORD, "password": PASSWORD}
    alone = void | {"second_person_id": ward.team.nurse.id}
    assert ward.fill("nurse", f"/administrations/{copied.id}/void", **alone, **words).status_code == 422
    assert not copied.voided
    assert ward.fill("nurse", f"/administrations/{copied.id}/void", **void, **words).status_code == 303, ward.refused
    ward.session.expire_all()
    assert copied.voided
    assert not wrong.given
    assert ward.fill("nurse", f"/administrations/{copied.id}/void", **void, **words).status_code in {409, 422}
    assert ward.fill("nurse", url, sure="as on paper", product_scan=right.id, **paper).status_code == 303, ward.refused
    ward.session.expire_all()
    assert right.given
    ward.refused.clear()
    begun = ward.begin(ward.check(other, wrong))
    assert begun is not None, ward.refused
    assert begun.status_code == 303, ward.refused


@pytest.mark.rule(53)
@pytest.mark.parametrize("known", [True, False])
def test_cells_that_are_thawed_and_washed_are_given_in_time(ward, known):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    now, percent = clock.now(), Decimal(10) if known else None
    bag = released_product(
        mine, ward.team, frozen_at=now - timedelta(hours=5), made_at=now - timedelta(hours=6), dmso_percent=percent,
        cryo_medium="CryoStor CS10",
    )  # fmt: skip
    assert ward.move("technologist", bag, "thawed", performed_at=now - timedelta(minutes=20)).status_code == 303
    begun = {"inputs": [bag.id], "preparation": mine.says.preparation, "performed_at": now - timedelta(minutes=19)}
    url = f"/treatments/{mine.id}/processing/new"
    answer = ward.fill("technologist", url, sure="yes", vehicle="saline", **begun)
    assert answer.status_code == 303, ward.refused
    run = f"/runs/{re.search(r'RN-[A-Z0-9]+|[A-Z]{2}-[A-Z0-9]{9}', answer.location)[0]}"
    for kind in ("thaw", "wash"):
        at = now - timedelta(minutes=15)
        made = ward.fill("technologist", f"{run}/manipulations/new", sure="yes", kind=kind, performed_at=at)
        assert made.status_code == 303, ward.refused
    out = {"container": "syringe", "volume": "10", "amount": "72.5", "performed_at": now}
    assert ward.fill("technologist", f"{run}/outputs/new", sure="yes", **out).status_code == 303, ward.refused
    end = {"ended_at": now, "waste_volume": "0", "added_volume": "0"}
    assert ward.fill("technologist", f"{run}/end", sure="yes", **end).status_code == 303, ward.refused
    for who in ("technologist", "technologist2"):
        ward.fill(who, f"/records/{run.removeprefix('/runs/')}/signature", password=PASSWORD)
    washed = ward.session.scalar(select(Product).where(Product.run_id == run.removeprefix("/runs/")))
    read_again = [spec for spec in mine.says.qc if not QC_TESTS[spec.test].shared or spec.test in ANEW]
    assert 0 < len(read_again) < len(mine.says.qc)
    for spec in read_again:  # identity, mycoplasma and karyotype are those of the bag
        bedside.tested(washed, ward.team, mine.protocol_version, spec, value=None, at=now)
    ward.session.commit()
    told = {"reason": "culture pending", "physician_told": ward.team.physician.printed_name}
    answer = ward.decide(washed, "conditional", **told)
    if not known:
        assert answer.status_code == 409
        ward.said_no("has its DMSO recorded")
        assert ward.amend("technologist", washed, dmso_percent="0.5").status_code == 303, ward.refused
        answer = ward.decide(washed, "conditional", **told)
    assert answer.status_code == 303, ward.refused
    ward.fill("quality", answer.location, password=PASSWORD)
    (decision,) = ward.session.scalars(select(Release).where(Release.product_id == washed.id))
    ward.sign("physician", decision)
    ward.give(mine, washed)
    given = ward.given(washed)
    assert given is not None, ward.refused
    told = rows(ward.session, dataset_named("doses"), Choice())
    exported = " ".join(" ".join(map(str, row)) for row in told)
    shown = [ward.browser("nurse").get(url).text for url in (f"/products/{washed.id}", f"/administrations/{given.id}")]
    for said in (*shown, exported):  # one summary everywhere: of the bag, and what was read again
        assert "CD73 " in said
        assert "Viability " in said


@pytest.mark.rule(40)
@pytest.mark.parametrize(("steps", "carries"), [
    (("thaw", "wash", "formulate"), True), (("wash",), True), (("thaw", "expand"), False), (("thaw", "digest"), False),
    (("thaw", "/", "wash"), True), (("thaw", "/", "wash", "/"), True), (("thaw", "/", "expand"), False),
    (("thaw", "/", "cryopreserve"), False),
])  # fmt: skip
def test_results_are_carried_only_by_what_leaves_the_cells_what_they_are(ward, steps, carries):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    now = clock.now()
    frozen = {"frozen_at": now - timedelta(hours=5), "made_at": now - timedelta(hours=6)}
    bag = released_product(mine, ward.team, dmso_percent=Decimal(10), cryo_medium="CryoStor CS10", **frozen)
    made, runs = bag, " ".join(steps).split("/")
    for number, kinds in enumerate(runs):  # one after the other, each of ten minutes
        start = now - timedelta(minutes=10 * (len(runs) - number))
        end = start + timedelta(minutes=10)
        done = {"until": end, "kinds": kinds.split(), "treatment": mine}
        run = laboratory.begin_run(ward.team, mine.protocol_version, start, **done)
        run.take(made, by=ward.team.technologist, at=start)
        (made,) = laboratory.fill(ward.team, ward.team.add(run), end, volume=Decimal(10), amounts=[Decimal(1)])
    ward.session.commit()
    records = records_of(mine)
    tests = {one.test for one in judged_results(records, made)}
    of_bag = {one.test for one in judged_results(records, bag)}
    expected = {test for test in of_bag if QC_TESTS[test or ""].shared} - ANEW if carries else set()
    assert tests == expected
    karyotype = next((one for one in judged_results(records, bag) if one.test == "karyotype"), None)
    if karyotype is None:  # not asked for by the protocol, read all the same
        by = ward.team.technologist
        karyotype = QCResult.log(
            by=by, at=now, product=bag, product_id=bag.id, test="karyotype", outcome="abnormal", finding="47,XX,+8",
            performed_at=now, performed_by=by, sampled_at=now - timedelta(minutes=30),
        )  # fmt: skip
        ward.team.add(karyotype)
    karyotype.outcome = "abnormal"
    karyotype.weigh(mine.protocol_version)
    ward.session.commit()
    records = records_of(mine)
    assert any("aryotype" in point.sentence for point in points_of(records, made, now))
    assert (karyotype.performed_by_id in hands_on(records, made)) or not carries
    mycoplasma = next(one for one in judged_results(records, bag) if one.test == "mycoplasma")
    mycoplasma.outcome = "detected"
    mycoplasma.weigh(mine.protocol_version)
    ward.session.commit()
    assert any("ycoplasma" in point.sentence for point in points_of(records_of(mine), made, now))


@pytest.mark.rule(40)
def test_a_pool_carries_only_what_each_of_its_bags_has(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    now = clock.now()
    frozen = {"frozen_at": now - timedelta(hours=5), "made_at": now - timedelta(hours=6), "dmso_percent": Decimal(10)}
    bags = [released_product(mine, ward.team, cryo_medium="CryoStor CS10", **frozen) for _bag in range(2)]
    (read,) = ward.results(bags[1], "mycoplasma")
    ward.session.delete(read)
    start = now - timedelta(minutes=20)
    done = {"until": now, "kinds": ["thaw", "wash"], "treatment": mine}
    run = laboratory.begin_run(ward.team, mine.protocol_version, start, **done)
    for bag in bags:
        run.take(bag, by=ward.team.technologist, at=start)
    (made,) = laboratory.fill(ward.team, ward.team.add(run), now, volume=Decimal(10), amounts=[Decimal(1)])
    ward.session.commit()
    carried = judged_results(records_of(mine), made)
    assert {one.product_id for one in carried} == {bag.id for bag in bags}
    tests = {one.test for one in carried}
    assert "mycoplasma" not in tests
    assert "cd73" in tests


@pytest.mark.rule(23)
@pytest.mark.rule(51)
@pytest.mark.parametrize(
    ("code", "facts", "title"),
    [
        ("BMAC-KNEE", {"allergy_status": "not_asked"}, "Ask about allergies"),
        ("BM-MSC-MS", {"allergy_status": "present", "allergies": "albumin"}, "Compare the allergy with the cells"),
        ("BM-MSC-MS", {"weight_days": 400}, "Weigh the patient"),
        ("BM-MSC-MS", {}, "Check at the bedside"),
    ],
)
def test_the_next_action_is_what_the_bedside_check_would_ask_first(ward, code, facts, title):
    days = facts.get("weight_days", 0)
    mine = ready_for_harvest(ward.team, code=code)
    soon = {"expires_at": clock.now() + timedelta(hours=6)} if code == "BM-MSC-MS" else {}
    bag = ward.verified(released_product(mine, ward.team, **soon))
    for name, value in facts.items():
        if name != "weight_days":
            setattr(mine.patient, name, value)
    for weight in mine.patient.weights if days else ():
        weight.performed_at -= timedelta(days=days)
    ward.session.commit()
    who = "physician" if title.startswith("Compare") else "nurse"
    for where, url in (("course", f"/treatments/{mine.id}"), ("today", "/")):
        html = ward.browser(who).get(url, follow_redirects=True).text
        assert title in html, where
        assert ("Check at the bedside" in html) is (title == "Check at the bedside"), where
    check = ward.check(mine, bag)
    assert (check is not None and check.clear) is (title == "Check at the bedside"), ward.refused
