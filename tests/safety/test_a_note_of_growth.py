"""A clean result whose note tells of growth: what shares cells waits until quality has read it (rules 43, 50; H29)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from clinic.release.results import QCResult
from tests.factories import PASSWORD
from tests.safety.test_a_no_to_one_bag import bags

__all__ = ["bags"]
pytestmark = [pytest.mark.rule(43), pytest.mark.hazard("H29")]


@pytest.mark.parametrize(
    "note", ["GPC in clusters", "C. acnes day 12", "CoNS in the aerobic bottle", "haze in bottle 2"]
)
def test_a_note_that_tells_of_growth_holds_the_sister_until_quality_has_decided(ward, bags, note):
    bag, sister, mine = bags
    chosen = select(QCResult).where(QCResult.product_id == bag.id, QCResult.test == "sterility")
    culture = ward.session.scalars(chosen).first()
    assert ward.amend("technologist", culture, why="seen by two", note=note).status_code == 303, ward.refused
    ward.sign("quality2", culture)
    ward.give(mine, sister)
    ward.not_given(sister, "release is no longer valid")
    assert note in ward.browser("quality2").get(f"/products/{sister.id}/release").text
    answer = ward.decide(sister, "conforms", "quality2", reason="Its own culture, read twice, has no growth")
    ward.fill("quality2", answer.location, password=PASSWORD)
    ward.give(mine, sister)
    assert ward.given(sister) is not None, ward.refused


def test_a_note_that_denies_growth_holds_nothing(ward, bags):
    bag, sister, mine = bags
    chosen = select(QCResult).where(QCResult.product_id == bag.id, QCResult.test == "sterility")
    culture = ward.session.scalars(chosen).first()
    assert ward.amend("technologist", culture, note="No growth in either bottle").status_code == 303, ward.refused
    ward.sign("quality2", culture)
    ward.give(mine, sister)
    assert ward.given(sister) is not None, ward.refused
