"""The bedside check and the administration, with real records in a database."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from clinic import clock
from clinic.administration.models import Administration, BedsideCheck
from clinic.errors import RuleBroken, StepBlocked
from clinic.followup.models import PlannedVisit
from clinic.identifiers import check_character
from clinic.release.models import decide
from clinic.release.results import QCResult
from tests.bedside import VITALS, checked, frozen, given, released_product, rules
from tests.factories import ready_for_harvest
from tests.judging import decisions_on, valid_consent

if TYPE_CHECKING:
    from tests.factories import Team


def test_a_right_bag_for_the_right_patient_is_clear(team: Team) -> None:
    course = ready_for_harvest(team)
    check = checked(course, released_product(course, team), team)
    assert check.reasons == []
    assert check.clear
    assert [s.signed_by_id for s in check.signatures] == [team.nurse.id, team.physician.id]


@pytest.mark.rule(1)
def test_wristband_and_bag_are_read_by_their_own_codes_too(team: Team) -> None:
    course = ready_for_harvest(team)
    product = released_product(course, team)
    chain = course.chain_of_identity
    assert checked(course, product, team, patient_scan=chain + check_character(chain)).clear
    wrong = checked(course, product, team, patient_scan=chain + ("A" if check_character(chain) != "A" else "B"))
    assert "check character" in wrong.reasons[0]["because"]
    unread = checked(course, product, team, product_scan=product.id[:-1] + ("0" if product.id[-1] != "0" else "1"))
    assert not unread.clear
    assert "could not be read" in unread.reasons[0]["because"]


@pytest.mark.rule(1)
@pytest.mark.hazard("H1")
def test_another_patients_bag_is_refused_and_the_refusal_stays_on_record(team: Team) -> None:
    course, other = ready_for_harvest(team), ready_for_harvest(team)
    check = checked(course, released_product(other, team), team)
    assert check.reasons[0]["because"] == "These cells belong to another patient."
    assert check.reasons[0]["who"] == []
    assert 3 in rules(check)
    kept = team.session.scalar(select(BedsideCheck).where(BedsideCheck.id == check.id))
    assert kept is not None
    assert not kept.clear


@pytest.mark.rule(2)
def test_one_person_alone_does_not_check(team: Team) -> None:
    course = ready_for_harvest(team)
    product = released_product(course, team)
    assert rules(checked(course, product, team, second=None)) == {2}
    with pytest.raises(Exception, match="two_people"):
        checked(course, product, team, second=team.nurse)
    team.session.rollback()


@pytest.mark.rule(2)
def test_a_technologist_is_no_second_person_at_the_bedside(team: Team) -> None:
    course = ready_for_harvest(team)
    assert rules(checked(course, released_product(course, team), team, second=team.technologist)) == {2}


@pytest.mark.rule(50)
@pytest.mark.hazard("H7")
def test_an_unreleased_product_is_not_given(team: Team) -> None:
    course = ready_for_harvest(team)
    assert rules(checked(course, released_product(course, team, released=False), team)) == {50}


@pytest.mark.rule(50)
@pytest.mark.hazard("H7")
def test_a_result_amended_after_the_check_closes_the_gate_at_the_bedside(team: Team) -> None:
    course = ready_for_harvest(team)
    product = released_product(course, team)
    check = checked(course, product, team)
    result = team.session.scalars(
        select(QCResult).where(QCResult.product_id == product.id, QCResult.test == "viability")
    ).one()
    result.amend(by=team.technologist, at=clock.now(), reason="misread", value=Decimal(72))
    team.session.flush()
    with pytest.raises(StepBlocked, match="not released"):
        given(check, team)


@pytest.mark.rule(50)
@pytest.mark.hazard("H10")
@pytest.mark.parametrize(("seconds", "clear"), [(-1, True), (0, False), (1, False)])
def test_expiry_is_judged_to_the_second_on_the_server(team: Team, seconds: int, clear: bool) -> None:
    course = ready_for_harvest(team)
    product = released_product(course, team)
    product.expires_at = clock.now() + timedelta(hours=1)
    check = checked(course, product, team, at=product.expires_at + timedelta(seconds=seconds))
    assert check.clear is clear
    assert rules(check) == (set() if clear else {50})


@pytest.mark.hazard("H10")
def test_a_label_that_says_longer_than_the_protocol_helps_nobody(team: Team) -> None:
    course = ready_for_harvest(team)
    product = released_product(course, team)
    product.expires_at = clock.now() + timedelta(days=30)
    assert product.collected_at is not None
    assert rules(checked(course, product, team, at=product.collected_at + timedelta(hours=4))) == {50}


@pytest.mark.rule(50)
def test_a_discarded_product_and_a_container_that_was_processed_are_refused(team: Team) -> None:
    course = ready_for_harvest(team)
    product = released_product(course, team)
    parent = product.harvest_id
    assert parent is None
    raw = team.session.scalars(select(type(product)).where(type(product).harvest_id.is_not(None))).one()
    assert "was processed" in " ".join(r["because"] for r in checked(course, raw, team).reasons)
    product.move(kind="discarded", by=team.technologist, at=clock.now(), reason="dropped")
    assert 50 in rules(checked(course, product, team))


@pytest.mark.rule(54)
@pytest.mark.hazard("H11")
@pytest.mark.parametrize(
    ("minutes", "clear", "warns"),
    [(10, True, False), (40, True, True), (59, True, True), (60, False, False), (61, False, False)],
)
def test_time_after_thaw_warns_and_then_refuses(team: Team, minutes: int, clear: bool, warns: bool) -> None:
    course, product = frozen(team, minutes)
    check = checked(course, product, team)
    assert check.clear is clear, check.reasons
    assert ("Time after thaw" in {w["check"] for w in check.warnings}) is warns
    assert rules(check) == (set() if clear else {54}), "the true reason stands alone"


@pytest.mark.hazard("H11")
def test_the_thaw_clock_runs_on_between_check_and_start(team: Team, time_machine: object) -> None:
    course, product = frozen(team, 45)
    check = checked(course, product, team)
    assert check.clear
    time_machine.move_to(clock.now() + timedelta(minutes=16), tick=False)
    with pytest.raises(StepBlocked, match="Too long after thaw"):
        given(check, team, because="the physician was told")


@pytest.mark.rule(54)
def test_a_frozen_product_without_a_thaw_is_refused(team: Team) -> None:
    course = ready_for_harvest(team, code="BM-MSC-MS")
    assert rules(checked(course, released_product(course, team, frozen_at=clock.now()), team)) == {54}


@pytest.mark.rule(55)
@pytest.mark.rule(26)
def test_route_and_side_are_the_ordered_ones(team: Team) -> None:
    course = ready_for_harvest(team)
    check = checked(course, released_product(course, team), team)
    with pytest.raises(StepBlocked, match="not the ordered"):
        given(check, team, route="intravenous", body_site="central_vein", side=None)
    with pytest.raises(StepBlocked, match=r"left knee is not what was ordered: right knee"):
        given(check, team, side="left")


@pytest.mark.rule(55)
def test_a_product_is_given_only_by_a_route_it_was_released_for(team: Team) -> None:
    course = ready_for_harvest(team)
    product = released_product(course, team)

    decision = decisions_on(product)[0]
    decision.routes = ["intravenous"]
    decision.sign(by=team.quality, at=clock.now())
    decision.sign(by=team.physician, at=clock.now())
    team.session.flush()
    assert rules(checked(course, product, team)) == {55}


@pytest.mark.rule(56)
def test_blood_forming_cells_never_run_through_a_filter(team: Team) -> None:
    course = ready_for_harvest(team, code="HPC-A-AUTO", source="peripheral_blood")
    with pytest.raises(RuleBroken, match="leukocyte filter"):
        Administration.log(
            by=team.nurse, at=clock.now(), treatment=course, performed_at=clock.now(), performed_by=team.nurse,
            verified_by_id=team.physician.id, route="intravenous", filter_used=True, premedication="given",
        )  # fmt: skip


@pytest.mark.rule(57)
def test_vital_signs_come_before_the_cells_and_bad_ones_warn(team: Team) -> None:
    course = ready_for_harvest(team)
    product = released_product(course, team)
    assert rules(checked(course, product, team, vitals=None)) == {57}
    for weak, said in (({"spo2": Decimal(88)}, "Oxygen saturation"), ({"systolic": 84}, "Systolic pressure")):
        with pytest.raises(RuleBroken, match=said):
            checked(course, product, team, vitals=VITALS | weak)
    sure = VITALS | {"systolic": 84, "confirmed": {"systolic": "always so low"}}
    low = checked(course, product, team, vitals=sure)
    assert low.clear
    assert [one["left"] for one in low.warnings] == ["84 mmHg"]


@pytest.mark.rule(58)
def test_ordered_premedication_is_charted_or_its_absence_explained(team: Team) -> None:
    course = ready_for_harvest(team, code="HPC-A-AUTO", source="peripheral_blood")
    facts = {
        "treatment": course, "performed_at": clock.now(), "performed_by": team.nurse,
        "verified_by_id": team.physician.id,
        "route": "intravenous",
    }  # fmt: skip
    with pytest.raises(RuleBroken, match="Premedication: the protocol orders"):
        Administration.log(by=team.nurse, at=clock.now(), **facts)
    assert Administration.log(
        by=team.nurse, at=clock.now(), premedication="omitted", premedication_note="allergic", **facts
    )


@pytest.mark.rule(61)
def test_another_dose_than_the_protocol_has_wants_a_reason(team: Team) -> None:
    course = ready_for_harvest(team)
    begun = given(checked(course, released_product(course, team), team), team)
    begun.performed_at = clock.now() - timedelta(days=3)
    team.session.flush()
    check = checked(course, released_product(course, team), team)
    assert check.clear, check.reasons
    assert 61 in {w["rule"] for w in check.warnings}


@pytest.mark.hazard("H12")
@pytest.mark.rule(15)
def test_a_consent_withdrawn_between_check_and_start_closes_the_gate(team: Team) -> None:
    course = ready_for_harvest(team)
    check = checked(course, released_product(course, team), team)
    assert check.clear
    consent = valid_consent(course, clock.now())
    assert consent is not None
    consent.withdraw(
        by=team.nurse, at=clock.now(), performed_at=clock.now() - timedelta(seconds=1), performed_by=team.nurse
    )
    team.session.flush()
    with pytest.raises(StepBlocked, match="withdrew"):
        given(check, team)
    assert team.session.scalar(select(func.count()).select_from(Administration)) == 0


@pytest.mark.hazard("H15")
def test_one_product_is_given_once_and_one_check_serves_once(team: Team) -> None:
    course = ready_for_harvest(team)
    product = released_product(course, team)
    first, second = checked(course, product, team), checked(course, product, team)
    made = given(first, team)
    assert made.dose == product.amount
    assert "= 6 × 10⁸" in (made.working or "")
    with pytest.raises(RuleBroken, match="already been used"):
        given(first, team)
    with pytest.raises(StepBlocked, match="given already"):
        given(second, team)
    assert "given already" in checked(course, product, team).reasons[0]["because"]


@pytest.mark.hazard("H15")
def test_the_database_itself_takes_one_administration_of_a_product(team: Team) -> None:
    course = ready_for_harvest(team)
    product = released_product(course, team)
    given(checked(course, product, team), team)
    twice = Administration.log(
        by=team.nurse, at=clock.now(), treatment=course, product=product, performed_at=clock.now(),
        performed_by=team.nurse,
        verified_by_id=team.physician.id, route=course.route,
    )  # fmt: skip
    team.session.add(twice)
    with pytest.raises(Exception, match=r"(?i)unique"):
        team.session.flush()
    team.session.rollback()


def test_a_check_holds_for_thirty_minutes(team: Team, time_machine: object) -> None:
    course = ready_for_harvest(team)
    check = checked(course, released_product(course, team), team)
    time_machine.move_to(clock.now() + timedelta(minutes=31), tick=False)
    with pytest.raises(RuleBroken, match="older than 30 minutes"):
        given(check, team)


@pytest.mark.rule(62)
def test_the_first_administration_plans_the_visits_once(team: Team) -> None:
    course = ready_for_harvest(team)
    given(checked(course, released_product(course, team), team), team)
    plans = team.session.scalars(select(PlannedVisit).where(PlannedVisit.treatment_id == course.id)).all()
    assert len(plans) == len(course.says.visits)
    given(checked(course, released_product(course, team), team), team, because="second half")
    assert team.session.scalar(select(func.count()).select_from(PlannedVisit)) == len(plans)


@pytest.mark.rule(59)
def test_the_end_is_written_once_and_the_volumes_come_out_even(team: Team) -> None:
    course = ready_for_harvest(team)
    made = given(checked(course, released_product(course, team), team), team)
    end = {"at": clock.now(), "ended_at": clock.now(), "weight": None}
    with pytest.raises(RuleBroken, match="Record the end first: a signed record must be complete"):
        made.sign(by=team.nurse, at=clock.now())
    with pytest.raises(RuleBroken, match=r"9 mL, but 10 mL were issued"):
        made.finish(**end, volume_given=Decimal(9), partial_reason="leak")
    made.ended_at = None
    made.finish(**end, volume_given=Decimal(9), volume_wasted=Decimal(1), partial_reason="leak")
    assert made.dose == Decimal("5.400")
    with pytest.raises(RuleBroken, match="already recorded"):
        made.finish(**end, volume_given=Decimal(10))
    made.sign(by=team.nurse, at=clock.now())
    assert made.sign(by=team.physician, at=clock.now()).meaning == "verification"
    made.amend(by=team.nurse, at=clock.now(), reason="read wrong", volume_given=Decimal(8), volume_wasted=Decimal(2))
    assert made.dose == Decimal("4.800")
    assert not made.signed


@pytest.mark.rule(50)
@pytest.mark.hazard("H7")
def test_a_product_on_hold_says_so_at_the_bedside(team: Team) -> None:
    course = ready_for_harvest(team)
    product = released_product(course, team)
    hold = decide(
        product, course.protocol_version, by=team.quality, at=clock.now(), decision="hold", reason="freezer alarm"
    )
    team.add(hold)
    hold.sign(by=team.quality, at=clock.now())
    team.session.flush()
    check = checked(course, product, team)
    assert rules(check) == {50}
    assert "on hold" in check.reasons[0]["because"]


@pytest.mark.rule(52)
def test_several_containers_of_one_dose_are_counted_together(team: Team) -> None:
    course = ready_for_harvest(team, code="BM-MSC-MS")
    now = clock.now()
    thawed = {"frozen_at": now - timedelta(hours=3), "thawed_at": now - timedelta(minutes=5), "amount": 40}
    first, second = released_product(course, team, **thawed), released_product(course, team, **thawed)
    check = checked(course, first, team)
    assert check.clear, check.reasons
    assert "more in the course's other containers" in next(
        line["left"] for line in check.evidence if line["check"] == "Dose"
    )
    given(check, team)
    third = released_product(course, team, **(thawed | {"amount": 120}))
    assert checked(course, second, team).clear
    assert rules(checked(course, third, team)) == {52}
    lonely = released_product(ready_for_harvest(team, code="BM-MSC-MS"), team, **thawed)
    assert rules(checked(lonely.treatment, lonely, team)) == {52}
