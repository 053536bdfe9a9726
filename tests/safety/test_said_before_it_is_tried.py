"""What stops cells is said before anybody thaws, measures or types a password; nothing is green that still waits."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from clinic import clock
from clinic.patients.models import Alert
from tests.bedside import released_product
from tests.factories import PASSWORD, ready_for_harvest
from tests.safety.driver import Sheet
from tests.safety.reacting import newest
from tests.safety.scanning import checks, scan, text
from tests.safety.scenes import scene
from tests.safety.test_written_since_the_decision import alert

HOUR = timedelta(hours=1)
HELD = "The cells cannot be given now, because"


@scene
def frozen(ward):
    """A released bag that lies frozen, and its course."""
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    return ward.verified(released_product(mine, ward.team, frozen_at=clock.now() - HOUR)), mine


@scene
def own(ward):
    """A released bag of a patient's own cells, and its course."""
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


# at the scan


@pytest.mark.rule(23, 54)
@pytest.mark.hazard("H10")
def test_what_stops_the_cells_is_said_at_the_scan_and_nothing_else_is_asked(ward, frozen):
    bag, mine = frozen
    alert(ward, mine, "Call Dr Vaz", may_go_on="no")
    answer = scan(ward, mine, mine.patient_id, bag.id)
    assert answer.status_code == 303, "vital signs and passwords are not asked for first"
    (check,) = checks(ward)
    assert not check.clear
    assert {23, 54} == {one["rule"] for one in check.reasons}
    assert check.second_person is None


@pytest.mark.rule(23, 54)
@pytest.mark.hazard("H10")
def test_a_physician_comes_first_and_the_bag_stays_frozen(ward, frozen):
    bag, mine = frozen
    alert(ward, mine, "Call Dr Vaz", may_go_on="no")
    page = text(ward, scan(ward, mine, mine.patient_id, bag.id).location)
    problems = page.partition('<ol class="c-problems">')[2].partition("</ol>")[0]
    assert problems.index("Call Dr Vaz") < problems.index("no thaw is recorded")
    assert "kind=thawed" not in page, "a thaw would waste the bag"
    assert "eligibility/new" not in page, "a nurse does not decide on it, and is not sent to a refusal"
    assert "Do not thaw it" in problems
    todo = page.partition("What to do now")[2].partition("</ol>")[0]
    assert "Keep the bag frozen" in todo
    assert "Call the physician" in todo
    assert "Look at the wristband" not in todo, "nothing is wrong with it"
    passed = page.partition("Passed checks")[2]
    assert "Consent" in passed
    assert "Eligibility" not in passed, "a physician is to decide on it again"


@pytest.mark.rule(54)
def test_a_missing_thaw_alone_leads_to_the_form_of_the_thaw(ward, frozen):
    bag, mine = frozen
    page = text(ward, scan(ward, mine, mine.patient_id, bag.id).location)
    assert "Thawed: no (needed: yes)" in page
    assert f'href="/products/{bag.id}/movements?kind=thawed">Record the thaw<' in page
    assert "Thaw the cells, then scan again" in page


@pytest.mark.rule(1)
def test_of_a_wrong_wristband_the_stop_page_has_it_read_again(ward, own):
    bag, _mine = own
    other = ready_for_harvest(ward.team)
    page = text(ward, scan(ward, other, other.patient_id, bag.id).location)
    assert "Look at the wristband again" in page
    assert "Call the laboratory" in page
    assert "Call the physician" not in page


@pytest.mark.rule(52)
def test_a_part_of_the_bag_may_be_the_dose_so_the_scan_refuses_no_volume(ward):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team, amount=10 * mine.says.dose.usual, volume="100"))
    answer = scan(ward, mine, mine.patient_id, bag.id)
    assert answer.status_code == 200, ward.refused
    assert "Vital signs before the start" in answer.text


