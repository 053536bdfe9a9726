"""What lies on hold in a course that was stopped waits for quality, each bag by itself; what was voided reads so."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from clinic import clock, wording
from clinic.access import Role
from clinic.course_records import of_course
from clinic.demo import laboratory
from clinic.products.models import Product
from clinic.release.product_state import ProductState, state_of
from clinic.release.result_rows import exact_amount
from clinic.release.step import actions
from clinic.treatments.models import Stop
from tests.bedside import checked, given, released_product
from tests.factories import ready_for_harvest


def test_quality_has_a_task_for_each_bag_on_hold_in_a_stopped_course(client_as, page, session, team):
    course, now = ready_for_harvest(team), clock.now()
    damaged, released, held = (released_product(course, team) for _ in range(3))
    damaged.move(kind="received", place="Laboratory", intact=False, reason="Bag torn", by=team.technologist, at=now)
    laboratory.release(team, course, held, now, decision="hold", reason="Freezer alarm")
    session.add(
        Stop.log(by=team.physician, at=now, performed_by=team.physician, performed_at=now, treatment=course,
                 reason="The patient moved away")
    )  # fmt: skip
    session.commit()
    records = of_course(session, course)
    bags = [damaged, released, held]
    assert {state_of(records, bag, now + timedelta(seconds=1)) for bag in bags} == {ProductState.HOLD}
    asked = [one for one in actions(records, now + timedelta(seconds=1)) if Role.QUALITY in one.who]
    for bag in bags:
        assert [one.title for one in asked if dict(one.to[1]).get("product_id") == bag.id], bag.division
    today = page(client_as("quality"), "/")
    for bag in bags:
        assert f"/products/{bag.id}/release" in today.links


def test_a_start_that_was_voided_reads_as_voided_everywhere(client_as, page, session, team):
    course = ready_for_harvest(team)
    bag = released_product(course, team)
    began = given(checked(course, bag, team), team)
    assert began.headline().startswith("6") or "×" in began.headline()
    now = clock.now()
    began.outcome, began.volume_given = "voided", Decimal("2.50")  # as an earlier release could keep it
    bag.move(kind="not_given", by=team.nurse, at=now, reason="Wrong room")
    session.commit()
    assert began.headline().startswith("voided, but 2.50 mL recorded: correct this record")
    assert "×" not in began.headline()
    shown = page(client_as("nurse"), f"/products/{bag.id}")
    assert "Start recorded, voided later" in shown
    assert "Given" not in shown.text.replace("Given names", "")
    back = page(client_as("quality"), f"/products/{bag.id}/look-back").text
    row = back[back.index("Given at") :].partition("Page created")[0]
    assert wording.moment(began.performed_at, team.site.zone) not in row
    again = checked(course, bag, team)  # it still stops: somebody looks at the record first
    assert next(line["left"] for line in again.evidence if line["check"] == "Not given yet").startswith("voided ")


def test_an_amount_is_compact_on_pages_and_exact_where_it_is_signed_and_printed():
    bag = Product(name="HPC", measure="cd34", amount=Decimal("4395.1250"), volume=Decimal(50))
    assert bag.amount_text.startswith("4.4 × 10⁹ ")
    assert "4.4 × 10⁹" in bag.headline()
    assert exact_amount(bag).startswith("4.395125 × 10⁹ ")
    assert exact_amount(Product(name="HPC", measure="cd34")) == ""
