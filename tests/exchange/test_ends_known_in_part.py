"""Cells whose freezing or thaw is known to the day or month have an end that is known no better (rules 50, 54)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.patients.models import Patient
from clinic.products.models import Product
from clinic.records import Amendment
from tests.exchange.test_import_refuses import DAY, brought_in, take, ward

__all__ = ["take", "ward"]
MADE = {"patient.birth_date": "1980-03-02", "weight.performed_at": "2020-05-09", "harvest.performed_at": "2020-05-08",
        "product.performed_at": "2020-05-09"}  # fmt: skip
FROZEN = MADE | {"product.frozen_at": "2020-05"}
"""By a protocol of 1,825 days it expires between 1 and 31 May 2025, less a day for the leap year on the way."""


def container(ward: Any) -> Product:
    return ward.session.scalars(select(Product)).one()


@pytest.mark.rule(50, by="import")
def test_an_end_counted_from_a_month_is_known_to_the_month(ward, take, client_as):
    assert not take(FROZEN).refused
    bag = container(ward)
    assert (bag.precision_of("expires_at"), bag.end_text) == ("month", "Apr 2025")
    page = client_as("technologist").get(f"/products/{bag.id}").text
    assert "Apr 2025" in page
    assert "00:00" not in page
    assert ":" not in client_as("technologist").get("/products").text.split("Apr 2025")[1][:40]


@pytest.mark.rule(54, by="import")
def test_an_end_counted_from_the_day_of_a_thaw_names_no_minute(ward, take):
    assert not take(FROZEN | {"product.thawed_at": "2021-06-01"}).refused
    bag = container(ward)
    assert (bag.end_known, bag.end_text) == ("day", "1 Jun 2021")


@pytest.mark.rule(50, by="import")
@pytest.mark.parametrize(("stated", "fits"), [
    ("2025-05-20 10:30", True), ("2025-05", True), ("2025-04-02", True), ("2025-05-31 23:00", False),
    ("2025-06", False),
])  # fmt: skip
def test_a_stated_end_is_refused_only_where_it_is_too_late_whenever_they_were_frozen(ward, take, stated, fits):
    report = take(FROZEN | {"product.expires_at": stated})
    assert report.refused is not fits, report.sentences()
    if fits:
        bag = container(ward)
        assert bag.end == bag.expires_at, "what the label says counts"
        assert clock.local(bag.end, bag.zone).isoformat().startswith(stated.replace(" ", "T")), "as it was written"
    else:
        said = " ".join(report.sentences())
        assert "no later moment than May 2025" in said
        assert "23:59" not in said


GIVEN = {"product.frozen_at": "2020-05-09", "product.thawed_at": "2020-06-01", "administration.volume_given": "10"}


@pytest.mark.rule(54, by="import")
@pytest.mark.parametrize(("began", "fits"), [
    ("2020-06-01 14:00", True), ("2020-06-01", True), ("2020-06", True), ("2020-06-02 00:30", True),
    ("2020-06-02 08:00", False), ("2020-06-03", False), ("2020-07", False),
])  # fmt: skip
def test_cells_were_given_too_late_after_a_thaw_only_where_they_were_at_every_hour_of_its_day(take, began, fits):
    report = take(MADE | GIVEN | {"administration.performed_at": began})
    found = " ".join(report.sentences())
    assert report.refused is not fits, found
    if not fits:
        assert "a start within 60 minutes of the thaw" in found
        assert ", not " not in found, "nobody knows how many minutes it was"


@pytest.mark.rule(50, by="amendment")
def test_an_amendment_may_name_any_end_that_may_be_right(ward, take):
    take(FROZEN)
    bag = container(ward)
    ward.amend("technologist", bag, expires_at=datetime(2025, 5, 20, tzinfo=UTC))
    ward.session.expire_all()
    assert clock.day(bag.end, bag.zone).isoformat() == "2025-05-20"
    assert bag.end_known == ""
    assert ward.session.scalars(select(Amendment)).one().changes["expires_at"][0] == "2025-04"
    assert ward.amend("technologist", bag, expires_at=datetime(2025, 6, 2, tzinfo=UTC)).status_code == 422
    ward.said_no("later than the protocol allows: May 2025")


@pytest.mark.rule(54)
def test_a_thaw_that_is_recorded_here_is_known_to_the_minute(ward, take):
    month = f"{clock.now() - 50 * DAY:%Y-%m}"
    _mine, bag = brought_in(ward, take, **{"product.frozen_at": month, "product.performed_at": month,
                                           "harvest.performed_at": month, "product.dmso_percent": "0"})  # fmt: skip
    assert ward.move("technologist", bag, "thawed", place="Water bath").status_code == 303, ward.refused
    ward.session.expire_all()
    assert bag.end == bag.thawed_at + timedelta(minutes=bag.judged_under.says.expiry.thaw_minutes)
    assert (bag.end_known, bag.precision_of("thawed_at"), bag.precision_of("frozen_at")) == ("", "", "month")


@pytest.mark.parametrize("name", ["died_on", "birth_date"])
def test_a_day_that_was_known_to_the_month_can_be_corrected(ward, take, client_as, name):
    take(MADE | {f"patient.{name}": "1980-03" if name == "birth_date" else "2024-03"})
    patient = ward.session.scalars(select(Patient)).one()
    day = patient.birth_date.replace(day=9) if name == "birth_date" else patient.died_on.replace(day=9)
    patient.amend(by=ward.team.physician, at=clock.now(), reason="the letter has the day", **{name: day})
    ward.session.commit()
    assert (getattr(patient, name), patient.precision_of(name)) == (day, "")
    assert client_as("physician").get(f"/patients/{patient.id}").status_code == 200