@pytest.mark.rule(23, 54)
def test_the_form_of_a_thaw_says_how_long_or_why_not(ward, frozen):
    bag, mine = frozen
    form = f"/products/{bag.id}/movements?kind=thawed"
    alert(ward, mine, "Call Dr Vaz", may_go_on="no")
    page = text(ward, form)
    assert "Do not thaw yet: Cells to give" in page
    assert "Call Dr Vaz" in page.partition("It would be refused at the bedside")[2]
    assert "use within" not in page
    ward.fill("physician", f"/alerts/{newest(ward, Alert).id}/closing", reason="Spoke with the patient")
    page = text(ward, form)
    assert "Thaw now, use within 60 min: Cells to give" in page
    browser = ward.browser("nurse")
    ward.session.commit()
    saved = browser.post(form, data=Sheet(browser.get(form).text).form(["place"]), follow_redirects=True).text
    assert re.search(r"Thawed at \d\d:\d\d\. Use before \d\d:\d\d\.<", saved)
    act = saved.partition('class="c-next')[2].partition("</section>")[0]
    assert f"/treatments/{mine.id}/bedside" in act
    assert saved.index('id="h-clock"') < saved.index('id="h-doses"'), "the clock stands on top"
    assert "Waiting for nurse or physician" in text(ward, f"/products/{bag.id}", "technologist")


# on the pages before it


@pytest.mark.rule(23, 54)
def test_the_list_of_bags_says_which_is_frozen(ward, frozen):
    bag, mine = frozen
    page = text(ward, f"/treatments/{mine.id}/bedside")
    assert "Frozen: thaw first" in page
    assert HELD not in page
    alert(ward, mine, "Call Dr Vaz", may_go_on="no")
    page = text(ward, f"/treatments/{mine.id}/bedside")
    assert "Frozen: do not thaw now" in page
    assert HELD in page
    ward.move("technologist", bag, "thawed", performed_at=clock.now())
    page = text(ward, f"/treatments/{mine.id}/bedside")
    assert "Blocked</span>" in page
    assert re.search(r"Thawed: <span data-due=[^>]*>\d+ min", page)


@pytest.mark.rule(23)
def test_the_course_says_what_stops_the_cells_that_wait(ward, own):
    _bag, mine = own
    url = f"/treatments/{mine.id}"
    before = text(ward, url)
    assert HELD not in before
    assert "Needed again" not in before
    alert(ward, mine, "Call Dr Vaz", may_go_on="unknown")
    shown = text(ward, url)
    assert "Call Dr Vaz" in shown.partition(HELD)[2].partition("</section>")[0]
    rail = re.sub(r"<[^>]+>", " ", shown.partition('<ol class="c-rail">')[2].partition("</ol>")[0])
    assert re.search(r"Eligibility\s+Needed again", rail)


# green


@pytest.mark.rule(63)
def test_with_a_warning_open_nothing_is_green_and_the_button_waits(ward, own):
    bag, mine = own
    alert(ward, mine, "Should sit upright", may_go_on="yes")
    page = text(ward, f"/bedside-checks/{ward.check(mine, bag).id}")
    assert "Not yet:</span> answer the warning" in page
    for green in ("c-verdict--go", "c-gatepage--go", 'class="c-huge"'):
        assert green not in page
    assert "c-huge--waits" in page
    assert "Bedside check: passed" not in page


# an alert, and what follows from it


@pytest.mark.rule(23)
def test_who_writes_an_alert_reads_what_each_answer_does(ward, own):
    _bag, mine = own
    for url in (f"/patients/{mine.patient_id}/alerts/new",):
        assert "nothing is collected or given until a physician decides" in text(ward, url)
    alert(ward, mine, "Wears glasses", may_go_on="yes")
    amending = text(ward, f"/records/{newest(ward, Alert).id}/amendment")
    assert "nothing is collected or given until a physician decides" in amending


@pytest.mark.rule(23, 43)
def test_cells_that_run_are_named_before_and_after_an_alert(ward, own):
    bag, mine = own
    url = f"/patients/{mine.patient_id}/alerts/new"
    assert "Cells are running" not in text(ward, url)
    ward.give(mine, bag)
    given = ward.given(bag)
    assert "Cells are running now" in text(ward, url)
    browser = ward.browser("nurse")
    facts = Sheet(browser.get(url).text).form(["may_go_on"]) | {"text": "Call Dr Vaz", "may_go_on": "unknown"}
    page = browser.post(url, data=facts, follow_redirects=True).text
    stop = page.partition("c-stop")[2].partition("</section>")[0]
    assert "Stop giving these cells" in stop
    assert "Call Dr Vaz" in stop
    assert "call the physician" in stop
    assert f'href="/administrations/{given.id}/abort"' in stop
    assert "now shown on every page" not in page, "amber, not green"
    assert "c-flash--wait" in page
    for where in (f"/patients/{mine.patient_id}", f"/treatments/{mine.id}", f"/products/{bag.id}"):
        assert "Stop giving these cells" in text(ward, where), where
    assert "Stop early" not in text(ward, f"/treatments/{mine.id}", "technologist"), "who may not is not sent there"


