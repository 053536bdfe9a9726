"""Rule 69: each pair of events, exchanged by one minute at either end, is refused."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from clinic import clock
from clinic.course_records import of_course
from clinic.ledger.listener import Written
from clinic.pathway.event_order import disorder, pairs
from clinic.processing.models import ProcessingRun
from tests.bedside import checked, given, released_product
from tests.factories import ready_for_harvest

MINUTE = timedelta(minutes=1)
NAMED = (
    "the end of the collection", "the start of the processing", "the end of the processing", "the release",
    "the freezing", "the thaw", "the sample of the test", "received", "issued", "returned", "the bedside check",
    "the start of the administration", "the decision on the release", "discarded",
)  # fmt: skip


@pytest.mark.rule(69)
@pytest.mark.hazard("H30")
def test_every_pair_is_refused_when_it_is_exchanged_by_a_minute(team):
    mine = ready_for_harvest(team, at=clock.now() - timedelta(days=60), code="BM-MSC-MS")
    bag = released_product(
        mine, team, made_at=clock.now() - timedelta(days=20), cryo_medium="10 % DMSO", dmso_percent=Decimal(10),
        frozen_at=clock.now() - timedelta(days=19),
    )  # fmt: skip
    run = team.session.get(ProcessingRun, bag.run_id)
    at = clock.now() - timedelta(hours=1)
    parent = run.inputs[0].product
    parent.move(
        kind="received", place="Laboratory", temperature=Decimal(20), intact=True, by=team.technologist,
        at=run.performed_at - 2 * MINUTE,
    )  # fmt: skip
    for minutes, kind, facts in (
        (0, "thawed", {}), (5, "issued", {"handed_to": "N. Rask"}),
        (8, "returned", {"intact": True, "place": "Laboratory"}),
    ):  # fmt: skip
        bag.move(kind=kind, by=team.technologist, at=at + minutes * MINUTE, **facts)
    team.add(bag)
    bag.movements[-1].sign(by=team.quality, at=at + 9 * MINUTE)
    team.add(bag)
    check = checked(mine, bag, team, at=at + 12 * MINUTE)
    assert check.clear, check.reasons
    given(check, team, at=at + 15 * MINUTE)
    records = of_course(team.session, mine)
    found = [(one, other) for one, other in pairs(records) if one.at is not None and other.at is not None]
    names = " ".join(event.name for pair in found for event in pair)
    assert [name for name in NAMED if name not in names and name != "discarded"] == []
    assert disorder(records, {e.record.id: Written(type(e.record), None) for p in found for e in p}) == []
    for first, then in found:
        ends = [(then, first.at - MINUTE)]
        if first.name != "the release":  # a decision is never amended: it is taken again
            ends.append((first, then.at + MINUTE))
        for event, moment in ends:
            kept = getattr(event.record, event.fact)
            with team.session.no_autoflush:
                setattr(event.record, event.fact, moment)
                said = disorder(records, {event.record.id: Written(type(event.record), None)})
                setattr(event.record, event.fact, kept)
            assert said, f"{first.name} and {then.name} may be exchanged"
