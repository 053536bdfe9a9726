"""The ward of the stories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.safety import moments
from tests.safety.driver import Ward

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from tests.factories import Team


@pytest.fixture
def ward(session: Session, team: Team, client_as: Callable) -> Ward:
    """The northern clinic."""
    return Ward(session, team, client_as)


@pytest.fixture(autouse=True)
def _one_minute() -> None:
    """Each story counts back from a minute of its own."""
    moments.begin_again()
