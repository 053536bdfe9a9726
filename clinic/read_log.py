"""Writes down who read which patient's record (rule 70), beside the requests: no page waits for it.

What a request shows is noted while its page is made, handed over when it is answered, and added to the chain of
readings by one thread of the process, in a transaction of its own. While the database is busy or away the readings
wait and are tried again; where many wait, and when the process ends, they are kept in a file of the instance.
"""

from __future__ import annotations

import atexit
import json
import os
import threading
from collections import deque
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import after_this_request, current_app, g, request
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from clinic import clock
from clinic.extensions import db
from clinic.identifiers import parse_id
from clinic.ledger.reads import Reading, add
from clinic.reading import to_write

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flask import Flask
    from sqlalchemy import Engine
    from werkzeug.wrappers import Response

MOST = 500
"""Readings that are added in one transaction."""
TOGETHER = 0.25
"""Seconds for which readings are gathered into one transaction."""
SPILLS = 100
"""Readings that wait in memory at most while the database takes none; more are kept in the file of those left."""
AGAIN = 1.0
"""Seconds until a try that failed is repeated."""
SAME_VIEW = timedelta(minutes=1)
"""How long after a page its style sheet for printing, which names the patient too, counts as part of it."""


LEFT = "readings.jsonl"
"""The file of the instance with the readings that a process could not write before it ended."""


