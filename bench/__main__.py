"""Speed as a ratio: each page against a page that says hello, on the same server, measured in the same run.

    python -m bench [--rounds 40] [--clients 8] [--seconds 5]

Serves the database of the settings (grow it before with `python -m bench.grow`; weights are written into it) with one
process, as `clinic serve` does with SQLite. Prints for each page the median in milliseconds, what the server computed
for it and that as a ratio to hello, in which other programs have no part, statements and kilobytes; then what several
clients get and wait for, exports, the proof, start and memory.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, func, insert, select

from bench.clients import Browser, together
from clinic import clock, create_app, idempotency
from clinic.accounts.models import SignIn, User
from clinic.exchange import exporting
from clinic.extensions import SQLITE_THREADS, db, read_from_here
from clinic.followup.models import FollowUpVisit, OutcomeScore
from clinic.identifiers import fingerprint
from clinic.ledger.models import LedgerEntry
from clinic.ledger.verify import verify
from clinic.pathway.sweeping import sweep
from clinic.patients.models import Patient
from clinic.products.models import Product
from clinic.reading import reading
from clinic.treatments.models import Treatment
from config import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask

EMAIL = "physician@north.demo"


def signed_in(app: Flask, email: str = EMAIL) -> tuple[str, str]:
    """Return the cookie of a session that was begun as signing in does, and the id of who signed in."""
    client, at, token = app.test_client(), clock.now(), idempotency.new_key()
    with app.app_context(), db.engine.begin() as connection:
        who = connection.execute(select(User.id, User.fs_uniquifier).where(User.email == email)).one()
        connection.execute(
            insert(SignIn).values(token_hash=fingerprint(token), user_id=who.id, began_at=at, address="")
        )
    with client.session_transaction() as cookie:
        cookie.update(_user_id=who.fs_uniquifier, _fresh=True, token=token, began=at.timestamp(), seen=at.timestamp())
    found: Any = client.get_cookie("session")
    return f"session={found.value}", who.id


def busiest(session: Any) -> dict[str, tuple[str, dict[str, str]]]:
    """Return the pages that are measured, with the words that are searched for: of a patient with many visits."""
    site = session.scalar(select(User.site_id).where(User.email == EMAIL))
    named = (
        select(FollowUpVisit.treatment_id)
        .where(FollowUpVisit.origin == "clinic", FollowUpVisit.site_id == site)
        .group_by(FollowUpVisit.treatment_id)
        .order_by(func.count().desc(), FollowUpVisit.treatment_id)
        .limit(1)
    )
    course = session.scalar(select(Treatment).where(Treatment.id.in_(named.subquery().select())))
    product = session.scalar(select(Product.id).where(Product.treatment_id == course.id, Product.run_id.is_not(None)))
    name = session.scalar(select(Patient.family_name).where(Patient.id == course.patient_id)) or "Marchetti"
    return {
        "nothing, signed in": ("/nothing", {}),
        "today": ("/", {}),
        "timeline": (f"/patients/{course.patient_id}/timeline", {}),
        "course": (f"/treatments/{course.id}", {}),
        "product": (f"/products/{product}", {}),
        "patient": (f"/patients/{course.patient_id}", {}),
        "patients": ("/patients", {}),
        "find a patient": ("/patients", {"q": name[:4]}),
        "products": ("/products", {}),
        "find a product": ("/products", {"q": name[:4]}),
        "weight form": (f"/patients/{course.patient_id}/weights/new", {}),
    }


@contextmanager
def server(workers: int, threads: int) -> Iterator[tuple[int, float, int]]:
    """Serve the clinic; yield the port, the seconds until the first answer and the id of the process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.perf_counter()
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--port", str(port), "--workers",
        str(workers), "--blocking-threads", str(threads), "--log-level", "error", "bench.server:served",
    ]  # fmt: skip
    running = subprocess.Popen(command)  # noqa: S603 - our own server
    try:
        browser = Browser(port, "")
        while browser.answers("/hello/") != 200:
            time.sleep(0.01)
        yield port, time.perf_counter() - began, running.pid
    finally:
        running.terminate()
        running.wait()


def memory(pid: int) -> float:
    """Return the resident megabytes of a process and those that it started."""
    own = sum(float(p) for p in _status(pid, "VmRSS"))
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own / 1024 + sum(memory(int(child)) for child in children)


