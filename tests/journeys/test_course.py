"""A whole course as a newcomer walks it through the pages, from the first consent to the first visit after."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from clinic.ledger.verify import verify
from tests.factories import PASSWORD, published
from tests.journeys.person import earlier, now, today

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from tests.factories import Team
    from tests.journeys.person import Person

KINDS = (
    "Adverse event", "Follow-up visit", "Follow-up visit", "Bedside check", "Bedside check",
    "Vital signs", "Administration", "Decision", "Test results", "Product", "Processing", "Product", "Harvest",
    "Eligibility", "Consent", "Order", "Weight",
)  # fmt: skip
"""What the timeline tells of the course."""

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def when_i_register(me: Person, family: str, given: str, number: str, born: str) -> str:
    me.clicks("Patients")
    me.clicks("Register a patient")
    me.fills({"Record number": number, "Family name": family, "Given names": given, "Born on": born})
    me.fills({"Sex": "Female", "Allergies": "No known allergies", "Asked on": today()})
    me.presses("Register")
    me.sees("is registered.")
    return me.path


def when_i_weigh(me: Person, patient: str) -> None:
    me.goes_to(patient)
    me.clicks("Record a weight")
    me.fills({"Weight": "72,5"})
    me.presses("Save")
    me.signs()
    me.sees("72.5 kg")


def when_i_begin_a_course(me: Person, patient: str) -> str:
    me.goes_to(patient)
    me.clicks("Order a course")
    me.page.get_by_role("link", name=re.compile("Bone marrow concentrate for knee")).first.click()
    me.looks()
    me.fills({"Condition": "Osteoarthritis", "Body site": "Knee", "Side": "Right", "Height": "171", "ASA class": "II"})
    me.presses("Order the course")
    me.reads("Right knee, own bone marrow")
    return me.path


def when_i_sign_the_order(me: Person, course: str) -> None:
    me.goes_to(course)
    me.clicks("Order")
    me.signs()
    me.sees("Order signed.")


def when_i_take_the_consent(me: Person, course: str) -> None:
    me.goes_to(course)
    me.sees("is blocked, because")
    me.clicks("Obtain consent")
    me.fills({"Signed on paper at": earlier(90)})
    me.fills({"Consent to": "Treatment", "Version of the form": "3.1", "Copy given to the signer": "Yes"})
    me.presses("Save the consent")
    me.signs()
    me.sees("Consent signed.")


def when_i_decide_on_the_eligibility(me: Person, course: str) -> None:
    me.goes_to(course)
    me.clicks("Decide")
    me.fills({"Decided at": earlier(60)})
    me.fills({"Active infection": "No", "Pregnancy": "Excluded by a test", "Malignant disease now": "No"})
    me.fills({"Pregnancy test on": earlier(60).rpartition(" ")[0]})
    me.fills({"The patient is eligible": "Yes"})
    me.presses("Save the decision")
    me.signs()
    me.sees("Eligibility signed.")


def when_i_log_the_harvest_with_a_slip(me: Person, course: str) -> None:
    me.goes_to(course)
    me.clicks("Record the harvest")
    me.fills({"Body site": "Posterior iliac crest", "Side": "Right", "Start": earlier(30), "Time-out at": earlier(35)})
    me.fills({"Method": "Needle aspiration", "Anesthesia": "Local"})
    me.fills(
        {
            "Volume collected": "6,,0",
            "Anticoagulant": "ACD-A",
            "Anticoagulant volume": "6",
            "Anticoagulant lot": "ACD-24-117",
            "Anticoagulant lot expires on": "1 Jan 2031",
        }
    )
    me.presses("Save the harvest")


def then_my_slip_is_named_and_nothing_is_lost(me: Person) -> None:
    summary = me.page.locator(".c-errsum")
    expect(summary).to_be_focused()
    me.sees("Volume collected: “6,,0” is not a number.")
    expect(me.box("Volume collected")).to_have_value("6,,0")
    expect(me.box("Anticoagulant lot")).to_have_value("ACD-24-117")
    summary.get_by_role("link", name=re.compile("6,,0")).click()
    expect(me.box("Volume collected")).to_be_focused()


def when_i_put_it_right_and_save(me: Person) -> str:
    me.fills({"Volume collected": "60"})
    me.presses("Save the harvest")
    me.sees("Harvest saved. Waiting for a physician's signature.")
    me.reads("Harvest: bone marrow, right posterior iliac crest, 60 mL")
    return me.path


def when_i_sign_what_waits_on_my_list(me: Person, task: str, said: str) -> None:
    me.goes_to("/")
    me.page.get_by_role("listitem").filter(has_text=task).get_by_role("link", name=task).last.click()
    me.looks()
    me.signs()
    me.sees(said)


def when_i_process_the_marrow(me: Person, course: str) -> str:
    me.goes_to(course)
    me.clicks("Process the cells")
    me.page.get_by_role("group", name="Products").get_by_role("checkbox").check()
    me.fills({"Containers intact, labels correct": "Yes", "Temperature at receipt": "20"})
    me.presses("Start the run")
    run = me.path
    me.clicks("Record a step")
    me.fills({"Equipment": "Filter set 200 µm"})
    me.presses("Save")
    me.clicks("Record a step")
    me.fills({"Manipulation": "Concentrate", "Equipment": "Centrifuge 2", "Detail": "1000 g, 10 min"})
    me.presses("Save")
    me.clicks("Record a count")
    me.fills({"Counted": "Total nucleated cells", "Concentration": "60", "In a volume of": "10", "Viability": "96"})
    me.presses("Save")
    me.sees(re.compile(r"= 600 × 106\."))
    me.clicks("Add containers")
    me.fills({"Container": "Syringe", "Volume of each": "9", "Amount in each": "5,4"})
    me.presses("Add containers")
    me.clicks("End and balance")
    me.fills({"Volume added": "0", "Samples and waste": "51"})
    me.presses("Save")
    me.signs()
    return run


def when_i_verify_the_run(me: Person, run: str) -> None:
    me.goes_to(run)
    me.clicks("Review and sign")
    me.gives_password()


def when_i_enter_the_results(me: Person, run: str) -> None:
    me.goes_to(run)
    me.page.get_by_role("region", name="Outputs").get_by_role("rowheader").get_by_role("link").click()
    me.looks()
    drawn = now()  # before the page says when the results are read, also at the turn of a minute
    me.clicks("Enter results")
    me.fills({"Sample taken at": drawn})
    for test, answer in (
        ("Total nucleated cells", {"Result": "5,4"}),
        ("Viability", {"Result": "96"}),
        ("Gram stain", {"Outcome": "No organisms"}),
        ("Sterility", {"Pending": "Still pending"}),
    ):
        me.fills(answer, me.page.get_by_role("group", name=re.compile(f"^{test}")))
    me.presses("Save the results")
    me.sees("4 results saved.")


def when_i_release(me: Person, course: str) -> str:
    me.goes_to(course)
    me.page.locator(".c-next").get_by_role("link").click()
    me.looks()
    product = me.path.split("/")[2]
    me.fills({"Decision": "Released under a condition"})
    me.fills({"Reason": "The culture is read on day 14.", "Physician informed": "Dr I. Novak"})
    me.presses("Save and sign")
    me.gives_password()
    me.goes_to(course)
    me.sees("Waiting for the physician who is named", "Acknowledge the release")
    return product


def when_i_acknowledge_the_release(me: Person, course: str) -> None:
    me.goes_to("/")
    me.page.get_by_role("listitem").filter(has_text="Acknowledge the release").get_by_role("link").last.click()
    me.looks()
    me.sees("The culture is read on day 14.")
    me.gives_password()
    me.goes_to(course)
    expect(me.page.locator("body")).not_to_contain_text("Acknowledge the release")
    me.sees("Check at the bedside")


def then_it_waits_for_the_bedside(me: Person, course: str) -> None:
    me.goes_to(course)
    me.sees("Waiting for nurse or physician", "Check at the bedside")


def when_we_scan_wristband_and_bag(me: Person, course: str, *, wristband: str, bag: str) -> None:
    me.goes_to(course)
    me.page.locator(".c-next").get_by_role("link").click()
    me.looks()
    me.fills({"Wristband": wristband, "Bag": bag})
    me.presses("Compare")


def when_we_measure_and_confirm(me: Person) -> None:
    me.fills({"Oxygen saturation": "98", "Temperature": "36,6", "Systolic pressure": "124", "Pulse": "72"})
    me.fills({"Second person": "Dr I. Novak", "Password of the second person": PASSWORD})
    me.fills({"Your password": PASSWORD})
    me.presses("Check now")


def then_we_are_stopped_and_told_why(me: Person) -> None:
    stop = me.page.get_by_role("alert")
    expect(stop).to_contain_text("Do not give these cells")
    me.sees("Cannot be overridden.", "BERGSTRÖM, Bo", "ALMEIDA, Beatriz")
    assert me.page.get_by_role("link", name="Begin").count() == 0


def when_we_give_the_cells(me: Person) -> str:
    me.reads("Right cells, right patient")
    me.sees("into the RIGHT knee")
    me.presses("Begin")
    me.clicks("Record the end of the injection")
    me.ends()
    given = me.path
    me.signs()
    return given


def when_i_verify_as_second_person(me: Person, given: str) -> None:
    me.goes_to(given)
    me.clicks("Review and verify")
    me.gives_password()


def when_i_write_down_the_baseline(me: Person, course: str) -> None:
    me.goes_to(course)
    me.clicks("Record the visit")
    me.fills({"VAS pain": "6,5", "KOOS pain": "42", "KOOS daily living": "50"})
    me.presses("Save the visit")
    me.sees("Visit saved.")


def when_i_see_the_patient_again(me: Person, course: str) -> None:
    me.goes_to(course)
    me.clicks("Follow-up")
    me.fills(
        {
            "New symptom or event": "No",
            "VAS pain": "3",
            "KOOS pain": "61",
            "KOOS daily living": "66",
        }
    )
    me.presses("Save the visit")
    me.sees("Visit saved.", "VAS pain", "better")


def when_i_report_an_event(me: Person, course: str) -> None:
    onset = now()  # before the page says when the event is reported
    me.goes_to(course)
    me.clicks("Adverse events")
    me.clicks("Report an event")
    me.fills({"What happened": "Knee pain after injection", "Onset": onset, "Outcome": "Resolved"})
    me.fills({"Is it serious?": "No"})
    me.presses("Save the event")
    me.sees("Event saved. Waiting for a physician's assessment and signature.")


def when_i_assess_and_sign_the_event(me: Person) -> None:
    me.goes_to("/")
    me.page.get_by_role("listitem").filter(has_text="Assess and sign the event").get_by_role(
        "link", name="Assess and sign the event"
    ).last.click()
    me.looks()
    if not me.path.endswith("/assessment"):
        me.clicks("Assess the event")
    me.fills({"Grade (CTCAE v5)": "1", "Expectedness": "Expected"})
    me.fills(
        {
            "Related to the cells": "Possible",
            "Related to the collection": "Unlikely",
            "Related to the administration": "Probable",
        }
    )
    me.presses("Save and sign")
    me.gives_password()
    me.sees("Adverse event signed.")


def then_the_timeline_tells_all_of_it_in_order(me: Person, patient: str) -> None:
    me.goes_to(patient)
    me.clicks("Timeline")
    told = [summary.partition(":")[0] for summary in me.page.locator(".c-ev__t b").all_inner_texts()]
    assert sorted(told) == sorted(KINDS)
    times = me.page.locator(".c-ev__time").evaluate_all("all => all.map(one => one.dateTime)")
    assert times == sorted(times, reverse=True)


def then_the_filter_shows_what_i_pick(me: Person) -> None:
    picked = me.page.get_by_role("group", name="Show").get_by_role("checkbox")
    for number in range(picked.count()):
        picked.nth(number).set_checked(picked.nth(number).get_attribute("value") == "harvest", force=True)
    me.clicks("Apply")
    entries = me.page.locator(".c-ev__t b")
    expect(entries).to_have_text([re.compile("^Harvest: bone marrow, right posterior iliac crest, 60 mL")])


def then_the_table_holds_the_volume(me: Person) -> None:
    lines = list(csv.DictReader(io.StringIO(me.kept("CSV"))))
    assert {line["Kind"] for line in lines} == {"Harvest"}
    assert [line["Value"] for line in lines if line["Fact"] == "Volume collected"] == ["60 mL"]


def then_the_exports_answer(me: Person) -> None:
    me.page.locator("summary").filter(has_text="quality staff").click()
    me.clicks("Exports")
    me.reads("Exports")
    row = me.page.get_by_role("row").filter(has=me.page.get_by_role("rowheader", name="Harvests", exact=True))
    expect(row.get_by_role("cell").first).to_have_text("1")
    with me.page.expect_download() as waiting:
        row.get_by_role("link").first.click()
    (line,) = csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text("utf-8-sig")))
    assert line["Volume collected (mL)"] == "60"


def then_the_ledger_tells_it_in_sentences(me: Person, harvest: str) -> None:
    me.clicks("Ledger")
    me.fills({"Record": harvest.rsplit("/", 1)[-1]})
    me.clicks("Show")
    me.sees(f"Nadia Rask recorded the harvest {harvest.rsplit('/', 1)[-1]}")


def test_a_course_from_consent_to_follow_up(arrive: Callable[[str], Person], team: Team, session: Session) -> None:
    published(team)
    session.commit()
    coordinator, physician, nurse = arrive("coordinator"), arrive("physician"), arrive("nurse")
    patient = when_i_register(coordinator, "Almeida", "Beatriz", "MRN-900001", "9 Mar 1974")
    when_i_weigh(nurse, patient)
    course = when_i_begin_a_course(physician, patient)
    when_i_sign_the_order(physician, course)
    when_i_take_the_consent(nurse, course)
    when_i_decide_on_the_eligibility(physician, course)
    when_i_log_the_harvest_with_a_slip(nurse, course)
    then_my_slip_is_named_and_nothing_is_lost(nurse)
    harvest = when_i_put_it_right_and_save(nurse)
    when_i_sign_what_waits_on_my_list(physician, "Sign the harvest", "Harvest signed.")
    technologist, colleague = arrive("technologist"), arrive("technologist2")
    run = when_i_process_the_marrow(technologist, course)
    when_i_verify_the_run(colleague, run)
    when_i_enter_the_results(technologist, run)
    quality = arrive("quality")
    product = when_i_release(quality, course)
    when_i_acknowledge_the_release(physician, course)
    then_it_waits_for_the_bedside(quality, course)
    other = when_i_register(coordinator, "Bergström", "Bo", "MRN-900002", "30 Jan 1951")
    when_we_scan_wristband_and_bag(nurse, course, wristband=other.rsplit("/", 1)[-1], bag=product)
    then_we_are_stopped_and_told_why(nurse)
    when_we_scan_wristband_and_bag(nurse, course, wristband=patient.rsplit("/", 1)[-1], bag=product)
    when_we_measure_and_confirm(nurse)
    given = when_we_give_the_cells(nurse)
    when_i_verify_as_second_person(physician, given)
    when_i_write_down_the_baseline(coordinator, course)
    when_i_see_the_patient_again(coordinator, course)
    when_i_report_an_event(nurse, course)
    when_i_assess_and_sign_the_event(physician)
    when_i_sign_what_waits_on_my_list(physician, "Sign the visit", "Follow-up visit signed.")
    then_the_timeline_tells_all_of_it_in_order(coordinator, patient)
    then_the_filter_shows_what_i_pick(coordinator)
    then_the_table_holds_the_volume(coordinator)
    then_the_exports_answer(quality)
    then_the_ledger_tells_it_in_sentences(arrive("inspector"), harvest)
    session.rollback()
    assert verify(session) == []