class Log:
    """The readings of one process that wait to be written."""

    def __init__(self, app: Flask, engine: Engine, *, beside: bool = True) -> None:
        self.app, self.engine, self.beside = app, engine, beside
        self.waiting: deque[Reading] = deque()
        self.spilled = False
        self.came, self.ends, self.turn = threading.Event(), threading.Event(), threading.Lock()
        self.thread: threading.Thread | None = None

    def put(self, readings: Iterable[Reading]) -> None:
        """Take readings over; the thread starts with the first ones, in the process that serves."""
        self.waiting.extend(readings)
        if self.beside and self.thread is None:
            with self.turn:
                if self.thread is None:
                    self.thread = threading.Thread(target=self._run, name="readings", daemon=True)
                    self.thread.start()
                    atexit.register(self.close)
        self.came.set()

    def write(self) -> bool:
        """Write what waits; return whether all of it was written. What was not waits on, in its order."""
        with self.turn:
            while self.waiting:
                readings = [self.waiting.popleft() for _ in range(min(MOST, len(self.waiting)))]
                if not self.added(readings):
                    self.waiting.extendleft(reversed(readings))
                    self._spill()
                    return False
            return not self.spilled or self.take_left(LEFT)

    def _spill(self) -> None:
        """Keep what waits in the file once it is much: a process that is killed would lose it."""
        if len(self.waiting) > SPILLS:
            self.leave(self.waiting)
            self.waiting.clear()
            self.spilled = True

    def added(self, readings: list[Reading]) -> bool:
        """Add readings to their chains; return whether the database took them."""
        try:
            with to_write(), Session(self.engine) as session:
                add(session, readings)
                session.commit()
        except SQLAlchemyError as fault:
            waiting = len(readings) + len(self.waiting)
            self.app.logger.warning("%d readings of records wait to be written: %s", waiting, type(fault).__name__)
            return False
        return True

    def _run(self) -> None:
        while not self.ends.is_set():
            self.came.wait()
            self.ends.wait(TOGETHER)
            self.came.clear()
            while not self.write() and not self.ends.wait(AGAIN):
                pass

    def close(self) -> None:
        """Write what waits as the process ends; what cannot be written is left for the next process."""
        self.ends.set()
        self.came.set()
        if not self.write():
            with self.turn:
                self.leave(self.waiting)
                self.waiting.clear()

    def leave(self, readings: Iterable[Reading]) -> None:
        """Keep readings in the file of those that are left, down to the disk."""
        lines = "".join(json.dumps({**one._asdict(), "at": one.at.isoformat()}) + "\n" for one in readings)
        handle = os.open(self._left(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())

    def take_left(self, which: str = f"{LEFT}*") -> bool:
        """Take over the readings that other processes, or this one, left; return whether the database took them."""
        self.spilled = False
        for file in self._left().parent.glob(which):
            mine = self._left().with_name(f"{LEFT}.{os.getpid()}")
            with suppress(FileNotFoundError):  # another process took them at the same moment
                file.rename(mine)
                told = [json.loads(line) for line in mine.read_text().splitlines()]
                readings = [Reading(**{**one, "at": datetime.fromisoformat(one["at"])}) for one in told]
                if not self.added(readings):
                    self.leave(readings)
                    self.spilled = True
                mine.unlink()
        return not self.spilled

    def _left(self) -> Path:
        return Path(self.app.instance_path) / LEFT


def view(patient_id: str) -> None:
    """Note that the page being made shows a patient's record."""
    _note("view", patient_id)


def hits(patient_ids: Iterable[str | None]) -> None:
    """Note the patients whom a search found."""
    for patient_id in patient_ids:
        if patient_id:
            _note("search", patient_id)


def rows(about: str, patient_ids: Iterable[str | None], *, more: bool = False) -> None:
    """Note the patients of the rows of a list, and the list as such where a row names none or ``more`` is shown."""
    whose = list(patient_ids)
    hits(whose)
    if more or not all(whose):
        _note("view", "", about)


def listed(what: str, count: int) -> None:
    """Note one page of a list of patients that nobody searched for, by its name and how many lines it shows."""
    if count:
        _note("view", "", f"list {what}, {count} {'line' if count == 1 else 'lines'}")


def page_of(what: str, patient_ids: Sequence[str], *, searched: bool) -> None:
    """Note one page of a list of patients: each of them where somebody searched, else the list."""
    if searched:
        hits(patient_ids)
    else:
        listed(what, len(patient_ids))


def export(about: str, patient_id: str = "") -> None:
    """Note that a table leaves the clinic: of one patient, or a data set."""
    _note("export", patient_id, about)


def export_by_command(site_ids: Iterable[str], reader_id: str, about: str, patient_id: str = "") -> None:
    """Write down that the command line takes a table of some sites out, or leave it for the next process.

    ``reader_id``: who is named as its reader; nothing: this machine's user, shown as the site itself. ``patient_id``:
    of one patient; nothing: of many.
    """
    at, log = clock.now(), _log()
    readings = [Reading(id_, at, reader_id or id_, "export", "command line", about, patient_id) for id_ in site_ids]
    if not log.added(readings):
        log.leave(readings)


def prints(patient_ids: Iterable[str]) -> None:
    """Note the patients of a sheet that is made to be printed."""
    for patient_id in patient_ids:
        _note("print", patient_id)


def printed_with(patient_id: str) -> None:
    """Note the sheet that heads a print, unless this person was shown the patient's page just now."""
    shown = _log().app.extensions["shown"].get((g.user.id, patient_id))
    if shown is None or abs(clock.now() - shown) > SAME_VIEW:
        view(patient_id)


def _note(kind: str, patient_id: str, about: str = "") -> None:
    if "read" not in g:
        g.read = {}
        after_this_request(_hand_over)
    g.read[kind, patient_id] = about


def _log() -> Log:
    return current_app.extensions["readings"]


def _hand_over(response: Response) -> Response:
    """Hand over what this request showed, once it is answered; an answer that failed showed nothing."""
    read, user = g.get("read"), g.get("user")
    if read and user is not None and response.status_code < 500:
        at, what = clock.now(), request.endpoint or ""
        of_page = next((id_ for id_ in map(parse_id, map(str, (request.view_args or {}).values())) if id_), "")
        _log().put(
            Reading(user.site_id, at, user.id, kind, what, about or of_page, patient_id)
            for (kind, patient_id), about in read.items()
        )
        _remember({(user.id, patient_id): at for kind, patient_id in read if kind == "view"})
    return response


def _remember(shown: dict[Any, Any]) -> None:
    """Keep, for a moment, which pages were shown to whom."""
    known = current_app.extensions["shown"]
    if len(known) > MOST:
        known.clear()
    known.update(shown)


def init_app(app: Flask) -> None:
    """Hand over what each request showed; tests write it themselves, with `Log.write`."""
    with app.app_context():
        app.extensions["readings"] = Log(app, db.engine, beside=not app.config["TESTING"])
    app.extensions["shown"] = {}
