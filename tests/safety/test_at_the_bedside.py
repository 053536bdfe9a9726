"""From the scan to the begin: who authenticates, what is said when, and what stops the press."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from clinic.administration.models import BedsideCheck
from tests.bedside import checked, given, released_product
from tests.factories import PASSWORD, ready_for_harvest
from tests.safety.driver import VITALS, Ward
from tests.safety.scanning import checks, scan, text
from tests.safety.scenes import scene


@scene
def own(ward: Ward):
    """A released bag of a patient's own cells, and its course."""
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


# what the evidence says


@pytest.mark.rule(1)
def test_the_evidence_names_what_people_read_and_no_internal_id(ward, own):
    bag, mine = own
    other = ready_for_harvest(ward.team)
    patient, stranger = mine.patient, other.patient
    own_bag, strange_bag, wrong_band = (
        checked(mine, bag, ward.team),
        checked(other, bag, ward.team),
        checked(mine, bag, ward.team, patient_scan=stranger.id),
    )
    given(own_bag, ward.team)
    again = checked(mine, bag, ward.team)
    ids = re.compile(r"\b(?!PR-)[A-Z]{2}-[0-9A-Z]{9}\b")
    for check in (own_bag, strange_bag, wrong_band, again):
        assert not [line for line in check.evidence if ids.search(f"{line['left']} {line['right']}")]
    said = {line["check"]: (line["left"], line["right"]) for line in again.evidence}
    name = f"{patient.display_name}, {patient.record_number}"
    assert said["Own cells"] == said["Own cells, by their harvest"] == (name, name)
    started, label = said["Not given yet"]
    assert re.fullmatch(r"given \d+ \w{3} \d{4}, \d\d:\d\d", started)
    assert label == f"{bag.name} {bag.division}, {bag.din or bag.id}"
    wrong = {line["check"]: (line["left"], line["right"]) for line in wrong_band.evidence}["Wristband"]
    assert wrong == (f"{stranger.display_name}, {stranger.record_number}", name)
    # what an earlier release kept is shown by name, too
    kept = [line | {"left": patient.id, "right": patient.id} for line in again.evidence if line["check"] == "Own cells"]
    again.evidence = kept
    ward.session.commit()
    page = text(ward, f"/bedside-checks/{again.id}")
    assert name in page
    assert patient.id not in page.split("Passed checks")[1]


# two people, two credentials


@pytest.mark.rule(2)
@pytest.mark.parametrize("wrong", ["own_password", "password"])
def test_both_people_authenticate_at_the_check(ward, own, wrong):
    bag, mine = own
    answer = ward.fill(
        "nurse", f"/treatments/{mine.id}/bedside", **VITALS, patient_scan=mine.patient_id, product_scan=bag.id,
        second_person_id=ward.team.physician.id, **({"password": PASSWORD, "own_password": PASSWORD} | {wrong: "no"}),
    )  # fmt: skip
    assert answer.status_code == 422
    ward.said_no("Incorrect password")
    assert checks(ward) == []


@pytest.mark.rule(2)
@pytest.mark.hazard("H25")
def test_a_second_account_of_the_same_name_is_not_the_second_person(ward, own):
    bag, mine = own
    ward.team.physician.printed_name = ward.team.nurse.printed_name.upper()
    ward.session.commit()
    assert ward.check(mine, bag) is None
    ward.said_no("same person")


# the scan is judged at the scan


@pytest.mark.rule(1)
@pytest.mark.parametrize(
    ("band", "bag_code"), [("PT-AAAAAAAAA", None), (None, "PR-AAAAAAAAA"), ("xyz", "xyz"), ("ALMEIDA", None)]
)
def test_a_code_that_cannot_be_read_is_an_error_at_its_box_and_no_refusal(ward, own, band, bag_code):
    bag, mine = own
    answer = scan(ward, mine, band or mine.patient_id, bag_code or bag.id)
    assert answer.status_code == 422
    ward.said_no("This code cannot be read. Scan it again")
    assert checks(ward) == []


@pytest.mark.rule(1)
@pytest.mark.hazard("H1")
def test_the_wrong_bag_is_said_before_anything_else_is_asked(ward, own):
    bag, _mine = own
    other = ready_for_harvest(ward.team)
    answer = scan(ward, other, other.patient_id, bag.id)
    assert answer.status_code == 303
    (check,) = checks(ward)
    assert not check.clear
    assert check.vital_signs is None
    assert "Do not give these cells" in text(ward, answer.location)
    assert "belong to another patient" in text(ward, answer.location)


@pytest.mark.rule(1)
def test_the_right_pair_leads_on_to_vital_signs_and_records_nothing_yet(ward, own):
    bag, mine = own
    answer = scan(ward, mine, mine.patient_id, bag.id)
    assert answer.status_code == 200
    assert "Vital signs before the start" in answer.text
    assert "readonly" in answer.text
    assert checks(ward) == []


@pytest.mark.rule(1)
@pytest.mark.hazard("H4")
def test_the_chain_of_identity_and_the_record_number_are_taken_a_name_is_not(ward, own):
    bag, mine = own
    for read in (mine.chain_of_identity, mine.patient.record_number, mine.patient.record_number.lower()):
        assert scan(ward, mine, read, bag.id).status_code == 200, read
    other = ready_for_harvest(ward.team)
    assert scan(ward, mine, other.patient.record_number, bag.id).status_code == 303
    assert scan(ward, mine, mine.patient.family_name, bag.id).status_code == 422
    assert "autofocus" in text(ward, f"/treatments/{mine.id}/bedside")


# go


