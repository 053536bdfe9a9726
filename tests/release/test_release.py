"""The release: who decides, on which evidence, and how long it holds."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import product as every

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.demo import laboratory
from clinic.errors import RuleBroken, StepBlocked
from clinic.inventory import custody
from clinic.inventory.product_states import in_state
from clinic.ledger.listener import set_actor
from clinic.processing.models import ProcessingRun
from clinic.products.models import Product
from clinic.protocols.catalogues import QC_TESTS
from clinic.release import models
from clinic.release.evidence import legacy
from clinic.release.models import decide
from clinic.release.points import open_points, refusals
from clinic.release.product_state import ProductState, state_of
from clinic.release.results import QCResult
from clinic.release.step import RELEASE, actions
from clinic.steps import State
from tests.bedside import released_product
from tests.factories import course, harvested, ready_for_harvest, team
from tests.judging import records_around, records_of

EXCEPTION = {
    "reason": "the only cells there are",
    "physician_told": "Dr I. Novak, 14:10",
    "benefit_risk": "benefit outweighs",
    "patient_told": True,
    "follow_up_plan": "counts daily for a week",
}


@pytest.fixture
def tested(team):
    """A product in quarantine whose results all conform."""
    return frozen_product(team, released=False)


def frozen_product(team, **facts):
    """A frozen product of sixty days ago, whose cultures are final."""
    made_at = clock.now() - timedelta(days=60)
    course = ready_for_harvest(team, code="BM-MSC-MS", at=made_at - timedelta(days=20))
    return released_product(course, team, made_at=made_at, frozen_at=made_at, cryo_medium="Trehalose medium", **facts)


def state(product, at=None):
    return state_of(records_around(product), product, at or clock.now())


def released(product):
    return models.released(records_around(product), product)


def waiting_for(product):
    return actions(records_of(product.treatment), clock.now())


def version(product):
    return product.treatment.protocol_version


def conforms(product, people, by=None):
    release = people.add(
        decide(product, version(product), by=by or people.quality, at=clock.now(), decision="conforms")
    )
    release.sign(by=by or people.quality, at=clock.now())
    return people.add(release)


def one(product, test):
    return next(result for result in records_around(product).on(product, QCResult) if result.test == test)


@pytest.mark.rule(45)
def test_a_product_is_not_released_by_whoever_processed_or_tested_it(tested, team):
    for test in ("viability", "sterility"):
        one(tested, test).performed_by = team.quality
    team.session.flush()
    with pytest.raises(RuleBroken, match="processed, tested or corrected"):
        decide(tested, version(tested), by=team.quality, at=clock.now(), decision="conforms")
    release = team.add(decide(tested, version(tested), by=team.quality2, at=clock.now(), decision="conforms"))
    with pytest.raises(RuleBroken, match="processed, tested or corrected"):
        release.sign(by=team.quality, at=clock.now())
    release.sign(by=team.quality2, at=clock.now())
    assert released(tested) is release


@pytest.mark.rule(45)
@pytest.mark.parametrize("role", ["coordinator", "nurse", "physician", "technologist", "administrator", "inspector"])
def test_only_quality_and_director_sign(tested, team, role):
    release = team.add(decide(tested, version(tested), by=team.quality, at=clock.now(), decision="conforms"))
    with pytest.raises(RuleBroken, match=r"Quality staff sign|processed, tested"):
        release.sign(by=team(role, second=True), at=clock.now())
    assert released(tested) is None
    release.sign(by=team.director, at=clock.now())
    assert released(tested) is None, "the director alone does not release"


def test_a_decision_that_kept_one_hash_of_all_results_is_valid_until_a_result_changes(tested, team, monkeypatch):
    monkeypatch.setattr(models, "basis", lambda *_: {})
    monkeypatch.setattr(models, "digest", lambda _: legacy(records_around(tested), tested))
    release = conforms(tested, team)
    monkeypatch.undo()
    assert release.effective(records_around(tested))
    assert state(tested) is ProductState.RELEASED
    set_actor(team.session, team.technologist.id)
    one(tested, "viability").amend(by=team.technologist, at=clock.now(), reason="misread", value=Decimal("71.5"))
    team.session.flush()
    assert not release.effective(records_around(tested))
    assert state(tested) is ProductState.HOLD


@pytest.mark.rule(46)
@pytest.mark.hazard("H9")
def test_an_amended_result_takes_the_release_away_at_once(tested, team):
    release = conforms(tested, team)
    assert state(tested) is ProductState.RELEASED
    set_actor(team.session, team.technologist.id)
    one(tested, "viability").amend(
        by=team.technologist, at=clock.now(), reason="wrong line of the printout", value=Decimal("70.5")
    )
    team.session.flush()
    assert not release.effective(records_around(tested))
    assert state(tested) is ProductState.QUARANTINE
    with pytest.raises(StepBlocked, match="not released"):
        custody.move(tested, kind="issued", by=team.technologist, at=clock.now(), handed_to="Ward 3")
    run_signed(tested, team)
    assert [act.title for act in waiting_for(tested)] == ["Decide again", "Confirm the correction"]
    with pytest.raises(RuleBroken, match="waiting for a second signature"):
        conforms(tested, team)
    one(tested, "viability").sign(by=team.technologist2, at=clock.now())
    team.session.flush()
    conforms(tested, team)
    assert state(tested) is ProductState.RELEASED


@pytest.mark.hazard("H9")
def test_a_culture_that_turns_positive_after_the_cells_were_given_waits_for_a_physician(tested, team):
    run_signed(tested, team)
    conforms(tested, team)
    tested.move(kind="given", by=team.nurse, at=clock.now(), place="here")
    set_actor(team.session, team.technologist.id)
    one(tested, "sterility").amend(
        by=team.technologist, at=clock.now(), reason="late growth", outcome="growth", finding="Cutibacterium acnes"
    )
    team.session.flush()
    waiting = waiting_for(tested)
    assert [(act.title, act.danger) for act in waiting] == [
        ("Assess: contaminated cells were given", True), ("Confirm the correction", True),
    ]  # fmt: skip
    assert "Cutibacterium acnes" in waiting[0].why


def run_signed(product, people):
    people.session.get(ProcessingRun, product.run_id).sign(by=people.technologist2, at=clock.now())
    people.session.flush()


@pytest.mark.rule(44)
def test_a_pending_culture_is_released_under_a_condition_and_read_on_its_last_day(tested, team):
    culture = one(tested, "sterility")
    culture.outcome, culture.pending, culture.sampled_at = None, True, clock.now() - timedelta(days=1)
    team.session.flush()
    with pytest.raises(RuleBroken, match=r"Sterility .* is pending"):
        decide(tested, version(tested), by=team.quality, at=clock.now(), decision="conforms")
    with pytest.raises(RuleBroken, match="Physician informed: required"):
        decide(tested, version(tested), by=team.quality, at=clock.now(), decision="conditional", reason="culture runs")
    gram = one(tested, "gram_stain")
    gram.outcome, gram.pending = None, True
    team.session.flush()
    said = {"decision": "conditional", "reason": "culture runs", "physician_told": "Dr I. Novak, 14:10"}
    with pytest.raises(RuleBroken, match="Gram stain"):
        decide(tested, version(tested), by=team.quality, at=clock.now(), **said)
    gram.outcome, gram.pending = "no_organisms", False
    team.session.flush()
    release = team.add(decide(tested, version(tested), by=team.quality, at=clock.now(), **said))
    release.sign(by=team.quality, at=clock.now())
    team.session.flush()
    assert state(tested) is ProductState.CONDITIONAL
    due = [act.due_at for act in waiting_for(tested) if act.title == "Enter the culture result"]
    assert due == [culture.sampled_at + timedelta(days=14)]


@pytest.mark.rule(40)
@pytest.mark.rule(47)
def test_an_exception_needs_a_physicians_request_quality_and_the_director(tested, team):
    one(tested, "viability").value = Decimal(61)
    team.session.flush()
    with pytest.raises(RuleBroken, match="Viability is 61 %"):
        decide(tested, version(tested), by=team.quality, at=clock.now(), decision="conforms")
    for missing in EXCEPTION:
        facts = {**EXCEPTION, "requested_by": team.physician, missing: None}
        with pytest.raises(RuleBroken):
            decide(tested, version(tested), by=team.quality, at=clock.now(), decision="exceptional", **facts)
    with pytest.raises(RuleBroken, match="requested by a physician"):
        decide(
            tested,
            version(tested),
            by=team.quality,
            at=clock.now(),
            decision="exceptional",
            requested_by=team.nurse,
            **EXCEPTION,
        )
    release = team.add(
        decide(
            tested,
            version(tested),
            by=team.quality,
            at=clock.now(),
            decision="exceptional",
            requested_by=team.physician,
            **EXCEPTION,
        )
    )
    release.sign(by=team.quality, at=clock.now())
    lacks = [role.value for role in release.lacks(records_around(tested))]
    assert (released(tested), lacks) == (None, ["director", "physician"])
    release.sign(by=team.director, at=clock.now())
    with pytest.raises(RuleBroken, match="physician who requests it"):
        release.sign(by=team.physician2, at=clock.now())
    assert released(tested) is None
    release.sign(by=team.physician, at=clock.now())
    assert released(tested) is release
    assert state(tested) is ProductState.EXCEPTIONAL
    assert release.findings == ["Viability is 61 %; the protocol requires 70 % or more."]


def test_a_hold_stands_before_it_is_signed(tested, team):
    conforms(tested, team)
    team.add(
        decide(
            tested,
            version(tested),
            by=team.quality2,
            at=clock.now(),
            decision="hold",
            reason="temperature alarm of tank 2",
        )
    )
    assert state(tested) is ProductState.HOLD
    assert released(tested) is None


def test_a_decision_is_not_signed_after_its_results_changed(tested, team):
    release = team.add(decide(tested, version(tested), by=team.quality, at=clock.now(), decision="conforms"))
    one(tested, "viability").value = Decimal("70.2")
    team.session.flush()
    with pytest.raises(RuleBroken, match="Decide again"):
        release.sign(by=team.quality, at=clock.now())


@pytest.mark.rule(50)
def test_what_is_gone_or_expired_is_not_released(tested, team):
    with pytest.raises(RuleBroken, match="expired"):
        decide(tested, version(tested), by=team.quality, at=tested.expires_at, decision="conforms")
    tested.move(kind="discarded", reason="bag leaked", by=team.technologist, at=clock.now())
    with pytest.raises(RuleBroken, match="given or discarded"):
        decide(tested, version(tested), by=team.quality, at=clock.now(), decision="conforms")


@pytest.mark.hazard("H8")
def test_of_all_combinations_of_results_exactly_one_conforms():
    people = team()
    bag = harvested(course(people), people).products[0]
    judged = bag.treatment.protocol_version
    specs = [spec for spec in judged.says.qc if spec.mandatory]
    ways = [outcomes_of(people, bag, judged, spec) for spec in specs]
    conforming, conditional = [], []
    for combination in every(*ways):
        results = [result for _word, result in combination if result is not None]
        points = open_points(judged, results)
        words = [word for word, _result in combination]
        if not refusals("conforms", points, results):
            conforming.append(words)
        if not refusals("conditional", points, results):
            conditional.append(words)
        if "outside" in words:
            assert refusals("conditional", points, results)
    assert len(specs) >= 4
    assert conforming == [["within"] * len(specs)]
    waits = [spec.may_be_pending for spec in specs]
    assert {tuple(words) for words in conditional} == {
        tuple("within" if not may else word for may in waits) for word in ("pending", "missing")
    }


def outcomes_of(people, bag, judged, spec):
    """Within, outside, pending and missing, for one test."""
    at = clock.now()

    def made(**facts):
        result = QCResult.log(
            by=people.technologist,
            at=at,
            product=bag,
            test=spec.test,
            performed_at=at,
            performed_by=people.technologist,
            sampled_at=at - timedelta(days=20),
            **facts,
        )
        result.weigh(judged)
        return result

    if spec.accepted is not None:
        bad = next(key for key in QC_TESTS[spec.test].outcomes if key != spec.accepted)
        good, wrong = made(outcome=spec.accepted), made(outcome=bad)
    else:
        good, wrong = made(value=spec.limit.low + 1), made(value=spec.limit.low - 1)
    return [("within", good), ("outside", wrong), ("pending", made(pending=True)), ("missing", None)]


def test_what_the_database_finds_by_state_is_what_the_page_shows(team):
    session = team.session
    quarantine = released_product(ready_for_harvest(team), team, released=False)
    free = released_product(ready_for_harvest(team), team)
    gone = released_product(ready_for_harvest(team), team)
    gone.move(kind="given", by=team.nurse, at=clock.now())
    held = released_product(ready_for_harvest(team), team)
    team.add(decide(held, version(held), by=team.quality2, at=clock.now(), decision="hold", reason="alarm"))
    changed = released_product(ready_for_harvest(team), team)
    set_actor(session, team.technologist.id)
    one(changed, "viability").amend(by=team.technologist, at=clock.now(), reason="typing error", value=Decimal("71.5"))
    session.commit()
    made = {quarantine.id, free.id, gone.id, held.id, changed.id}
    for at in (clock.now(), clock.now() + timedelta(hours=9)):
        found = {
            one: set(session.scalars(select(Product.id).where(in_state(session, team.site.id, one, at))))
            for one in ProductState
        }
        for product in session.scalars(select(Product)):
            here = [one for one, ids in found.items() if product.id in ids]
            assert here == [state(product, at)], (product.id in made, here)


def test_the_release_opens_when_there_is_a_product_of_a_verified_run(team):
    of = ready_for_harvest(team)
    now = clock.now()
    with pytest.raises(StepBlocked, match="Nothing was processed"):
        RELEASE.admit(records_of(of), by=team.quality, at=now)
    product = released_product(of, team, released=False)
    with pytest.raises(StepBlocked, match="not verified by a second person"):
        RELEASE.admit(records_of(of), by=team.quality, at=now)
    run_signed(product, team)
    RELEASE.admit(records_of(of), by=team.quality, at=clock.now())
    with pytest.raises(RuleBroken, match="recorded by quality staff, not by nurse"):
        RELEASE.admit(records_of(of), by=team.nurse, at=clock.now())
    assert RELEASE.progress(records_of(of), clock.now()).state is State.NOW
    laboratory.release(team, of, product, clock.now(), decision="conditional")
    assert RELEASE.progress(records_of(of), clock.now()).state is State.DONE
