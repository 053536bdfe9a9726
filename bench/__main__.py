"""Speed as a ratio: a page against its floor, both measured in this run.

The floor is what cannot be saved: the same statements by the bare driver, every row fetched, and the same template
filled with the same values. Prints one line for each page: milliseconds of both, their ratio, statements, kilobytes.

    python -m bench [--rounds 15] [--instance FOLDER]
"""

from __future__ import annotations

import argparse
import csv
import io
import sqlite3
import statistics
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from flask import template_rendered
from sqlalchemy import event, insert, select

from clinic import clock, create_app, idempotency
from clinic.accounts.models import SignIn, User
from clinic.accounts.security import _hash
from clinic.extensions import db
from clinic.followup.models import FollowUpVisit
from clinic.patients.models import Patient
from clinic.products.models import Product
from clinic.schema import make_file
from clinic.treatments.models import Treatment
from config import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient


def signed_in(app: Flask, email: str) -> FlaskClient:
    """Return a client whose session is what signing in makes."""
    client, at, token = app.test_client(), clock.now(), idempotency.new_key()
    with app.app_context(), db.engine.begin() as connection:
        who = connection.execute(select(User.id, User.fs_uniquifier).where(User.email == email)).one()
        connection.execute(insert(SignIn).values(token_hash=_hash(token), user_id=who.id, began_at=at, address=""))
    with client.session_transaction() as cookie:
        cookie.update(_user_id=who.fs_uniquifier, _fresh=True, token=token, began=at.timestamp(), seen=at.timestamp())
    return client


def busiest(app: Flask) -> dict[str, str]:
    """Return the pages that are measured; of a patient, the one with the most visits written down."""
    with app.app_context():
        visits = select(FollowUpVisit.treatment_id).where(FollowUpVisit.origin == "clinic").limit(1)
        course = (
            db.session.scalar(select(Treatment).where(Treatment.id.in_(visits)))
            or db.session.scalars(select(Treatment)).first()
        )
        product = db.session.scalar(select(Product.id).where(Product.run_id.is_not(None)).limit(1))
        patients = db.session.query(Patient.id).count()
    print(f"{patients} patients")
    return {
        "worklist": "/",
        "patients": "/patients",
        "timeline": f"/patients/{course.patient_id}/timeline",
        "course": f"/treatments/{course.id}",
        "product": f"/products/{product}",
    }


def timed(run: Callable[[], Any], rounds: int) -> float:
    """Return the median of several runs, in milliseconds, after two to warm up."""
    run(), run()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def opened(client: FlaskClient, url: str) -> Any:
    """Return a page; the words of a search are sent in its form."""
    path, _, words = url.partition("?")
    return client.post(path, data=dict(parse_qsl(words))) if words else client.get(path)


def measure(app: Flask, client: FlaskClient, url: str, rounds: int) -> str:
    """Return one line about a page."""
    statements: list[tuple[str, Any]] = []
    drawn: list[tuple[Any, dict[str, Any]]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            statements.append((statement, parameters))

    def draw(_app: Flask, template: Any, context: dict[str, Any], **_more: Any) -> None:
        drawn.append((template, context))

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    with template_rendered.connected_to(draw, app):
        answer = opened(client, url)
    event.remove(engine, "before_cursor_execute", note)
    if answer.status_code != 200 or not drawn:
        return f"{url}: answered {answer.status_code}"
    bare = sqlite3.connect(engine.url.database)
    template, context = drawn[-1]

    def floor() -> None:
        for statement, parameters in statements:
            bare.execute(statement, parameters).fetchall()
        template.render(context)

    ours = timed(lambda: opened(client, url), rounds)
    with app.test_request_context(url):
        least = timed(floor, rounds)
    return f"{ours:8.1f} {least:8.1f} {ours / least:6.1f}× {len(statements):5d} {len(answer.data) // 1024:6d}"


def export(app: Flask, client: FlaskClient, rounds: int) -> str:
    """Return one line about the export of all patients."""
    with app.app_context():
        bare = sqlite3.connect(db.engine.url.database)

    def floor() -> None:
        table = csv.writer(io.StringIO())
        table.writerows(bare.execute("SELECT * FROM patient"))

    ours = timed(lambda: client.get("/exports/patients.csv").data, rounds)
    least = timed(floor, rounds)
    return f"{ours:8.1f} {least:8.1f} {ours / least:6.1f}×"


def main() -> int:
    """Measure every page and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--instance", default="", help="an instance folder with a demonstration clinic; else one is built"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        app = create_app(load({"CLINIC_INSTANCE": asked.instance or scratch}))
        if not asked.instance:
            build(app)
        app.config["WTF_CSRF_ENABLED"] = False  # what the one search would fetch a form for
        client = signed_in(app, "physician@north.demo")
        print(f"{'page':10} {'ms':>8} {'floor':>8} {'ratio':>7} {'SQL':>5} {'KB':>6}")
        for name, url in busiest(app).items():
            print(f"{name:10} {measure(app, client, url, asked.rounds)}", flush=True)
        print(f"{'export':10} {export(app, client, asked.rounds)}")
    return 0


def build(app: Flask) -> None:
    """Make a demonstration clinic in an empty database."""
    from clinic.demo import build as demo  # noqa: PLC0415 - only where one is built

    began = time.perf_counter()
    with app.app_context():
        make_file(db.engine)
        db.create_all()
        demo.build(db.session(), seed=1, at=clock.now())
        db.session.commit()
    print(f"demonstration clinic built in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
