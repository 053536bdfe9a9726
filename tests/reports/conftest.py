"""The demonstration as the reports of one site see it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select

from clinic import clock, create_app
from clinic.access import keep_to_site
from clinic.accounts.models import SignIn, Site, User
from clinic.extensions import db
from clinic.identifiers import fingerprint
from clinic.reports import asking
from clinic.reports.catalog import REPORTS
from clinic.reports.data import Data
from tests.conftest import settings
from tests.demonstration import AT
from tests.reports.naive import ZONE, Clinic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask.testing import FlaskClient

    from clinic.reports.report import Result


@pytest.fixture
def north(demonstration: Any) -> Iterator[str]:
    """The id of the northern site, to which the demonstration is kept."""
    site = demonstration.scalar(select(Site.id).where(Site.code == "north"))
    keep_to_site(demonstration, site)
    yield site
    keep_to_site(demonstration, None)


@pytest.fixture
def clinic(demonstration: Any, north: str) -> Clinic:
    """The raw rows of the northern site."""
    return Clinic(demonstration, north, AT)


@pytest.fixture
def made(demonstration: Any, north: str) -> Callable[..., Result]:
    """Return a report of the northern site: ``made("survival", origin="imported", by="sex")``."""

    def one(name: str, **said: str) -> Result:
        report = REPORTS[name]
        asked, wrong = asking.read(
            report, {key.rstrip("_"): value for key, value in said.items() if value}, today=AT.date()
        )
        assert wrong == {}
        return report.figures(Data(demonstration, asked, zone=ZONE, at=AT))

    return one


@pytest.fixture(scope="module")
def shown(demonstration: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The application over a copy of the demonstration."""
    folder = tmp_path_factory.mktemp("shown")
    file = folder / "shown.db"
    shutil.copy(Path(demonstration.get_bind().url.database), file)
    app = create_app(settings(f"sqlite:///{file}", folder))
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="module")
def demo(shown: Any) -> Callable[[str], FlaskClient]:
    """Return a browser in which somebody of the demonstration is signed in: ``demo("quality@north.demo")``."""

    def signed_in(email: str) -> FlaskClient:
        browser, at, token = shown.test_client(), clock.now(), f"a session of {email}"
        with shown.app_context(), db.engine.begin() as connection:
            who = connection.execute(select(User.id, User.fs_uniquifier).where(User.email == email)).one()
            known = select(SignIn.user_id).where(SignIn.token_hash == fingerprint(token))
            if connection.execute(known).first() is None:
                connection.execute(
                    insert(SignIn).values(token_hash=fingerprint(token), user_id=who.id, began_at=at, address="")
                )
        with browser.session_transaction() as cookie:
            cookie.update(
                _user_id=who.fs_uniquifier, _fresh=True, token=token, began=at.timestamp(), seen=at.timestamp()
            )
        return browser

    return signed_in
