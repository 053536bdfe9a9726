"""The order of a course: within its protocol version, with its side, its donor, its baseline."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from clinic import clock
from clinic.eligibility.step import decision
from clinic.errors import RuleBroken
from clinic.patients.donors import Donor
from clinic.protocols.catalogues import BODY_SITES
from clinic.protocols.content import RegulatoryPath, Relation
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.treatments.models import IDENTITY, sites_for
from tests.factories import course, eligible, patient, published, stranger, team
from tests.judging import records_of

ALLOWED = {
    "condition": "stroke", "source": "adipose_tissue", "route": "intravenous", "relation": "allogeneic",
}  # fmt: skip


@pytest.mark.rule(55)
@pytest.mark.parametrize("fact", ALLOWED)
def test_an_order_holds_only_what_its_version_allows(fact: str) -> None:
    with pytest.raises(RuleBroken, match=f"BMAC-KNEE, version 1 does not allow this {fact}"):
        course(team(), **{fact: ALLOWED[fact]})


@pytest.mark.rule(55)
@pytest.mark.parametrize("code", DEMONSTRATIONS)
def test_every_demonstration_can_be_ordered_as_it_stands(code: str) -> None:
    people = team()
    one = course(people, code=code)
    assert IDENTITY.fullmatch(one.chain_of_identity)
    assert one.says == DEMONSTRATIONS[code]
    assert one.title


@pytest.mark.rule(26)
@pytest.mark.parametrize("side", [None, "none"])
def test_a_sided_site_has_its_side(side: str | None) -> None:
    with pytest.raises(RuleBroken, match="Side: required"):
        course(team(), body_site="knee", side=side)


@pytest.mark.rule(26)
def test_both_sides_are_two_courses() -> None:
    with pytest.raises(RuleBroken, match="Side: choose from the list"):
        course(team(), body_site="knee", side="both")


@pytest.mark.rule(26)
def test_a_site_without_sides_has_none() -> None:
    with pytest.raises(RuleBroken, match="has no side"):
        course(team(), code="AD-MSC-FISTULA", side="left")


@pytest.mark.rule(26)
def test_the_body_site_fits_condition_and_route_and_is_named_where_the_condition_has_a_place() -> None:
    with pytest.raises(RuleBroken, match="Body site does not fit"):
        course(team(), body_site="rotator_cuff", side="left")
    with pytest.raises(RuleBroken, match="Body site: required"):
        course(team(), body_site=None, side=None)


@pytest.mark.rule(26)
def test_an_amended_side_is_checked_like_the_first_one() -> None:
    people = team()
    one = course(people)
    one.sign(by=people.physician, at=clock.now())
    with pytest.raises(RuleBroken, match="Side: required"):
        one.amend(by=people.physician, at=clock.now(), reason="typing error", side="none")
    one = course(people)
    one.sign(by=people.physician, at=clock.now())
    one.amend(by=people.physician, at=clock.now(), reason="the other knee", side="left")
    assert one.title.startswith("Left knee")
    assert not one.signed


def test_the_title_of_a_course_keeps_names_as_they_are_written() -> None:
    assert course(team()).title == "Right knee, own bone marrow"
    assert course(team(), code="UC-MSC-LUPUS").title.endswith("donor umbilical cord tissue (Wharton's jelly)")


def test_sites_are_where_the_condition_is_and_the_route_reaches() -> None:
    assert "knee" in sites_for("osteoarthritis", "intra_articular")
    assert sites_for("spinal_cord_injury", "intrathecal") == ("cervical_cord", "thoracic_cord", "lumbar_cord")
    assert sites_for("lupus", "intravenous") == ()
    assert sites_for("als", "intrathecal") == ("spinal_canal",)
    assert set(sites_for("skin_aging", "intradermal")) <= set(BODY_SITES)


def test_the_body_mass_index_is_worked_out_or_left_open() -> None:
    people = team()
    assert course(people, height_cm=Decimal(175), weight_kg=Decimal("84.0")).body_mass_index == Decimal("27.4")
    assert course(people, height_cm=None).body_mass_index is None


@pytest.mark.rule(8)
def test_every_course_has_a_chain_of_identity_of_its_own() -> None:
    people = team()
    codes = {course(people).chain_of_identity for _ in range(50)}
    assert len(codes) == 50
    assert all(IDENTITY.fullmatch(code) and code.startswith(people.site.facility_code) for code in codes)


def hpc(people: Any, **changes: Any) -> Any:
    content = DEMONSTRATIONS["HPC-A-AUTO"].model_copy(update={"relations": (Relation.ALLOGENEIC,), **changes})
    return course(people, version=published(people, "HPC-A-REL", content=content), relation="allogeneic")


def relative(people: Any, relation: str) -> Donor:
    return Donor.log(
        by=people.coordinator, at=clock.now(), kind="related", name="Synthetic Relative", relation=relation
    )


@pytest.mark.rule(22)
def test_under_361_a_donors_cells_that_act_on_the_whole_body_come_from_a_near_relative() -> None:
    people = team()
    one = hpc(people)
    assert one.says.regulatory_path is RegulatoryPath.HCTP_361
    with pytest.raises(RuleBroken, match="first or second degree"):
        one.name_donor(stranger(people), by=people.physician, at=clock.now())
    with pytest.raises(RuleBroken, match="first or second degree"):
        one.name_donor(relative(people, "cousin"), by=people.physician, at=clock.now())
    with pytest.raises(RuleBroken, match="first or second degree"):
        one.name_donor(relative(people, "unknown"), by=people.physician, at=clock.now())
    sister = relative(people, "sibling")
    one.name_donor(sister, by=people.physician, at=clock.now())
    assert one.donor is sister


def test_another_donor_needs_a_reason_and_the_order_is_signed_again() -> None:
    people = team()
    one = course(people, code="UC-MSC-LUPUS")
    first, second = stranger(people), stranger(people)
    one.name_donor(first, by=people.coordinator, at=clock.now())
    one.sign(by=people.physician, at=clock.now())
    with pytest.raises(RuleBroken, match="Give a reason"):
        one.name_donor(second, by=people.coordinator, at=clock.now())
    one.name_donor(second, by=people.coordinator, at=clock.now(), reason="the first cord was not eligible")
    assert one.donor is second
    assert one.amendments[0].changes["donor_id"] == [first.id, second.id]
    assert not one.signed


def test_the_patients_own_cells_have_no_other_donor() -> None:
    people = team()
    with pytest.raises(RuleBroken, match="the patient's own cells"):
        course(people).name_donor(stranger(people), by=people.physician, at=clock.now())
    other = Donor.log(by=people.coordinator, at=clock.now(), kind="self", patient=patient(people))
    with pytest.raises(RuleBroken, match="registered as their own donor"):
        course(people, code="UC-MSC-LUPUS").name_donor(other, by=people.physician, at=clock.now())


EXCLUSIONS = [
    ({"active_infection": True}, "an active infection"),
    ({"pregnancy": "unresolved"}, "a pregnancy not excluded"),
    ({"pregnancy": "pregnant"}, "a pregnancy not excluded"),
    ({"malignancy": True}, "a malignant disease"),
    ({"additive_allergy": "DMSO"}, "an allergy to a component of the product (DMSO)"),
]


@pytest.mark.rule(23)
@pytest.mark.parametrize(("found", "said"), EXCLUSIONS)
def test_nobody_is_eligible_against_an_exclusion(found: dict[str, Any], said: str) -> None:
    people = team()
    with pytest.raises(RuleBroken) as refused:
        eligible(course(people), people, **found)
    assert f"The patient cannot be eligible with {said}" in str(refused.value)
    assert eligible(course(people), people, eligible=False, **found).exclusions() == [said]


@pytest.mark.rule(23)
@pytest.mark.parametrize(
    ("code", "condition", "excluded"), [("HPC-C", "all", False), ("HPC-C", "hemoglobinopathy", True)]
)
def test_a_malignancy_is_no_exclusion_only_where_it_is_what_is_treated(
    code: str, condition: str, excluded: bool
) -> None:
    people = team()
    one = course(people, code=code, condition=condition)
    assert bool(eligible(one, people, malignancy=True, eligible=not excluded).exclusions()) is excluded


@pytest.mark.rule(23)
def test_a_no_says_why() -> None:
    people = team()
    with pytest.raises(RuleBroken, match="Give the reason why the patient is not eligible"):
        eligible(course(people), people, eligible=False)


@pytest.mark.rule(23)
def test_only_a_signed_decision_counts_and_the_last_one_wins() -> None:
    people, at = team(), clock.now() - timedelta(days=5)
    one = course(people)
    first = eligible(one, people, signed=False)
    assert decision(records_of(one, first), clock.now()) is None
    first.sign(by=people.physician, at=at)
    assert decision(records_of(one, first), clock.now()) is first
    later = eligible(one, people, at=at + timedelta(days=1), eligible=False, reasons="a new finding")
    assert decision(records_of(one, first, later), clock.now()) is later
