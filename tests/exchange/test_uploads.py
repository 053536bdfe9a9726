"""What lies in the folder of uploads keeps nobody from their own; an upload is kept for a week."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.datastructures import FileStorage

from clinic.commands import serving
from clinic.errors import RuleBroken
from clinic.exchange import uploads


@pytest.fixture
def app(tmp_path):
    app = Flask("uploads", instance_path=str(tmp_path))
    with app.app_context():
        yield app


def taken(user="US-1", **mapping):
    return uploads.take(FileStorage(io.BytesIO(b"a\n1\n"), filename="t.csv"), user, {"kind": "patients", **mapping})


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("said", [
    "", "{", "[]", "null", '{"key": "x"}', "[" * 100_000, b"\xff\xfe",
    {"user_id": "US-1", "mapping": None}, {"user_id": "US-1", "more": 1}, {"user_id": "US-1", "file": 5}, None,
    {"file": "x" * uploads.MOST_STATE},
])  # fmt: skip
def test_an_upload_that_cannot_be_read_is_none(said):
    other, mine = taken("US-2"), taken()
    file = other.folder / uploads.STATE
    if isinstance(said, dict):
        said = json.dumps({**json.loads(file.read_text()), **said})
    if said is None:
        file.unlink()
    else:
        file.write_bytes(said if isinstance(said, bytes) else said.encode())
    (other.folder.parent / "a file").touch()
    assert [one.key for one in uploads.of_person("US-1")] == [mine.key]
    assert uploads.of_key(other.key, "US-1") is None


@pytest.mark.parametrize("aged", ["folder", "path"])
def test_an_upload_is_served_for_a_week(app, aged):
    one, other = taken(), taken()
    long_ago = time.time() - 8 * 24 * 3600
    os.utime(getattr(one, aged), (long_ago, long_ago))
    other.save()
    assert uploads.of_key(one.key, "US-1") is None
    assert [one.key for one in uploads.of_person("US-1")] == [other.key]
    assert sorted(file.name for file in Path(app.instance_path, "imports").iterdir()) == [other.key]


def test_the_sweep_of_the_server_forgets_old_uploads_whatever_else_fails(app, monkeypatch):
    one = taken()
    os.utime(one.path, (0, 0))
    monkeypatch.setattr(serving, "keep_sweeping", lambda judge, _stop: judge())
    monkeypatch.setattr(serving, "seal_beside", lambda *_: None)
    serving._sweep_beside(app, threading.Event())
    assert not one.folder.exists()


class Broken(io.BytesIO):
    """What is sent by somebody whose connection ends, or to a disk that is full."""

    def __init__(self, fault: BaseException) -> None:
        super().__init__(b"a\n1\n")
        self.fault = fault

    def read(self, size):
        """Give a part of it, then fail."""
        piece = super().read(min(size, 2))
        if self.tell() > 2:
            raise self.fault
        return piece


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), ValueError("cut"), KeyboardInterrupt()])
def test_a_table_that_is_not_written_whole_leaves_nothing(app, fault):
    with pytest.raises(RuleBroken if isinstance(fault, OSError) else type(fault)) as told:
        uploads.take(FileStorage(Broken(fault), filename="t.csv"), "US-1", {"kind": "patients"})
    assert "No space left" in str(told.value) or not isinstance(fault, OSError)
    assert not list(Path(app.instance_path, "imports").iterdir())


@pytest.mark.usefixtures("app")
def test_without_its_state_an_upload_is_none(monkeypatch):
    def full(_upload):
        assert _upload.path.read_bytes() == b"a\n1\n", "the table is in its place before the state"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(uploads.Upload, "save", full)
    with pytest.raises(RuleBroken, match="No space left"):
        taken()
    assert not list(uploads.of_person("US-1"))


@pytest.mark.usefixtures("app")
def test_a_table_that_was_cut_is_not_offered_and_one_that_was_changed_is_not_read():
    cut, changed, gone = taken(), taken(), taken()
    assert changed.table() == changed.path
    cut.path.write_bytes(b"a\n1")
    changed.path.write_bytes(b"a\n2\n")
    gone.path.unlink()
    assert [one.key for one in uploads.of_person("US-1")] == [changed.key]
    with pytest.raises(RuleBroken, match="upload it again"):
        changed.table()


def test_a_state_is_read_whole_while_it_is_written(app):
    one, seen = taken(big="x" * 200_000), set()

    def write():
        with app.app_context():
            for _ in range(100):
                one.save()

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        seen.add(len(list(uploads.of_person("US-1"))))
    writer.join()
    assert seen == {1}
    assert sorted(file.name for file in one.folder.iterdir()) == ["state.json", "table.csv"]
    one.discard()
    with pytest.raises(RuleBroken, match="Upload it again"):
        one.save()
