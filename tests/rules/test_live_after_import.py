"""What is done here after an import is judged as everywhere: only the imported row itself is exempt (14 to 26)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.course_records import of_course
from clinic.harvest.models import Harvest
from clinic.pathway.judgement import judge
from clinic.patients.donor_consent import DonorConsent
from clinic.patients.donors import Donor
from clinic.protocols.catalogues import MARKERS
from clinic.treatments.models import Treatment
from tests.downtime.papers import FACTS
from tests.factories import PASSWORD, consented, day_boxes, eligible
from tests.rules.conftest import DAY, ago


def hours(number):
    return (clock.now() - timedelta(hours=number)).replace(second=0, microsecond=0)


def determined(ward, donor, days):
    """The physician signs that the donor is eligible, by a sample that was drawn some days ago."""
    negative = {f"marker_{key}": "negative" for key in MARKERS}
    sample = day_boxes("sample_taken_on", clock.today("Europe/Berlin") - days * DAY)
    ward.fill("physician", f"/donors/{donor.id}/eligibility/new", sure="x", outcome="eligible", **negative, **sample)
    ward.session.expire_all()
    ward.sign("physician", donor.eligibilities[-1])


@pytest.mark.rule(14)
@pytest.mark.rule(23)
@pytest.mark.rule(69)
def test_a_harvest_before_the_consent_is_refused_in_an_imported_course_too(ward, take):
    take(dict.fromkeys(("harvest.performed_at", "product.performed_at", "product.volume", "product.amount"), "na"),
         code="BM-MSC-MS")  # fmt: skip
    course = ward.session.scalars(select(Treatment)).one()
    ward.fill("physician", f"/records/{course.id}/signature", password=PASSWORD)
    consented(course, ward.team, at=hours(0.7))
    eligible(course, ward.team, at=hours(0.6))
    ward.session.commit()
    when = {"performed_at": hours(2), "ended_at": hours(1.4), "time_out_at": hours(2.1)}
    people = {"performed_by_id": ward.team.nurse.id, "label_checked_by_id": ward.team.physician.id}
    ward.fill("nurse", f"/treatments/{course.id}/harvests/new", sure="x", **(FACTS | when | people))
    ward.said_no("consent was signed later")
    assert not [one for one in ward.session.scalars(select(Harvest)) if one.origin != "imported"]


@pytest.mark.rule(14)
def test_a_new_donation_of_an_imported_donor_asks_for_the_consent_to_donate(ward, mine):
    mine(code="UC-MSC-RA", release=False)
    donor = ward.session.scalars(select(Donor)).one()
    assert ward.browser("nurse").get(f"/donors/{donor.id}/harvests/new").status_code == 409
    assert "consent to donate" in ward.browser("nurse").get(f"/donors/{donor.id}/harvests/new").text


@pytest.mark.rule(15)
def test_an_imported_bag_is_stopped_when_its_donor_withdraws(ward, mine):
    course, bag = mine(code="UC-MSC-RA", release=False)
    donor = ward.session.scalars(select(Donor)).one()
    determined(ward, donor, 61)
    ward.release(bag)
    assert ward.tag(bag).startswith("Released"), ward.refused
    said = {"form_version": "2", "given_by": "donor", "performed_at": clock.now() - 61 * DAY}
    ward.fill("nurse", f"/donors/{donor.id}/consents/new", sure="x", performed_by_id=ward.team.nurse.id, **said)
    given = ward.session.scalars(select(DonorConsent)).one()
    ward.sign("nurse", given)
    assert ward.amend("nurse", given, withdrawn_at=clock.now() - timedelta(minutes=1)).status_code == 303
    ward.give(course, bag)
    ward.not_given(bag, "rule 15")


@pytest.mark.rule(19, by="import")
@pytest.mark.parametrize(("days", "facts", "said"), [
    (61, {}, ""), (2, {}, "after the collection"), (99, {}, "before the collection"),
    (2, {"harvest.performed_at": "na"}, "is not recorded"), (61, {"harvest.performed_at": f"{ago(60):.7}"}, "is not"),
])  # fmt: skip
def test_the_sample_of_an_imported_donor_is_judged_by_the_day_of_the_collection(ward, mine, days, facts, said):
    _course, bag = mine(facts, code="UC-MSC-RA", release=False)
    determined(ward, ward.session.scalars(select(Donor)).one(), days)
    ward.refused.clear()
    ward.release(bag)
    if said:
        ward.said_no(said)
    assert ward.tag(bag).startswith("Released") is not bool(said), ward.refused


@pytest.mark.rule(26, by="import")
def test_an_imported_order_says_where_the_cells_go_before_it_is_signed_and_before_they_are_given(ward, mine):
    course, bag = mine(code="BM-MSC-KNEE")
    assert not course.signed
    ward.said_no("Body site: required")
    ward.check(course, bag)
    ward.not_given(bag, "rule 26")
    ward.refused.clear()
    assert ward.amend("physician", course, body_site="knee", side="right").status_code == 303, ward.refused
    ward.sign("physician", course)
    assert course.signed, ward.refused


def tasks(ward, course, after=timedelta(0)):
    records = of_course(ward.session, course)
    return {action.title for one in judge(records, clock.now() + after) for action in one.actions}


@pytest.mark.rule(43)
@pytest.mark.rule(44)
def test_a_course_that_is_continued_here_has_its_tasks_and_a_history_has_none(ward, take, mine):
    course, bag = mine(release=False, without=("sterility",))
    sampled = clock.now() - 2 * DAY
    ward.result(bag, "sterility", sterility_pending="yes", sampled_at=sampled)
    why = {"reason": "culture pending", "physician_told": ward.team.physician.id}
    answer = ward.decide(bag, "conditional", **why)
    ward.fill("quality", answer.location, password=PASSWORD)
    ward.session.expire_all()
    assert {"Acknowledge the release", "Enter the culture result"} <= tasks(ward, course)
    assert "Decide what to do with the product" in tasks(ward, course, 20 * DAY)
    history = take({"patient.record_number": "H-1", "patient.family_name": "Zander"})
    assert not history.refused
    past = ward.session.scalars(select(Treatment).where(Treatment.id != course.id)).one()
    assert tasks(ward, past) == set()


@pytest.mark.rule(43)
@pytest.mark.parametrize("found", ["here", "before"])
def test_growth_in_cells_that_were_given_is_assessed_in_an_imported_course_too(ward, take, mine, found):
    given = {"administration.performed_at": ago(5), "administration.volume_given": "10"}
    if found == "before":
        course, bag = mine(given | {"qc.sterility": "growth"}, release=False, confirmed={"rule 43": "Known"})
    else:
        course, bag = mine()
        ward.give(course, bag)
        ward.result(bag, "sterility", outcome="growth", finding="S. aureus", sampled_at=clock.now() - 10 * DAY)
    assert "Assess: contaminated cells were given" in tasks(ward, course), ward.refused


@pytest.mark.rule(45)
@pytest.mark.rule(31)
@pytest.mark.rule(39)
def test_what_is_corrected_in_a_history_is_asked_about_confirmed_and_signed(ward, mine):
    course, bag = mine()
    assert ward.tag(bag) == "Released"
    harvest = ward.session.scalars(select(Harvest)).one()
    weight = course.patient.weights[0]
    ward.fill("nurse", f"/records/{weight.id}/amendment", amend_reason="misread", kg="185")
    ward.said_no("Is this right?")
    assert ward.amend("physician", harvest, performed_at=clock.now() - 59 * DAY).status_code == 303, ward.refused
    assert "Sign the harvest" in tasks(ward, course)
    ward.release(bag)
    ward.said_no("not signed")
    ward.sign("physician", harvest)
    assert ward.amend("technologist", bag, amount="73").status_code == 303, ward.refused
    ward.release(bag)
    ward.check(course, bag)
    ward.not_given(bag, "rule 50")
