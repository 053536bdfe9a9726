"""Rules of the bedside, typed into its forms and brought in by a correction of what they rest on."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.administration.vital_signs import VitalSigns
from clinic.demo import builder
from clinic.errors import RuleBroken
from clinic.identifiers import check_character
from clinic.protocols.demonstration import DEMONSTRATIONS
from tests.bedside import checked, given, released_product
from tests.factories import PASSWORD, boxes, course, eligible, patient, published, ready_for_harvest
from tests.reading import Page
from tests.safety.driver import VITALS

DAY = timedelta(days=1)


@pytest.fixture
def own(ward):
    """A released bag of a patient's own cells, and its course: so much for each kg, into a vein."""
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    return ward.verified(released_product(mine, ward.team)), mine


@pytest.fixture
def knee(ward):
    """A released syringe for the right knee, and its course."""
    mine = ready_for_harvest(ward.team, body_site="knee", side="right")
    return ward.verified(released_product(mine, ward.team)), mine


@pytest.fixture
def marrow(ward):
    """A released bag of a patient's own blood-forming cells under a protocol that orders premedication."""
    content = DEMONSTRATIONS["BM-MSC-MS"].model_copy(update={"cell_type": "hsc", "premedication": "Antihistamine"})
    mine = ready_for_harvest(ward.team, version=published(ward.team, "HPC-M-OWN", content=content))
    return ward.verified(released_product(mine, ward.team)), mine


def corrects(ward, record, who="nurse", **changed):
    """Amend a record and answer no question."""
    return ward.fill(who, f"/records/{record.id}/amendment", amend_reason="misread", **changed)


def was_given(ward, bag, mine):
    """An administration whose end is recorded."""
    ward.give(mine, bag)
    record = ward.given(bag)
    assert record is not None, ward.refused
    assert ward.end(record, volume_given="10").status_code == 303, ward.refused
    return record


@pytest.mark.rule(8, by="http")
@pytest.mark.parametrize("wrong", ["A9999", "A999926!!!!!!", "O999926ABCDEF", "A9999XXABCDEF", "check"])
def test_a_wristband_whose_code_has_not_its_shape_is_read_again(ward, own, wrong):
    bag, mine = own
    chain = mine.chain_of_identity
    other = "A" if check_character(chain) != "A" else "B"
    band = chain + other if wrong == "check" else wrong
    answer = ward.fill("nurse", f"/treatments/{mine.id}/bedside", patient_scan=band, product_scan=bag.id)
    assert answer.status_code == 422
    ward.said_no("rule 8")


@pytest.mark.rule(8, by="http")
def test_a_chain_of_identity_leads_to_its_course_with_and_without_its_check(ward, own):
    _bag, mine = own
    chain, right = mine.chain_of_identity, check_character(mine.chain_of_identity)
    for code in (chain, chain + right):
        assert mine.id in ward.fill("nurse", "/scan", code=code).location
    assert ward.fill("nurse", "/scan", code=chain + ("A" if right != "A" else "B")).status_code == 422


@pytest.mark.rule(8, by="amendment")
def test_the_chain_of_identity_of_a_course_is_not_corrected(ward, own):
    _bag, mine = own
    before = mine.chain_of_identity
    answer = corrects(ward, mine, "physician", chain_of_identity="A999926ABCDEF", diagnosis="corrected")
    assert answer.status_code in {303, 422}
    ward.session.refresh(mine)
    assert mine.chain_of_identity == before
    with pytest.raises(RuleBroken, match="rule 8"):
        mine.amend(by=ward.team.physician, at=clock.now(), reason="x", chain_of_identity="A999926ABCDEF")


@pytest.mark.rule(1, by="http")
@pytest.mark.rule(3, by="http")
def test_own_cells_are_refused_on_another_patients_page(ward, own):
    bag, _mine = own
    other = ready_for_harvest(ward.team, code="BM-MSC-MS")
    ward.check(other, bag)
    ward.not_given(bag, "rule 1")
    ward.said_no("rule 3")


