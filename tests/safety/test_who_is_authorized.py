"""Whoever performs a step is authorized for it on that day, by form, by amendment, from paper (rules 2, 45)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from clinic import clock
from clinic.access import Role
from clinic.accounts import authorizations
from clinic.accounts.authorizations import StaffAuthorization, why_not
from clinic.administration.models import Administration
from clinic.errors import RuleBroken
from clinic.followup.adverse_events import AdverseEvent
from clinic.harvest.models import Harvest
from clinic.ledger.listener import set_actor
from clinic.ledger.models import LedgerEntry
from clinic.ledger.verify import verify
from clinic.notices import Notice
from clinic.processing.models import ProcessingRun
from clinic.protocols.catalogues import MARKERS
from clinic.records import Origin
from clinic.release.models import Release
from clinic.requests.models import Request
from tests import factories
from tests.bedside import released_product
from tests.databases import both_databases
from tests.downtime.test_paper import give as give_from_paper
from tests.downtime.test_paper import harvest as harvest_from_paper
from tests.factories import PASSWORD, course, eligible, harvested, ready_for_harvest
from tests.reading import Page
from tests.safety.driver import Ward
from tests.safety.test_judged_at_its_time import collect, harvests, minutes

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def at_noon():
    """The next noon: no act of a test crosses midnight."""
    next_noon = datetime.combine(clock.today("Europe/Berlin") + DAY, time(12), UTC)
    with time_machine.travel(next_noon, tick=True):
        yield


def today() -> date:
    return clock.today("Europe/Berlin")


def authorize(ward: Ward, who: str, step: str, *, first: int = -400, last: int = 400, by: str = "quality"):
    """Authorize a person for a step from one day to another, in days from today; given on its first day."""
    ward.session.commit()
    giver = ward.person(by)
    set_actor(ward.session, giver.id)
    made = StaffAuthorization.give(
        ward.person(who), by=giver, at=clock.now(), performed_at=clock.now() + min(first, 0) * DAY, step=step,
        valid_from=today() + first * DAY, valid_until=today() + last * DAY, basis="Training record TR-1, assessed",
    )  # fmt: skip
    ward.session.add(made)
    ward.session.commit()
    return made


# a form


@both_databases
@pytest.mark.rule(2)
def test_an_expired_authorization_stops_the_harvest_and_says_whose_since_when_and_who_helps(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse", "harvest", last=-3)
    answer = collect(ward, mine, ended=30)
    assert answer.status_code == 422
    said = Page.of(answer.text)
    for word in (ward.team.nurse.printed_name, "expired on", "Quality staff can renew it"):
        assert word in said, word
    assert 'value="ACD-1"' in answer.text
    assert not harvests(ward, mine)
    authorize(ward, "nurse", "harvest", first=0)
    assert collect(ward, mine, ended=30).status_code == 303, ward.refused


@pytest.mark.rule(2)
@pytest.mark.parametrize(("last", "works"), [(1, True), (0, True), (-1, False)])
def test_the_last_day_counts_whole_and_the_day_after_does_not(ward, last, works):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse", "harvest", last=last)
    assert collect(ward, mine, ended=30).status_code == (303 if works else 422), ward.refused


@pytest.mark.rule(2)
def test_an_authorization_that_starts_tomorrow_does_not_count_today(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse", "harvest", first=1)
    collect(ward, mine, ended=30)
    ward.said_no("only from")
    assert not harvests(ward, mine)


@pytest.mark.rule(2)
def test_who_never_had_one_is_refused_once_the_clinic_has_one_for_the_step(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse2", "harvest")
    collect(ward, mine, ended=30)
    ward.said_no("has no authorization for Harvest")
    assert collect(ward, mine, ended=30, performed_by_id=ward.team.nurse2.id).status_code == 303


@pytest.mark.rule(2)
def test_the_second_person_who_checks_the_label_needs_one_too(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse", "harvest")
    collect(ward, mine, ended=30, label_checked_by_id=ward.team.nurse2.id)
    ward.said_no(f"{ward.team.nurse2.printed_name} has no authorization")
    assert not harvests(ward, mine)
    authorize(ward, "nurse2", "harvest")
    assert collect(ward, mine, ended=30, label_checked_by_id=ward.team.nurse2.id).status_code == 303


def test_a_clinic_without_authorizations_for_the_step_asks_for_none(ward, southern_team):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse2", "processing")
    south = Ward(ward.session, southern_team, ward.client_as)
    authorize(south, "nurse", "harvest")
    assert collect(ward, mine, ended=30).status_code == 303, ward.refused


def test_a_late_entry_of_before_the_first_authorization_is_not_refused(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse2", "harvest", first=0)
    assert collect(ward, mine, ended=60 * 30).status_code == 303, ward.refused


@pytest.mark.rule(2)
def test_a_late_entry_is_judged_by_the_day_of_the_act(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse", "harvest", last=-2)
    collect(ward, mine, ended=60 * 30)
    ward.said_no("expired on")
    assert collect(ward, mine, ended=60 * 50).status_code == 303, ward.refused


# an amendment


@pytest.mark.rule(2)
@pytest.mark.parametrize("fact", ["person", "day"])
def test_no_act_is_amended_to_a_person_or_a_day_without_authorization(ward, fact):
    mine = ready_for_harvest(ward.team)
    made = harvested(mine, ward.team, at=minutes(2 * 24 * 60))
    authorize(ward, "physician", "harvest", last=-2)
    moved = {name: getattr(made, name) + DAY for name in ("performed_at", "ended_at", "time_out_at")}
    typed = {"performed_by_id": ward.team.nurse2.id} if fact == "person" else moved
    answer = ward.amend("physician", made, **typed)
    assert answer.status_code == 422
    ward.said_no("has no authorization" if fact == "person" else "expired on")
    assert not ward.session.get(Harvest, made.id).amendments


def test_another_correction_asks_nobody_for_an_authorization(ward):
    mine = ready_for_harvest(ward.team)
    made = harvested(mine, ward.team, at=minutes(2 * 24 * 60))
    authorize(ward, "nurse2", "harvest")
    assert ward.amend("nurse", made, anticoagulant_lot="ACD-2").status_code == 303, ward.refused


@pytest.mark.rule(45)
def test_a_no_waits_for_no_authorization_and_becomes_a_yes_only_with_one(ward):
    mine = course(ward.team, signed=True)
    decided = eligible(mine, ward.team, eligible=False, reasons="fever", active_infection=True)
    authorize(ward, "physician2", "eligibility")
    changed = {"eligible": True, "active_infection": False, "reasons": ""}
    ward.amend("physician", decided, **changed)
    ward.said_no("has no authorization for Eligibility")
    authorize(ward, "physician", "eligibility")
    assert ward.amend("physician", decided, **changed).status_code == 303, ward.refused


# paper


@pytest.mark.hazard("H37")
@pytest.mark.rule(2)
def test_what_is_copied_from_paper_is_kept_marked_and_reviewed(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse", "harvest", last=-1)
    assert harvest_from_paper(ward, mine).status_code == 303, ward.refused
    (made,) = harvests(ward, mine)
    assert "expired on" in " ".join(made.not_permitted)
    asked = ward.session.scalars(select(Request).where(Request.record_id == made.id, Request.asked_role == "quality"))
    assert "expired on" in " ".join(one.text for one in asked)
    assert ward.session.scalars(select(Notice).where(Notice.user_id == ward.team.quality.id)).first() is not None
    assert verify(ward.session) == []


@pytest.mark.hazard("H37")
@pytest.mark.rule(2)
def test_cells_given_on_paper_are_judged_at_the_day_of_the_paper(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team, made_at=minutes(6 * 60))
    authorize(ward, "nurse", "administration")
    assert give_from_paper(ward, mine, bag).status_code == 303, ward.refused
    made = ward.session.scalars(select(Administration)).one()
    said = [one for one in made.not_permitted if "authorization" in one]
    assert len(said) == 1
    assert ward.team.physician.printed_name in said[0]


@pytest.mark.hazard("H37")
@pytest.mark.rule(2)
def test_paper_that_is_corrected_to_somebody_without_one_is_marked(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse", "harvest")
    assert harvest_from_paper(ward, mine).status_code == 303, ward.refused
    (made,) = harvests(ward, mine)
    assert made.not_permitted == []
    assert ward.amend("nurse", made, performed_by_id=ward.team.nurse2.id).status_code == 303, ward.refused
    (made,) = harvests(ward, mine)
    assert "has no authorization for Harvest" in " ".join(made.not_permitted)


# the other steps


@pytest.mark.rule(2)
@pytest.mark.parametrize("lacking", ["nurse", "physician"])
def test_the_bedside_refuses_whoever_of_the_two_is_not_authorized(ward, lacking):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    authorize(ward, "physician" if lacking == "nurse" else "nurse", "administration")
    authorize(ward, lacking, "administration", last=-1)
    check = ward.check(mine, bag)
    assert check is not None
    assert not check.clear
    ward.not_given(bag, f"{ward.person(lacking).printed_name} is not authorized for Administration")
    authorize(ward, lacking, "administration", first=0)
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(2)
def test_an_authorization_that_is_ended_after_the_check_stops_the_start(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    own = authorize(ward, "nurse", "administration")
    authorize(ward, "physician", "administration")
    check = ward.check(mine, bag)
    assert check.clear, ward.refused
    ward.fill("quality", f"/authorizations/{own.id}/end", reason="Left the ward", password=PASSWORD)
    ward.begin(check)
    ward.not_given(bag, "no longer authorized for Administration")


def test_cells_that_run_are_ended_by_somebody_whose_authorization_ran_out(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    own = [authorize(ward, who, "administration") for who in ("nurse", "physician")]
    ward.give(mine, bag)
    made = ward.given(bag)
    assert made is not None, ward.refused
    for one in own:
        assert ward.fill("quality", f"/authorizations/{one.id}/end", reason="x", password=PASSWORD).status_code == 303
    answer = ward.end(made, ended_at=clock.now(), volume_given=str(bag.volume))
    assert answer.status_code == 303, ward.refused
    assert ward.sign("nurse", made).status_code == 303, ward.refused
    assert ward.sign("physician", made).status_code == 303, ward.refused


@pytest.mark.rule(45)
def test_who_decides_and_who_signs_a_release_is_authorized(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team, released=False)
    ward.verified(bag)
    authorize(ward, "quality2", "release", by="director")
    told = {"reason": "Culture pending", "physician_told": ward.team.physician.id}
    ward.decide(bag, "conditional", **told)
    ward.said_no(f"{ward.team.quality.printed_name} has no authorization for Release", "rule 45")
    assert ward.session.scalars(select(Release)).first() is None
    assert ward.decide(bag, "conditional", "quality2", **told).status_code == 303, ward.refused
    (decided,) = ward.session.scalars(select(Release))
    ward.refused.clear()
    assert ward.sign("quality", decided).status_code == 422
    ward.said_no(f"{ward.team.quality.printed_name} has no authorization for Release")
    assert ward.sign("quality2", decided).status_code == 303, ward.refused


@pytest.mark.parametrize("decision", ["hold", "reject"])
def test_a_hold_and_a_rejection_wait_for_no_authorization(ward, decision):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team, released=False)
    authorize(ward, "quality2", "release", by="director")
    assert ward.decide(bag, decision, reason="The bag leaks").status_code == 303, ward.refused


@pytest.mark.rule(2)
def test_the_second_person_of_a_run_is_authorized(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team, released=False)
    run = ward.session.get(ProcessingRun, bag.run_id)
    authorize(ward, "technologist", "processing")
    assert ward.sign("technologist2", run).status_code == 422
    ward.said_no(f"{ward.team.technologist2.printed_name} has no authorization for Processing")
    authorize(ward, "technologist2", "processing")
    assert ward.sign("technologist2", run).status_code == 303, ward.refused


def test_an_adverse_event_is_reported_by_everybody(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse2", "followup")
    at = clock.now()
    set_actor(ward.session, ward.team.nurse.id)
    event = AdverseEvent.report(
        by=ward.team.nurse, at=at, treatment=mine, performed_at=at, performed_by=ward.team.nurse,
        aware_on=clock.day(at, "Europe/Berlin"),
        term="Rash", grade="2", from_cells="possible", from_harvest="unlikely", from_delivery="unlikely",
        expected="expected", outcome="ongoing",
    )  # fmt: skip
    ward.session.add(event)
    ward.session.commit()


def test_the_history_that_is_imported_is_not_refused(ward):
    mine = ready_for_harvest(ward.team)
    authorize(ward, "nurse2", "harvest")
    set_actor(ward.session, ward.team.quality.id)
    made = harvested(mine, ward.team, origin=Origin.IMPORTED, signed=False)
    ward.session.commit()
    assert ward.session.get(Harvest, made.id) is not None


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
