"""Figures that keep the house small: statements of a page, functions and files that one form passes through."""

from __future__ import annotations

import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

import clinic
from clinic import clock, idempotency
from clinic.demo import builder
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import PlannedVisit
from tests.bedside import checked, given, released_product
from tests.factories import boxes, ready_for_harvest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

    from clinic.products.models import Product
    from clinic.treatments.models import Treatment
    from tests.factories import Team

HOME = str(Path(clinic.__file__).parent)
PAGES = [
    ("/", 8), ("/treatments/{course}", 25), ("/products/{product}", 20), ("/patients/{patient}/timeline", 15),
]  # fmt: skip


@pytest.fixture
def whole(team: Team) -> tuple[Treatment, Product]:
    """A course with everything in it, and one of its bags: harvests, runs, results, releases, a dose, visit, event."""
    course = ready_for_harvest(team)
    first, second = released_product(course, team), released_product(course, team)
    made = given(checked(course, first, team), team)
    made.finish(at=clock.now(), ended_at=clock.now(), volume_given=made.volume_issued, weight=None)
    made.sign(by=team.nurse, at=clock.now())
    made.sign(by=team.physician, at=clock.now())
    at = clock.now()
    plan = team.database.scalars(select(PlannedVisit).order_by(PlannedVisit.number)).first()
    assert plan is not None
    builder.visit(team, course, plan.name, at, {"nrs_pain": Decimal(2)}, plan=plan)
    event = AdverseEvent.report(
        by=team.physician, at=at, treatment=course, performed_at=at, performed_by=team.physician,
        aware_on=clock.day(at, "Europe/Berlin"),
        term="Swelling of the knee", grade="3", serious=["hospitalisation"], from_cells="possible",
        from_harvest="unlikely", from_delivery="unlikely", expected="unexpected", outcome="ongoing",
        administration_id=made.id,
    )  # fmt: skip
    team.add(event)
    event.sign(by=team.physician, at=at)
    return course, second


@pytest.mark.parametrize(("url", "most"), PAGES)
def test_a_page_asks_the_database_a_counted_few_times(
    url: str, most: int, whole: tuple[Treatment, Product], client_as: Callable, queries: Callable
) -> None:
    course, product = whole
    address = url.format(course=course.id, product=product.id, patient=course.patient_id)
    browser = client_as("physician")
    assert browser.get(address).status_code == 200
    count = queries()
    browser.get(address)
    assert count() <= most


@pytest.mark.parametrize(
    ("url", "most"), [("/", 8), ("/treatments/{course}", 25), ("/patients/{patient}/timeline", 38)]
)
def test_the_band_over_a_page_reads_no_course_anew_while_cells_run(
    url: str, most: int, team: Team, client_as: Callable, queries: Callable
) -> None:
    """It says of what the page has read whether cells are to be stopped; the timeline itself reads no course."""
    course = ready_for_harvest(team)
    product = released_product(course, team)
    given(checked(course, product, team), team)
    address = url.format(course=course.id, product=product.id, patient=course.patient_id)
    browser = client_as("physician")
    assert browser.get(address).status_code == 200
    count = queries()
    browser.get(address)
    assert count() <= most


@pytest.mark.parametrize("page", ["harvests", "processing", "administrations", "visits", "adverse-events"])
def test_a_list_of_a_course_reads_only_what_it_shows(
    page: str, whole: tuple[Treatment, Product], client_as: Callable, queries: Callable
) -> None:
    browser, address = client_as("physician"), f"/treatments/{whole[0].id}/{page}"
    assert browser.get(address).status_code == 200
    count = queries()
    browser.get(address)
    assert count() <= 14


@pytest.mark.parametrize(("page", "most"), [("results", 20), ("release", 29)])
def test_a_page_on_a_product_reads_its_records_once(
    page: str, most: int, whole: tuple[Treatment, Product], client_as: Callable, queries: Callable
) -> None:
    browser, address = client_as("quality"), f"/products/{whole[1].id}/{page}"
    assert browser.get(address).status_code == 200
    count = queries()
    browser.get(address)
    assert count() <= most


def test_a_harvest_passes_through_few_functions_and_files(team: Team, client_as: Callable) -> None:
    course, at = ready_for_harvest(team), (clock.now() - timedelta(hours=2)).replace(second=0, microsecond=0)
    browser, address = client_as("nurse"), f"/treatments/{course.id}/harvests/new"
    start, end, pause = (
        boxes("performed_at", at), boxes("ended_at", at + timedelta(minutes=30)),
        boxes("time_out_at", at - timedelta(minutes=5)),
    )  # fmt: skip
    sent = start | end | pause | {
        "source": "bone_marrow", "body_site": "posterior_iliac_crest", "side": "right", "method": "needle_aspiration",
        "anaesthesia": "local", "volume": "61,5", "containers": "1", "anticoagulant": "acd_a",
        "anticoagulant_lot": "L-1", "anticoagulant_volume": "6", "performed_by_id": team.nurse.id,
        "anticoagulant_expires_on-d": "1", "anticoagulant_expires_on-m": "1", "anticoagulant_expires_on-y": "2031",
        "idempotency_key": idempotency.new_key(),
    }  # fmt: skip
    assert browser.post(address, data=sent).status_code == 303  # what is worked out once for all forms is over then
    browser.get(address)
    sent |= {"idempotency_key": idempotency.new_key()}
    passed: set[CodeType] = set()

    def note(frame: FrameType, what: str, _argument: object) -> None:
        code = frame.f_code
        if what == "call" and code.co_filename.startswith(HOME) and not code.co_name.startswith("<"):
            passed.add(code)

    before = sys.getprofile()
    team.database.commit()
    sys.setprofile(note)
    answer = browser.post(address, data=sent)
    sys.setprofile(before)
    assert answer.status_code == 303, answer.text
    # one for the day on which the lot expires, which is required
    assert len(passed) <= 345, _named(passed)
    assert len({code.co_filename for code in passed}) <= 54, _named(passed)


def _named(passed: set[CodeType]) -> str:
    """Return the functions by their files, for who has to shorten the way."""
    lines = sorted(f"{code.co_filename.removeprefix(HOME)}: {code.co_qualname}" for code in passed)
    return "\n".join([f"{len(lines)} functions", *lines])
