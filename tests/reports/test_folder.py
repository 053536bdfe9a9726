"""Reports on a schedule are written into a folder: whole, under a name that tells of nobody, or it is said why not."""

from __future__ import annotations

import errno
import json
import os
import stat
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from clinic import clock, whole_files
from clinic.access import Role
from clinic.ledger.models import ReadEntry
from clinic.ledger.verify import verify
from clinic.notices import Notice
from clinic.reports.kept import KeptReport
from clinic.reports.saved import SavedView
from clinic.reports.schedule import keep_due
from config import load
from tests.databases import both_databases
from tests.safety.driver import Ward


@pytest.fixture
def folder(app, tmp_path, monkeypatch):
    made = tmp_path / "reports"
    made.mkdir()
    monkeypatch.setitem(app.config, "REPORTS_DIR", made)
    return made


@pytest.fixture
def ward(session, team, client_as):
    return Ward(session, team, client_as)


def save(ward, who="nurse", *, name="Mr. Lindqvist's infusions", report="funnel", every="week", form="csv"):
    return ward.fill(who, f"/reports/{report}/save", name=name, every=every, folder=form)


def view_of(ward):
    ward.session.expire_all()
    return ward.session.scalars(select(SavedView)).one()


def due(ward):
    first = view_of(ward).next_on
    return datetime(first.year, first.month, first.day, 0, 1, tzinfo=ZoneInfo("Europe/Berlin"))


def said(ward, who):
    ward.session.expire_all()
    return list(ward.session.scalars(select(Notice.text).where(Notice.user_id == who.id)))


def in_context(app, act):
    """Do what the server does beside the requests: with the application, and no request."""
    with app.app_context():
        return act()


@both_databases
@pytest.mark.parametrize("form", ["csv", "xlsx", "pdf", "json"])
def test_a_report_on_a_schedule_is_written_whole_for_the_clinics_account_alone(app, ward, session, team, folder, form):
    assert save(ward, form=form).status_code == 303
    at = due(ward)
    assert in_context(app, lambda: keep_due(session, at, folder)) == 1
    (file,) = folder.iterdir()
    assert file.name == f"north-funnel-{at:%Y-%m-%d}-{view_of(ward).id}.{form}"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    begins = {"csv": b"\xef\xbb\xbf# Report", "xlsx": b"PK", "pdf": b"%PDF", "json": b"{"}
    assert file.read_bytes().startswith(begins[form])
    if form == "json":
        kept = session.scalars(select(KeptReport)).one()
        assert json.loads(file.read_bytes()) == json.loads(kept.kept_json)
    told = session.scalars(select(ReadEntry).where(ReadEntry.what == "on a schedule")).one()
    assert (told.kind, told.reader_id, f"report funnel.{form} " in told.about) == ("export", team.nurse.id, True)
    assert (len(said(ward, team.nurse)), view_of(ward).every) == (1, "week")
    assert verify(session) == []
    assert in_context(app, lambda: keep_due(session, at, folder)) == 0


def test_what_somebody_typed_is_in_no_name_of_a_file(app, ward, session, folder):
    assert save(ward).status_code == 303
    in_context(app, lambda: keep_due(session, due(ward), folder))
    assert [file.name for file in folder.iterdir() if "lindqvist" in file.name.casefold()] == []


def test_a_folder_that_is_gone_is_said_to_the_owner_and_tried_again(app, ward, session, team, folder):
    assert save(ward).status_code == 303
    folder.rmdir()
    assert in_context(app, lambda: keep_due(session, due(ward), folder)) == 1
    assert session.scalars(select(KeptReport)).one().scheduled
    (why,) = [text for text in said(ward, team.nurse) if "file" in text]
    assert "was kept, but its file was not written: the folder is not there." in why
    folder.mkdir()
    assert in_context(app, lambda: keep_due(session, due(ward), folder)) == 1
    assert len(list(folder.iterdir())) == 1


def test_a_full_disk_leaves_no_half_file_and_is_said(app, ward, session, team, folder, monkeypatch):
    assert save(ward).status_code == 303

    def full(_number):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    at = due(ward)
    with monkeypatch.context() as patched:
        patched.setattr(whole_files.os, "fsync", full)
        assert in_context(app, lambda: keep_due(session, at, folder)) == 1
    assert list(folder.iterdir()) == []
    assert any("its file was not written: the disk is full" in text for text in said(ward, team.nurse))


def test_a_folder_that_nobody_set_any_more_is_said(app, ward, session, team, folder):
    assert save(ward).status_code == 303
    assert in_context(app, lambda: keep_due(session, due(ward), None)) == 1
    assert any("no folder for reports is set any more" in text for text in said(ward, team.nurse))
    assert list(folder.iterdir()) == []


def test_rights_that_were_withdrawn_write_nothing_and_are_said(app, ward, session, team, folder):
    assert save(ward).status_code == 303
    at, team.nurse.role = due(ward), Role.INSPECTOR
    session.commit()
    assert in_context(app, lambda: keep_due(session, at, folder)) == 0
    assert list(folder.iterdir()) == []
    assert [text for text in said(ward, team.nurse) if "was not made: your role (inspector) keeps no reports" in text]
    assert (view_of(ward).every, view_of(ward).folder) == ("", "")


def test_a_file_is_offered_where_a_folder_is_set_and_needs_a_schedule(app, ward, session, folder, monkeypatch):
    assert save(ward, every="no").status_code == 422
    ward.said_no("Choose how often, or no file")
    offered = ward.browser("nurse").get("/reports/funnel/save").text
    assert 'value="xlsx"' in offered
    monkeypatch.setitem(app.config, "REPORTS_DIR", None)
    assert 'value="xlsx"' not in ward.browser("nurse").get("/reports/funnel/save").text
    monkeypatch.setitem(app.config, "REPORTS_DIR", folder)
    assert save(ward).status_code == 303
    address = f"/reports/views/{view_of(ward).id}"
    assert ward.fill("nurse", address, name="Another").status_code == 303
    assert (view_of(ward).folder, view_of(ward).every) == ("csv", "week")
    assert ward.fill("nurse", address, folder="no").status_code == 303
    assert view_of(ward).folder == ""
    assert in_context(app, lambda: keep_due(session, clock.now() + timedelta(days=30), folder)) == 1
    assert list(folder.iterdir()) == []


def test_the_folder_is_set_by_the_environment_and_closed_to_others_in_production(tmp_path):
    asked = {"CLINIC_INSTANCE": str(tmp_path), "CLINIC_REPORTS_DIR": str(tmp_path / "out")}
    assert load(asked).reports == tmp_path / "out"
    assert load({"CLINIC_INSTANCE": str(tmp_path)}).reports is None
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o755)
    assert any("chmod 700" in fault for fault in load(asked)._open_files())
    (tmp_path / "out").chmod(0o700)
    assert not any("chmod 700" in fault for fault in load(asked)._open_files())