@pytest.mark.rule(2, by=("http", "amendment"))
def test_two_people_give_and_a_correction_makes_them_no_one(ward, own):
    bag, mine = own
    nurse = ward.team.nurse
    ward.fill(
        "nurse", f"/treatments/{mine.id}/bedside", **VITALS, patient_scan=mine.patient_id, product_scan=bag.id,
        second_person_id=nurse.id, password=PASSWORD, own_password=PASSWORD,
    )  # fmt: skip
    ward.not_given(bag, "rule 2", "different person", "second person")
    record = was_given(ward, bag, mine)
    with pytest.raises(RuleBroken, match="rule 2"):
        record.amend(by=nurse, at=clock.now(), reason="misread", verified_by_id=nurse.id)


@pytest.mark.rule(55, by="http")
@pytest.mark.rule(26, by="http")
@pytest.mark.parametrize(("wrong", "rule"), [({"route": "intravenous"}, 55), ({"side": "left"}, 26)])
def test_cells_are_begun_where_they_were_ordered_only(ward, knee, wrong, rule):
    bag, mine = knee
    ward.begin(ward.check(mine, bag), **wrong)
    ward.not_given(bag, f"rule {rule}")


@pytest.mark.rule(55, by=("http", "amendment"))
def test_an_order_names_a_route_of_its_protocol(ward):
    mine = course(ward.team, code="BM-MSC-MS")
    assert corrects(ward, mine, "physician", route="intrathecal").status_code == 422
    ward.said_no("rule 55")
    url = f"/patients/{mine.patient_id}/treatments/new/{mine.protocol_version_id}"
    ward.refused.clear()
    answer = ward.fill("physician", url, condition="multiple_sclerosis", route="intrathecal", source="bone_marrow")
    assert answer.status_code in {409, 422}, answer.status_code
    ward.said_no("rule 55")


@pytest.mark.rule(56, 58, by="http")
@pytest.mark.parametrize(
    ("wrong", "rule"),
    [({"premedication": "omitted"}, 58), ({"premedication": "not_ordered"}, 58)],
)
def test_premedication_is_charted_before_the_start(ward, marrow, wrong, rule):
    bag, mine = marrow
    ward.begin(ward.check(mine, bag), **wrong)
    ward.not_given(bag, f"rule {rule}")


@pytest.mark.rule(56, 58, by=("http", "amendment"))
def test_a_filter_and_a_left_out_premedication_are_neither_ended_nor_corrected_in(ward, marrow):
    bag, mine = marrow
    ward.give(mine, bag)
    record = ward.given(bag)
    assert record is not None, ward.refused
    assert ward.end(record, volume_given="10", filter_used=True).status_code == 422
    ward.said_no("rule 56")
    assert ward.end(record, volume_given="10").status_code == 303, ward.refused
    ward.refused.clear()
    assert corrects(ward, record, filter_used=True).status_code == 422
    ward.said_no("rule 56")
    assert corrects(ward, record, premedication="omitted").status_code == 422
    ward.said_no("rule 58")


@pytest.mark.rule(36, 59, by=("http", "amendment"))
@pytest.mark.parametrize(
    ("wrong", "rule"),
    [({"volume_given": "10.5"}, 36), ({"volume_given": "9", "volume_wasted": "0.5"}, 59), ({"volume_given": "0"}, 59)],
)
def test_the_volumes_of_a_giving_add_up(ward, own, wrong, rule):
    bag, mine = own
    ward.give(mine, bag)
    record = ward.given(bag)
    assert ward.end(record, **wrong).status_code == 422
    ward.said_no(f"rule {rule}")
    assert ward.end(record, volume_given="10").status_code == 303, ward.refused
    ward.refused.clear()
    assert corrects(ward, record, **wrong).status_code in {409, 422}
    ward.said_no(f"rule {rule}")


@pytest.mark.rule(57, by=("http", "amendment"))
def test_vital_signs_are_of_the_hour_before(ward, own):
    bag, mine = own
    old = clock.now() - timedelta(minutes=95)
    ward.fill(
        "nurse", f"/treatments/{mine.id}/bedside", patient_scan=mine.patient_id, product_scan=bag.id,
        **boxes("measured_at", old), spo2="98", temperature="36.6", systolic="124", pulse="72",
    )  # fmt: skip
    check = ward.check(mine, bag)
    signs = ward.session.scalars(select(VitalSigns).where(VitalSigns.check_id == check.id)).one()
    assert corrects(ward, signs, **boxes("performed_at", old)).status_code in {409, 422}
    ward.said_no("rule 57")


