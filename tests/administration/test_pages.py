"""The bedside in a browser: scan, second password, verdict, start, end, vital signs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from clinic import clock
from clinic.accounts.models import FailedSignIn
from clinic.administration.models import Administration, BedsideCheck
from clinic.administration.vital_signs import VitalSigns
from clinic.followup.models import PlannedVisit
from tests.bedside import checked, given, released_product
from tests.factories import PASSWORD, boxes, ready_for_harvest
from tests.judging import valid_consent

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from clinic.products.models import Product
    from clinic.treatments.models import Treatment
    from tests.factories import Team


@pytest.fixture
def course(team: Team) -> Treatment:
    """A course with consent and eligibility."""
    return ready_for_harvest(team)


@pytest.fixture
def product(course: Treatment, team: Team) -> Product:
    """Its released product."""
    return released_product(course, team)


def scan(course: Treatment, product: Product, team: Team, **more: Any) -> dict[str, Any]:
    """The form of the bedside check, filled in."""
    return {
        "patient_scan": course.patient_id,
        "product_scan": product.id,
        "spo2": "98",
        "temperature": "36,6",
        "systolic": "124",
        "diastolic": "78",
        "pulse": "72",
        "second_person_id": team.physician.id,
        "password": PASSWORD,
        "own_password": PASSWORD,
    } | more


def start(course: Treatment, **more: Any) -> dict[str, Any]:
    """The form of the start, filled in."""
    return (
        boxes("performed_at", clock.now())
        | {
            "route": course.route,
            "body_site": course.body_site,
            "side": course.side,
            "volume_issued": "10",
        }
        | more
    )


def test_two_people_check_begin_end_and_sign(
    course: Treatment,
    product: Product,
    team: Team,
    session: Session,
    client_as: Callable,
    post: Callable,
    page: Callable,
) -> None:
    nurse, at = client_as("nurse"), f"/treatments/{course.id}"
    assert "Cells to give" in (asked := page(nurse, f"{at}/bedside"))
    assert "Scan it, or type the whole record number" in asked
    answer = post(nurse, f"{at}/bedside", scan(course, product, team))
    assert answer.status_code == 303, answer.text
    shown = page(nurse, answer.location)
    assert "Right cells, right patient" in shown
    check = session.scalars(select(BedsideCheck)).one()
    begin = f"{at}/administrations/new?check={check.id}"
    assert "into the RIGHT knee" in shown
    answer = post(nurse, begin, {})
    assert answer.status_code == 303, answer.text
    record = answer.location
    shown = page(nurse, record)
    assert "Record the end of the injection" in shown
    assert "Review and sign" not in shown  # one next action: nobody signs what has no end yet
    made = session.scalars(select(Administration)).one()
    assert made.verified_by_id == team.physician.id
    assert [v.check_id for v in made.vital_signs] == [check.id]
    assert session.scalar(select(func.count()).select_from(PlannedVisit)) == len(course.says.visits)
    signs = {
        "spo2": "97",
        "temperature": "36.8",
        "systolic": "120",
        "pulse": "70",
        "performed_by_id": team.nurse.id,
    } | boxes("performed_at", clock.now())
    assert page(nurse, f"{record}/vital-signs")
    assert post(nurse, f"{record}/vital-signs", signs).status_code == 303
    assert page(nurse, f"{record}/end")
    end = boxes("ended_at", clock.now()) | {"volume_given": "9", "volume_wasted": "1", "version": str(made.version)}
    assert "why the whole dose was not given" in post(nurse, f"{record}/end", end).text
    session.expire_all()
    end |= {"partial_reason": "left in the line", "ended_at-sure": "yes", "ended_at-why": "one injection"}
    assert post(nurse, f"{record}/end", end).status_code == 303
    session.expire_all()
    assert session.scalar(select(func.count()).select_from(VitalSigns)) == 2
    assert "Review and sign" in page(nurse, record)
    for who in ("nurse", "physician"):
        session.expire_all()
        signed = post(client_as(who), f"/records/{made.id}/signature", password=PASSWORD, version=str(made.version))
        assert signed.status_code == 303, signed.text
    session.expire_all()
    assert [s.meaning.value for s in made.signatures] == ["authorship", "verification"]
    assert "9 mL" in page(client_as("inspector"), record)
    assert "Administrations" in page(nurse, f"{at}/administrations")


@pytest.mark.hazard("H1")
def test_a_refusal_is_shown_in_red_and_kept(
    course: Treatment, team: Team, session: Session, client_as: Callable, post: Callable, page: Callable
) -> None:
    other = ready_for_harvest(team)
    nurse = client_as("nurse")
    answer = post(nurse, f"/treatments/{course.id}/bedside", scan(course, released_product(other, team), team))
    shown = page(nurse, answer.location)
    assert "Do not give these cells" in shown
    assert "These cells belong to another patient." in shown
    assert "Cannot be overridden." in shown
    assert other.patient.display_name in shown
    check = session.scalars(select(BedsideCheck)).one()
    assert not check.clear
    refused = post(
        nurse,
        f"/treatments/{course.id}/administrations/new?check={check.id}",
        start(course, performed_by_id=team.nurse.id),
    )
    assert refused.status_code == 409
    assert session.scalar(select(func.count()).select_from(Administration)) == 0


@pytest.mark.rule(2)
def test_the_second_persons_wrong_password_is_refused_and_counted(
    course: Treatment, product: Product, team: Team, session: Session, client_as: Callable, post: Callable
) -> None:
    answer = post(client_as("nurse"), f"/treatments/{course.id}/bedside", scan(course, product, team, password="wrong"))
    assert answer.status_code == 422
    assert "Incorrect password" in answer.text
    assert session.scalar(select(func.count()).select_from(FailedSignIn)) == 1
    assert session.scalar(select(func.count()).select_from(BedsideCheck)) == 0


@pytest.mark.rule(2)
def test_nobody_is_her_own_second_person(
    course: Treatment, product: Product, team: Team, client_as: Callable, post: Callable
) -> None:
    answer = post(
        client_as("nurse"),
        f"/treatments/{course.id}/bedside",
        scan(course, product, team, second_person_id=team.nurse.id),
    )
    assert answer.status_code == 422
    assert "choose from the list" in answer.text


@pytest.mark.hazard("H12")
def test_a_consent_withdrawn_while_the_form_is_open_closes_it(
    course: Treatment,
    product: Product,
    team: Team,
    session: Session,
    client_as: Callable,
    post: Callable,
    page: Callable,
) -> None:
    check = checked(course, product, team)
    begin = f"/treatments/{course.id}/administrations/new?check={check.id}"
    nurse = client_as("nurse")
    page(nurse, begin)
    consent = valid_consent(course, clock.now())
    assert consent is not None
    consent.withdraw(
        by=team.nurse, at=clock.now(), performed_at=clock.now() - timedelta(seconds=1), performed_by=team.nurse
    )
    answer = post(nurse, begin, start(course, performed_by_id=team.nurse.id))
    assert answer.status_code == 409
    assert "withdrew the consent" in answer.text
    assert session.scalar(select(func.count()).select_from(Administration)) == 0


@pytest.mark.hazard("H15")
def test_the_same_form_sent_twice_gives_once(
    course: Treatment, product: Product, team: Team, session: Session, client_as: Callable, post: Callable
) -> None:
    check = checked(course, product, team)
    begin, nurse = f"/treatments/{course.id}/administrations/new?check={check.id}", client_as("nurse")
    form = start(course, performed_by_id=team.nurse.id, idempotency_key="one key of one open form")
    places = {post(nurse, begin, form).location for _ in range(3)}
    assert len(places) == 1
    assert session.scalar(select(func.count()).select_from(Administration)) == 1
    assert post(client_as("physician"), begin, start(course, performed_by_id=team.physician.id)).status_code == 409


@pytest.mark.hazard("H17")
def test_an_amount_with_an_exponent_is_no_number_on_the_form(
    course: Treatment, product: Product, team: Team, client_as: Callable, post: Callable
) -> None:
    check = checked(course, product, team)
    answer = post(
        client_as("nurse"),
        f"/treatments/{course.id}/administrations/new?check={check.id}",
        start(course, performed_by_id=team.nurse.id, volume_issued="1e1"),
    )
    assert answer.status_code == 422
    assert "is not a number" in answer.text


def test_another_sites_staff_sees_no_check(
    course: Treatment, product: Product, team: Team, client_as: Callable
) -> None:
    check = checked(course, product, team)
    made = given(check, team)
    for address in (
        f"/bedside-checks/{check.id}",
        f"/administrations/{made.id}",
        f"/treatments/{course.id}/administrations",
        f"/treatments/{course.id}/bedside",
    ):
        assert client_as("nurse", site="south").get(address).status_code == 404
    assert client_as("technologist").get(f"/treatments/{course.id}/bedside").status_code == 403
    assert client_as("administrator").get(f"/administrations/{made.id}").status_code == 403


@pytest.mark.hazard("H15")
def test_ten_posts_at_once_by_two_people_give_once(
    course: Treatment, product: Product, team: Team, session: Session, client_as: Callable, post: Callable
) -> None:
    check = checked(course, product, team)
    begin = f"/treatments/{course.id}/administrations/new?check={check.id}"
    forms = [start(course, performed_by_id=person.id) for person in (team.nurse, team.physician)]
    browsers = [client_as(("nurse", "physician")[n % 2]) for n in range(10)]
    session.commit()
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda n: post(browsers[n], begin, forms[n % 2]).status_code, range(10)))
    assert sorted(answers) == [303] + [409] * 9
    assert session.scalar(select(func.count()).select_from(Administration)) == 1
    assert session.scalar(select(func.count()).select_from(PlannedVisit)) == len(course.says.visits)


@pytest.mark.hazard("H10")
def test_a_check_from_the_future_is_worth_nothing_after_the_clock_went_back(
    course: Treatment, product: Product, team: Team
) -> None:
    check = checked(course, product, team, at=clock.now() + timedelta(minutes=10))
    assert "clock went back" in check.unusable(clock.now())


def test_the_list_of_a_course_is_read_by_as_many_queries_for_one_as_for_three(
    course: Treatment, team: Team, client_as: Callable, queries: Callable
) -> None:
    nurse, counts = client_as("nurse"), []
    for times in (1, 2):
        for _ in range(times):
            made = given(checked(course, released_product(course, team), team), team, because="several doses")
            made.finish(at=clock.now(), ended_at=clock.now(), volume_given=made.volume_issued, weight=None)
            made.sign(by=team.nurse, at=clock.now())
        nurse.get(f"/treatments/{course.id}/administrations")
        count = queries()
        assert nurse.get(f"/treatments/{course.id}/administrations").status_code == 200
        counts.append(count())
    assert counts[0] == counts[1] <= 20


def test_a_refusal_kept_by_an_earlier_release_still_leads_to_its_page(
    course: Treatment, product: Product, team: Team, session: Session, client_as: Callable, page: Callable
) -> None:
    check = checked(course, product, team, vitals=None)
    check.reasons = [dict(check.reasons[0], fix=["products.show", {"id": product.id}])]
    session.commit()
    assert f"/products/{product.id}" in page(client_as("nurse"), f"/bedside-checks/{check.id}").links
