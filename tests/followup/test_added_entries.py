"""A condition and instruments that the clinic added, from the protocol over the order and the visit to the report."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from sqlalchemy import select

from clinic import clock
from clinic.followup.models import OutcomeScore, PlannedVisit
from clinic.protocols.catalogue_file import using
from clinic.protocols.content import VisitPlan
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.treatments.models import Treatment
from tests.added import ADDED
from tests.bedside import checked, given, released_product
from tests.factories import boxes, consented, course, eligible, patient, published
from tests.treatments.test_pages import order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

    from clinic.protocols.models import ProtocolVersion
    from tests.factories import Team

ASKED = ("majeed", "skin_stage", "vas_pain_cm")


@pytest.fixture
def version(team: Team) -> Iterator[ProtocolVersion]:
    """A protocol for the added condition that asks for the added instruments, in a clinic that has them."""
    with using(ADDED):
        visits = (
            VisitPlan(name="Baseline", day=0, instruments=ASKED),
            VisitPlan(name="Month 3", day=90, before=14, after=14, instruments=ASKED),
        )
        content = DEMONSTRATIONS["BMAC-KNEE"].model_copy(
            update={"conditions": ("osteoarthritis", "sacroiliitis"), "visits": visits}
        )
        yield published(team, "SIJ-1", content=content)


@pytest.fixture
def treated(team: Team, version: ProtocolVersion) -> Treatment:
    """A course for the added condition, whose cells were given 90 days ago, as far as its plan says."""
    at = clock.now() - timedelta(days=20)
    one = course(team, version=version, condition="sacroiliitis", body_site="knee", at=at, signed=True)
    consented(one, team, at=at + timedelta(days=5))
    eligible(one, team, at=at + timedelta(days=6))
    return one


def visit(team: Team, **scores: str) -> dict[str, Any]:
    said = {"performed_by_id": team.nurse.id, "made": "made", "alive": "yes", "new_symptoms": "no", "name": "Baseline"}
    return boxes("performed_at", clock.now()) | said | {f"score_{key}": value for key, value in scores.items()}


@pytest.fixture
def followed(
    treated: Treatment, team: Team, session: Session, client_as: Callable, post: Callable
) -> Callable[[str], Any]:
    """The course with its baseline and its visit of month 3, written down in a browser; returns that visit's page."""
    nurse = client_as("nurse")
    first = visit(team, majeed="41.5", skin_stage="3", vas_pain_cm="7")
    answer = post(nurse, f"/treatments/{treated.id}/visits/new", first)
    assert answer.status_code == 303, answer.text
    given(checked(treated, released_product(treated, team), team), team)
    plan = session.scalars(select(PlannedVisit).where(PlannedVisit.name == "Month 3")).one()
    plan.opens_on = plan.due_on = plan.closes_on = clock.today("Europe/Berlin")
    later = visit(team, majeed="51.5", skin_stage="2", vas_pain_cm="7") | {"name": None}
    address = f"/planned-visits/{plan.id}/visit"
    refused = post(nurse, address, later | {"score_majeed": "100.5"})
    assert refused.status_code == 422
    assert "Majeed pelvic score is 0 to 100; 100.5 is outside (rule 63)." in refused.text
    assert 'value="100.5"' in refused.text
    return post(nurse, address, later)


def test_added_instruments_are_recorded_and_judged_by_their_mcid(
    followed: Any, treated: Treatment, session: Session, client_as: Callable, page: Callable
) -> None:
    assert followed.status_code == 303, followed.text
    nurse = client_as("nurse")
    shown = page(nurse, followed.location)
    assert "51.5 points" in shown
    assert "10.0 better than baseline (41.5 points); at least the MCID" in shown
    assert "1 better than baseline (bound down); at least the MCID" in shown
    kept = {one.instrument: one.value for one in session.scalars(select(OutcomeScore).order_by(OutcomeScore.id))}
    assert set(kept) == set(ASKED)
    chart = page(nurse, f"/treatments/{treated.id}/visits")
    assert "Skin sclerosis, stage" in chart
    assert "MCID: 10 (Example et al. 2020)." in chart
    line = page(nurse, f"/patients/{treated.patient_id}/timeline")
    assert "Majeed pelvic score" in line
    assert "firm" in line


def test_the_form_offers_the_words_of_the_grades(treated: Treatment, client_as: Callable, page: Callable) -> None:
    shown = page(client_as("nurse"), f"/treatments/{treated.id}/visits/new")
    assert "0 to 100, higher is better" in shown
    for word in ("soft", "firm", "bound down"):
        assert word in shown


