"""A table that somebody uploaded and has not imported yet, with the mapping as far as it is filled in.

It lies in a folder of the instance that only its sender reads over the web, away from the database, until it is
imported, discarded, or a week old. Its address is a random key and tells nothing of what is in it.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import current_app
from pydantic import ValidationError

from clinic import clock, wording
from clinic.errors import RuleBroken
from clinic.exchange.mapping import Mapping, faults_of
from clinic.exchange.tables import READING
from clinic.whole_files import sync_folder, written_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.datastructures import FileStorage

KEY = re.compile(r"[A-Za-z0-9_-]{22}")
STATE = "state.json"
LASTS = 7 * 24 * 3600
"""Seconds for which an upload is kept."""
MOST_STATE = 16 * 1024 * 1024
"""Bytes that what is known of an upload may have; what is larger is nobody's, and keeps nobody from the others."""
PIECE = 256 * 1024
MOST = 20
"""Uploads that one person keeps at most."""


@dataclass(kw_only=True)
class Upload:
    """One uploaded table. ``mapping``: what `Mapping` takes; ``checked``: what the last check found, None before it.

    ``seen``: the notes that were confirmed; ``same``: rows left out, since their patients are registered already.
    ``length`` and ``sha256``: bytes and hash of the table as it was sent. ``saved_at``: a draft from before is over.
    """

    key: str
    user_id: str
    file: str
    mapping: dict[str, Any]
    length: int = -1
    sha256: str = ""
    checked: dict[str, Any] | None = None
    seen: list[int] = field(default_factory=list)
    same: list[int] = field(default_factory=list)
    saved_at: str = ""

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return _folder() / self.key

    @property
    def path(self) -> Path:
        """Where its table lies; the ending says of which kind it is."""
        return self.folder / f"table{Path(self.file).suffix.lower()}"

    @property
    def kind(self) -> str:
        """Which kind of import it is for."""
        return str(self.mapping.get("kind", ""))

    @property
    def reading(self) -> dict[str, Any]:
        """How its file is read."""
        return {name: self.mapping[name] for name in READING if self.mapping.get(name)}

    def table(self) -> Path:
        """Return its table, to be read; raises `RuleBroken` where that is no longer what was sent."""
        try:
            same = self.is_whole() and _sha256(self.path) == self.sha256
        except OSError:
            same = False
        if not same:
            raise RuleBroken(
                f"{self.file} on the server is not the file that you sent. Discard it, and upload it again."
            )
        return self.path

    def is_whole(self) -> bool:
        """Whether its table is as long as what was sent."""
        return self.path.stat().st_size == self.length

    def read_mapping(self) -> Mapping:
        """Return its mapping; raises `RuleBroken` with each mistake."""
        try:
            return Mapping.model_validate(self.mapping)
        except ValidationError as fault:
            raise RuleBroken(*faults_of(fault)) from fault

    def save(self) -> None:
        """Write down how far it is, all at once: whoever reads meanwhile reads the state before or after."""
        self.saved_at = clock.now().isoformat()
        try:
            with written_whole(self.folder / STATE) as file:
                file.write(json.dumps(asdict(self)).encode())
        except FileNotFoundError as fault:
            raise RuleBroken("This table was discarded or imported meanwhile. Upload it again.") from fault

    def discard(self) -> None:
        """Remove it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _folder() -> Path:
    folder = Path(current_app.instance_path) / "imports"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def take(sent: FileStorage, user_id: str, mapping: dict[str, Any]) -> Upload:
    """Keep a file that was sent, whole or not at all.

    Raises `RuleBroken` where none was, where the person keeps too many, or where it cannot be written.
    """
    name = Path(wording.recorded(sent.filename or "").replace("\\", "/")).name[:120]
    if not name:
        raise RuleBroken("Choose a CSV or XLSX file.")
    if Path(name).suffix.lower() not in {".csv", ".txt", ".tsv", ".xlsx"}:
        raise RuleBroken(f"{name} is not a CSV or XLSX file. Save the table as one of them.")
    if sum(1 for _ in of_person(user_id)) >= MOST:
        raise RuleBroken(f"You have {MOST} tables that are not imported yet. Discard one of them first.")
    one = Upload(key=secrets.token_urlsafe(16), user_id=user_id, file=name, mapping=mapping)
    one.folder.mkdir(mode=0o700)
    try:
        _write(one, sent)
        one.save()  # last: without its state an upload is none
        sync_folder(one.folder.parent)
    except BaseException as fault:  # an interrupt too: half a table would stay
        one.discard()
        if isinstance(fault, OSError):
            raise RuleBroken(
                f"{name} could not be saved on the server ({fault.strerror or type(fault).__name__}). Nothing was "
                "kept. Tell your administrator, then upload it again."
            ) from fault
        raise
    return one


def _write(one: Upload, sent: FileStorage) -> None:
    """Write the table of an upload, and note how long it is and its hash."""
    digest, length = hashlib.sha256(), 0
    with written_whole(one.path) as file:
        while piece := sent.stream.read(PIECE):
            file.write(piece)
            digest.update(piece)
            length += len(piece)
    one.length, one.sha256 = length, digest.hexdigest()


def of_key(key: str, user_id: str) -> Upload | None:
    """Return an upload of this person; None where there is none under the key, or it is too old or somebody else's.

    One that cannot be read is none: whatever lies in that folder, nobody is kept from the others.
    """
    if not KEY.fullmatch(key) or _taken_at(_folder() / key) < time.time() - LASTS:
        return None
    state = _folder() / key / STATE
    try:
        if state.stat().st_size > MOST_STATE:
            return None
        one = Upload(**json.loads(state.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    right = one.user_id == user_id and one.key == key and isinstance(one.mapping, dict) and isinstance(one.file, str)
    try:
        return one if right and one.is_whole() else None
    except OSError:
        return None


def of_person(user_id: str) -> Iterator[Upload]:
    """Yield the uploads of one person, the last first."""
    forget_old()
    for folder in sorted(_folder().iterdir(), key=_taken_at, reverse=True):
        one = of_key(folder.name, user_id)
        if one is not None:
            yield one


def _taken_at(folder: Path) -> float:
    """Return when an upload was taken, in seconds: the time of its oldest file; 0 where there is no upload."""
    times = []
    with suppress(OSError):  # discarded meanwhile
        for one in (folder, *folder.iterdir()):
            with suppress(FileNotFoundError):  # a state that was just put in its place
                times.append(one.stat().st_mtime)
    return min(times, default=0.0)


def forget_old() -> None:
    """Remove each upload that has been kept for as long as is said, and what somebody began to write there."""
    for folder in _folder().iterdir():
        if _taken_at(folder) < time.time() - LASTS:
            shutil.rmtree(folder, ignore_errors=True)
