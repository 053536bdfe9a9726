"""Who gives an authorization, when it counts, and who is warned before it ends."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from clinic import clock
from clinic.access import Role
from clinic.accounts import authorizations
from clinic.accounts.authorizations import StaffAuthorization, why_not
from clinic.errors import RuleBroken
from clinic.ledger.listener import set_actor
from clinic.ledger.models import LedgerEntry
from clinic.ledger.verify import verify
from clinic.protocols.catalogues import MARKERS
from tests import factories
from tests.bedside import released_product
from tests.databases import both_databases
from tests.factories import PASSWORD, ready_for_harvest
from tests.safety.authorizing import DAY, authorize, today
from tests.safety.driver import Ward
from tests.safety.test_judged_at_its_time import collect

# whose it is


@pytest.mark.hazard("H25")
@pytest.mark.rule(2)
def test_the_other_account_of_a_person_counts_and_a_namesake_s_does_not(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse2", "harvest")
    nurse, other = ward.team.nurse, ward.team.nurse2
    set_actor(ward.session, ward.team.administrator.id)
    nurse.printed_name = other.printed_name
    ward.session.commit()
    collect(ward, mine, ended=30)
    ward.said_no("has no authorization for Harvest")
    nurse.person_id = other.id
    ward.session.commit()
    assert collect(ward, mine, ended=30).status_code == 303, ward.refused


# giving and ending, over HTTP


def days(name: str, offset: int) -> dict[str, str]:
    return factories.day_boxes(name, today() + offset * DAY)


def gives(ward: Ward, who: str, to: str, *, first: int = 0, last: int = 365, **typed):
    facts = days("valid_from", first) | days("valid_until", last) | {
        "step": "harvest", "basis": "Training record TR-7 of this week", "password": PASSWORD,
    }  # fmt: skip
    return ward.fill(who, f"/staff/{ward.person(to).id}/authorizations/new", **(facts | typed))


@both_databases
def test_quality_gives_one_with_a_signature_and_ends_it_with_a_reason(ward, page):
    before = page(ward.browser("quality"), f"/staff/{ward.team.nurse.id}")
    assert "none is required there" in before
    assert gives(ward, "quality", "nurse").status_code == 303, ward.refused
    made = ward.session.scalars(select(StaffAuthorization)).one()
    assert made.signed
    assert made.present_signatures[0].signed_by_id == ward.team.quality.id
    shown = page(ward.browser("quality"), f"/staff/{ward.team.nurse.id}")
    assert "Valid" in shown
    assert "Harvest" in shown
    assert "I approve this" in page(ward.browser("nurse"), f"/authorizations/{made.id}")
    assert ward.team.nurse.printed_name in page(ward.browser("nurse"), "/authorizations")
    assert 'href="/staff">' in ward.browser("quality").get("/authorizations").text.split("<main")[1]
    url = f"/authorizations/{made.id}/end"
    assert ward.fill("quality", url, reason="", password=PASSWORD).status_code == 422
    assert ward.fill("quality", url, reason="Left", password="wrong").status_code == 422
    assert ward.fill("quality", url, reason="Left the clinic", password=PASSWORD).status_code == 303, ward.refused
    made = ward.session.scalars(select(StaffAuthorization)).one()
    assert (made.ended_reason, made.ended_by_id) == ("Left the clinic", ward.team.quality.id)
    assert made.signed
    assert len(made.signatures) == 2
    assert "Left the clinic" in page(ward.browser("quality"), f"/staff/{ward.team.nurse.id}")
    assert ward.fill("quality", url, reason="again", password=PASSWORD).status_code in {409, 422}
    acts = ward.session.scalars(
        select(LedgerEntry.act).where(LedgerEntry.record_id == made.id).order_by(LedgerEntry.number)
    ).all()
    assert acts == ["insert", "update"]
    assert verify(ward.session) == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"password": "wrong"}, "Incorrect password"),
        ({"basis": ""}, "required"),
        ({"step": "surgery"}, "choose from the list"),
        (dict.fromkeys(days("valid_until", 0), ""), "required"),
        ({"last": -1}, "before"),
        ({"first": -5}, "before"),
    ],
)
def test_what_cannot_be_an_authorization_is_refused_at_its_box(ward, typed, said):
    assert gives(ward, "quality", "nurse", **typed).status_code == 422
    ward.said_no(said)
    assert ward.session.scalars(select(StaffAuthorization)).first() is None


@pytest.mark.hazard("H25")
@pytest.mark.rule(45)
def test_nobody_authorizes_herself_or_himself(ward):
    assert gives(ward, "quality", "quality", step="release").status_code == 422
    ward.said_no("Nobody authorizes herself or himself")
    assert gives(ward, "director", "quality", step="release").status_code == 303, ward.refused


@pytest.mark.parametrize("role", list(Role))
def test_who_gives_and_who_reads(ward, client_as, role):
    made = authorize(ward, "nurse", "harvest")
    browser, gives_them = client_as(role), role in {Role.QUALITY, Role.DIRECTOR}
    assert browser.get("/authorizations").status_code == 200
    assert browser.get(f"/authorizations/{made.id}").status_code == 200
    for url in (f"/staff/{ward.team.nurse.id}/authorizations/new", f"/authorizations/{made.id}/end"):
        assert browser.get(url).status_code == (200 if gives_them else 403)


# the day's list


def warned(ward: Ward, who: str) -> str:
    html = ward.browser(who).get("/").text
    found = html.partition('id="renewals"')[2].partition("</section>")[0]
    return re.sub(r"<[^>]+>|\s+", " ", found)


@pytest.mark.parametrize(("last", "shown"), [(31, False), (30, True), (0, True), (-1, True), (-30, True), (-31, False)])
def test_today_warns_quality_and_the_person_thirty_days_ahead(ward, last, shown):
    authorize(ward, "nurse", "harvest", last=last)
    name = ward.team.nurse.printed_name
    assert (name in warned(ward, "quality")) is shown
    assert ("Renew the authorization" in warned(ward, "quality")) is shown
    assert ("You" in warned(ward, "nurse")) is shown
    assert warned(ward, "nurse2") == ""


@pytest.mark.parametrize(("gap", "shown"), [(1, False), (0, False), (2, True)])
def test_a_renewed_one_is_not_on_the_list_unless_a_day_is_missing_between(ward, gap, shown):
    authorize(ward, "nurse", "harvest", last=10)
    authorize(ward, "nurse", "harvest", first=10 + gap, last=400)
    assert (warned(ward, "quality") != "") is shown


def test_an_ended_one_and_one_of_somebody_who_left_are_not_on_the_list(ward):
    ended = authorize(ward, "nurse", "harvest", last=10)
    ward.fill("quality", f"/authorizations/{ended.id}/end", reason="Moved", password=PASSWORD)
    authorize(ward, "technologist", "processing", last=10)
    set_actor(ward.session, ward.team.administrator.id)
    ward.team.technologist.active = False
    ward.session.commit()
    assert warned(ward, "quality") == ""


def test_the_row_leads_to_the_form_with_the_step_filled_in(ward, page):
    authorize(ward, "nurse", "administration", last=10)
    shown = page(ward.browser("quality"), f"/staff/{ward.team.nurse.id}/authorizations/new?step=administration")
    assert shown.hidden is not None
    html = ward.browser("quality").get(f"/staff/{ward.team.nurse.id}/authorizations/new?step=administration").text
    assert 'value="administration" selected' in html


def test_the_warnings_cost_today_no_statement(ward, queries):
    browser = ward.browser("quality")
    for who in ("nurse", "nurse2", "technologist", "physician"):
        authorize(ward, who, "harvest", last=10)
    browser.get("/")
    count = queries()
    browser.get("/")
    assert count() <= 8


# acts beside the records of a step


@pytest.mark.rule(45)
def test_who_enters_a_test_result_is_authorized_unless_it_speaks_against_the_cells(ward):
    bag = released_product(ready_for_harvest(ward.team), ward.team, released=False)
    authorize(ward, "technologist", "processing")
    assert ward.result(bag, "viability", "technologist2", value="90").status_code == 422
    ward.said_no("has no authorization for Processing")
    assert ward.result(bag, "viability", "technologist2", value="60", sure="read twice").status_code == 303, (
        ward.refused
    )
    assert ward.result(bag, "viability", "technologist", value="90").status_code == 303, ward.refused
    authorize(ward, "technologist2", "release")
    assert ward.result(bag, "viability", "technologist2", value="91").status_code == 303, ward.refused


@pytest.mark.rule(45)
def test_who_takes_a_donors_consent_or_finds_a_donor_eligible_is_authorized(ward):
    donor = ward.giver()
    authorize(ward, "nurse", "consent")
    authorize(ward, "physician", "eligibility")
    url = f"/donors/{donor.id}/consents/new"
    assert ward.fill("nurse2", url, sure="x", form_version="2").status_code == 422
    ward.said_no("has no authorization for Consent")
    assert ward.fill("nurse", url, sure="x", form_version="2").status_code == 303, ward.refused
    markers = {f"marker_{key}": "negative" for key in MARKERS}
    taken = factories.day_boxes("sample_taken_on", today() - DAY)
    for who, outcome, status in (
        ("physician2", "eligible", 422), ("physician2", "ineligible", 303), ("physician", "eligible", 303),
    ):  # fmt: skip
        facts = markers | taken | {"outcome": outcome}
        answer = ward.fill(who, f"/donors/{donor.id}/eligibility/new", sure="seen", **facts)
        assert answer.status_code == status, (who, outcome, ward.refused)


# the day, as a function


ZONES = ("Europe/Berlin", "America/Los_Angeles", "Pacific/Kiritimati", "Etc/UTC")


@given(
    zone=st.sampled_from(ZONES), first=st.integers(0, 20), length=st.integers(0, 20),
    ended=st.none() | st.integers(0, 40),
    minute=st.integers(0, 60 * 24 * 60),
)  # fmt: skip
@pytest.mark.rule(2)
def test_it_is_valid_from_the_first_minute_of_its_first_day_to_the_last_of_its_last(zone, first, length, ended, minute):
    people = factories.team()
    people.site.zone = zone
    start = datetime(2026, 3, 20, tzinfo=UTC)  # summer time begins within
    begins = clock.day(start, zone) + DAY * first
    made = StaffAuthorization.give(
        people.nurse, by=people.quality, at=start, step="harvest", valid_from=begins,
        valid_until=begins + DAY * length, basis="TR-1",
    )  # fmt: skip
    if ended is not None:
        made.end(by=people.quality, at=start + DAY * ended / 2, reason="left")
    moment = start + timedelta(minutes=minute)
    on = moment.astimezone(ZoneInfo(zone)).date()
    right = begins <= on <= begins + DAY * length and (ended is None or moment < start + DAY * ended / 2)
    assert made.valid_at(moment) is right
    assert (why_not([made], people.nurse, moment, zone=zone) == "") is right
    assert why_not([made], people.nurse2, moment, zone=zone) != ""


def test_a_signature_is_what_makes_it_count():
    people, at = factories.team(), clock.now()
    made = StaffAuthorization.log(
        by=people.quality, at=at, performed_by=people.quality, performed_at=at, user=people.nurse,
        user_id=people.nurse.id, step="harvest", valid_from=today(), valid_until=today(), basis="TR-1",
    )  # fmt: skip
    assert not made.valid_at(at)
    with pytest.raises(RuleBroken, match="authorize staff"):
        StaffAuthorization.give(people.nurse, by=people.physician, at=at)
    assert authorizations.state(made, today()) == ("wait", "hourglass", "0 days left")


@pytest.mark.rule(52)
def test_movements_blood_groups_and_dose_changes_are_of_authorized_people(ward: Ward) -> None:
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = released_product(mine, ward.team)
    authorize(ward, "technologist2", "processing")
    authorize(ward, "physician2", "administration")
    dose = mine.says.dose.window.high
    told = {"low": str(dose), "high": str(dose), "reason": "frail", "performed_by_id": ward.team.physician.id}
    assert ward.fill("physician", f"/treatments/{mine.id}/dose-change", **told).status_code >= 400
    ward.said_no("not authorized", "authorized")
    told["performed_by_id"] = ward.team.physician2.id
    assert ward.fill("physician2", f"/treatments/{mine.id}/dose-change", **told).status_code == 303, ward.refused
    stored = {"place": "Tank 2", "temperature": "-150"}
    refused = ward.move("technologist", bag, "stored", performed_by_id=ward.team.technologist.id, **stored)
    assert refused.status_code >= 400
    moved = ward.move("technologist2", bag, "stored", performed_by_id=ward.team.technologist2.id, **stored)
    assert moved.status_code == 303, ward.refused
    group = {"sample_number": "S-1", "abo": "A", "rhd": "positive"}
    url = f"/patients/{mine.patient_id}/blood-groups/new"
    refused = ward.fill("technologist", url, performed_by_id=ward.team.technologist.id, **group)
    assert refused.status_code >= 400, refused.location
