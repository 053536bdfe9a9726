"""Rows of a register that tell of cells that were given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.course_records import around
from clinic.errors import RuleBroken
from clinic.followup.models import OutcomeScore
from clinic.products.models import Product
from clinic.release.product_state import ProductState, state_of

if TYPE_CHECKING:
    pass
from tests.exchange.test_importing import WIDE, run


def of_the_register(session, children, table, *, collected="2015-01-02 10:00", given="2015-04-01 10:00", ml="50"):
    """Import one child of the register, with a collection; returns the report."""
    mapping = WIDE.replace("[columns]\n", '[columns]\ncollected = { to = "harvest.performed_at" }\n')
    heading = "number,weight_g,volume,cd34,given,ml,endotoxin,relapse,event,grade,collected"
    row = f"W-1,20000,100,120,{given},{ml},<0.05,no,,,{collected}"
    return run(session, children, "courses", table(heading, row), table(mapping, name="map.toml"))


@pytest.mark.rule(36, by="import")
@pytest.mark.parametrize(("ml", "rule"), [("600", "rule 36"), ("0", "rule 59")])
def test_more_than_the_bag_held_and_nothing_at_all_are_not_imported_as_given(session, children, table, ml, rule):
    (fault,) = of_the_register(session, children, table, ml=ml).problems
    assert (fault.row, fault.column) == (2, "ml")
    assert rule in fault.expected


@pytest.mark.rule(69, by="import")
@pytest.mark.parametrize(
    ("collected", "given"), [("2015-04-02", "2015-04-01 10:00"), ("2015-05", "2015-04-01"), ("2016", "2015-04-01")]
)
def test_cells_are_not_imported_as_given_before_they_were_collected(session, children, table, collected, given):
    (fault,) = of_the_register(session, children, table, collected=collected, given=given).problems
    assert (fault.row, fault.column) == (2, "given")
    assert "rule 69" in fault.expected


@pytest.mark.rule(50)
@pytest.mark.parametrize("collected", ["2015-04", "2015", "2015-04-01"])
def test_an_imported_bag_that_was_given_is_given(session, children, table, collected):
    assert of_the_register(session, children, table, collected=collected).problems == []
    session.commit()
    bag = session.scalars(select(Product)).one()
    assert state_of(around(session, bag), bag, clock.now()) is ProductState.GIVEN
    for kind in ("received", "stored", "issued", "given"):
        with pytest.raises(RuleBroken, match="was given to the patient"):
            bag.move(kind=kind, by=children.technologist, at=clock.now(), handed_to="x", intact=True)


@pytest.mark.parametrize(
    ("days", "happened", "words"),
    [("12", "1", "12"), ("400", "0", "did not occur by day 400"), ("na", "0", None), ("12", "na", None)],
)
def test_a_time_and_whether_it_happened_are_one_score(session, children, table, days, happened, words):
    pairs = '[pairs."score.year1.anc_recovery"]\ntime = "days"\nhappened = "recovered"\n'
    mapping = table(WIDE.replace("[columns]\n", f"{pairs}[columns]\n"), name="map.toml")
    columns = "number,weight_g,volume,cd34,given,ml,endotoxin,relapse,event,grade,days,recovered"
    row = "N-1,20000,100,120,2020-05-04 10:00,50,<0.05,no,,,"
    report = run(session, children, "courses", table(columns, f"{row}{days},{happened}"), mapping)
    assert report.problems == []
    scores = [one for one in session.scalars(select(OutcomeScore)) if one.instrument == "anc_recovery"]
    assert [one.words.split(" days")[0] for one in scores] == [words] * (words is not None)
    wrong = run(session, children, "courses", table(columns, f"{row.replace('N-1', 'N-2')}{days},maybe"), mapping)
    assert ("recovered" in [fault.column for fault in wrong.problems]) is (days != "na")
