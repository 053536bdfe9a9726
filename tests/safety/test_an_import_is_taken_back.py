"""What an import added to somebody's records counts until two people have taken the import back (rules 23, 52; H16)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.access import Role
from clinic.administration.models import Administration
from clinic.exchange import importing
from clinic.exchange.batches import ImportBatch
from clinic.exchange.mapping import Mapping, Target
from clinic.followup.adverse_events import AdverseEvent
from tests.bedside import released_product
from tests.factories import PASSWORD, ready_for_harvest
from tests.reading import Page
from tests.safety.driver import Sheet
from tests.safety.scenes import scene


@scene
def own(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team, amount="130"))
    ward.session.commit()
    return bag, mine


@pytest.fixture
def take(ward, tmp_path):
    """Import one row about a patient who is registered, as the nurse does."""

    def run(kind, mine, **facts):
        line = {"patient.record_number": mine.patient.record_number} | {
            name if "." in name else name.replace("_", ".", 1): said for name, said in facts.items()
        }
        file = tmp_path / f"{kind}.csv"
        file.write_text(f"{','.join(line)}\n{','.join(line.values())}\n")
        mapping = Mapping(
            kind=kind, source="old", reason="not in the register",
            columns={name: (Target(to=name),) for name in line},
        )  # fmt: skip
        report = importing.run(ward.session, kind, file, mapping, ward.team.nurse, clock.now(), dry_run=False)
        assert not report.refused, report.sentences()
        ward.session.commit()
        return ward.session.scalars(select(ImportBatch).order_by(ImportBatch.imported_at.desc())).first()

    return run


def ago(**span):
    return f"{clock.local(clock.now() - timedelta(**span), 'Europe/Berlin'):%Y-%m-%d %H:%M}"


def course(take, mine, **facts):
    """Another course of the patient, whose cells were given two hours ago."""
    usual = {
        "treatment_protocol": "BM-MSC-MS", "treatment_relation": "autologous", "treatment_source": "bone_marrow",
        "treatment_route": "intravenous", "treatment_condition": "multiple_sclerosis",
        "harvest_performed_at": ago(days=3),
        "product_performed_at": ago(days=2), "product_volume": "10", "product_measure": mine.says.dose.measure,
        "product_amount": "72.5", "administration_performed_at": ago(hours=2), "administration_volume_given": "10",
    }  # fmt: skip
    return take("further-courses", mine, **(usual | facts))


def dose(take, mine):
    return course(take, mine)


def reaction(take, mine):
    past = {"harvest_performed_at": ago(days=303), "product_performed_at": ago(days=302)}
    event = {
        "event.r.performed_at": ago(days=300), "event.r.term": "Anaphylaxis", "event.r.grade": "4",
        "event.r.from_cells": "probable", "event.r.outcome": "resolved", "event.r.serious": "life_threatening",
    }  # fmt: skip
    return course(take, mine, administration_performed_at=ago(days=300, hours=1), **past, **event)


def undo(ward, who, batch, reason="The wrong table"):
    return ward.fill(who, f"/imports/{batch.id}/undo", reason=reason)


def confirm(ward, who, batch, password=PASSWORD):
    return ward.fill(who, f"/imports/{batch.id}/undo/confirmation", password=password)


@pytest.mark.rule(52)
@pytest.mark.hazard("H16")
@pytest.mark.parametrize("what", [dose, reaction])
def test_what_was_imported_counts_until_a_second_person_agrees(ward, own, take, what):
    bag, mine = own
    batch = what(take, mine)
    assert not ward.check(mine, bag).clear
    for stranger in ("coordinator", "technologist", "nurse2", "physician"):
        assert undo(ward, stranger, batch).status_code in {403, 422}, stranger
    assert undo(ward, "nurse", batch).status_code == 303, ward.refused
    assert not ward.check(mine, bag).clear, "one person alone takes nothing back"
    assert confirm(ward, "nurse", batch).status_code in {403, 422}
    assert confirm(ward, "technologist", batch).status_code == 403
    assert confirm(ward, "physician", batch, "no").status_code == 422
    assert not ward.check(mine, bag).clear
    assert "Confirm taking back an import" in ward.browser("physician").get("/").text
    assert "Confirm taking back an import" not in ward.browser("nurse").get("/").text
    assert "waits for a second person" in Page.of(ward.browser("nurse").get(f"/imports/{batch.id}").text).text
    assert confirm(ward, "physician", batch).status_code == 303, ward.refused
    assert not [*ward.session.scalars(select(AdverseEvent)), *ward.session.scalars(select(Administration))]
    assert ward.check(mine, bag).clear, ward.refused
    assert "Confirm taking back an import" not in ward.browser("physician").get("/").text


def test_quality_takes_back_what_somebody_else_imported_and_the_importer_agrees(ward, own, take):
    _bag, mine = own
    batch = reaction(take, mine)
    assert undo(ward, "quality", batch).status_code == 303, ward.refused
    assert undo(ward, "quality2", batch).status_code == 422, "it waits already"
    assert confirm(ward, "quality", batch).status_code in {403, 422}
    assert confirm(ward, "nurse", batch).status_code == 303, ward.refused
    assert not ward.session.scalars(select(AdverseEvent)).all()


def test_a_proposal_is_declined_and_everything_stays(ward, own, take):
    bag, mine = own
    batch = reaction(take, mine)
    undo(ward, "nurse", batch)
    assert ward.fill("physician", f"/imports/{batch.id}/undo/withdrawal").status_code == 303
    assert confirm(ward, "physician", batch).status_code == 422
    assert not ward.check(mine, bag).clear
    assert undo(ward, "nurse", batch).status_code == 303, "and it can be proposed again"


@pytest.mark.rule(52)
def test_a_check_that_was_clear_with_the_imported_records_is_built_on_them(ward, own, take):
    bag, mine = own
    batch = take(
        "scores", mine, visit_performed_at=ago(days=30), visit_made="made", score_instrument="edss", score_value="3"
    )
    assert undo(ward, "nurse", batch).status_code == 303
    assert ward.session.get(ImportBatch, batch.id).taken_back_at is not None, "scores speak against nothing"
    batch = take(
        "events", mine, event_performed_at=ago(minutes=90), event_term="Headache", event_serious="none",
        event_outcome="resolved",
    )  # fmt: skip
    assert ward.check(mine, bag).clear, ward.refused
    assert undo(ward, "nurse", batch).status_code == 422
    ward.said_no("bedside check")
    assert ward.person("director").role is Role.DIRECTOR


def test_a_page_that_was_opened_before_confirms_no_other_proposal(ward, own, take):
    _bag, mine = own
    batch = reaction(take, mine)
    undo(ward, "nurse", batch)
    browser, url = ward.browser("physician"), f"/imports/{batch.id}/undo/confirmation"
    opened = Sheet(browser.get(url).text).form(["password"])
    assert ward.fill("nurse", f"/imports/{batch.id}/undo/withdrawal").status_code == 303
    assert undo(ward, "quality", batch, reason="Another reason").status_code == 303, ward.refused
    answer = browser.post(url, data=opened | {"password": [PASSWORD]})
    assert answer.status_code == 422
    assert "was changed since you opened the page" in answer.text
    assert ward.session.scalars(select(AdverseEvent)).all()
