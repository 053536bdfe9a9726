"""What came in by a table is judged like all else when it is used: decided on, assigned, checked, given."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.idempotency import new_key
from clinic.products.models import Product
from clinic.treatments.models import Treatment
from tests.bedside import released_product
from tests.factories import PASSWORD, consented, eligible, ready_for_harvest
from tests.rules.conftest import ago

DAY = timedelta(days=1)
FROZEN = {"product.frozen_at": ago(50), "product.dmso_percent": "0"}


def test_what_is_right_is_given(ward, mine):
    course, bag = mine()
    ward.give(course, bag)
    assert ward.given(bag), ward.refused


@pytest.mark.rule(54, by="import")
def test_an_imported_bag_of_which_nobody_says_whether_it_was_frozen_is_not_given(ward, mine):
    course, bag = mine(without=("cold",))
    ward.give(course, bag)
    ward.not_given(bag, "whether these cells are fresh or were frozen")
    assert "Record whether it was frozen" in ward.browser("technologist").get("/").text
    page = ward.browser("technologist").get(f"/products/{bag.id}").text
    assert "Fresh or frozen is not recorded" in page
    assert f"/products/{bag.id}/cold" in page
    url = f"/products/{bag.id}/cold"
    assert ward.fill("technologist", url, cold="frozen", reason="label").status_code == 422
    ward.said_no("enter when it was frozen")
    assert ward.fill("technologist", url, cold="fresh", reason="").status_code == 422
    early = clock.now() - 70 * DAY
    assert ward.fill("technologist", url, cold="frozen", frozen_at=early, reason="label").status_code == 422
    ward.said_no("before the cells were collected")
    assert ward.fill("technologist", url, cold="fresh", reason="x").status_code == 422
    ward.said_no("How it is known")
    assert ward.fill("technologist", url, cold="fresh", reason="the delivery note").status_code == 303, ward.refused
    ward.release(bag)
    ward.give(course, bag)
    ward.not_given(bag, "waiting for a second signature")
    assert ward.sign("technologist", bag).status_code >= 400
    ward.sign("technologist2", bag)
    ward.release(bag)
    ward.give(course, bag)
    assert ward.given(bag), ward.refused


@pytest.mark.rule(54, by=("import", "amendment"))
def test_what_was_never_frozen_is_not_thawed_and_gets_no_freezing_medium_unasked(ward, mine):
    _course, bag = mine(without=("cold",))
    url = f"/products/{bag.id}/cold"
    assert ward.fill("technologist", url, cold="fresh", reason="the delivery note").status_code == 303, ward.refused
    ward.sign("technologist2", bag)
    assert ward.move("technologist", bag, "thawed", performed_at=clock.now()).status_code >= 400
    ward.said_no("recorded as fresh, never frozen")
    ward.session.refresh(bag)
    assert bag.thawed_at is None
    cold = {"cryo_medium": "CryoStor CS10", "dmso_percent": "10", "amend_reason": "read on the label"}
    assert ward.fill("technologist", f"/records/{bag.id}/amendment", **cold).status_code == 422
    ward.said_no("recorded as fresh, never frozen, and holds freezing medium")


@pytest.mark.rule(54, by=("import", "amendment"))
def test_what_was_recorded_of_the_cold_by_mistake_is_corrected_by_another_two(ward, mine):
    course, bag = mine(without=("cold",))
    url = f"/products/{bag.id}/cold"
    ward.fill("technologist", url, cold="fresh", reason="the delivery note")
    ward.sign("technologist2", bag)
    page = ward.browser("technologist2").get(f"/products/{bag.id}").text
    assert "Correct fresh or frozen" in page
    frozen = {"cold": "frozen", "frozen_at": clock.now() - 50 * DAY, "reason": "the label of the bag"}
    assert ward.fill("technologist2", url, **frozen).status_code == 303, ward.refused
    ward.release(bag)
    ward.give(course, bag)
    ward.not_given(bag, "waiting for a second signature")
    ward.sign("technologist", bag)
    ward.release(bag)
    ward.give(course, bag)
    ward.not_given(bag, "no thaw is recorded")


@pytest.mark.rule(54, by="import")
@pytest.mark.parametrize(("left", "known"), [(("t",), "day"), (("t", "d"), "month"), (("t", "d", "m"), "year")])
def test_a_freezing_of_which_only_a_part_is_known_is_recorded_as_that(ward, mine, session, left, known):
    _course, bag = mine(without=("cold",))
    url, on = f"/products/{bag.id}/cold", clock.local(clock.now() - 50 * DAY, "Europe/Berlin")
    typed = {"d": str(on.day), "m": str(on.month), "y": str(on.year), "t": "10:15"} | dict.fromkeys(left, "")
    told = {f"frozen_at-{part}": text for part, text in typed.items()}
    assert ward.fill("technologist", url, cold="frozen", reason="the label", **told).status_code == 303, ward.refused
    session.refresh(bag)
    assert bag.precision_of("frozen_at") == known
    shape = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}[known]
    assert bag.amendments[-1].changes["frozen_at"] == [None, f"{on:{shape}}"], "no minute is invented"


@pytest.mark.rule(54, by=("import", "amendment"))
def test_how_much_is_known_of_a_freezing_is_corrected_alone(ward, mine, session):
    _course, bag = mine(without=("cold",))
    url, on = f"/products/{bag.id}/cold", clock.local(clock.now() - 50 * DAY, "Europe/Berlin")
    day = {"frozen_at-d": str(on.day), "frozen_at-m": str(on.month), "frozen_at-y": str(on.year)}
    known = (("", "day"), ("00:00", ""), ("", "day"))
    for number, (time, precision) in enumerate(known):
        who, other = ("technologist", "technologist2") if number % 2 == 0 else ("technologist2", "technologist")
        told = {"cold": "frozen", "reason": f"label number {number}", "frozen_at-t": time, **day}
        assert ward.fill(who, url, **told).status_code == 303, ward.refused
        session.refresh(bag)
        assert bag.precision_of("frozen_at") == precision
        assert ("frozen_at" in bag.amendments[-1].changes) is True, "same moment, another precision"
        ward.sign(other, bag)
    told = {"cold": "frozen", "reason": "label number 2", "frozen_at-t": "", **day}
    assert ward.fill("technologist", url, **told).status_code == 422
    ward.said_no("Nothing was changed")


@pytest.mark.rule(54, by=("import", "amendment"))
def test_what_is_recorded_of_the_cold_is_shown_where_it_is_recorded_or_corrected(ward, mine, session):
    _course, bag = mine(without=("cold",))
    url = f"/products/{bag.id}/cold"
    ward.fill("technologist", url, cold="fresh", reason="the delivery note")
    ward.sign("technologist2", bag)
    page = unescape(ward.browser("technologist").get(url).text)
    assert "Recorded: Fresh, never frozen: the delivery note." in page
    assert "Frozen cells must be thawed before use." in page
    shown = unescape(ward.browser("technologist").get(f"/products/{bag.id}").text)
    assert "Frozen at: Fresh, never frozen" in shown
    ledger = unescape(ward.browser("quality").get(f"/ledger?record={bag.id}").text)
    assert "frozen_at" not in shown + ledger


def test_a_bag_of_which_it_is_recorded_is_not_asked_about(ward):
    bag = released_product(ready_for_harvest(ward.team), ward.team)
    url = f"/products/{bag.id}/cold"
    page = unescape(ward.browser("technologist").get(url).text)
    assert "Recorded: F" in page
    assert "It follows from the run that made this product" in page
    assert f'{bag.run_id}"' in page
    assert 'name="cold"' not in page
    sent = {"idempotency_key": new_key(), "cold": "fresh", "reason": "the delivery note"}
    answer = ward.browser("technologist").post(url, data=sent)
    assert answer.status_code == 409
    assert "Recorded: F" in unescape(answer.text)


@pytest.mark.rule(54, by="import")
def test_an_imported_bag_that_was_frozen_is_thawed_before_it_is_given(ward, mine):
    course, bag = mine(without=("cold",))
    url = f"/products/{bag.id}/cold"
    told = {"cold": "frozen", "frozen_at": clock.now() - 50 * DAY, "reason": "the label"}
    assert ward.fill("technologist", url, **told).status_code == 303, ward.refused
    ward.sign("technologist2", bag)
    assert ward.amend("technologist", bag, dmso_percent="0").status_code == 303, ward.refused
    ward.release(bag)
    ward.give(course, bag)
    ward.not_given(bag, "no thaw is recorded")
    assert ward.move("technologist", bag, "thawed", performed_at=clock.now()).status_code == 303, ward.refused
    ward.give(course, bag)
    assert ward.given(bag), ward.refused


@pytest.mark.rule(1, by="import")
def test_an_imported_bag_is_refused_on_another_patients_page(ward, mine):
    _course, bag = mine()
    other, _own = mine({"patient.record_number": "OLD-9", "patient.family_name": "Zander"}, release=False)
    ward.check(other, bag)
    ward.not_given(bag, "rule 1")


@pytest.mark.rule(4, by="import")
def test_an_imported_relatives_cells_are_refused_on_another_patients_page(ward, mine):
    kin = {"donor.kind": "related", "donor.relation": "sibling", "donor.donor_number": "na"}
    _course, bag = mine(kin, code="UC-MSC-RA")
    other, _bag = mine({"patient.record_number": "OLD-9", "donor.donor_number": "R-9"}, code="UC-MSC-RA", release=False)
    ward.check(other, bag)
    ward.not_given(bag, "rule 4")


@pytest.mark.rule(14, by="import")
def test_imported_cells_are_not_given_without_consent(ward, mine):
    course, bag = mine(without=("consent",))
    ward.give(course, bag)
    ward.not_given(bag, "rule 14")


@pytest.mark.rule(15, by="import")
def test_a_withdrawal_locks_an_imported_course(ward, mine):
    course, bag = mine(without=("consent",))
    consent = consented(course, ward.team, at=clock.now() - DAY)
    ward.session.commit()
    ward.fill("nurse", f"/consents/{consent.id}/withdrawal", performed_by_id=ward.team.nurse.id)
    ward.give(course, bag)
    ward.not_given(bag, "rule 15")


@pytest.mark.rule(17, by="import")
def test_cells_of_an_imported_donor_wait_for_a_determination(ward, mine):
    course, bag = mine(code="UC-MSC-RA")
    ward.give(course, bag)
    ward.not_given(bag, "rule 17", "eligibility of")


@pytest.mark.rule(20, by="import")
def test_a_blood_group_that_a_table_states_is_none_of_two_samples(ward, mine):
    _course, bag = mine({"donor.abo": "A", "donor.rhd": "positive"} | FROZEN, code="HPC-A-CHILD")
    ward.said_no("rule 20")
    assert ward.tag(bag) != "Released"


@pytest.mark.rule(23, by="import")
def test_an_imported_allergy_meets_what_the_imported_bag_holds(ward, mine):
    facts = {"patient.allergy_status": "present", "patient.allergies": "DMSO", "product.cryo_medium": "CS10"}
    facts |= {"product.dmso_percent": "10", "product.thawed_at": ago(0.01), "product.frozen_at": ago(9)}
    course, bag = mine(facts)
    ward.give(course, bag)
    ward.not_given(bag, "rule 23")


@pytest.mark.rule(24, by="import")
def test_an_imported_anticoagulant_is_asked_about_at_the_bedside(ward, mine):
    course, bag = mine({"treatment.medication": "warfarin 5 mg"})
    ward.begin(ward.check(course, bag), because="")
    ward.not_given(bag, "rule 24")


@pytest.mark.rule(33, by="import")
def test_too_few_cells_from_the_blood_ask_for_another_session(ward, mine):
    _course, bag = mine({"product.amount": "100"} | FROZEN, code="HPC-A-AUTO")
    ward.said_no("rule 33")
    assert ward.tag(bag) != "Released"


@pytest.mark.rule(40, by="import")
@pytest.mark.rule(41, by="import")
@pytest.mark.rule(42, by="import")
@pytest.mark.rule(43, by="import")
@pytest.mark.parametrize(
    ("test", "value", "rule"),
    [
        ("viability", "69.9", 40), ("viability", "<70", 40), ("cd73", "94.9", 41), ("negative_markers", "2.1", 41),
        ("endotoxin", "5.1", 42), ("endotoxin", "<40", 42), ("sterility", "growth", 43), ("mycoplasma", "positive", 43),
        ("gram_stain", "organisms", 43),
    ],
)  # fmt: skip
def test_an_imported_result_that_does_not_conform_releases_nothing(ward, mine, test, value, rule):
    _course, bag = mine({f"qc.{test}": value})
    ward.said_no(f"rule {rule}")
    assert ward.tag(bag) != "Released"


@pytest.mark.rule(44, by="import")
def test_a_condition_for_imported_cells_names_the_physician_who_was_told(ward, mine):
    _course, bag = mine(without=("sterility",), release=False)
    ward.decide(bag, "conditional")
    ward.said_no("rule 44")
    assert ward.tag(bag) != "Released"


@pytest.mark.rule(45, by="import")
def test_who_imported_the_results_does_not_release_on_them(ward, mine):
    _course, bag = mine({"qc.viability": "95"}, by="quality", release=False)
    sent = {"decision": "conforms", "idempotency_key": new_key()}
    answer = ward.browser("quality").post(f"/products/{bag.id}/release", data=sent)
    assert answer.status_code in {409, 422}
    assert "rule 45" in answer.text
    assert ward.tag(bag) != "Released"


@pytest.mark.rule(47, by="import")
def test_an_exception_for_imported_cells_says_all_that_an_exception_says(ward, mine):
    _course, bag = mine({"qc.viability": "60"}, release=False)
    ward.decide(bag, "exceptional")
    ward.said_no("rule 47")
    assert ward.tag(bag) != "Released"


@pytest.mark.rule(50, by="import")
def test_imported_cells_that_are_expired_are_neither_released_nor_given(ward, mine):
    course, bag = mine({"product.expires_at": ago(1)})
    ward.said_no("rule 50")
    ward.give(course, bag)
    ward.not_given(bag, "rule 50")


@pytest.mark.rule(51, by="import")
@pytest.mark.parametrize("days", [31, 400])
def test_an_imported_weight_that_is_too_old_carries_no_dose(ward, mine, days):
    course, bag = mine({"weight.performed_at": ago(days)})
    ward.give(course, bag)
    ward.not_given(bag, "rule 51")


@pytest.mark.rule(53, by="import")
def test_an_imported_frozen_bag_without_its_dmso_cannot_be_judged(ward, mine):
    course, bag = mine({"product.cryo_medium": "DMSO", "product.frozen_at": ago(9), "product.thawed_at": ago(0.01)})
    ward.give(course, bag)
    ward.not_given(bag, "rule 53")


@pytest.mark.rule(54, by="import")
@pytest.mark.parametrize("thawed", [None, 0.2])
def test_an_imported_frozen_bag_is_given_within_its_time_after_thaw(ward, mine, thawed):
    facts = {"product.dmso_percent": "0", "product.frozen_at": ago(9)}
    course, bag = mine(facts | ({"product.thawed_at": ago(thawed)} if thawed else {}))
    ward.give(course, bag)
    ward.not_given(bag, "rule 54")


@pytest.mark.rule(61, by="import")
def test_cells_that_were_given_elsewhere_two_days_ago_ask_for_a_reason(ward, take):
    assert not take({"administration.performed_at": ago(1.5), "administration.volume_given": "10"}).refused
    course = ward.session.scalar(select(Treatment))
    consented(course, ward.team, at=clock.now() - 9 * DAY)
    eligible(course, ward.team, at=clock.now() - timedelta(hours=20))
    ward.fill("physician", f"/records/{course.id}/signature", password=PASSWORD)
    bag = ward.verified(released_product(course, ward.team))
    ward.begin(ward.check(course, bag), because="")
    ward.not_given(bag, "rule 61")


@pytest.mark.rule(50, by="import")
def test_fresh_cells_keep_no_end_of_frozen_ones(ward, take, session):
    row = {"product.performed_at": ago(20), "harvest.performed_at": ago(30), "product.expires_at": "na"}
    report = take(row, code="UC-MSC-RA")
    assert not report.refused, report.sentences()
    bag = session.scalars(select(Product)).one()
    assert ward.fill("technologist", f"/products/{bag.id}/cold", cold="fresh", reason="label").status_code == 303
    ward.sign("technologist2", bag)
    session.refresh(bag)
    assert bag.expires_at is None, "the protocol says how long frozen cells last, nothing of fresh ones"
    assert "d left" not in ward.browser("technologist").get(f"/products/{bag.id}").text