@pytest.mark.usefixtures("followed")
def test_reports_exports_and_their_dictionaries_have_the_added_entries(
    session: Session, client_as: Callable, page: Callable
) -> None:
    reader = client_as("physician")
    session.commit()
    report = page(reader, "/reports/outcomes?score=majeed")
    assert "MCID of Majeed pelvic score: 10 points (source: Example et al. 2020)." in report
    assert "Sacroiliitis" in report
    assert "Sacroiliitis" in page(reader, "/reports/outcomes?score=majeed&condition=sacroiliitis")
    table = rows_of(reader.get("/analysis/courses.csv").text)
    assert [Decimal(one["majeed_baseline"]) for one in table] == [Decimal("41.5")]
    assert [one["majeed_last"] for one in table] == ["51.5"]
    scores = rows_of(reader.get("/analysis/scores.csv").text)
    assert {(one["instrument"], one["unit"]) for one in scores} >= {("majeed", "points"), ("skin_stage", "")}
    said = rows_of(reader.get("/analysis/dictionary.csv").text)
    (one,) = [row for row in said if row["column"] == "majeed_last"]
    assert (one["heading"], one["unit"]) == ("Majeed pelvic score, last", "points")
    book = openpyxl.load_workbook(io.BytesIO(reader.get("/analysis/scores.xlsx").data))
    assert "majeed" in {cell.value for row in book.worksheets[0].iter_rows() for cell in row}
    plain = reader.get("/exports/scores.csv").text
    assert "majeed" in plain
    words = reader.get("/exports/dictionary.csv").text
    assert "majeed = Majeed pelvic score" in words
    assert "sacroiliitis = Sacroiliitis" in words


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))


def test_an_added_condition_is_ordered_under_a_protocol_that_names_it_and_filters_patients(
    version: ProtocolVersion, team: Team, session: Session, client_as: Callable, post: Callable, page: Callable
) -> None:
    one, other = patient(team), patient(team, family_name="Elsewhere")
    physician, address = client_as("physician"), f"/patients/{one.id}/treatments/new/{version.id}"
    assert "Sacroiliitis" in page(physician, address)
    assert "Sacroiliitis" in page(physician, f"/protocols/versions/{version.id}")
    answer = post(physician, address, order(team, condition="sacroiliitis"))
    assert answer.status_code == 303, answer.text
    made = session.scalars(select(Treatment)).one()
    assert made.condition == "sacroiliitis"
    assert "Sacroiliitis" in page(physician, f"/treatments/{made.id}")
    listed = physician.post("/patients", data={"condition": "sacroiliitis"}, follow_redirects=True).text
    assert one.record_number in listed
    assert other.record_number not in listed


@pytest.mark.usefixtures("followed")
def test_pages_show_entries_that_are_gone_and_offer_them_to_nobody(
    treated: Treatment, team: Team, session: Session, client_as: Callable, page: Callable, version: ProtocolVersion
) -> None:
    session.commit()
    score = session.scalars(select(OutcomeScore).where(OutcomeScore.value == Decimal("51.5"))).one()
    another = patient(team)
    session.commit()
    with using(""):
        physician, inspector = client_as("physician"), client_as("inspector")
        gone = "majeed, no longer in the catalogues"
        for address in (
            f"/treatments/{treated.id}/visits", f"/patients/{treated.patient_id}/timeline", f"/visits/{score.visit_id}",
            f"/protocols/versions/{version.id}",
        ):  # fmt: skip
            assert gone in page(physician, address), address
        for address in (
            "/", "/patients", f"/patients/{treated.patient_id}", f"/treatments/{treated.id}",
            f"/treatments/{treated.id}/order", f"/patients/{another.id}/treatments/new/{version.id}",
            "/reports/outcomes", "/reports/outcomes?by=condition", "/analysis", "/reports/follow-up-completeness",
            "/reports/visits-due", "/reports/lists/scores?by=instrument",
            "/reports/lists/treatments", "/reports/lists/scores",
        ):  # fmt: skip
            page(physician, address)
        assert "sacroiliitis, no longer in the catalogues" in page(physician, f"/treatments/{treated.id}/order")
        assert "which way is better is not known" in page(physician, f"/visits/{score.visit_id}")
        assert 'value="sacroiliitis"' not in page(physician, f"/patients/{another.id}/treatments/new/{version.id}").html
        for address in ("/ledger", "/exports/scores.csv", "/exports/treatments.xlsx"):
            assert inspector.get(address).status_code == 200, address
        for address in (
            f"/documents/all/{treated.patient_id}.pdf", f"/documents/all/{treated.id}.pdf",
            f"/records/{score.id}/amendment",
            f"/records/{treated.id}/amendment",
        ):  # fmt: skip
            assert physician.get(address).status_code == 200, address
        for form in ("csv", "xlsx", "jsonl"):
            assert physician.get(f"/analysis/scores.{form}").status_code == 200
        assert physician.get("/reports/outcomes?score=majeed").status_code == 422
        grouped = page(physician, "/reports/outcomes?by=condition")
        assert "sacroiliitis, no longer in the catalogues" in grouped
        assert 'value="sacroiliitis"' not in grouped.html
