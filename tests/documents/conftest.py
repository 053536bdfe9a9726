"""The northern clinic, at work over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.safety.driver import Ward

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from tests.factories import Team


@pytest.fixture
def ward(session: Session, team: Team, client_as: Callable) -> Ward:
    """The clinic whose documents are made."""
    return Ward(session, team, client_as)
