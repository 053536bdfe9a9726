"""Pages of the harvest: logging, bad input, containers, donations for the bank."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic import clock, wording
from clinic.harvest.models import Harvest
from clinic.patients.models import Weight
from tests.factories import boxes, course, harvested, ready_for_harvest, stranger
from tests.reading import Page


def typed(at, **more):
    start, end = boxes("performed_at", at), boxes("ended_at", at + timedelta(minutes=30))
    said = {
        "source": "bone_marrow", "body_site": "posterior_iliac_crest", "side": "right", "method": "needle_aspiration",
        "anaesthesia": "local", "volume": "61,5", "containers": "1", "anticoagulant": "acd_a",
        "anticoagulant_lot": "L-1", "anticoagulant_volume": "6",
        "anticoagulant_expires_on-d": "1", "anticoagulant_expires_on-m": "1", "anticoagulant_expires_on-y": "2031",
    }  # fmt: skip
    return start | end | boxes("time_out_at", at - timedelta(minutes=5)) | said | more


@pytest.fixture
def at():
    return (clock.now() - timedelta(hours=2)).replace(second=0, microsecond=0)


def test_a_nurse_logs_a_harvest_and_a_physician_signs_it(team, session, client_as, post, page, at):
    begun = ready_for_harvest(team)
    answer = post(client_as("nurse"), f"/treatments/{begun.id}/harvests/new", typed(at, performed_by_id=team.nurse.id))
    assert answer.status_code == 303, answer.text
    harvest = session.scalars(select(Harvest)).one()
    assert (harvest.volume, harvest.performed_at) == (Decimal("61.5"), at)
    assert [bag.volume for bag in harvest.products] == [Decimal("61.5")]
    assert "61.5" in page(client_as("nurse"), answer.location)
    password = {"password": "cellcourse-demo-1", "version": "1"}
    assert post(client_as("nurse"), f"/records/{harvest.id}/signature", password).status_code == 403
    post(client_as("physician"), f"/records/{harvest.id}/signature", password)
    session.expire_all()
    assert harvest.signed


def ticked(text):
    """What a form ticks beside itself, each title with its evidence."""
    aside = text.partition('id="h-before"')[2].partition("</section>")[0]
    rows = re.findall(r"#i-([a-z-]+)\"/></svg><p><b>(.*?)</b>.*?(?:c-sub\">(.*?)</span>)?</p>", aside)
    assert rows, text
    return {title: note for icon, title, note in rows if icon == "check"}, [title for _icon, title, _note in rows]


def test_the_form_ticks_what_was_checked_with_its_evidence_and_no_patient_whom_nobody_scanned(team, client_as):
    begun = ready_for_harvest(team)
    ticks, shown = ticked(client_as("nurse").get(f"/treatments/{begun.id}/harvests/new").text)
    assert set(ticks) == {"Consent valid", "Eligible"}
    assert all(team.physician.printed_name in note for note in ticks.values()), ticks
    assert "Ask the patient for name and birth date" in shown


def test_what_a_protocol_says_of_itself_is_no_check_that_passed(team, client_as):
    begun = ready_for_harvest(team)
    address = f"/patients/{begun.patient_id}/consents/new?version={begun.protocol_version_id}"
    ticks, shown = ticked(client_as("physician").get(address).text)
    assert ticks == {}
    assert {"Evidence", "Ethics approval"} <= set(shown)


@pytest.mark.hazard("H17")
@pytest.mark.parametrize("volume", ["6,,0", "1e3", "6 0", "١٢", "-5", "99999"])
def test_what_cannot_be_a_volume_comes_back_with_a_sentence_and_everything_typed(volume, team, client_as, post, at):
    begun = ready_for_harvest(team)
    sent = typed(at, performed_by_id=team.nurse.id, volume=volume, complications="vasovagal, short")
    answer = post(client_as("nurse"), f"/treatments/{begun.id}/harvests/new", sent)
    assert answer.status_code == 422
    assert "c-errsum" in answer.text
    assert "vasovagal, short" in answer.text
    assert f'value="{volume}"' in answer.text


def test_an_end_at_the_start_is_asked_about(team, session, client_as, post, at):
    begun = ready_for_harvest(team)
    address = f"/treatments/{begun.id}/harvests/new"
    sent = typed(at, performed_by_id=team.nurse.id) | boxes("ended_at", at)
    answer = post(client_as("nurse"), address, sent)
    assert answer.status_code == 422
    assert "The end is the same as the start. Is this right?" in answer.text
    sure = {"ended_at-sure": "yes", "ended_at-why": "one syringe within the minute"}
    assert post(client_as("nurse"), address, sent | sure).status_code == 303


@pytest.mark.rule(32)
@pytest.mark.parametrize(("volume", "said"), [("1,5", "1 : 41"), ("15", "1 : 4.1")])
def test_a_ratio_that_is_asked_about_is_told_with_the_protocols(volume, said, team, client_as, post, at):
    begun = ready_for_harvest(team)
    sent = typed(at, performed_by_id=team.nurse.id, anticoagulant_volume=volume)
    answer = post(client_as("nurse"), f"/treatments/{begun.id}/harvests/new", sent)
    assert f"Anticoagulant to blood is {said}; the protocol&#39;s ratio is 1 : 8.3 to 1 : 12.5." in answer.text


@pytest.mark.rule(28)
@pytest.mark.rule(32)
def test_the_limits_stand_beside_the_boxes_worked_out_for_the_patient(team, client_as):
    begun = ready_for_harvest(team)
    shown = Page.of(client_as("nurse").get(f"/treatments/{begun.id}/harvests/new").text).text
    kg = begun.patient.weight_at(clock.now()).kg
    assert f"At most 20 mL/kg, {kg * 20:.0f}" in shown
    assert "This protocol: 1 : 8.3 to 1 : 12.5 of what is collected" in shown


def test_the_form_asks_in_the_order_of_the_work_and_names_all_that_is_missing_at_once(team, client_as, post, at):
    begun = ready_for_harvest(team)
    browser, url = client_as("nurse"), f"/treatments/{begun.id}/harvests/new"
    names = [box["name"] for box in Page.of(browser.get(url).text).inputs if "name" in box]
    order = [
        names.index(name) for name in ("time_out_at-t", "performed_at-t", "ended_at-t", "performed_by_id", "source")
    ]
    assert order == sorted(order)
    assert "for 100 mL 8 to 12 mL" in browser.get(url).text
    sent = typed(at, performed_by_id=team.nurse.id, body_site="", side="")
    answer = post(browser, url, sent)
    assert "Body site: required" in answer.text
    assert "Side: required. Two sides are two harvests" in answer.text
    late = boxes("time_out_at", at + timedelta(minutes=5))
    answer = post(browser, url, typed(at, performed_by_id=team.nurse.id) | late)
    start, held = (wording.time_of_day(one, team.site.zone) for one in (at, at + timedelta(minutes=5)))
    assert f"The time-out ({held}) must come before the start ({start})" in answer.text


def test_a_saved_harvest_says_what_comes_next_and_where_volumes_differ_who_corrects_them(
    team, client_as, page, session
):
    harvest = harvested(ready_for_harvest(team), team)
    url = f"/harvests/{harvest.id}"
    assert "Hand the cells over to the laboratory" in page(client_as("nurse"), url)
    assert "Containers hold" not in page(client_as("nurse"), url)
    harvest.volume = harvest.volume - 5
    session.commit()
    laboratory = page(client_as("technologist"), url)
    assert "Containers hold 60 mL, 55 mL collected" in laboratory
    assert f"/records/{harvest.products[0].id}/amendment" in laboratory.links
    nurse = page(client_as("nurse"), url)
    assert f"/records/{harvest.products[0].id}/amendment" not in nurse.links
    assert "can correct a container" in nurse


def options(text, name):
    """The values that a field of a page offers."""
    listed = re.search(rf'<select id="{name}".*?</select>', text, re.DOTALL)
    found = re.findall(r'<option value="([^"]+)"', listed[0]) if listed else []
    return set(found) or set(re.findall(rf'type="radio" id="{name}-\d+" name="{name}" value="([^"]+)"', text))


@pytest.mark.rule(26)
def test_an_amendment_offers_what_the_first_entry_offers(team, client_as):
    begun = ready_for_harvest(team)
    first = client_as("nurse").get(f"/treatments/{begun.id}/harvests/new").text
    made = harvested(begun, team)
    team.session.commit()
    later = client_as("nurse").get(f"/records/{made.id}/amendment").text
    for name in ("body_site", "method", "performed_by_id", "label_checked_by_id"):
        assert options(later, name) == options(first, name) != set(), name
    assert team.inspector.id not in options(later, "performed_by_id")


@pytest.mark.rule(28)
def test_an_odd_volume_is_asked_about_and_kept_with_its_reason(team, session, client_as, post, at):
    begun = ready_for_harvest(team)
    browser, address = client_as("nurse"), f"/treatments/{begun.id}/harvests/new"
    sent = typed(at, performed_by_id=team.nurse.id, passes="2")
    asked = post(browser, address, sent)
    assert asked.status_code == 422
    assert "Is this right?" in asked.text
    answer = post(browser, address, sent | {"passes-sure": "yes", "passes-why": "one crest was hard"})
    assert answer.status_code == 303, Page.of(answer.text).text
    assert session.scalars(select(Harvest)).one().confirmed == {"passes": "one crest was hard"}


@pytest.mark.rule(14, by="http")
def test_without_consent_the_form_does_not_open_and_says_why(team, client_as):
    begun = course(team)
    answer = client_as("nurse").get(f"/treatments/{begun.id}/harvests/new")
    assert answer.status_code == 409
    assert "No consent for this treatment is recorded." in answer.text
    assert "Who can resolve it:" in answer.text


def test_two_containers_are_filled_one_by_one(team, session, client_as, post, page, at):
    begun = ready_for_harvest(team)
    browser = client_as("nurse")
    sent = typed(at, performed_by_id=team.nurse.id, containers="2")
    where = post(browser, f"/treatments/{begun.id}/harvests/new", sent).location
    assert "not in a container yet" in page(browser, where)
    assert post(browser, f"{where}/products", volume="40", container="bag").status_code == 303
    assert post(browser, f"{where}/products", volume="30", container="bag").status_code == 422
    assert post(browser, f"{where}/products", volume="21.5", container="syringe").status_code == 303
    assert [bag.division for bag in session.scalars(select(Harvest)).one().products] == ["A", "B"]


def test_a_donation_for_the_bank_belongs_to_no_course(team, session, client_as, post, page, at):
    donor = stranger(team)
    browser = client_as("nurse")
    assert "Record a donation" in page(browser, f"/donors/{donor.id}")
    page(browser, f"/donors/{donor.id}/harvests/new")
    sent = typed(at, performed_by_id=team.nurse.id, donor_id="DN-00000000X", weight_kg="71")
    answer = post(browser, f"/donors/{donor.id}/harvests/new", sent)
    assert answer.status_code == 303, answer.text
    harvest = session.scalars(select(Harvest)).one()
    assert (harvest.treatment_id, harvest.donor_id) == (None, donor.id)
    assert harvest.products[0].relation == "allogeneic"
    assert "61.5" in page(browser, answer.location)


def test_own_cells_are_not_collected_for_the_bank(team, client_as):
    harvest = harvested(ready_for_harvest(team), team)
    assert client_as("nurse").get(f"/donors/{harvest.donor_id}/harvests/new").status_code == 409


def test_the_form_works_out_volume_by_weight_and_the_ratio_while_they_are_typed(team, session, client_as):
    begun = weighed(team, session)
    shown = client_as("nurse").get(f"/treatments/{begun.id}/harvests/new").text
    found = {re.search(r'data-unit="([^"]*)"', part)[1]: part for part in shown.split('<div class="c-work"')[1:]}
    assert 'data-of="volume" data-by="76"' in found["mL/kg"]
    assert 'data-of="anticoagulant_volume" data-by="volume"' in found[""]
    assert "data-ratio" in found[""]


def test_what_was_collected_today_already_counts_into_the_volume_by_weight(team, session, client_as):
    begun = weighed(team, session)
    earlier = harvested(begun, team)
    shown = client_as("nurse").get(f"/treatments/{begun.id}/harvests/new").text
    assert f'data-before="{earlier.volume}"' in shown


def weighed(team, session):
    begun = ready_for_harvest(team)
    begun.patient.weights.append(
        Weight.log(by=team.nurse, at=clock.now(), performed_at=clock.now(), performed_by=team.nurse, kg=Decimal(76))
    )
    session.commit()
    return begun


def test_the_form_fills_in_the_day_of_the_time_out_and_takes_it_alone_for_nothing_said(team, session, client_as, post):
    begun, now = ready_for_harvest(team), clock.now()
    url, browser = f"/treatments/{begun.id}/harvests/new", client_as("nurse")
    shown = Page.of(browser.get(url).text)
    values = {box["name"]: box.get("value", "") for box in shown.inputs if "name" in box}
    today = boxes("time_out_at", now, team.site.zone)
    assert {name: values[name] for name in ("time_out_at-d", "time_out_at-y")} == {
        name: today[name] for name in ("time_out_at-d", "time_out_at-y")
    }
    assert values["time_out_at-t"] == ""
    said = typed(now - timedelta(hours=1), performed_by_id=team.nurse.id) | today | {"time_out_at-t": ""}
    answer = post(browser, url, said)
    assert answer.status_code == 422
    assert "Time-out at: required; it comes before the incision" in answer.text
    assert session.scalars(select(Harvest)).all() == []
    other_day = said | boxes("time_out_at", now - timedelta(days=1)) | {"time_out_at-t": ""}
    assert "Time-out at: enter the day and the time" in post(browser, url, other_day).text
