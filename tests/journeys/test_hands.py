"""Hands at the screen: the keyboard alone, two people on one record, a pause in the middle of a long form."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from clinic import clock
from clinic.accounts import security
from clinic.harvest.models import Harvest
from tests.bedside import checked, released_product
from tests.factories import PASSWORD, harvested, ready_for_harvest
from tests.safety.driver import Ward

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from clinic.model import Model
    from tests.factories import Team
    from tests.journeys.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RING = """() => {
    const here = document.activeElement, box = here.getBoundingClientRect(), bars = [];
    const ringed = el => { const s = getComputedStyle(el);
        return (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== "none"; };
    const shown = ringed(here) || ringed(here.closest(".c-in") || here) || ringed(here.closest(".c-opt") || here);
    const x = box.left + box.width / 2, y = box.top + box.height / 2, top = document.elementFromPoint(x, y);
    const seen = !!top && (here.contains(top) || top.contains(here) || !!top.closest("label"));
    const said = here.labels && here.labels.length ? here.labels[0].textContent
        : here.getAttribute("aria-label") || here.textContent;
    const group = here.closest("[role=radiogroup], [role=group]");
    return {tag: here.tagName, type: here.type || "", name: here.name || "", said: said.trim(), shown, seen,
        group: group ? document.getElementById(group.getAttribute("aria-labelledby"))?.textContent || "" : ""};
}"""


def when_i_tab_to(me: Person, name: str, most: int = 120) -> dict[str, str]:
    """Press Tab until the box, link or button with this name has the focus; at every stop the focus is seen.

    A form opens with the focus in its first box: there no key is needed.
    """
    opened = me.page.evaluate(RING)["name"] == name
    for turn in range(most):
        if turn or not opened:
            me.page.keyboard.press("Tab")
        here = me.page.evaluate(RING)
        assert here["shown"], f"the focus on {here} has no ring"
        assert here["seen"], f"the focus on {here} is hidden"
        if name in {here["name"], here["said"]}:
            return here
    raise AssertionError(f"Tab never comes to {name}")


def when_i_choose(me: Person, name: str, words: str) -> None:
    """Go to a list or to radios and press the arrow down until these words are chosen."""
    here = when_i_tab_to(me, name)
    now = "() => { const e = document.activeElement; return e.tagName === 'SELECT' ? e.selectedOptions[0].textContent"
    now += " : e.checked ? e.labels[0].textContent : '' }"
    for _ in range(20):
        if str(me.page.evaluate(now)).strip() == words:
            return
        me.page.keyboard.press("ArrowDown")
    raise AssertionError(f"the arrow never comes to {words} in {here}")


def when_i_type(me: Person, name: str, text: str) -> None:
    when_i_tab_to(me, name)
    me.page.keyboard.type(text)


def there(session: Session, row: Model) -> str:
    """Record what the scene needs and let go of the database; return the row's id."""
    public_id = row.id
    session.commit()
    return public_id


def volumes(session: Session) -> list[Decimal | None]:
    """Return what was collected by the harvests there are now, mL."""
    found = list(session.scalars(select(Harvest.volume)))
    session.rollback()
    return found


def when_i_type_a_moment(me: Person, name: str, *, minutes_ago: int) -> None:
    """Type day, year and time and choose the month; what stands in a box is selected when the focus comes to it."""
    moment = clock.local(clock.now() - timedelta(minutes=minutes_ago), "Europe/Berlin")
    when_i_type(me, f"{name}-d", str(moment.day))
    when_i_choose(me, f"{name}-m", f"{moment:%b}")
    when_i_type(me, f"{name}-y", str(moment.year))
    when_i_type(me, f"{name}-t", f"{moment:%H:%M}")


def test_the_harvest_is_logged_with_the_keyboard_alone(
    arrive: Callable[[str], Person], team: Team, session: Session
) -> None:
    course = there(session, ready_for_harvest(team))
    me = arrive("nurse")
    me.goes_to(f"/treatments/{course}")
    when_i_tab_to(me, "Record the harvest")
    me.page.keyboard.press("Enter")
    expect(me.page.locator("h1")).to_have_text("Record a harvest")
    expect(me.page.locator("[name=time_out_at-d]")).to_be_focused()
    me.page.keyboard.type("3")
    expect(me.page.locator("[name=time_out_at-d]")).to_have_value("3")  # in place of the day that stood there
    me.page.keyboard.press("Control+a")
    when_i_type_a_moment(me, "time_out_at", minutes_ago=35)
    when_i_type_a_moment(me, "performed_at", minutes_ago=30)
    when_i_choose(me, "body_site", "Posterior iliac crest")
    when_i_choose(me, "side", "Right")
    when_i_choose(me, "method", "Needle aspiration, small volumes")
    when_i_choose(me, "anaesthesia", "Local")
    when_i_type(me, "volume", "60")
    when_i_choose(me, "anticoagulant", "ACD-A")
    when_i_type(me, "anticoagulant_volume", "6")
    when_i_type(me, "anticoagulant_lot", "ACD-24-117")
    when_i_type(me, "anticoagulant_expires_on-d", "1")
    when_i_choose(me, "anticoagulant_expires_on-m", "Jan")
    when_i_type(me, "anticoagulant_expires_on-y", "2031")
    when_i_tab_to(me, "Save the harvest")
    me.page.keyboard.press("Enter")
    expect(me.page.locator("h1")).to_contain_text("60 mL")
    me.looks()
    assert volumes(session) == [60]


def when_i_open_the_correction(me: Person, harvest: str) -> None:
    me.goes_to(f"/harvests/{harvest}")
    me.clicks("Amend")


def test_two_people_amend_one_harvest_and_the_second_sees_both_values(
    arrive: Callable[[str], Person], team: Team, session: Session
) -> None:
    harvest = there(session, harvested(ready_for_harvest(team), team))
    first, second = arrive("nurse"), arrive("physician")
    when_i_open_the_correction(first, harvest)
    when_i_open_the_correction(second, harvest)
    first.fills({"Volume collected": "62", "Why is this corrected?": "Misread the syringe"})
    first.presses("Save the correction")
    first.sees("Harvest amended.")
    second.fills({"Volume collected": "64", "Complications": "Bruise", "Why is this corrected?": "Counted again"})
    second.presses("Save the correction")
    second.reads("Harvest was changed in the meantime")
    row = second.page.get_by_role("row").filter(has_text="Volume collected")
    expect(row).to_contain_text("64")
    expect(row).to_contain_text("62")
    second.sees("Your changes were not saved, and nothing is lost.", "Bruise")
    assert volumes(session) == [62]
    second.clicks("Open the record again")
    second.fills({"Volume collected": "64", "Complications": "Bruise", "Why is this corrected?": "Counted again"})
    second.presses("Save the correction")
    second.sees("60 mL", "62 mL", "64 mL", "Misread the syringe", "Counted again")


def test_what_i_wrote_comes_back_after_a_pause(
    arrive: Callable[[str], Person], team: Team, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = there(session, ready_for_harvest(team))
    me = arrive("nurse")
    me.goes_to(f"/treatments/{course}/harvests/new")
    me.fills({"Body site": "Posterior iliac crest", "Volume collected": "61", "Complications": "None seen so far"})
    with monkeypatch.context() as pause:
        pause.setattr(security, "IDLE", timedelta())
        me.presses("Save the harvest")
    me.reads("Sign in")
    me.sees("Your entries are saved and come back after you sign in.")
    me.page.get_by_label("E-mail address").fill(me.email)
    me.page.get_by_label("Password").fill(PASSWORD)
    me.presses("Sign in")
    me.reads("Record a harvest")
    me.sees(re.compile(r"Your draft of .* is filled in\."))
    expect(me.box("Volume collected")).to_have_value("61")
    expect(me.box("Complications")).to_have_value("None seen so far")
    expect(me.page.get_by_label("Posterior iliac crest")).to_be_checked()
    assert volumes(session) == []


def test_what_is_too_long_is_counted_at_its_box_and_nothing_pasted_is_cut(
    arrive: Callable[[str], Person], team: Team, session: Session
) -> None:
    harvest = there(session, harvested(ready_for_harvest(team), team))
    me = arrive("nurse")
    when_i_open_the_correction(me, harvest)
    me.sees("Up to 10,000 characters")
    pasted = "x" * 10_100
    me.fills({"Complications": pasted, "Why is this corrected?": "Read again"})
    me.sees("100 characters too many")
    me.presses("Save the correction")
    me.sees("10,100 characters are too many; use at most 10,000")
    expect(me.box("Complications")).to_have_value(pasted)
    me.fills({"Complications": "None."})
    me.sees("9,995 characters left")
    me.looks()


def test_enter_goes_from_result_to_result(arrive: Callable[[str], Person], team: Team, session: Session) -> None:
    course = ready_for_harvest(team)
    bag = there(session, released_product(course, team, released=False))
    me = arrive("technologist")
    me.goes_to(f"/products/{bag}/results?add=1")
    values = me.page.locator(".c-sheetrow :is([name$=_value], [name$=_outcome])").evaluate_all(
        "boxes => [...new Set(boxes.filter(box => box.offsetParent).map(box => box.name))]"
    )
    assert len(values) > 2
    me.page.locator(f"[name={values[0]}]").first.focus()
    for name in values[1:]:
        me.page.keyboard.press("Enter")
        assert me.page.evaluate(RING)["name"] == name


def test_enter_goes_to_the_person_who_is_chosen(arrive: Callable[[str], Person], team: Team, session: Session) -> None:
    course = there(session, ready_for_harvest(team))
    me = arrive("nurse")
    me.goes_to(f"/treatments/{course}/harvests/new")
    me.page.locator("[name=ended_at-t]").focus()
    me.page.keyboard.press("Enter")
    here = me.page.evaluate("() => [document.activeElement.name, document.activeElement.checked]")
    assert here == ["performed_by_id", True]


@pytest.mark.rule(1)
@pytest.mark.hazard("H4")
def test_a_scan_replaces_the_code_that_could_not_be_read(
    arrive: Callable[[str], Person], team: Team, session: Session
) -> None:
    mine = ready_for_harvest(team)
    bag, band, course = released_product(mine, team).id, mine.patient_id, there(session, mine)
    me = arrive("nurse")
    me.goes_to(f"/treatments/{course}/bedside")
    for code in ("A999926ZTVK3", bag):  # a scanner types the code and Enter
        me.page.keyboard.type(code)
        me.page.keyboard.press("Enter")
    me.sees("This code cannot be read. Scan it again")
    me.looks()
    expect(me.box("Wristband")).to_be_focused()
    me.page.keyboard.type(band)
    expect(me.box("Wristband")).to_have_value(band)
    me.page.keyboard.press("Enter")
    me.sees("Vital signs before the start")


def test_the_box_with_the_focus_and_its_question_lie_under_no_bar(
    arrive: Callable[[str], Person], ward: Ward, team: Team, session: Session
) -> None:
    mine = ready_for_harvest(team)
    bag = ward.verified(released_product(mine, team))
    ward.fill("nurse", f"/patients/{mine.patient_id}/alerts/new", text="Should sit upright", may_go_on="yes")
    check = there(session, checked(mine, bag, team))
    me = arrive("nurse")
    me.page.set_viewport_size({"width": 820, "height": 700})
    me.page.goto(f"/bedside-checks/{check}")
    me.page.get_by_role("button", name="Begin").click()
    me.page.get_by_role("link", name="What did you do about it? Required").click()
    box = me.box("What did you do about it?")
    expect(box).to_be_focused()
    hidden = "box => document.querySelector('.c-band').getBoundingClientRect().bottom - box.getBoundingClientRect().top"
    assert box.locator("xpath=ancestor::div[contains(@class, 'c-field')]").first.evaluate(hidden) <= 0
    begin = me.page.get_by_role("button", name="Begin")
    expect(begin).to_have_class(re.compile("c-huge--waits"))
    box.fill("sits upright, seen by both of us")
    expect(begin).not_to_have_class(re.compile("c-huge--waits"))
