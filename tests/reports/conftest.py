"""The demonstration as the reports of one site see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic.access import keep_to_site
from clinic.accounts.models import Site
from clinic.reports import asking
from clinic.reports.catalog import REPORTS
from clinic.reports.data import Data
from tests.demonstration import AT
from tests.reports.naive import ZONE, Clinic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
