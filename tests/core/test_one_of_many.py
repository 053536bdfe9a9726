"""One form makes one record, and of two people who change one record one wins: on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier

import pytest
from sqlalchemy import func, select

from clinic import idempotency
from clinic.harvest.models import Harvest
from clinic.ledger.verify import verify
from clinic.patients.models import Patient, Weight
from clinic.products.models import Product
from clinic.schema import MIGRATIONS
from tests.conftest import Client
from tests.databases import both_databases
from tests.factories import boxes, harvested, ready_for_harvest
from tests.reading import Page

pytestmark = both_databases


@pytest.fixture
def uncontained(session, team):
    """A harvest of 60 mL that no container holds yet."""
    harvest = harvested(ready_for_harvest(team), team, signed=False, contained=False)
    session.commit()
    return harvest.id


def at_once(count, act):
    """Call ``act(number)`` from many threads at the same moment and return what each got."""
    Client.before()
    gate = Barrier(count)

    def wait_and_act(number):
        gate.wait(timeout=60)
        return act(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(wait_and_act, range(count)))


@pytest.mark.hazard("H15")
def test_a_form_that_is_posted_twice_leads_to_the_first_one_s_record(session, uncontained, client_as, post):
    nurse, key = client_as("nurse"), idempotency.new_key()
    url = f"/harvests/{uncontained}/products"
    first = post(nurse, url, volume="20", container="bag", idempotency_key=key)
    second = post(nurse, url, volume="20", container="bag", idempotency_key=key)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    assert session.scalar(select(func.count()).select_from(Product)) == 1


@pytest.mark.hazard("H20")
def test_a_form_that_was_refused_may_be_sent_again(session, uncontained, client_as, post):
    nurse, key = client_as("nurse"), idempotency.new_key()
    url = f"/harvests/{uncontained}/products"
    for wrong in ("", "short", "x" * 65, "x" * 100_000):
        assert post(nurse, url, volume="20", container="bag", idempotency_key=wrong).status_code == 400, len(wrong)
    assert post(nurse, url, volume="twenty", container="bag", idempotency_key=key).status_code == 422
    assert post(nurse, url, volume="20", container="bag", idempotency_key=key).status_code == 303
    assert session.scalar(select(func.count()).select_from(Product)) == 1


def test_a_key_works_for_the_one_who_got_it_and_for_its_own_page(uncontained, client_as, post):
    url, key = f"/harvests/{uncontained}/products", idempotency.new_key()
    assert post(client_as("nurse"), url, volume="20", container="bag", idempotency_key=key).status_code == 303
    assert (
        post(client_as("nurse", second=True), url, volume="20", container="bag", idempotency_key=key).status_code == 400
    )
    assert post(client_as("nurse"), "/patients/new", idempotency_key=key).status_code == 400


@pytest.mark.slow
@pytest.mark.hazard("H15")
def test_fifty_equal_posts_at_the_same_moment_make_one_record(session, uncontained, client_as, post):
    key, browsers = idempotency.new_key(), [client_as("nurse") for _ in range(50)]
    url = f"/harvests/{uncontained}/products"
    answers = at_once(
        50, lambda n: post(browsers[n], url, volume="1", container="bag", idempotency_key=key).status_code
    )
    assert session.scalar(select(func.count()).select_from(Product)) == 1
    assert set(answers) == {303}
    session.commit()
    assert verify(session) == []


@pytest.mark.slow
@pytest.mark.hazard("H16")
def test_twenty_people_cannot_together_take_more_than_there_is(session, uncontained, client_as, post):
    """Each asks for 9 of 60 mL with a form of its own: six get it, nobody gets what is not there."""
    browsers = [client_as("nurse") for _ in range(20)]
    url = f"/harvests/{uncontained}/products"

    def asks(n):
        for _try in range(10):
            reply = post(browsers[n], url, volume="9", container="bag")
            if reply.status_code != 503:  # on a busy machine somebody waits too long, and tries again as the page says
                break
        return reply

    replies = at_once(20, asks)
    answers = [reply.status_code for reply in replies]
    held = session.scalars(select(Product.volume)).all()
    assert sum(held) <= Decimal(60)
    assert answers.count(303) == len(held)
    assert set(answers) == {303, 422}
    assert all("are left to put into a container" in reply.text for reply in replies if reply.status_code == 422)
    session.commit()
    assert verify(session) == []


@pytest.fixture
def weighing(session, team):
    """The id of a signed course's weighing."""
    weight = session.scalars(select(Weight).where(Weight.patient_id == ready_for_harvest(team).patient_id)).one()
    session.commit()
    return weight.id


