"""A day of the course that is typed as a score has come, and is not after the death (rule 69)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from clinic import clock
from clinic.errors import RuleBroken
from clinic.followup.models import FollowUpVisit
from tests.bedside import checked, given, released_product
from tests.factories import ready_for_harvest

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tests.factories import Team


@pytest.fixture
def visit(session: Session, team: Team) -> Any:
    """A visit today of a patient whose cells were given today."""
    course = ready_for_harvest(team)
    given(checked(course, released_product(course, team), team), team)
    session.commit()
    made = FollowUpVisit.log(
        by=team.nurse, at=clock.now(), performed_at=clock.now(), performed_by=team.nurse, treatment=course,
        name="Later", made="made", alive=True,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


@pytest.mark.rule(69)
@pytest.mark.parametrize("instrument", ["survival_days", "anc_recovery", "acute_gvhd_3_4_day"])
def test_a_score_that_is_a_day_to_come_is_refused(team: Team, visit: FollowUpVisit, instrument: str) -> None:
    with pytest.raises(RuleBroken, match=r"day 40 after the first cells is in the future"):
        visit.score(instrument, by=team.nurse, at=clock.now(), value=Decimal(40))
    assert visit.score(instrument, by=team.nurse, at=clock.now(), value=Decimal(1)).value == 1
    later = clock.now() + timedelta(days=40)
    assert visit.score("platelet_recovery", by=team.nurse, at=later, value=Decimal(40)).value == 40