@pytest.mark.rule(23)
def test_an_allergy_that_is_written_down_while_cells_run_stops_them_on_the_next_page(ward):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team, vehicle="Albumin 5 %"))
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused
    day = {f"allergies_asked_on-{part}": value for part, value in zip("dmy", _today(mine), strict=True)}
    url = f"/patients/{mine.patient_id}/allergies"
    answer = ward.fill("nurse", url, allergy_status="present", allergies="albumin (anaphylaxis)", **day)
    assert answer.status_code == 303, ward.refused
    assert "Stop giving these cells" in text(ward, answer.location)


def _today(course):
    day = clock.day(clock.now(), course.zone)
    return f"{day.day}", f"{day.month}", f"{day.year}"


def test_a_reaction_of_now_is_told_as_one_of_now(ward, own):
    bag, mine = own
    ward.give(mine, bag)
    url = f"/administrations/{ward.given(bag).id}"
    form = text(ward, f"{url}/events/reaction")
    assert "restart only if the physician agrees" in form
    assert "run on" not in form, "the first action is to stop"
    assert 'What was done <span class="c-field__may">(optional)' in form
    answer = ward.fill("nurse", f"{url}/events/reaction", signs="Chills", severity="unknown")
    assert answer.status_code == 303, ward.refused
    stop = text(ward, url).partition("c-stop")[2].partition("</section>")[0]
    assert re.search(r"While these cells run, \d\d:\d\d: Chills", stop)
    assert "Earlier reaction" not in stop
    ending = text(ward, f"{url}/abort")
    assert "Save draft" not in ending
    assert "c-stop" not in ending, "the page itself is the act"
    assert ending.index("Prefilled: now") < ending.index("Volume given")


# an alert that is closed


def closed(ward, course, who="nurse2"):
    alert(ward, course, "Call Dr Vaz", may_go_on="no")
    answer = ward.fill(who, f"/alerts/{newest(ward, Alert).id}/closing", reason="Spoke with Dr Vaz")
    assert answer.status_code == 303, ward.refused
    return newest(ward, Alert)


@pytest.mark.rule(23)
def test_a_closed_alert_that_still_stops_cells_stays_in_the_band(ward, own):
    _bag, mine = own
    one = closed(ward, mine)
    band = text(ward, f"/treatments/{mine.id}").partition("c-band2")[2].partition("</section>")[0]
    assert "Call Dr Vaz" in band
    assert "still counts at the bedside" in band
    assert "a physician has not confirmed" in band
    ward.fill("physician", f"/patients/{one.patient_id}/corrections/{one.amendments[-1].id}", password=PASSWORD)
    assert "Call Dr Vaz" not in text(ward, f"/treatments/{mine.id}").partition("c-band2")[2].partition("</section>")[0]


@pytest.mark.rule(23)
def test_the_form_says_before_that_a_closed_alert_counts_on(ward, own):
    _bag, mine = own
    alert(ward, mine, "Call Dr Vaz", may_go_on="no")
    url = f"/alerts/{newest(ward, Alert).id}/closing"
    assert "until a physician has confirmed" in text(ward, url)
    assert "ends with this at once" in text(ward, url, "physician")


@pytest.mark.rule(23)
@pytest.mark.parametrize("who", ["nurse", "nurse2", "coordinator"])
def test_nobody_is_sent_to_confirm_what_only_a_physician_confirms(ward, own, who):
    _bag, mine = own
    one = closed(ward, mine)
    to = f"/patients/{one.patient_id}/corrections/{one.amendments[-1].id}"
    for url in (f"/patients/{one.patient_id}/alerts", f"/patients/{one.patient_id}"):
        page = text(ward, url, who)
        assert "Waiting for a physician" in page, url
        assert to not in page, url
        assert to in text(ward, url, "physician"), url


@pytest.mark.rule(23)
def test_lifting_a_block_says_so_and_keeps_no_draft(ward, own):
    _bag, mine = own
    one = closed(ward, mine)
    page = text(ward, f"/patients/{one.patient_id}/corrections/{one.amendments[-1].id}", "physician")
    assert "<h1>Lift the block on cells: Call Dr Vaz</h1>" in page
    assert "closed it" in page
    assert "Spoke with Dr Vaz" in page
    assert "Before you begin" not in page
    assert ">Lift the block</button>" in re.sub(r"<svg.*?</svg>", "", page)
    assert "Save draft" not in page
