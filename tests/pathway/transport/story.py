"""A course in a clinic whose cells travel. Run by test_transport.py in a program of its own.

The database gets the tables of the clinic by its migrations and then the one table of the step, as its migration
would make it; nothing in ``clinic/`` knows the step.
"""

from __future__ import annotations

import csv
import io

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_security.proxies import _security
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from clinic import clock, create_app
from clinic.administration.step import ADMINISTRATION
from clinic.extensions import db
from clinic.judged_lines import CourseLine
from clinic.model import Model
from clinic.pathway.order import PATHWAY, current
from clinic.pathway.sweeping import disagreements, sweep
from tests.bedside import released_product
from tests.conftest import FAST, Client, House, make_schema, settings
from tests.databases import SQLiteStore
from tests.factories import PASSWORD, boxes, clinic_of, ready_for_harvest
from tests.pathway.transport.models import Transport
from tests.pathway.transport.step import TRANSPORT

ORDER = [step for one in PATHWAY for step in ((TRANSPORT, one) if one is ADMINISTRATION else (one,))]


@pytest.fixture(scope="session")
def _houses(tmp_path_factory):
    """One application with the step, where the other tests have the clinic's own."""
    folder = tmp_path_factory.mktemp("transport")
    store = SQLiteStore(folder)
    app = create_app(settings(store.url, folder), pathway=ORDER)
    app.config["WTF_CSRF_ENABLED"] = False
    app.test_client_class = Client
    with app.app_context():
        _security.pwd_context = FAST
        make_schema(app)
        Transport.__table__.create(db.engine)
        with Session(db.engine) as session:
            clinic_of(session, password=FAST.hash(PASSWORD))
            session.commit()
        db.engine.dispose()
    store.keep()
    return lambda _kind: House(app, store)


@pytest.fixture
def course(team):
    """A course with consent and eligibility."""
    return ready_for_harvest(team)


@pytest.fixture(autouse=True)
def product(course, team):
    """Its cells, which are released and still in the laboratory."""
    return released_product(course, team)


@pytest.fixture
def log(client_as, post, team):
    """Log the transport of a course's cells on its page; returns the address of the record."""

    def send(course, **facts):
        facts = {"courier": "City Bikes", "arrived_temperature": "4", "performed_by_id": team.technologist.id} | facts
        address = f"/treatments/{course.id}/transports/new"
        answer = post(client_as("technologist"), address, boxes("performed_at", clock.now()), **facts)
        assert answer.status_code == 303, answer.text
        return answer.location

    return send


@pytest.fixture
def sign(client_as, post, session):
    """Sign the only transport on its page."""

    def send():
        session.expire_all()
        made = session.scalars(select(Transport)).one()
        address = f"/records/{made.id}/signature"
        answer = post(client_as("quality"), address, password=PASSWORD, version=str(made.version))
        assert answer.status_code == 303, answer.text

    return send


@pytest.fixture
def check(product, client_as, post, page, team):
    """Scan wristband and bag by two people; returns the page of the reading."""

    def scan(course):
        sent = {
            "patient_scan": course.patient_id, "product_scan": product.id, "spo2": "98", "temperature": "36.6",
            "systolic": "124", "diastolic": "78", "pulse": "72", "second_person_id": team.physician.id,
            "password": PASSWORD, "own_password": PASSWORD,
        }  # fmt: skip
        nurse = client_as("nurse")
        answer = post(nurse, f"/treatments/{course.id}/bedside", sent)
        assert answer.status_code == 303, answer.text
        return page(nurse, answer.location)

    return scan


def test_its_migration_is_its_own_table_and_nothing_else(session, engine):
    session.commit()
    Transport.__table__.drop(engine)
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), Model.metadata)
    names = {getattr(change[1], "name", "") for change in found}
    assert names == {"transport", *(index.name for index in Transport.__table__.indexes)}


