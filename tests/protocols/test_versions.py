"""Versions of a protocol: drafted, published by a second person, never changed again, retired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from clinic.errors import RuleBroken
from clinic.protocols.claims import claims, unproven
from clinic.protocols.content import RegulatoryPath, Relation
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.protocols.models import Protocol, Stage
from clinic.protocols.problems import problems
from clinic.protocols.wording import changed
from tests.factories import course, published, team

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.protocols.models import ProtocolVersion
    from tests.factories import Team

AT = datetime(2026, 5, 4, 9, tzinfo=UTC)
KNEE = DEMONSTRATIONS["BMAC-KNEE"]
WELLNESS = DEMONSTRATIONS["UC-MSC-WELLNESS"]


def drafted(people: Team, content: Any = KNEE) -> ProtocolVersion:
    protocol = Protocol(site_id=people.site.id, code="OUR-KNEE")
    return protocol.draft(by=people.quality, at=AT, content=content)


def test_a_draft_becomes_published_and_then_retired() -> None:
    people = team()
    version = drafted(people)
    assert version.stage is Stage.DRAFT
    version.publish(by=people.director, at=AT)
    assert version.stage is Stage.PUBLISHED
    version.retire(by=people.director, at=AT)
    assert version.stage is Stage.RETIRED
    assert version.protocol.published() is None
    with pytest.raises(RuleBroken, match="Only a published version can be retired"):
        version.retire(by=people.director, at=AT)


@pytest.mark.hazard("H25")
def test_whoever_drafted_a_version_does_not_publish_it() -> None:
    people = team()
    with pytest.raises(RuleBroken, match="Ask a second person"):
        drafted(people).publish(by=people.quality, at=AT)


@pytest.mark.hazard("H25")
def test_whoever_changed_a_draft_once_does_not_publish_it_either() -> None:
    people = team()
    version = drafted(people)
    version.rewrite(KNEE.model_copy(update={"title": "By the director"}), by=people.director)
    version.rewrite(KNEE.model_copy(update={"title": "By quality again"}), by=people.quality)
    with pytest.raises(RuleBroken, match="Ask a second person"):
        version.publish(by=people.director, at=AT)
    version.publish(by=people.director2, at=AT)
    assert version.published_by is people.director2


def test_there_is_one_draft_at_a_time() -> None:
    people = team()
    version = drafted(people)
    with pytest.raises(RuleBroken, match="There is already a draft"):
        version.protocol.draft(by=people.quality, at=AT, content=KNEE)


def test_the_next_version_retires_the_one_before() -> None:
    people = team()
    first = drafted(people)
    first.publish(by=people.director, at=AT)
    second = first.protocol.draft(by=people.quality, at=AT, content=KNEE)
    assert second.number == 2
    second.publish(by=people.director, at=AT + timedelta(days=1))
    assert (first.stage, second.stage) == (Stage.RETIRED, Stage.PUBLISHED)
    assert first.protocol.published() is second


def test_a_published_version_is_not_rewritten() -> None:
    people = team()
    version = drafted(people)
    version.publish(by=people.director, at=AT)
    with pytest.raises(RuleBroken, match="never changed"):
        version.rewrite(KNEE, by=people.quality)


def _other_content(version: ProtocolVersion) -> None:
    version.content = {**KNEE.model_dump(mode="json"), "title": "Slipped in"}


def _unpublish(version: ProtocolVersion) -> None:
    version.published_at, version.published_by_id, version.published_by = None, None, None


def _published_earlier(version: ProtocolVersion) -> None:
    version.published_at = AT - timedelta(days=900)


def _another_number(version: ProtocolVersion) -> None:
    version.number = 7


def _other_authors(version: ProtocolVersion) -> None:
    version.author_ids = []


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("slip", [_other_content, _unpublish, _published_earlier, _another_number, _other_authors])
def test_a_published_version_is_not_changed_behind_its_verbs_either(
    slip: Any, loaded: bool, session: Session, team: Team
) -> None:
    version = published(team, "BMAC-KNEE")
    session.commit()
    if loaded:
        session.refresh(version)
    slip(version)
    with pytest.raises(RuleBroken, match="A published version is never changed"):
        session.flush()
    session.rollback()
    assert version.says == KNEE
    assert version.stage is Stage.PUBLISHED


def test_a_retired_version_is_not_opened_again(session: Session, team: Team) -> None:
    version = published(team, "BMAC-KNEE")
    version.retire(by=team.director, at=AT + timedelta(days=900))
    session.commit()
    version.retired_at, version.retired_by_id, version.retired_by = None, None, None
    with pytest.raises(RuleBroken, match="A retired version cannot be reopened"):
        session.flush()
    session.rollback()
    assert version.stage is Stage.RETIRED


def test_a_draft_is_changed_as_often_as_needed(session: Session, team: Team) -> None:
    version = drafted(team)
    team.add(version.protocol)
    for title in ("First", "Second"):
        version.rewrite(KNEE.model_copy(update={"title": title}), by=team.quality)
        session.commit()
        assert version.says.title == version.title == title


def test_a_faulty_draft_is_not_published_and_says_all_that_is_wrong() -> None:
    people = team()
    version = drafted(people, KNEE.model_copy(update={"sources": (), "evidence": "", "conditions": ("stroke",)}))
    with pytest.raises(RuleBroken) as refused:
        version.publish(by=people.director, at=AT)
    assert "Choose at least one source." in str(refused.value)
    assert "Stroke recovery belongs to another field." in str(refused.value)
    assert version.stage is Stage.DRAFT


@pytest.mark.rule(22)
def test_a_361_product_is_minimally_manipulated_and_for_homologous_use() -> None:
    people = team()
    expanded = DEMONSTRATIONS["BM-MSC-KNEE"].model_copy(update={"regulatory_path": RegulatoryPath.HCTP_361})
    version = drafted(people, expanded)
    assert len([said for said in problems(expanded) if "rule 22" in said]) == 2
    with pytest.raises(RuleBroken, match="more than minimal manipulation"):
        version.publish(by=people.director, at=AT)
    minimal = KNEE.model_copy(update={"regulatory_path": RegulatoryPath.HCTP_361, "homologous": True})
    drafted(people, minimal).publish(by=people.director, at=AT)


@pytest.mark.rule(22)
def test_the_claims_tell_the_manipulation_and_who_may_give_under_361() -> None:
    said = dict(claims(DEMONSTRATIONS["BM-MSC-KNEE"]))
    assert "expand in culture" in said["Manipulation"]
    related = DEMONSTRATIONS["HPC-A-AUTO"].model_copy(update={"relations": (Relation.AUTOLOGOUS, Relation.ALLOGENEIC)})
    assert "relative of first or second degree" in dict(claims(related))["Donor"]
    assert "Donor" not in dict(claims(DEMONSTRATIONS["HPC-A-AUTO"]))


@pytest.mark.rule(74)
@pytest.mark.parametrize("missing", ["evidence", "ethics"])
def test_an_unproven_indication_states_its_evidence_and_its_ethics_approval(missing: str) -> None:
    people = team()
    with pytest.raises(RuleBroken, match="rule 74"):
        drafted(people, WELLNESS.model_copy(update={missing: "  "})).publish(by=people.director, at=AT)
    drafted(people, WELLNESS).publish(by=people.director, at=AT)


@pytest.mark.rule(74)
def test_the_claims_tell_what_is_not_proven_with_evidence_ethics_and_path() -> None:
    said = dict(claims(WELLNESS))
    assert said["Not proven for"] == ", ".join(unproven(WELLNESS)) == "Age-related decline"
    assert (said["Evidence"], said["Ethics approval"]) == (WELLNESS.evidence, WELLNESS.ethics)
    assert said["Regulatory path"] == WELLNESS.regulatory_path.label
    assert "Not proven for" not in dict(claims(KNEE))


def test_what_changed_names_each_line_that_differs() -> None:
    later = KNEE.model_copy(update={"title": "New", "qc": KNEE.qc[1:], "visits": KNEE.visits[:-1]})
    rows = changed(KNEE, later)
    assert ("Title", KNEE.title, "New") in rows
    assert {label for label, _old, new in rows if not new} == {"Test: Total nucleated cells", "Visit: Month 24"}
    assert changed(KNEE, KNEE) == []


def test_a_course_begins_under_a_published_version_only() -> None:
    people = team()
    retired = published(people, "BMAC-KNEE")
    retired.retire(by=people.director, at=AT)
    with pytest.raises(RuleBroken, match="no course can start under it"):
        course(people, version=retired)
    with pytest.raises(RuleBroken, match="no course can start under it"):
        course(people, version=drafted(people))
