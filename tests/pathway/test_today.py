"""The day's list is true: one row a patient and step, soonest first, mine before my role's, counts that equal lists."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from sqlalchemy import select

from clinic import clock
from clinic.consent.models import Withdrawal
from clinic.demo import laboratory
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import PlannedVisit
from clinic.judged_lines import CourseLine
from clinic.pathway.worklist_lines import Order
from clinic.processing.models import ProcessingRun
from tests import bedside
from tests.bedside import checked, given, released_product
from tests.factories import PASSWORD, consented, course, harvested, patient, ready_for_harvest
from tests.pathway.test_page_and_list_agree import Outline
from tests.safety.driver import Ward


def bags(team, begun, *, verified=True):
    """Three tested containers of one run."""
    made = clock.now() - timedelta(hours=2)
    start = made - timedelta(minutes=30)
    harvest = harvested(begun, team, at=start - timedelta(hours=1))
    run = laboratory.process(team, begun, harvest.products, start, until=made, vehicle=None)
    found = laboratory.fill(team, run, made, volume=Decimal(10), amounts=[begun.says.dose.usual] * 3)
    laboratory.close_run(team, run, made, verified=verified)
    for bag in found if verified else []:
        for spec in begun.says.qc:
            bedside.tested(bag, team, begun.protocol_version, spec, value=None, at=made)
    return found


def rows(browser, part="h-mine"):
    return [line.text for line in Outline(browser.get("/").text).items[part]]


def counts(browser):
    """The figures at the top of Today, by their words."""
    html = browser.get("/").text
    return {words: int(number) for number, words in re.findall(r"<b>(\d+)</b><span>([^<]+)</span>", html)}


def test_three_bags_of_a_patient_are_one_row_that_says_so(team, client_as):
    begun = ready_for_harvest(team, patient(team, family_name="Salmon"))
    bags(team, begun)
    quality = client_as("quality")
    found = [row for row in rows(quality) if "SALMON" in row]
    assert len(found) == 1
    assert "Decide on the release" in found[0]
    assert "and 2 more" in found[0]
    assert counts(quality)["waiting for me"] == len(rows(quality))


def test_one_row_leads_through_all_of_them(team, client_as, post, session):
    begun = ready_for_harvest(team)
    found = bags(team, begun)
    ward = Ward(session, team, client_as)
    for left in (1, 0):
        bag = found.pop()
        ward.decide(bag, "reject", reason="Not needed")
        row = next(row for row in rows(client_as("quality")) if "Decide on the release" in row)
        assert ("more" in row) == bool(left)
    ward.decide(found.pop(), "reject", reason="Not needed")
    assert not [row for row in rows(client_as("quality")) if "Decide on the release" in row]


def test_what_is_due_in_years_stands_under_what_is_due_today(team, client_as):
    for name, left in (("Later", timedelta(days=3 * 365)), ("Soon", timedelta(hours=9))):
        for bag in bags(team, ready_for_harvest(team, patient(team, family_name=name))):
            bag.expires_at = clock.now() + left
            bag.frozen_at = bag.performed_at  # the protocol lets frozen cells last for years
            team.add(bag)
    html = client_as("quality").get("/").text
    mine = html[html.index('id="mine"') :]
    assert mine.index("SOON") < mine.index("due after the next three days") < mine.index("LATER")


def test_minutes_come_before_everything_of_ones_own(team, client_as):
    own = course(team, patient(team, family_name="Mine"))
    urgent = ready_for_harvest(team, patient(team, family_name="Urgent"))
    bag = released_product(urgent, team)
    bag.expires_at = clock.now() + timedelta(minutes=50)
    team.add(bag)
    found = rows(client_as("physician"))
    assert "URGENT" in found[0]
    assert any("MINE" in row for row in found), own.id


def test_my_patients_come_before_those_of_my_role(team, client_as):
    for name, who in (("Theirs", team.physician2), ("Mine", team.physician)):
        course(team, patient(team, family_name=name), performed_by=who)
    for name, second in (("MINE", False), ("THEIRS", True)):
        found = rows(client_as("physician", second=second))
        assert name in found[0]
        assert "My patient" in found[0]
        assert "My patient" not in found[-1]


def test_who_processed_is_not_asked_to_verify(team, client_as, session):
    begun = ready_for_harvest(team, patient(team, family_name="Twohands"))
    bags(team, begun, verified=False)
    first, second = client_as("technologist"), client_as("technologist", second=True)
    assert not [row for row in rows(first) if "Verify the processing" in row]
    assert [row for row in rows(first, "h-others") if "Verify the processing" in row]
    assert [row for row in rows(second) if "Verify the processing" in row]
    url = f"/treatments/{begun.id}"
    assert "Waiting for another" in first.get(url).text
    assert "Your next action" in second.get(url).text
    run = session.scalars(select(ProcessingRun)).one()
    Ward(session, team, client_as).fill("technologist2", f"/records/{run.id}/signature", password=PASSWORD)
    assert not [row for row in rows(second) if "Verify the processing" in row]


def test_the_filter_is_remembered_for_the_account_and_the_counts_follow(team, client_as, post):
    course(team, patient(team, family_name="Abelsdotter"), performed_by=team.physician2)
    consented(course(team, patient(team, family_name="Brandt"), performed_by=team.physician), team)
    browser = client_as("physician")
    assert post(browser, "/today/filter", step="eligibility", person=team.physician.id).status_code == 303
    again = client_as("physician")
    assert all("BRANDT" in row for row in rows(again))
    assert rows(again)
    assert counts(again)["waiting for me"] == len(rows(again))
    assert "Filtered" in again.get("/").text
    assert any("ABELSDOTTER" in row for row in rows(client_as("physician", second=True)))
    post(browser, "/today/filter", step="", person="")
    assert any("ABELSDOTTER" in row for row in rows(again))
    post(browser, "/today/filter", step="no such step", person="US-000000000")
    assert any("ABELSDOTTER" in row for row in rows(again))


@pytest.mark.parametrize("role", ["nurse", "physician", "technologist", "quality", "coordinator", "director"])
def test_the_list_is_the_same_from_stored_lines_and_from_fresh_ones(role, team, client_as, session):
    for name in ("Stale", "Fresh"):
        bags(team, ready_for_harvest(team, patient(team, family_name=name)))
    begun = ready_for_harvest(team, patient(team, family_name="Given"))
    given(checked(begun, released_product(begun, team), team), team)
    with time_machine.travel(clock.now() + timedelta(minutes=1), tick=False):
        browser = client_as(role)
        stored = [rows(browser, part) for part in ("h-mine", "h-others")]
        line = session.scalars(select(CourseLine).limit(1)).one()
        line.changes_at = clock.now() - timedelta(days=1)
        session.commit()
        assert [sorted(rows(browser, part)) for part in ("h-mine", "h-others")] == [sorted(part) for part in stored]


def test_vital_signs_that_are_due_are_a_row_with_a_clock(team, client_as):
    begun = ready_for_harvest(team, patient(team, family_name="Running"))
    given(checked(begun, released_product(begun, team), team), team)
    with time_machine.travel(clock.now() + timedelta(minutes=16), tick=False):
        found = [row for row in rows(client_as("nurse")) if "RUNNING" in row]
    assert found
    assert "vital signs" in found[0]


def test_every_row_of_others_leads_somewhere(team, client_as):
    bags(team, ready_for_harvest(team))
    lines = Outline(client_as("coordinator").get("/").text).items["h-others"]
    assert lines
    assert all(line.links for line in lines)


def test_a_filter_never_hides_what_is_to_be_done_now(team, client_as, post):
    begun = ready_for_harvest(team, patient(team, family_name="Urgently"))
    given(checked(begun, released_product(begun, team), team, at=clock.now() - timedelta(minutes=20)), team,
          at=clock.now() - timedelta(minutes=18))  # fmt: skip
    nurse = client_as("nurse")
    assert any("URGENTLY" in row for row in rows(nurse))
    post(nurse, "/today/filter", step="eligibility", person="")
    assert any("URGENTLY" in row and "vital signs" in row for row in rows(nurse))
    assert "Clear the filter" in nurse.get("/").text


def test_a_task_that_is_over_for_years_does_not_go_before_what_ends_within_hours(team, client_as, session):
    old = ready_for_harvest(team, patient(team, family_name="Yearsago"))
    product = released_product(old, team, made_at=clock.now() - timedelta(days=3))
    late = bags(team, ready_for_harvest(team, patient(team, family_name="Hoursleft")))
    for bag in late:
        bag.expires_at = clock.now() + timedelta(hours=1)
    assert product
    session.flush()
    order = Order(clock.now(), team.quality.id)
    line = {"danger": False, "people": "", "due_words": "final"}
    assert order.rank(line | {"due_at": clock.now() - timedelta(days=700)}) > order.rank(
        line | {"due_at": clock.now() + timedelta(hours=1)}
    )


def overdue(team, family_name):
    """A course whose first visit after the cells is overdue."""
    begun = ready_for_harvest(team, patient(team, family_name=family_name))
    given(checked(begun, released_product(begun, team), team), team)
    plan = team.session.scalars(select(PlannedVisit).where(PlannedVisit.treatment_id == begun.id)).all()[0]
    return begun, plan


def test_the_overdue_visit_of_a_patient_with_a_serious_event_comes_first(team, client_as, session):
    on = clock.today("Europe/Berlin")
    for family, days in (("Longest", 40), ("Serious", 7)):
        begun, plan = overdue(team, family)
        plan.opens_on = plan.due_on = plan.closes_on = on - timedelta(days=days)
        if family == "Serious":
            session.add(AdverseEvent.log(
                by=team.nurse, at=clock.now(), treatment=begun, performed_at=clock.now(), performed_by=team.nurse,
                term="Septic arthritis", serious=["hospitalisation"], outcome="ongoing", aware_on=on,
            ))  # fmt: skip
    session.commit()
    late = client_as("nurse").get("/").text.partition('id="late"')[2]
    assert late.index("SERIOUS") < late.index("LONGEST")
    assert "Serious event, not resolved" in late[late.index("SERIOUS") : late.index("LONGEST")]


def test_a_product_that_soon_expires_says_its_state_and_why_nobody_hurries(team, client_as, session):
    begun = ready_for_harvest(team, patient(team, family_name="Withdrawing"))
    bag = harvested(begun, team).products[0]
    bag.expires_at = clock.now() + timedelta(minutes=20)
    session.commit()
    shown = client_as("technologist").get("/").text.partition('id="expiry"')[2].partition("</section>")[0]
    assert "Urgent" in shown
    assert "In quarantine" in shown
    (consent,) = begun.patient.consents
    session.add(Withdrawal.log(
        by=team.nurse, at=clock.now(), consent=consent, patient_id=begun.patient_id, performed_at=clock.now(),
        performed_by=team.nurse,
    ))  # fmt: skip
    session.commit()
    shown = client_as("technologist").get("/").text.partition('id="expiry"')[2].partition("</section>")[0]
    assert "Consent withdrawn" in shown
    assert "Urgent" not in shown


def test_cells_that_run_and_what_is_overdue_go_before_a_report_that_has_days(team):
    at = clock.now()
    order = Order(at, team.nurse.id)

    def line(name, *, danger=False, due=None, words="use before"):
        return {"key": name, "danger": danger, "due_at": due and at + due, "due_words": words, "people": ""}

    lines = [
        line("report in days", danger=True, due=timedelta(days=5), words="tell them"),
        line("calm", due=timedelta(hours=6)),
        line("vital signs overdue", due=timedelta(minutes=-18), words="due"),
        line("running", due=timedelta(minutes=-3), words="started"),
        line("failing product", danger=True),
        line("soon", due=timedelta(minutes=40)),
        line("planned this morning", due=timedelta(hours=-7), words="planned"),
    ]
    assert [one["key"] for one in sorted(lines, key=order.key)] == [
        "vital signs overdue", "running", "failing product", "soon", "planned this morning", "report in days", "calm",
    ]  # fmt: skip


def test_expired_cells_say_when_they_expired(team, client_as):
    begun = ready_for_harvest(team)
    for bag in harvested(begun, team, at=clock.now() - timedelta(hours=3)).products:
        bag.expires_at = clock.now() - timedelta(minutes=75)
        team.add(bag)
    row = next(row for row in rows(client_as("quality")) if "Decide on the expired cells" in row)
    assert re.search(r"1 h 15 min ago · expired \d\d:\d\d", row)
    assert "No due time" not in row


def test_a_mark_on_ones_own_patients_is_of_use_only_where_others_are_listed(team, client_as):
    for name in ("One", "Two", "Three"):
        course(team, patient(team, family_name=name), performed_by=team.physician)
    found = rows(client_as("physician"))
    assert len(found) >= 3
    assert not [row for row in found if "My patient" in row]