def test_it_stands_between_release_and_administration():
    names = [step.name for step in current()]
    assert names[names.index("transport") - 1 :][:3] == ["release", "transport", "administration"]
    assert TRANSPORT in ADMINISTRATION.earlier


def test_it_is_on_the_rail_and_next_for_the_technologist(course, client_as, page):
    shown = page(client_as("technologist"), f"/treatments/{course.id}")
    assert "Transport" in shown
    assert "Log the transport" in shown
    assert f"/treatments/{course.id}/transports/new" in shown.links
    assert "Log a transport" in page(client_as("technologist"), f"/treatments/{course.id}/transports")


def test_it_is_on_the_worklist_of_who_logs_it_and_of_who_signs_it(course, client_as, page, log):
    assert "Log the transport" in page(client_as("technologist"), "/")
    assert "Check at the bedside" not in page(client_as("nurse"), "/")
    log(course)
    assert "Log the transport" not in page(client_as("technologist"), "/")
    assert "Sign the transport" in page(client_as("quality"), "/")


def test_the_bedside_is_closed_until_it_is_logged_and_signed(course, client_as, page, log, sign, check):
    refused = check(course)
    assert "Do not give these cells" in refused
    assert "Cells to give is still in the laboratory." in refused
    log(course)
    refused = check(course)
    assert "Do not give these cells" in refused
    assert "The transport (Carried by City Bikes, arrived at 4 °C) is not signed." in refused
    sign()
    assert "Right cells, right patient" in check(course)
    assert "Check at the bedside" in page(client_as("nurse"), "/")


def test_courses_that_were_there_before_it_are_judged_by_the_next_sweep(course, session, client_as, page):
    session.commit()
    session.execute(delete(CourseLine).where(CourseLine.step == "transport"))
    session.commit()
    assert [*disagreements(session, clock.now())] != []
    assert "Log the transport" not in page(client_as("technologist"), "/")
    assert sweep(session, clock.now()) == 1
    assert [*disagreements(session, clock.now())] == []
    assert "Log the transport" in page(client_as("technologist"), "/")
    assert sweep(session, clock.now()) == 0


def test_an_unusual_temperature_wants_a_reason(course, client_as, post, team):
    sent = {"courier": "City Bikes", "arrived_temperature": "19", "performed_by_id": team.technologist.id}
    address = f"/treatments/{course.id}/transports/new"
    answer = post(client_as("technologist"), address, boxes("performed_at", clock.now()), **sent)
    assert answer.status_code == 422
    assert "Temperature on arrival" in answer.text


def test_its_page_its_timeline_and_its_ledger_tell_it(course, client_as, page, log):
    shown = page(client_as("nurse"), log(course))
    assert "City Bikes" in shown
    timeline = f"/patients/{course.patient_id}/timeline"
    for address in (timeline, f"{timeline}?kind=transport"):
        assert "Carried by City Bikes, arrived at 4 °C" in page(client_as("nurse"), address)
    told = page(client_as("inspector"), "/ledger?kind=transport")
    assert "recorded" in told
    assert "Courier City Bikes" in told
    assert "Temperature on arrival 4 °C" in told


def test_it_is_taken_out_as_a_data_set_and_in_the_dictionary(course, client_as, page, log, session):
    log(course)
    reader = client_as("inspector")
    assert "Transports" in page(reader, "/exports")
    (row,) = csv.DictReader(io.StringIO(reader.get("/exports/transports.csv").text.lstrip("\ufeff"), newline=""))
    assert row["Courier"] == "City Bikes"
    assert row["Temperature on arrival (°C)"] == "4"
    dictionary = reader.get("/exports/dictionary.csv").text
    assert "transports,arrived_temperature,Temperature on arrival (°C),number,°C" in dictionary
    assert "City Bikes" not in reader.get("/exports/transports.csv?research=1").text
    assert session.scalar(select(func.count()).select_from(Transport)) == 1
