"""Audits of the record against its source: the sample can be drawn again, each course is checked once, by quality."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from clinic.access import CLINICAL, Role
from clinic.extensions import db
from clinic.ledger.verify import verify
from clinic.reports.source_audits import SourceAudit, SourceCheck, sample
from tests.reading import Page
from tests.safety.driver import Sheet

RIGHT = {"disease": "right", "source": "right", "donor": "right", "engraftment": "none", "survival": "right"}
YEAR = {"since-d": "1", "since-m": "7", "since-y": "2025", "until-d": "12", "until-m": "10", "until-y": "2025"}


def test_a_sample_is_drawn_again_by_its_seed_whatever_the_order():
    ids = [f"TR-{number}" for number in range(100)]
    drawn = sample("seed", ids, 10)
    assert drawn == sample("seed", reversed(ids), 10)
    assert len(set(drawn)) == 10
    assert drawn[:4] == sample("seed", ids, 4)
    assert drawn != sample("other", ids, 10)
    assert sorted(sample("seed", ids, 200)) == sorted(ids)
    # printf 'seed TR-0' | sha256sum and the others: d157…, 0b30…, 3b23…
    assert sample("seed", ["TR-0", "TR-1", "TR-2"], 3) == ["TR-1", "TR-2", "TR-0"]


def test_every_course_is_drawn_about_as_often():
    ids = [f"TR-{number}" for number in range(10)]
    drawn = [one for seed in range(1000) for one in sample(str(seed), ids, 3)]
    assert all(240 < drawn.count(one) < 360 for one in ids)


def send(browser, url, **typed):
    sent = {name: [value] for name, value in typed.items()}
    return browser.post(url, data=Sheet(browser.get(url).text).form(sent) | sent)


def test_quality_draws_checks_and_amends_and_everybody_reads_what_was_found(demo, shown):
    quality = demo("quality@north.demo")
    answer = send(quality, "/reports/audits/new", size="2", **YEAR)
    assert answer.status_code == 303
    url = answer.location
    page = Page.of(quality.get(url).text)
    assert page.problems() == []
    assert "0 of 2 courses checked" in page
    assert "2 of 4 courses, seed" in page
    course = next(link for link in page.links if link.startswith(f"{url}/courses/"))
    form = quality.get(course)
    assert Page.of(form.text).problems() == []
    assert "What the record says" in form.text

    refused = send(quality, course, **RIGHT | {"donor": "", "survival": "wrong"})
    assert refused.status_code == 422
    told = Page.of(refused.text)
    assert "Donor type: required for donor cells." in told
    assert "What the source says: required where the record differs from it." in told
    assert send(quality, course, **RIGHT).status_code == 303
    again = send(quality, course, **RIGHT)
    assert again.status_code == 422
    assert "was checked in this audit already" in Page.of(again.text)

    with shown.app_context():
        check = db.session.scalars(select(SourceCheck).order_by(SourceCheck.recorded_at.desc())).first()
        id_, said = check.id, check.said
    assert set(said) == {"disease", "source", "donor", "survival", "engraftment"}
    changed = send(
        quality, f"/records/{id_}/amendment", disease="wrong", note="Grade 2 in the letter", amend_reason="Misread"
    )
    assert changed.status_code == 303
    inspector = Page.of(demo("inspector@north.demo").get(url).text)
    assert inspector.problems() == []
    assert "Reason: “Misread”." in inspector
    assert "1 of 2 courses checked" in inspector
    with shown.app_context():
        assert verify(db.session) == []
    rows = quality.get("/reports/source-errors.json").json["rows"]
    assert [rows[-2][key] for key in ("checked", "fields", "wrong")] == [1, "4", "1"]


@pytest.mark.parametrize("role", list(Role))
def test_who_reads_audits_and_who_makes_them(client_as, role):
    browser = client_as(role)
    assert browser.get("/reports/audits").status_code == (200 if role in CLINICAL else 403)
    assert browser.get("/reports/audits/new").status_code == (200 if role is Role.QUALITY else 403)


def test_what_cannot_be_drawn_is_refused_at_its_box(client_as):
    browser = client_as("quality")
    for typed, sentence in (
        (YEAR | {"size": "5"}, "no course has its first cells in these days"),
        (YEAR | {"size": "0"}, "Courses to check"),
        (YEAR | {"size": "5", "until-y": "2024"}, "Last day"),
    ):
        answer = send(browser, "/reports/audits/new", **typed)
        assert answer.status_code == 422
        assert sentence in Page.of(answer.text)


def test_a_course_outside_the_sample_and_another_site_are_not_found(demo, shown):
    with shown.app_context():
        audit = db.session.scalars(select(SourceAudit)).first()
        id_, drawn = audit.id, audit.drawn[0]
    assert demo("quality@south.demo").get(f"/reports/audits/{id_}").status_code == 404
    assert demo("quality@south.demo").get(f"/reports/audits/{id_}/courses/{drawn}").status_code == 404
    assert demo("quality@north.demo").get(f"/reports/audits/{id_}/courses/TR-000000000").status_code == 404
