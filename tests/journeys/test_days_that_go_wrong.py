"""Days on which something goes wrong: the pages stop what must not go on, and say to each person what to do."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from clinic import clock
from clinic.administration.models import Administration
from clinic.harvest.models import Harvest
from clinic.ledger.verify import verify
from tests.bedside import checked, given, released_product
from tests.factories import PASSWORD, published, ready_for_harvest
from tests.journeys.test_course import earlier, now, today
from tests.safety.driver import Ward

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy.orm import Session

    from tests.factories import Team
    from tests.journeys.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def is_not_sent_to(me: Person, *words: str) -> None:
    """Expect none of these words on a page."""
    for word in words:
        expect(me.page.locator("main")).not_to_contain_text(word)


def opens_from_today(me: Person, task: str) -> None:
    """Follow the first task with these words on Today."""
    me.goes_to("/")
    me.page.get_by_role("link", name=re.compile(f"^{task}")).first.click()
    me.looks()


@pytest.mark.rule(15)
@pytest.mark.hazard("H12")
def test_a_patient_withdraws_on_the_morning_of_the_harvest(
    arrive: Callable[[str], Person], team: Team, session: Session
) -> None:
    mine = ready_for_harvest(team)
    course, consent = f"/treatments/{mine.id}", f"/consents/{mine.patient.consents[-1].id}"
    session.commit()
    nurse, coordinator, physician = arrive("nurse"), arrive("coordinator"), arrive("physician")

    nurse.goes_to(course)
    nurse.clicks("Record the harvest")
    nurse.fills({"Body site": "Posterior iliac crest", "Side": "Right", "Anesthesia": "Local"})
    nurse.fills({"Start": earlier(30), "Time-out at": earlier(35)})
    nurse.fills({"Method": "Needle aspiration", "Volume collected": "60", "Anticoagulant": "ACD-A"})
    nurse.fills({"Anticoagulant volume": "6", "Anticoagulant lot": "ACD-24-117"})
    nurse.fills({"Anticoagulant lot expires on": "1 Jan 2031"})

    coordinator.goes_to(consent)
    coordinator.clicks("Withdraw the consent")
    coordinator.fills({"In the patient's words": "I do not want this any more."})
    coordinator.presses("Record the withdrawal")
    coordinator.sees("The consent is withdrawn. Everything that depends on it is now locked.")

    nurse.presses("Save the harvest")
    nurse.sees("Consent withdrawn", "Nothing was saved", "Your entries are kept as a draft")
    for person in (nurse, coordinator, physician):
        person.goes_to(course)
        expect(person.page.locator(".c-band")).to_contain_text("Consent withdrawn")
        is_not_sent_to(person, "Obtain consent", "Record the harvest")
        person.goes_to("/")
        is_not_sent_to(person, "Obtain consent", "Record the harvest")

    opens_from_today(physician, "Stop the course")
    physician.fills({"Reason": "The patient withdrew the consent."})
    physician.presses("Stop the course")
    physician.goes_to("/")
    is_not_sent_to(physician, "Stop the course")
    session.rollback()
    assert session.scalars(select(Harvest)).all() == []
    assert verify(session) == []


@pytest.mark.rule(19)
@pytest.mark.hazard("H3")
def test_a_donor_is_found_reactive_after_the_cells_were_banked(
    arrive: Callable[[str], Person], ward: Ward, team: Team, session: Session
) -> None:
    cord = published(team, "UC-MSC-RA")
    donor = ward.giver()
    bag, spare = ward.banked(ward.donated(donor, cord), cord, bags=2)
    mine = ready_for_harvest(team, code="UC-MSC-RA", donor=donor)
    ward.assign(bag, mine)
    ward.release(bag)
    giver, course, bags = (
        f"/donors/{donor.id}",
        f"/treatments/{mine.id}",
        [f"/products/{one.id}" for one in (bag, spare)],
    )
    session.commit()
    physician, quality, nurse = arrive("physician"), arrive("quality"), arrive("nurse")
    quality.goes_to(bags[0])
    quality.sees("Released")

    physician.goes_to(giver)
    physician.clicks("Determine again")
    physician.fills({"HBsAg": "Reactive", "The donor is": "Not eligible", "Blood sample taken on": today()})
    physician.presses("Save")

    for container in bags:
        quality.goes_to(container)
        quality.sees("HBsAg")
        assert quality.page.locator("h1 .c-tag").inner_text().strip() not in {"Released", "In quarantine"}
    nurse.goes_to(course)
    is_not_sent_to(nurse, "Check at the bedside")
    nurse.sees("HBsAg")
    quality.goes_to(bags[1])
    quality.clicks("Look-back")
    assert quality.page.get_by_role("row").count() == 1 + 3, "the donation and both of its bags"
    opens_from_today(quality, "Decide")
    quality.sees("HBsAg")


@pytest.mark.rule(43)
@pytest.mark.hazard("H9")
def test_a_culture_grows_after_its_cells_were_given(
    arrive: Callable[[str], Person], ward: Ward, team: Team, session: Session
) -> None:
    cord = published(team, "UC-MSC-RA")
    donor = ward.giver()
    first, second, spare = ward.banked(ward.donated(donor, cord), cord, bags=3)
    drawn = now()  # before the cells are given, however long that takes
    courses = [ready_for_harvest(team, code="UC-MSC-RA", donor=donor) for _patient in range(2)]
    for course, bag in zip(courses, (first, second), strict=True):
        ward.assign(bag, course)
        ward.release(bag)
        ward.give(course, bag)
        assert ward.given(bag) is not None, ward.refused
    tested, kept = f"/products/{first.id}", f"/products/{spare.id}"
    recipients = [
        (f"/treatments/{one.id}", one.patient.display_name, one.patient.record_number or "") for one in courses
    ]
    session.commit()
    technologist, quality, physician = arrive("technologist"), arrive("quality"), arrive("physician")

    technologist.goes_to(tested)
    technologist.clicks("Enter results")
    technologist.fills({"Sample taken at": drawn})
    sterility = technologist.page.get_by_role("group", name=re.compile("^Sterility"))
    sterility.locator("summary").click()
    technologist.fills({"Outcome": "Growth", "Finding": "Staphylococcus epidermidis"}, sterility)
    technologist.presses("Save the results")
    technologist.sees("out of limits")

    quality.goes_to(kept)
    quality.sees("On hold", "Growth in Cells to give A1, which shares cells with this product")
    quality.clicks("Look-back")
    for _course, name, number in recipients:
        quality.sees(name, number)
    for course, _name, _number in recipients:
        onset = now()
        physician.goes_to(course)
        physician.sees("Staphylococcus epidermidis")
        physician.clicks("Adverse events")
        physician.clicks("Report an event")
        physician.fills({"What happened": "Bacterial growth in cells that were given", "Onset": onset})
        physician.fills({"Outcome": "Ongoing", "Is it serious?": "No"})
        physician.presses("Save the event")
        physician.sees("Event saved.")


@pytest.mark.rule(54)
@pytest.mark.hazard("H1", "H11")
def test_two_people_take_a_bag_from_thaw_to_end_and_one_scan_is_refused(
    arrive: Callable[[str], Person], ward: Ward, team: Team, session: Session
) -> None:
    frozen_at = clock.now() - timedelta(days=2)
    mine, other = (ready_for_harvest(team, code="BM-MSC-MS") for _course in range(2))
    bag, foreign = (released_product(one, team, frozen_at=frozen_at) for one in (mine, other))
    course, patient, right, wrong = f"/treatments/{mine.id}", mine.patient_id, bag.id, foreign.id
    session.commit()
    technologist, nurse, physician = arrive("technologist"), arrive("nurse"), arrive("physician")

    technologist.goes_to(f"/products/{right}")
    technologist.clicks("Thaw")
    technologist.presses("Thaw now: use within 60 min")
    technologist.sees("Check at the bedside", re.compile(r"Thawed at \d\d:\d\d. Use before \d\d:\d\d"))

    nurse.goes_to(course)
    nurse.clicks("Check at the bedside")
    nurse.fills({"Wristband": patient, "Bag": wrong})
    nurse.presses("Compare")
    expect(nurse.page.get_by_role("alert")).to_contain_text("Do not give these cells")
    nurse.goes_to(f"{course}/bedside")
    nurse.fills({"Wristband": patient, "Bag": right})
    nurse.presses("Compare")
    nurse.fills({"Oxygen saturation": "98", "Temperature": "36,6", "Systolic pressure": "124", "Pulse": "72"})
    nurse.fills({"Second person": "Dr I. Novak", "Password of the second person": PASSWORD})
    nurse.fills({"Your password": PASSWORD})
    nurse.presses("Check now")
    nurse.reads("Right cells, right patient")
    nurse.presses("Begin")
    nurse.sees("Being given")
    nurse.clicks("Vital signs")
    nurse.fills({"Oxygen saturation": "97", "Temperature": "36,7", "Systolic pressure": "122", "Pulse": "76"})
    nurse.presses("Save")
    nurse.clicks("Record the end of the infusion")
    nurse.ends()
    administration = nurse.path
    nurse.signs()
    physician.goes_to(administration)
    physician.clicks("Review and verify")
    physician.gives_password()
    nurse.goes_to(administration)
    nurse.sees("From thaw to end")
    session.rollback()
    assert len(list(session.scalars(select(Administration)))) == 1
    assert verify(session) == []


@pytest.mark.hazard("H37")
def test_a_night_on_paper_is_copied_in_the_morning(
    arrive: Callable[[str], Person], team: Team, session: Session, tmp_path: Path
) -> None:
    mine = ready_for_harvest(team)
    course = f"/treatments/{mine.id}"
    session.commit()
    nurse, colleague, physician = arrive("nurse2"), arrive("nurse"), arrive("physician")
    night = clock.local(clock.now() - timedelta(hours=6), "Europe/Berlin")
    scan = tmp_path / "sheet.pdf"
    scan.write_bytes(b"%PDF-1.7\nsynthetic scan of a sheet\n%%EOF\n")

    nurse.goes_to(course)
    nurse.clicks("From paper")
    nurse.page.get_by_role("link", name=re.compile("Copy from paper ?: Harvest")).click()
    nurse.looks()
    nurse.fills({"Written on paper by": "Nadia Rask", "Why is it entered late?": "The system was unavailable"})
    nurse.fills({"Which reason, or which outage": "Power cut, 02:10 to 06:00"})
    nurse.fills(
        {"Start": f"{night:%-d %b %Y %H:%M}", "Collected by": "Nadia Rask", "Body site": "Posterior iliac crest"}
    )
    nurse.fills({"End": f"{night + timedelta(minutes=30):%-d %b %Y %H:%M}", "Side": "Right"})
    nurse.fills({"Time-out at": f"{night - timedelta(minutes=5):%-d %b %Y %H:%M}", "Method": "Needle aspiration"})
    nurse.fills({"Anesthesia": "Local", "Volume collected": "60", "Anticoagulant": "ACD-A"})
    nurse.fills({"Anticoagulant volume": "6", "Anticoagulant lot": "ACD-24-117"})
    nurse.fills({"Anticoagulant lot expires on": "1 Jan 2031"})
    nurse.box("Scan of the paper").set_input_files(scan)
    nurse.presses("Save what the paper says")
    harvest = nurse.path
    nurse.sees("Entered late, from paper", "Power cut, 02:10 to 06:00")
    opens_from_today(colleague, "Answer")
    colleague.sees("Open the record", "paper")
    colleague.page.get_by_role("radio", name="Agrees", exact=True).check()
    colleague.gives_password("Sign the answer")
    colleague.sees("Your answer is saved.")
    physician.goes_to(harvest)
    physician.signs()
    physician.sees("Harvest signed.")
    session.rollback()
    assert verify(session) == []


@pytest.mark.rule(51)
@pytest.mark.hazard("H15")
def test_a_weight_that_was_wrong_is_corrected_after_the_cells_were_given(
    arrive: Callable[[str], Person], team: Team, session: Session
) -> None:
    mine = ready_for_harvest(team, code="BM-MSC-MS")
    record = given(checked(mine, released_product(mine, team), team), team)
    record.finish(at=clock.now(), ended_at=clock.now(), volume_given=record.volume_issued, weight=None)
    dose, weight = f"/administrations/{record.id}", f"/records/{mine.patient.weights[-1].id}/amendment"
    session.commit()
    nurse, physician = arrive("nurse"), arrive("physician")

    nurse.goes_to(weight)
    nurse.fills({"Weight": "52,7", "Why is this corrected?": "Two digits were exchanged."})
    nurse.presses("Save the correction")
    nurse.sees("52.7 kg")
    for person in (nurse, physician):
        person.goes_to(dose)
        person.sees("72.5 kg", "52.7 kg")
    session.rollback()
    assert verify(session) == []