@pytest.mark.rule(26)
@pytest.mark.hazard("H26")
def test_the_go_page_says_where_and_under_which_condition(ward, own):
    bag, mine = own
    check = ward.check(mine, bag)
    shown = text(ward, f"/bedside-checks/{check.id}")
    assert "into the RIGHT knee" in shown
    assert "Released under a condition" in shown
    assert "pending, final" in shown
    assert "No known allergies" in shown
    assert "Blood group" in shown
    assert "You may begin." in shown


def test_one_press_begins_with_this_minute_and_the_order(ward, own):
    bag, mine = own
    check = ward.check(mine, bag)
    answer = ward.browser("nurse").post(
        f"/treatments/{mine.id}/administrations/new?check={check.id}",
        data={"idempotency_key": "k" * 24, "csrf_token": ""},
    )
    assert answer.status_code == 303, answer.text
    made = ward.given(bag)
    assert (made.route, made.body_site, made.side, made.volume_issued) == (mine.route, "knee", "right", 10)
    assert made.performed_at == check.performed_at.replace(second=0, microsecond=0)
    assert made.performed_by_id == ward.team.nurse.id


@pytest.mark.rule(50)
@pytest.mark.hazard("H7")
def test_a_hold_between_check_and_begin_stops_the_page_and_the_press(ward, own):
    bag, mine = own
    check = ward.check(mine, bag)
    ward.decide(bag, "hold", reason="freezer alarm")
    shown = text(ward, f"/bedside-checks/{check.id}")
    assert "You may begin" not in shown
    assert "Do not give these cells" in shown
    assert "freezer alarm" in shown or "hold" in shown
    ward.begin(check)
    ward.not_given(bag, "rule 50", "not released", "hold")


def test_a_used_check_is_neutral_and_says_when(ward, own):
    bag, mine = own
    check = ward.check(mine, bag)
    ward.begin(check)
    shown = text(ward, f"/bedside-checks/{check.id}")
    assert "Used at" in shown
    assert "c-gatepage--used" in shown
    assert "c-verdict--go" not in shown
    assert "data-due" not in shown


@pytest.mark.hazard("H11")
def test_an_old_check_says_that_it_is_no_longer_valid(ward, own):
    bag, mine = own
    check = ward.check(mine, bag)
    with ward.later(minutes=31):
        shown = text(ward, f"/bedside-checks/{check.id}")
    assert "No longer valid" in shown
    assert "Right cells" not in shown


def test_the_stop_page_shows_the_telephone_numbers_of_the_site(ward, own):
    bag, _mine = own
    other = ready_for_harvest(ward.team)
    check = ward.check(other, bag)
    assert "Laboratory</dt>" not in text(ward, f"/bedside-checks/{check.id}")
    ward.team.site.laboratory_phone, ward.team.site.quality_phone = "+1 617 555 0100", "4711"
    ward.session.commit()
    shown = text(ward, f"/bedside-checks/{check.id}")
    assert "+1 617 555 0100" in shown
    assert "4711" in shown


@pytest.mark.rule(63)
def test_what_needs_a_reason_is_asked_on_top_and_does_not_count_as_passed(ward):
    mine = ready_for_harvest(ward.team)
    mine.patient.allergy_status, mine.patient.allergies = "present", "albumin"
    bag = ward.verified(released_product(mine, ward.team, vehicle="Autologous plasma"))
    ward.session.commit()
    check = ward.check(mine, bag)
    (asked,) = [line["check"] for line in check.evidence if line["warning"]]
    page = text(ward, f"/bedside-checks/{check.id}")
    assert f"{len(check.evidence) - 1} checks passed, 1 needs your reason." in page
    assert page.index(asked) < page.index("What did you do about it?") < page.index('aria-label="Dose and time"')
    assert page.index(asked) < page.index("Albumin: how did you exclude it?") < page.index("What did you do about it?")
    assert asked not in page.partition("Passed checks")[2]


@pytest.mark.rule(59)
def test_stopping_early_is_the_first_button_while_cells_run(ward, own):
    bag, mine = own
    ward.give(mine, bag)
    url = f"/administrations/{ward.given(bag).id}"
    acts = text(ward, url).partition('class="c-sheet c-run"')[2]
    assert acts.index("Stop early") < acts.index("Record the end")
    first = acts.rpartition("Stop early")[0].rpartition("<a ")[2]
    assert "c-btn--danger" in first
    whole = text(ward, url)
    assert whole.index("Report an adverse event") < whole.index('class="c-sheet c-run"')
    assert whole.count("Report an adverse event") == 1
    assert "Release: Released" not in acts


@pytest.mark.rule(57)
def test_right_cells_without_vital_signs_are_asked_at_the_boxes_and_are_no_near_miss(ward, own):
    bag, mine = own
    unmeasured = dict.fromkeys(VITALS, "")
    answer = ward.fill("nurse", f"/treatments/{mine.id}/bedside", **scanned(ward, mine, bag) | unmeasured)
    assert answer.status_code == 422
    assert "Oxygen saturation: required" in answer.text
    assert not ward.session.scalars(select(BedsideCheck)).all()
    other = ready_for_harvest(ward.team)
    assert (
        ward.fill("nurse", f"/treatments/{other.id}/bedside", **scanned(ward, other, bag) | unmeasured).status_code
        == 303
    )
    (refused,) = ward.session.scalars(select(BedsideCheck)).all()
    assert {one["rule"] for one in refused.reasons} > {57}, "wrong cells are refused with all that is wrong"


def scanned(ward, course, bag):
    """What two people type at the bedside, without the vital signs."""
    return {
        "patient_scan": course.patient_id, "product_scan": bag.id, "second_person_id": ward.team.physician.id,
        "password": PASSWORD, "own_password": PASSWORD,
    }  # fmt: skip
