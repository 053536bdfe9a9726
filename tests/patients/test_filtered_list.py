"""The list of patients, narrowed by its filters and read page by page."""

from datetime import date

import pytest

from clinic import clock
from clinic.patients.search import search, total
from clinic.treatments.models import Stop
from tests import factories
from tests.reading import Page, searched


@pytest.fixture
def grace(team):
    return factories.patient(
        team,
        family_name="Lindqvist",
        given_names="Grace",
        birth_date=date(1974, 3, 9),
        record_number="N-004187",
        sex="female",
    )


def listed(browser, **asked):
    """Return the families that the list shows and the line that counts them, after the filters were sent."""
    shown = Page.of(searched(browser, "/patients", **asked).text)
    assert shown.problems() == []
    return {name for name in ("LINDQVIST", "OKAFOR", "BRANDT") if name in shown}, shown


def test_the_list_is_narrowed_by_state_step_condition_protocol_and_physician(client_as, team, grace):
    nurse, born = client_as("nurse"), {"birth_date": date(1970, 1, 2)}
    active = factories.course(team, factories.patient(team, family_name="Okafor", **born))
    stopped = factories.course(team, factories.patient(team, family_name="Brandt", **born), code="BM-MSC-MS")
    now = clock.now()
    team.session.add(
        Stop.log(by=team.physician, at=now, performed_by=team.physician, performed_at=now, treatment=stopped,
                 reason="The patient moved away.")
    )  # fmt: skip
    team.session.commit()
    both = {"OKAFOR", "BRANDT"}
    protocol = stopped.protocol_version.protocol_id
    for asked, wanted in (
        ({"state": "none"}, {"LINDQVIST"}), ({"state": "active"}, {"OKAFOR"}), ({"state": "stopped"}, {"BRANDT"}),
        ({"state": "finished"}, set()), ({"state": "died"}, set()), ({"step": "consent"}, {"OKAFOR"}),
        ({"step": "release"}, set()), ({"condition": active.condition}, {"OKAFOR"}),
        ({"protocol": protocol}, {"BRANDT"}),
        ({"physician": team.physician.id}, both), ({"physician": team.physician.id, "state": "active"}, {"OKAFOR"}),
        ({"q": "brandt", "state": "active"}, set()), ({"state": "no such state"}, {*both, "LINDQVIST"}),
    ):  # fmt: skip
        found, shown = listed(nurse, **asked)
        assert found == wanted, asked
        assert wanted or "No matching patient" in shown, asked


def test_a_filtered_list_is_paged_and_says_how_many_fit(client_as, team, monkeypatch):
    for number in range(5):
        factories.patient(team, family_name=f"Kind{'abcde'[number]}", given_names="Ada")
    monkeypatch.setattr(search, "__kwdefaults__", {**search.__kwdefaults__, "size": 2})
    browser, seen, url = client_as("nurse"), [], "/patients?state=none"
    for _turn in range(3):
        shown = Page.of(browser.get(url).text)
        seen += [name for name in ("KINDA", "KINDB", "KINDC", "KINDD", "KINDE") if name in shown]
        assert "of 5 patients" in shown
        url = next((link for link in shown.links if "after=" in link), "")
        assert not url or "state=none" in url
    assert seen == ["KINDA", "KINDB", "KINDC", "KINDD", "KINDE"]
    assert total(team.session) == 5
