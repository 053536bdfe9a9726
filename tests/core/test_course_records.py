"""The records of a course: read in part they refuse to judge, and what is kept of them is never out of date."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from clinic import clock
from clinic.course_records import around, around_all, of_course
from clinic.followup.models import FollowUpVisit
from clinic.harvest.models import Harvest
from clinic.ledger.models import digest
from clinic.pathway.judgement import judge
from clinic.products.models import Movement, Product
from clinic.release.product_state import RESTS_ON, state_of
from tests.bedside import released_product
from tests.factories import harvested, ready_for_harvest

if TYPE_CHECKING:
    from tests.factories import Team


def test_records_that_were_read_in_part_refuse_to_judge_a_course(team: Team) -> None:
    course = ready_for_harvest(team)
    harvested(course, team)
    records = of_course(team.database, course, only={Harvest})
    assert len(records.of(Harvest)) == 1
    with pytest.raises(LookupError, match="was not read"):
        judge(records, clock.now())


def test_a_kind_that_was_left_out_is_refused_whichever_way_it_is_asked_for(team: Team) -> None:
    course = ready_for_harvest(team)
    records = of_course(team.database, course, only={Harvest})
    for ask in (records.of, records.every, lambda kind: records.on(course, kind)):
        with pytest.raises(LookupError):
            ask(FollowUpVisit)


def test_the_state_of_a_product_is_the_same_on_what_it_rests_on_as_on_everything(team: Team) -> None:
    course, at = ready_for_harvest(team), clock.now()
    released_product(course, team)
    whole = of_course(team.database, course)
    for product in whole.of(Product):
        part = around(team.database, product, only=RESTS_ON)
        assert state_of(part, product, at) is state_of(whole, product, at)


def test_products_read_together_are_judged_like_one_alone(team: Team) -> None:
    course, at = ready_for_harvest(team), clock.now()
    released_product(course, team)
    products = of_course(team.database, course).of(Product)
    found = around_all(team.database, products)
    assert [state_of(found[one.id], one, at) for one in products] == [
        state_of(around(team.database, one), one, at) for one in products
    ]


def test_a_kept_hash_is_another_one_as_soon_as_a_fact_changes(team: Team) -> None:
    harvest = harvested(ready_for_harvest(team), team)
    first = harvest.content_hash
    assert harvest.content_hash == first == digest(harvest.content())
    harvest.volume = Decimal("60.0")  # equal to 60, written otherwise
    assert harvest.content_hash == digest(harvest.content()) != first
    harvest.confirmed["volume"] = "read twice"  # changed in place, which no event of the database layer tells
    assert harvest.content_hash == digest(harvest.content())
    harvest.precision = {"performed_at": "day"}
    assert harvest.content_hash == digest(harvest.content())


def test_a_kept_hash_of_a_run_is_another_one_when_a_part_changes(team: Team) -> None:
    course = ready_for_harvest(team)
    product = released_product(course, team)
    run = of_course(team.database, course).get(product.run_id)
    first, part = run.content_hash, run.inputs[0]
    part.volume = Decimal(1)
    assert run.content_hash == digest(run.content()) != first
    part.volume = None
    assert run.content_hash == digest(run.content())


def test_a_kept_hash_is_the_first_one_again_when_a_change_is_taken_back(team: Team) -> None:
    harvest = harvested(ready_for_harvest(team), team)
    team.database.commit()
    first = harvest.content_hash
    harvest.volume = Decimal(99)
    assert harvest.content_hash != first
    team.database.rollback()
    assert harvest.content_hash == first == digest(harvest.content())


def test_what_is_not_written_yet_is_among_the_records_where_nothing_is_written_before_a_question(team):
    """A gate asks within `no_autoflush`: a container that was just discarded is discarded for it."""
    product = released_product(ready_for_harvest(team), team)
    team.session.commit()
    with team.session.no_autoflush:
        assert product.movements is not None
        product.move(kind="discarded", by=team.technologist, at=clock.now(), reason="dropped")
        records = around(team.session, product)
        assert [one.kind for one in records.on(product, Movement)][-1] == "discarded"
