"""Bedside checks that were refused are counted with what did not agree."""

from __future__ import annotations

from tests.bedside import released_product
from tests.factories import patient, ready_for_harvest
from tests.reading import Page
from tests.safety.driver import Ward


def test_a_refused_check_is_counted_by_what_did_not_agree_and_its_list_leads_to_it(team, session, client_as):
    ward = Ward(session, team, client_as)
    mine, other = ready_for_harvest(team), ready_for_harvest(team, patient(team, family_name="Other"))
    bag, wrong = released_product(mine, team), released_product(other, team)
    session.commit()
    refused, clear = ward.check(mine, wrong), ward.check(mine, bag)
    assert not refused.clear
    assert clear.clear
    quality = client_as("quality")
    told = quality.get("/reports/bedside-refusals.json").json
    total = told["rows"][-1]
    assert (total["refused"], total["n"], total["rate"]) == (1, 2, "50.0")
    by_line = quality.get("/reports/bedside-refusals.json?rows=check").json["rows"]
    against = {line["check"] for line in refused.evidence if not line["ok"]}
    assert against
    assert against <= {row["label"] for row in by_line}
    assert {row["n"] for row in by_line} == {2}
    page = Page.of(quality.get("/reports/bedside-refusals/records?row=total&column=refused").text)
    assert f"/bedside-checks/{refused.id}" in page.links
    assert f"/bedside-checks/{clear.id}" not in page.links