def correction(session, weight_id, kg, version):
    weight = session.get(Weight, weight_id)
    said = {
        **boxes("performed_at", weight.performed_at), "performed_by_id": weight.performed_by_id, "kg": kg,
        "amend_reason": "Read from the wrong line.", "version": str(version),
    }  # fmt: skip
    session.commit()
    return said


@pytest.mark.hazard("H18")
def test_of_two_who_correct_one_record_the_second_sees_both(session, weighing, client_as, post):
    url, version = f"/records/{weighing}/amendment", session.get(Weight, weighing).version
    first = post(client_as("nurse"), url, correction(session, weighing, "71.5", version))
    assert first.status_code == 303
    second = post(client_as("nurse", second=True), url, correction(session, weighing, "70.0", version))
    assert second.status_code == 409
    shown = Page.of(second.text)
    assert shown.problems() == []
    assert "71.5" in shown
    assert "70.0" in shown
    assert session.get(Weight, weighing).kg == Decimal("71.5")


@pytest.mark.slow
@pytest.mark.hazard("H18")
def test_no_correction_is_lost_however_they_race(session, weighing, client_as, post):
    browsers = [client_as("nurse"), client_as("nurse", second=True)]
    url = f"/records/{weighing}/amendment"
    for turn in range(12):
        version = session.get(Weight, weighing).version
        sent = [correction(session, weighing, f"{70 + turn}.{n + 1}", version) for n in range(2)]
        answers = at_once(2, lambda n: post(browsers[n], url, sent[n]).status_code)  # noqa: B023 - used in this turn only
        assert sorted(answers) == [303, 409], f"turn {turn}"
        kept = session.get(Weight, weighing)
        session.refresh(kept)
        assert str(kept.kg) == f"{70 + turn}.{answers.index(303) + 1}"
        session.commit()
    assert verify(session) == []


WRITER = """
import sys
from sqlalchemy import select
from sqlalchemy.orm import Session
from clinic import create_app
from clinic.extensions import db
from clinic.ledger.listener import set_actor
from pathlib import Path
from tests.conftest import settings
from tests import factories
from tests.factories import harvested, ready_for_harvest, team_of

factories._number = factories.count(int(sys.argv[3]))
app = create_app(settings(sys.argv[1], Path(sys.argv[2])))
with app.app_context(), Session(db.engine) as session:
    team = team_of(session, "north")
    set_actor(session, team.nurse.id)
    for _ in range(100000):
        harvested(ready_for_harvest(team), team)
        session.commit()
        print(".", flush=True)
"""


@pytest.mark.slow
@pytest.mark.hazard("H19")
@pytest.mark.hazard("H21")
def test_a_program_that_is_killed_leaves_whole_records_only(house, session, tmp_path):
    """What was reported as saved is there; what was in the middle left nothing behind."""
    session.close()
    for written in (1, 2):
        command = [sys.executable, "-c", WRITER, house.store.url, str(tmp_path), f"{written}0000"]
        with subprocess.Popen(command, cwd=MIGRATIONS.parent, stdout=subprocess.PIPE, text=True) as program:  # noqa: S603
            told = 0
            while told < written + 2 and program.stdout.readline():
                told += 1
            os.kill(program.pid, signal.SIGKILL)
            told += program.stdout.read().count(".")
        assert told >= written + 2
        harvests = session.scalar(select(func.count()).select_from(Harvest))
        patients = session.scalar(select(func.count()).select_from(Patient))
        session.commit()
        assert harvests == patients >= told
        assert verify(session) == []
        session.commit()
