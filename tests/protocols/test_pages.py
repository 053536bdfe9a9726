"""Pages of protocols: the list, every demonstration in full, drafting, publishing, retiring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic.access import Role
from clinic.fields import Range
from clinic.protocols.content import RegulatoryPath
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.protocols.forms import draft_form
from clinic.protocols.models import Protocol, ProtocolVersion, Stage
from clinic.protocols.wording import changed
from tests.factories import PASSWORD, published
from tests.reading import Page

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tests.factories import Team

every = pytest.mark.parametrize("code", DEMONSTRATIONS)


def begin(team: Team, code: str = "OUR-KNEE", start: str = "BMAC-KNEE") -> ProtocolVersion:
    protocol = Protocol(site_id=team.site.id, code=code)
    version = protocol.draft(by=team.quality, at=published(team, "SVF-KNEE").drafted_at, content=DEMONSTRATIONS[start])
    team.add(protocol)
    return version


@every
def test_every_demonstration_is_shown_in_full(code: str, client_as: Any, page: Any, team: Team, queries: Any) -> None:
    version = published(team, code)
    browser = client_as("nurse")
    count = queries()
    shown = page(browser, f"/protocols/versions/{version.id}")
    assert count() <= 10
    says = version.says
    assert says.title in shown
    assert "A demonstration protocol, not advice." in shown
    assert says.evidence in shown
    assert says.ethics in shown
    assert says.regulatory_path.label in shown
    for spec in says.qc:
        assert spec.source in shown
    for plan in says.visits:
        assert plan.name in shown


@every
def test_the_form_of_a_draft_gives_back_what_it_was_filled_in_with(code: str, app: Any, fill: Any) -> None:
    content = DEMONSTRATIONS[code]
    with app.test_request_context(method="POST", data=fill(content)):
        form = draft_form(content)()
        assert form.validate(), form.error_list
        assert form.content(content) == content
        assert changed(content, form.content(content)) == []


@pytest.mark.parametrize("role", Role)
def test_the_list_is_read_by_everybody(role: Role, client_as: Any, page: Any, team: Team, queries: Any) -> None:
    for code in ("BMAC-KNEE", "UC-MSC-LUPUS", "HPC-A-AUTO"):
        published(team, code)
    count = queries()
    shown = page(client_as(role), "/protocols")
    assert count() <= 10
    assert shown.text.index("Orthopedics") < shown.text.index(DEMONSTRATIONS["BMAC-KNEE"].title)
    assert "Own bone marrow, intra-articular" in shown
    assert "Demonstration" in shown
    assert ("New protocol" in shown) == (role in {Role.DIRECTOR, Role.QUALITY})


def test_the_list_is_kept_to_a_field_and_to_the_site(client_as: Any, page: Any, team: Team) -> None:
    published(team, "BMAC-KNEE")
    published(team, "UC-MSC-LUPUS")
    shown = page(client_as("physician"), "/protocols?field=autoimmune")
    assert DEMONSTRATIONS["UC-MSC-LUPUS"].title in shown
    assert DEMONSTRATIONS["BMAC-KNEE"].title not in shown
    assert DEMONSTRATIONS["UC-MSC-LUPUS"].title not in page(client_as("physician", site="south"), "/protocols")


def test_the_list_goes_on_on_the_next_page(
    client_as: Any, page: Any, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clinic.protocols.listing.PAGE", 2)
    codes = ("BMAC-KNEE", "BM-MSC-KNEE", "BM-MSC-ALS", "UC-MSC-LUPUS", "HPC-C")
    for code in codes:
        published(team, code)
    browser, url, seen = client_as("nurse"), "/protocols", []
    while url:
        shown = page(browser, url)
        seen += [code for code in codes if DEMONSTRATIONS[code].title in shown]
        url = next((link for link in shown.links if "after=" in link), "")
    assert sorted(seen) == sorted(codes)


def test_another_sites_version_is_not_found(client_as: Any, team: Team) -> None:
    version = published(team, "BMAC-KNEE")
    browser = client_as("director", site="south")
    for way in ("", "/changes", "/draft", "/publication", "/retirement"):
        assert browser.get(f"/protocols/versions/{version.id}{way}").status_code == 404
    assert browser.get(f"/protocols/{version.protocol_id}").status_code == 404


def test_a_protocol_begins_as_a_copy(client_as: Any, page: Any, post: Any, session: Session) -> None:
    browser = client_as("quality")
    assert "BMAC-KNEE" in page(browser, "/protocols/new").html
    answer = post(browser, "/protocols/new", code="our-knee", start="demonstration:BMAC-KNEE")
    assert answer.status_code == 303
    protocol = session.scalars(select(Protocol).where(Protocol.code == "OUR-KNEE")).one()
    assert protocol.versions[0].stage is Stage.DRAFT
    assert protocol.versions[0].says == DEMONSTRATIONS["BMAC-KNEE"]
    again = post(browser, "/protocols/new", code="OUR-KNEE", start="demonstration:BMAC-KNEE")
    assert again.status_code == 422
    assert "OUR-KNEE is taken" in Page.of(again.text)
    wrong = post(browser, "/protocols/new", code="our knee!", start="demonstration:BMAC-KNEE")
    assert wrong.status_code == 422


def test_a_draft_is_changed_row_by_row(
    client_as: Any, page: Any, post: Any, session: Session, team: Team, fill: Any
) -> None:
    version = begin(team)
    browser, url = client_as("quality"), f"/protocols/versions/{version.id}/draft"
    session.commit()
    shown = page(browser, url)
    boxes = fill(version.says) | {"version": shown.hidden["version"], "title": "Our knee", "dose_window_high": "< 20"}
    row = len(version.says.qc)
    boxes |= {
        f"qc_{row}_test": "endotoxin",
        f"qc_{row}_limit_high": "<0,5",
        f"qc_{row}_mandatory": "yes",
        f"qc_{row}_source": "Our limit",
    }
    last = len(version.says.visits)
    boxes |= {
        f"visits_{last}_name": "Year 5",
        f"visits_{last}_day": "1825",
        f"visits_{last}_before": "30",
        f"visits_{last}_instruments": ["womac"],
    }
    assert post(browser, url, boxes).status_code == 303
    session.expire_all()
    says = version.says
    assert says.title == "Our knee"
    assert str(says.dose.window) == "more than 4, less than 20"
    assert says.qc[-1].limit == Range(high="0.5", below=True)
    assert says.visits[-1].instruments == ("womac",)
    assert version.title == "Our knee"


def test_what_cannot_be_read_in_a_row_comes_back_as_it_was_typed(
    client_as: Any, page: Any, post: Any, session: Session, team: Team, fill: Any
) -> None:
    version = begin(team)
    browser, url = client_as("quality"), f"/protocols/versions/{version.id}/draft"
    shown = page(browser, url)
    boxes = fill(version.says) | {
        "version": shown.hidden["version"],
        "qc_0_limit_low": "seventy",
        "visits_0_day": "soon",
    }
    boxes["qc_9_source"] = "a source without its test"
    answer = post(browser, url, boxes | {"qc_7_source": "alone"})
    assert answer.status_code == 422
    came = Page.of(answer.text)
    assert came.problems() == []
    assert came.values["qc_0_limit_low"] == "seventy"
    assert "“seventy” is not a number" in came
    assert "“soon” is not a whole number of days" in came
    assert "Test 8: choose it, or clear the row" in came
    session.expire_all()
    assert version.says == DEMONSTRATIONS["BMAC-KNEE"]


@pytest.mark.hazard("H18")
def test_two_people_do_not_overwrite_each_others_draft(
    client_as: Any, page: Any, post: Any, session: Session, team: Team, fill: Any
) -> None:
    version = begin(team)
    url = f"/protocols/versions/{version.id}/draft"
    seen = page(client_as("quality"), url).hidden["version"]
    assert post(client_as("director"), url, fill(version.says) | {"version": seen, "title": "First"}).status_code == 303
    late = post(client_as("quality"), url, fill(version.says) | {"version": seen, "title": "Second"})
    assert late.status_code == 409
    session.expire_all()
    assert version.says.title == "First"


def test_a_draft_is_published_by_a_second_person_after_the_password(
    client_as: Any, page: Any, post: Any, session: Session, team: Team
) -> None:
    version = begin(team)
    session.commit()
    url = f"/protocols/versions/{version.id}/publication"
    browser = client_as("director")
    shown = page(browser, url)
    assert post(browser, url, password="wrong", version=shown.hidden["version"]).status_code == 422
    session.expire_all()
    assert version.stage is Stage.DRAFT
    assert post(browser, url, password=PASSWORD, version=shown.hidden["version"]).status_code == 303
    session.expire_all()
    assert version.stage is Stage.PUBLISHED
    assert version.published_by.id == team.director.id


@pytest.mark.parametrize("role", ["quality", "physician", "nurse", "inspector", "administrator"])
def test_only_the_director_publishes_and_retires(role: str, client_as: Any, post: Any, team: Team) -> None:
    draft, current = begin(team), published(team, "BMAC-KNEE")
    browser = client_as(role)
    assert post(browser, f"/protocols/versions/{draft.id}/publication", password=PASSWORD).status_code == 403
    assert post(browser, f"/protocols/versions/{current.id}/retirement", password=PASSWORD).status_code == 403


@pytest.mark.hazard("H25")
def test_whoever_changed_a_draft_does_not_publish_it(
    client_as: Any, page: Any, post: Any, session: Session, team: Team, fill: Any
) -> None:
    version = begin(team)
    url = f"/protocols/versions/{version.id}"
    browser = client_as("director")
    seen = page(browser, f"{url}/draft").hidden["version"]
    assert (
        post(browser, f"{url}/draft", fill(version.says) | {"version": seen, "title": "By the director"}).status_code
        == 303
    )
    refused = post(browser, f"{url}/publication", password=PASSWORD)
    assert refused.status_code == 409
    assert "Ask a second person" in Page.of(refused.text)
    second = client_as("director", second=True)
    seen = page(second, f"{url}/publication").hidden["version"]
    assert post(second, f"{url}/publication", password=PASSWORD, version=seen).status_code == 303


@pytest.mark.rule(22, by="http")
@pytest.mark.rule(74, by="http")
def test_publication_is_refused_with_every_reason(
    client_as: Any, page: Any, post: Any, session: Session, team: Team
) -> None:
    version = begin(team, start="UC-MSC-WELLNESS")
    version.rewrite(
        version.says.model_copy(update={"regulatory_path": RegulatoryPath.HCTP_361, "ethics": ""}), by=team.quality
    )
    session.commit()
    browser = client_as("director")
    shown = page(browser, f"/protocols/versions/{version.id}")
    refused = post(
        browser, f"/protocols/versions/{version.id}/publication", password=PASSWORD, version=str(version.version)
    )
    assert refused.status_code == 409
    for said in (
        "more than minimal manipulation (rule 22)",
        "its use is not homologous (rule 22)",
        "must state its evidence and its ethics approval (rule 74)",
    ):
        assert said in shown
        assert said in Page.of(refused.text)
    session.expire_all()
    assert version.stage is Stage.DRAFT


def test_the_next_version_retires_the_one_before_and_tells_what_changed(
    client_as: Any, page: Any, post: Any, session: Session, team: Team, fill: Any
) -> None:
    first = published(team, "BMAC-KNEE")
    quality, director = client_as("quality"), client_as("director")
    assert post(quality, f"/protocols/{first.protocol_id}/versions/new", start=first.id).status_code == 303
    session.expire_all()
    second = first.protocol.versions[-1]
    seen = page(quality, f"/protocols/versions/{second.id}/draft").hidden["version"]
    rows = fill(first.says) | {"version": seen, "dose_usual": "7"}
    assert post(quality, f"/protocols/versions/{second.id}/draft", rows).status_code == 303
    seen = page(director, f"/protocols/versions/{second.id}/publication").hidden["version"]
    assert (
        post(director, f"/protocols/versions/{second.id}/publication", password=PASSWORD, version=seen).status_code
        == 303
    )
    session.expire_all()
    assert (first.stage, second.stage) == (Stage.RETIRED, Stage.PUBLISHED)
    shown = page(quality, f"/protocols/versions/{second.id}/changes")
    assert "1 line changed" in shown
    assert "Usual dose" in shown
    assert page(quality, f"/protocols/{first.protocol_id}").text.count("Retired") >= 2


def test_a_version_is_retired_after_the_password(
    client_as: Any, page: Any, post: Any, session: Session, team: Team
) -> None:
    version = published(team, "BMAC-KNEE")
    url = f"/protocols/versions/{version.id}/retirement"
    browser = client_as("director")
    page(browser, url)
    assert post(browser, url, password="wrong").status_code == 422
    assert post(browser, url, password=PASSWORD).status_code == 303
    session.expire_all()
    assert version.stage is Stage.RETIRED
    assert browser.get(url).status_code == 409


def test_a_published_version_has_no_form(client_as: Any, post: Any, team: Team, fill: Any) -> None:
    version = published(team, "BMAC-KNEE")
    browser, url = client_as("director"), f"/protocols/versions/{version.id}/draft"
    assert browser.get(url).status_code == 409
    assert post(browser, url, fill(version.says) | {"version": str(version.version)}).status_code == 409


def test_a_row_is_named_and_a_visit_has_its_day(app: Any, fill: Any) -> None:
    content = DEMONSTRATIONS["BMAC-KNEE"]
    last = len(content.visits)
    for more, said in (
        ({f"visits_{last}_day": "30"}, f"Visit {last + 1}: name it, or clear the row"),
        ({f"visits_{last}_name": "Extra"}, f"Visit {last + 1}, day: required"),
        ({f"qc_{len(content.qc)}_source": "ours"}, f"Test {len(content.qc) + 1}: choose it, or clear the row"),
    ):
        with app.test_request_context(method="POST", data=fill(content) | more):
            form = draft_form(content, more)()
            assert not form.validate()
            assert [sentence for _anchor, sentence in form.error_list] == [said]


def test_an_emptied_row_is_left_out(app: Any, fill: Any) -> None:
    content = DEMONSTRATIONS["BMAC-KNEE"]
    rows = {name: value for name, value in fill(content).items() if not name.startswith(("qc_0_", "visits_1_"))}
    with app.test_request_context(method="POST", data=rows):
        form = draft_form(content)()
        assert form.validate(), form.error_list
        assert form.content(content).qc == content.qc[1:]
        assert form.content(content).visits == (content.visits[0], *content.visits[2:])
