"""Many hands at one bag at the same moment: one administration, and none after a no was committed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from clinic import clock, idempotency
from clinic.administration.models import Administration
from clinic.consent.models import Consent, Withdrawal
from clinic.ledger.models import LedgerEntry
from clinic.ledger.verify import verify
from clinic.products.models import Movement
from clinic.release.models import Release
from tests.bedside import checked, released_product
from tests.conftest import Client
from tests.databases import both_databases
from tests.factories import boxes, ready_for_harvest

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

pytestmark = [both_databases, pytest.mark.slow]
TURNS = 6
CROWD = 50
BUSY = 503
"""What a slow machine answers to whoever waited for the lock too long; nothing was saved, and it may be sent again."""


def at_once(acts: list[Callable[[], Any]]) -> list[Any]:
    """Do different acts from as many threads at the same moment, and return what each got."""
    Client.before()
    gate = Barrier(len(acts))

    def one(act: Callable[[], Any]) -> Any:
        gate.wait(timeout=60)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))


def ready(team: Any, *, checks: int = 1) -> tuple[Any, Any, list[Any]]:
    """Return a course, its released bag, and clear checks of it; each second one was read by the second nurse."""
    course = ready_for_harvest(team)
    bag = released_product(course, team)
    readers = [team.nurse, team.nurse2]
    found = [checked(course, bag, team, by=readers[number % 2]) for number in range(checks)]
    assert all(check.clear for check in found)
    return course, bag, found


def beginning(course: Any, check: Any, by: str) -> tuple[str, dict[str, str]]:
    """Return the address and the boxes of the form by which cells are begun on a check."""
    sent = {
        "performed_by_id": by, "route": course.route, "body_site": course.body_site, "side": course.side,
        "volume_issued": "10", "premedication": "not_ordered", "because": "read once more by both",
    } | boxes("performed_at", clock.now())  # fmt: skip
    return f"/treatments/{course.id}/administrations/new?check={check.id}", sent


def count(session: Session, kind: type[Any], *where: Any) -> int:
    session.rollback()
    return session.scalar(select(func.count()).select_from(kind).where(*where)) or 0


def given_once(session: Session, bag_id: str) -> None:
    """One administration, one movement that says so, and an unbroken ledger."""
    assert count(session, Administration, Administration.product_id == bag_id) == 1
    assert count(session, Movement, Movement.product_id == bag_id, Movement.kind == "given") == 1
    assert verify(session) == []
    session.commit()


def written(session: Session, kind: type[Any], row_id: str) -> int:
    """Return the place of a new row in the chain of the ledger, which is the order of the commits."""
    chosen = select(LedgerEntry.number).where(
        LedgerEntry.record == kind.__tablename__, LedgerEntry.record_id == row_id, LedgerEntry.act == "insert"
    )
    found = session.scalar(chosen)
    assert found is not None
    return found


@pytest.mark.hazard("H15")
def test_fifty_equal_posts_of_one_beginning_give_the_cells_once(session, team, client_as, post):
    course, bag, (check,) = ready(team)
    url, sent = beginning(course, check, team.nurse.id)
    bag_id, key, browsers = bag.id, idempotency.new_key(), [client_as("nurse") for _ in range(CROWD)]
    answers = at_once([lambda b=b: post(b, url, sent, idempotency_key=key).status_code for b in browsers])
    assert set(answers) - {BUSY} == {303}
    given_once(session, bag_id)


@pytest.mark.hazard("H15")
def test_fifty_forms_on_one_check_give_the_cells_once(session, team, client_as, post):
    course, bag, (check,) = ready(team)
    url, sent = beginning(course, check, team.nurse.id)
    bag_id, browsers = bag.id, [client_as("nurse") for _ in range(CROWD)]
    answers = at_once([lambda b=b: post(b, url, sent).status_code for b in browsers])
    assert answers.count(303) == 1
    assert set(answers) <= {303, 409, 422, BUSY}
    given_once(session, bag_id)


@pytest.mark.hazard("H15")
def test_two_nurses_with_a_check_each_give_the_cells_once(session, team, client_as, post):
    browsers = [client_as("nurse"), client_as("nurse", second=True)]
    for _turn in range(TURNS):
        course, bag, checks = ready(team, checks=2)
        who, bag_id = [team.nurse.id, team.nurse2.id], bag.id
        forms = [beginning(course, check, by) for check, by in zip(checks, who, strict=True)]
        session.commit()
        answers = at_once([
            lambda b=b, f=f: post(b, *f).status_code for b, f in zip(browsers, forms, strict=True)
        ])  # fmt: skip
        assert answers.count(303) == 1, answers
        given_once(session, bag_id)


@pytest.mark.hazard("H12")
@pytest.mark.rule(50)
def test_no_cells_are_begun_after_a_hold_was_committed(session, team, client_as, post):
    nurse, quality = client_as("nurse"), client_as("quality", second=True)
    for _turn in range(TURNS):
        course, bag, (check,) = ready(team)
        bag_id, form = bag.id, beginning(course, check, team.nurse.id)
        session.commit()
        began, held = at_once([
            lambda n=nurse, f=form: post(n, *f).status_code,
            lambda q=quality, b=bag_id: post(
                q, f"/products/{b}/release", decision="hold", reason="alarm of the freezer"
            ).status_code,
        ])  # fmt: skip
        session.rollback()
        given = session.scalar(select(Administration.id).where(Administration.product_id == bag_id))
        hold = session.scalar(select(Release.id).where(Release.product_id == bag_id, Release.decision == "hold"))
        assert (began == 303) == (given is not None)
        assert (held == 303) == (hold is not None)
        if given is not None and hold is not None:
            assert written(session, Administration, given) < written(session, Release, hold)
        assert given is not None or hold is not None
        session.commit()


@pytest.mark.hazard("H12")
@pytest.mark.rule(15)
def test_no_cells_are_begun_after_a_withdrawal_was_committed(session, team, client_as, post):
    nurse, other = client_as("nurse"), client_as("physician", second=True)
    for _turn in range(TURNS):
        course, bag, (check,) = ready(team)
        consent = session.scalars(select(Consent).where(Consent.patient_id == course.patient_id)).one()
        bag_id, consent_id, form = bag.id, consent.id, beginning(course, check, team.nurse.id)
        gone = boxes("performed_at", clock.now()) | {"performed_by_id": team.physician2.id, "version": consent.version}
        session.commit()
        began, withdrawn = at_once([
            lambda n=nurse, f=form: post(n, *f).status_code,
            lambda o=other, c=consent_id, g=gone: post(o, f"/consents/{c}/withdrawal", g).status_code,
        ])  # fmt: skip
        session.rollback()
        given = session.scalar(select(Administration.id).where(Administration.product_id == bag_id))
        end = session.scalar(select(Withdrawal.id).where(Withdrawal.consent_id == consent_id))
        assert withdrawn == 303
        assert end is not None
        assert (began == 303) == (given is not None)
        if given is not None:
            assert written(session, Administration, given) < written(session, Withdrawal, end)
        session.commit()