@pytest.mark.rule(51, by="http")
def test_without_a_weight_no_dose_is_counted(ward):
    mine = ready_for_harvest(ward.team, patient(ward.team, weight=None), code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team, amount="72.5"))
    ward.give(mine, bag)
    ward.not_given(bag, "rule 51")


@pytest.mark.rule(51, 52, by="amendment")
@pytest.mark.parametrize(("rule", "changed"), [(51, "performed_at"), (52, "kg")])
def test_a_corrected_weight_is_judged_at_the_next_check(ward, own, rule, changed):
    bag, mine = own
    weight = mine.patient.weight_at(clock.now())
    facts = {"kg": "20"} if changed == "kg" else {changed: clock.now() - 45 * DAY}
    assert ward.amend("nurse", weight, **facts).status_code == 303, ward.refused
    ward.give(mine, bag)
    ward.not_given(bag, f"rule {rule}")


@pytest.mark.rule(52, by="http")
def test_a_dose_outside_its_window_is_not_given(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team, amount="725"))
    ward.give(mine, bag)
    ward.not_given(bag, "rule 52")


@pytest.mark.rule(53, by="amendment")
def test_a_freezing_medium_without_its_percentage_cannot_be_judged(ward, own):
    bag, mine = own
    ward.amend("technologist", bag, cryo_medium="DMSO", dmso_percent="")
    ward.give(mine, bag)
    ward.not_given(bag, "rule 53")


@pytest.mark.rule(54, by="http")
def test_a_frozen_bag_is_thawed_before_it_is_given(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team, frozen_at=clock.now() - timedelta(hours=1)))
    ward.give(mine, bag)
    ward.not_given(bag, "rule 54")


@pytest.mark.rule(60, by=("http", "amendment"))
def test_what_came_back_damaged_is_not_made_whole_by_a_correction(ward, own):
    bag, mine = own
    ward.move("technologist", bag, "issued", handed_to="N. Rask", intact=True)
    ward.move("nurse", bag, "returned", place="Ward 3", intact=False, temperature="-160", reason="leaks")
    ward.move("technologist", bag, "issued", handed_to="N. Rask", intact=True)
    ward.said_no("rule 60")
    ward.session.expire_all()
    assert ward.amend("nurse", bag.movements[-1], intact=True).status_code == 303, ward.refused
    both = ward.move("technologist", bag, "issued", handed_to="N. Rask", intact=True)
    assert both.status_code == 409, "what was typed before the correction was typed over another record"
    ward.refused.clear()
    again = next(link for link in Page.of(both.text).links if "seen=" in link)
    ward.fill("technologist", again, handed_to="N. Rask", intact=True)
    ward.said_no("rule 60", "rule 34", "rule 50")
    ward.give(mine, bag)
    ward.not_given(bag, "rule 60", "rule 50")


@pytest.mark.rule(61, by=("http", "amendment"))
def test_an_interval_that_a_correction_makes_too_short_wants_a_reason(ward):
    says = DEMONSTRATIONS["BM-MSC-MS"]
    twice = says.model_copy(update={"dose": says.dose.model_copy(update={"doses": 2, "days_between": 5})})
    who, now = patient(ward.team, weight=None), clock.now()
    for days in (8, 1):
        builder.weigh(ward.team, who, now - days * DAY, Decimal("72.5"))
    mine = ready_for_harvest(ward.team, who, version=published(ward.team, "BM-MSC-2", content=twice), at=now - 30 * DAY)
    first = released_product(mine, ward.team, made_at=now - 7 * DAY, expires_at=now + 9 * DAY)
    record = given(checked(mine, first, ward.team, at=now - 6 * DAY), ward.team, at=now - 6 * DAY)
    ended = now - 6 * DAY + timedelta(minutes=20)
    record.finish(at=ended, ended_at=ended, volume_given=Decimal(10), weight=None)
    eligible(mine, ward.team, at=now - timedelta(hours=20))
    second = ward.verified(released_product(mine, ward.team))
    early = now - 2 * DAY
    ended = early + timedelta(minutes=20)
    assert ward.amend("nurse", record, performed_at=early, ended_at=ended).status_code == 303, ward.refused
    ward.begin(ward.check(mine, second), because="")
    ward.not_given(second, "rule 61")
