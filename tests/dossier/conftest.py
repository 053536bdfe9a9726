"""A patient with a whole course, and the command line over the same clinic."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clinic import clock
from clinic.attachments.files import Upload, attach
from clinic.dossier import making
from tests.bedside import released_product
from tests.factories import ready_for_harvest
from tests.shell import shell

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy.orm import Session

    from clinic.patients.models import Patient
    from tests.factories import Team


@pytest.fixture
def as_pdf() -> None:
    """Set the documents of this test as PDF files."""


@pytest.fixture(autouse=True)
def documents_as_text(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write down what documents say in place of setting them, but for tests that open the PDF files."""
    if "as_pdf" not in request.fixturenames:
        monkeypatch.setattr(making, "pdf", lambda documents: json.dumps(documents, ensure_ascii=False).encode())


@pytest.fixture
def run(house: Any, tmp_path: Path, monkeypatch: Any, capsys: Any) -> Callable[..., tuple[int, str, str]]:
    """Return what runs `clinic` over the database of the test, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return shell(monkeypatch, capsys, house.store.url, tmp_path)


@pytest.fixture
def treated(session: Session, team: Team) -> Patient:
    """A patient whose cells were collected, tested and released, with a file attached to the order."""
    course = ready_for_harvest(team)
    released_product(course, team)
    session.flush()
    upload = Upload(b"what the cell counter printed\n", "text/plain")
    attach(session, course, upload, title="Printout", by=team.nurse, at=clock.now())
    session.commit()
    return course.patient