def _status(pid: int, name: str) -> list[str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return [line.split()[1] for line in lines if line.startswith(f"{name}:")]


def work(pid: int) -> float:
    """Return the milliseconds that a process and those that it started have computed; other programs do not count."""
    said = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = (int(said[11]) + int(said[12])) * 1000 / os.sysconf("SC_CLK_TCK")
    return own + sum(work(int(child)) for child in children)


def median(run: Callable[[], Any], rounds: int) -> float:
    """Return the median of several runs in milliseconds, after some to warm up."""
    for _ in range(3):
        run()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def counted(app: Flask, cookie: str, url: str) -> int:
    """Return how many statements a page asks."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            found.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    client = app.test_client()
    client.set_cookie("session", cookie.partition("=")[2])
    client.get(url)
    event.remove(engine, "before_cursor_execute", note)
    return len(found)


def pages(app: Flask, port: int, cookie: str, rounds: int, pid: int) -> dict[str, str]:
    """Measure each page by one client, print a line for each, and return their addresses."""
    browser, urls = Browser(port, cookie), {}
    with app.app_context(), reading():
        wanted = busiest(db.session())
        db.session.remove()
    hello, least = median(lambda: browser.get("/hello/"), 200), work(pid)
    median(lambda: browser.get("/hello/"), 997)
    least = (work(pid) - least) / 1000
    print(f"{'page':20} {'ms':>8} {'CPU ms':>8} {'× hello':>8} {'SQL':>5} {'KB':>6}")
    print(f"{'hello':20} {hello:8.2f} {least:8.2f}")
    for name, (path, words) in wanted.items():
        url = urls[name] = browser.searched(path, words) if words else path
        browser.get(url)
        before = work(pid)
        ours = median(lambda url=url: browser.get(url), rounds)
        computed = (work(pid) - before) / (rounds + 3)
        browser.get(url)
        statements, size = 0 if url == "/nothing" else counted(app, cookie, url), browser.size
        print(
            f"{name:20} {ours:8.2f} {computed:8.2f} {computed / least:8.1f} {statements:5d} {size / 1024:6.0f}",
            flush=True,
        )
    return urls


def exports(app: Flask) -> None:
    """Print how many scores a second leave as CSV."""
    with app.app_context(), app.test_request_context():
        read_from_here(db.session())
        count = db.session.scalar(select(func.count()).select_from(OutcomeScore)) or 0
        began = time.perf_counter()
        size = sum(len(piece) for piece in exporting.chunks(db.session(), "scores", "csv", exporting.Choice()))
        taken = time.perf_counter() - began
        db.session.remove()
    print(f"scores as CSV: {count / taken:,.0f} rows/s ({count} rows, {size / 1e6:.0f} MB)", flush=True)


def proof(app: Flask) -> None:
    """Print how many entries a second are proved."""
    with app.app_context(), reading():
        count = db.session.scalar(select(func.count()).select_from(LedgerEntry)) or 0
        began = time.perf_counter()
        faults = verify(db.session())
        taken = time.perf_counter() - began
        db.session.remove()
    print(f"verify: {count / taken:,.0f} entries/s ({count} entries, {taken:.1f} s, {len(faults)} faults)", flush=True)


def main() -> int:
    """Measure everything and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5, help="how long many clients ask together")
    parser.add_argument("--workers", type=int, default=1, help="processes of the server")
    parser.add_argument("--only-pages", action="store_true")
    asked = parser.parse_args()
    settings = load()
    os.environ["CLINIC_INSTANCE"] = str(settings.instance)
    app = create_app(settings)
    with app.app_context(), reading():
        patients = db.session.scalar(select(func.count()).select_from(Patient))
        dialect = db.engine.dialect.name
        db.session.remove()
    with app.app_context():
        sweep(db.session(), clock.now())  # the server does so each minute
        db.session.remove()
        db.engine.dispose()
    cookie = signed_in(app)
    threads = SQLITE_THREADS if dialect == "sqlite" else min(4, 2 * (os.cpu_count() or 1))
    print(f"{patients} patients on {dialect}, {asked.workers} process(es) of {threads} threads")
    with server(asked.workers, threads) as (port, started, pid):
        print(f"cold start {started:.2f} s, {memory(pid):.0f} MB", flush=True)
        urls = pages(app, port, cookie[0], asked.rounds, pid)
        if not asked.only_pages:
            weights = urls["weight form"]
            reads = [urls[name] for name in ("today", "timeline", "course", "find a patient", "products")]
            together(port, *cookie, asked.clients, asked.seconds, reads=reads)
            together(port, *cookie, asked.clients, asked.seconds, reads=reads, writes=weights, writers=1)
            together(port, *cookie, asked.clients, asked.seconds, writes=weights, writers=asked.clients)
        print(f"after all this {memory(pid):.0f} MB", flush=True)
    if not asked.only_pages:
        exports(app)
        proof(app)
    return 0


if __name__ == "__main__":
    sys.exit(main())
