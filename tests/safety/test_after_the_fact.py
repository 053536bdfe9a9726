"""What is changed or looked at later: a longer expiry, a fatal event, a certificate of cells never released."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock
from clinic.documents import making
from clinic.documents.of_cells import CERTIFICATE, no_certificate
from tests.bedside import released_product
from tests.factories import ready_for_harvest
from tests.safety.scenes import scene


@scene
def released(ward):
    """A bag of own cells, tested and released, whose time ends in half an hour."""
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team))
    bag.expires_at = clock.now() + timedelta(minutes=30)
    return mine, bag


@pytest.mark.rule(50, by="amendment")
@pytest.mark.rule(46, by="amendment")
def test_a_longer_expiry_is_decided_on_by_quality_anew(ward, released):
    mine, bag = released
    with ward.later(hours=1):
        assert ward.tag(bag) == "Expired"
        ward.amend("technologist", bag, expires_at=clock.now() + timedelta(days=3))
        ward.sign("technologist2", bag)
        ward.give(mine, bag)
        ward.not_given(bag, "no longer valid", "amended after")


def certificate(ward, bag):
    ward.session.expire_all()
    return no_certificate(making.source_of(ward.session, bag, None, {}))


def test_only_what_a_standing_decision_released_has_a_certificate(ward):
    mine = ready_for_harvest(ward.team)
    given, untouched = (released_product(mine, ward.team, released=yes) for yes in (True, False))
    assert certificate(ward, given) == ""
    assert "in quarantine" in certificate(ward, untouched)
    ward.give(mine, given)
    assert ward.given(given) is not None, ward.refused
    assert certificate(ward, given) == ""
    code = making.Made(ward.session, CERTIFICATE, making.source_of(ward.session, given, None, {}), ward.team.site).code
    page = ward.browser("quality").get("/documents/check", query_string={"code": code}).text
    assert "would not be made now" not in page
    assert ward.decide(given, "hold", reason="alarm in the freezer").status_code == 303, ward.refused
    assert "given" in certificate(ward, given)
    page = ward.browser("quality").get("/documents/check", query_string={"code": code}).text
    assert "This document would not be made now." in page
