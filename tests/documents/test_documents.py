"""Documents: they print whole records, the same bytes each time, and a code that anybody can check years later."""

from __future__ import annotations

import io
import re
from itertools import islice

import pypdf
import pytest
from sqlalchemy import select

from clinic.accounts.models import Site, User
from clinic.documents import catalog, making, proof
from clinic.documents.catalog import DOCUMENTS
from clinic.documents.making import Made
from clinic.documents.typesetting import pdf
from clinic.followup.models import PlannedVisit
from clinic.ledger.models import ReadEntry
from clinic.model import Model
from clinic.records import Entry, Origin
from clinic.release.results import QCResult
from clinic.treatments.models import Treatment
from tests.bedside import released_product
from tests.factories import patient, ready_for_harvest

HOSTILE = '#pagebreak() *0* $x$ [a] <b> \\ "q" \u202e Zoë Жук'


def made(session, document, record):
    people = {user.id: user.label for user in session.scalars(select(User))}
    source = making.source_of(session, record, None, people)
    return Made(session, document, source, session.get_one(Site, record.site_id))


def text_of(data):
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages)


def said(content):
    """All that a document says, as one text."""
    return repr(content)


@pytest.mark.slow
def test_a_course_report_prints_every_record_of_the_course(demonstration):
    """Whatever table names the course: none of its rows is left out, but for plans that no record fills yet."""
    tables = {
        table.name: table
        for mapper in Model.registry.mappers
        if issubclass(mapper.class_, Entry) and "treatment_id" in (table := mapper.local_table).c
    }
    assert {"harvest", "processing_run", "administration", "follow_up_visit", "adverse_event"} <= set(tables)
    courses = demonstration.scalars(select(Treatment).where(Treatment.origin == Origin.CLINIC).order_by(Treatment.id))
    for course in islice(courses, 0, None, 3):
        report = made(demonstration, DOCUMENTS["course-report"], course)
        for name, table in tables.items():
            if name == PlannedVisit.__tablename__:
                continue
            ids = set(demonstration.scalars(select(table.c.id).where(table.c.treatment_id == course.id)))
            assert ids <= report.ids, (name, course.id, ids - report.ids)
        told = said(report.content)
        for result in report.source.records.of(QCResult):
            assert result.words.lower() in told.replace("\\u202f", "\u202f").lower(), result.id
        for record in report.source.printed.values():
            for signature in getattr(record, "signatures", ()):
                assert f"{signature.content_hash[:4]} {signature.content_hash[4:8]}" in told


@pytest.mark.slow
@pytest.mark.parametrize("name", list(DOCUMENTS))
def test_the_same_records_give_the_same_bytes_in_the_form_that_lasts(demonstration, name):
    document = DOCUMENTS[name]
    rows = demonstration.scalars(select(document.about).where(document.about.origin == "clinic").order_by("id"))
    files = []
    for row in islice(rows, 12):
        one = made(demonstration, document, row)
        if not document.missing(one.source):
            files.append(one.content)
    assert files
    assert all("not stored" not in said(one) for one in files)
    data = pdf(files)
    assert data == pdf(files)
    read = pypdf.PdfReader(io.BytesIO(data))
    assert read.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert b"pdfuaid" in data
    assert b"pdfaid" in data
    text = text_of(data)
    for one in files:
        assert one["foot"][0] in text
        assert all(section["title"] in text for section in one["sections"])


def test_text_of_people_is_never_markup(session, team):
    person = patient(team, family_name=HOSTILE, given_names="= Heading")
    session.commit()
    content = made(session, DOCUMENTS["patient-summary"], person).content
    text = text_of(pdf([content]))
    assert "#pagebreak() *0* $x$ [a] <b>" in " ".join(text.split())
    assert "= Heading" in text


def code_in(data):
    return re.search(r"Check code (\S+ [\w-]+ [0-9A-F-]{19})", " ".join(text_of(data).split()))[1]


@pytest.mark.rule(70)
def test_a_certificate_is_checked_by_its_code_and_stops_to_agree_when_a_result_is_amended(ward):
    course = ready_for_harvest(ward.team)
    bag = released_product(course, ward.team)
    ward.session.commit()
    quality = ward.browser("quality")
    url = f"/documents/release-certificate/{bag.id}.pdf"
    answer = quality.get(url)
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.data == quality.get(url).data
    code = code_in(answer.data)
    for typed in (code, code.lower(), f"  {code} "):
        page = quality.get("/documents/check", query_string={"code": typed})
        assert page.status_code == 200
        assert "The records still say what this document says." in page.text
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    assert "The records do not say what" in quality.get("/documents/check", query_string={"code": wrong}).text
    first = ward.results(bag, "viability")[0]
    ward.amend("technologist", first, value="61", why="read from the wrong line")
    page = quality.get("/documents/check", query_string={"code": code})
    assert "The records do not say what this document says." in page.text
    assert "read from the wrong line" in page.text
    refused = quality.get(url)
    assert refused.status_code == 409
    assert "no certificate of release" in refused.text
    listed = quality.get(f"/documents/about/{course.id}").text
    assert f"/documents/course-report/{course.id}.pdf" in listed
    assert f'href="{url}"' not in listed
    everything = quality.get(f"/documents/all/{course.id}.pdf")
    assert everything.status_code == 200
    assert text_of(everything.data).count("Page 1 of") >= 3


@pytest.mark.parametrize(
    "typed", ["hello", "PR-00000000 release-certificate", "TR-0 course-report 1234-5678-9ABC-DEF0"]
)
def test_what_is_no_code_is_said_at_its_box_and_kept(client_as, typed):
    answer = client_as("inspector").get("/documents/check", query_string={"code": typed})
    assert answer.status_code == 422
    assert "This is no check code" in answer.text
    assert f'value="{typed}"' in answer.text


@pytest.mark.hazard("H35")
def test_another_site_has_no_document_of_it_and_none_is_made_of_other_kinds(ward, client_as):
    course = ready_for_harvest(ward.team)
    ward.session.commit()
    stranger = client_as("quality", site="south")
    for url in (f"course-report/{course.id}.pdf", f"about/{course.id}", f"all/{course.id}.pdf"):
        assert stranger.get(f"/documents/{url}").status_code == 404
    own = ward.browser("quality")
    assert own.get(f"/documents/batch-record/{course.id}.pdf").status_code == 404
    assert own.get(f"/documents/course-report/{course.patient_id}.pdf").status_code == 404
    assert own.get("/documents/course-report/TR-00000000.pdf").status_code == 404


@pytest.mark.rule(70)
def test_a_printed_document_is_in_the_access_log(ward, app):
    course = ready_for_harvest(ward.team)
    ward.session.commit()
    ward.browser("physician").get(f"/documents/course-report/{course.id}.pdf")
    assert app.extensions["readings"].write()
    ward.session.rollback()
    kinds = [(one.kind, one.patient_id) for one in ward.session.scalars(select(ReadEntry).order_by(ReadEntry.number))]
    assert ("print", course.patient_id) in kinds


def test_a_code_is_read_as_people_type_it():
    right = ("PR-1YRY4VEV9", "release-certificate", "A0FE-5C0E-6C12-7D01")
    for typed in (
        "PR-1YRY4VEV9 release-certificate A0FE-5C0E-6C12-7D01",
        "pr-1yry4vev9 release-certificate a0fe5c0e6c127d01",
        " PR-1YRY4VEV9 · release-certificate · A0FE 5C0E 6C12 7D01 ",
    ):
        assert proof.read_code(typed) == right
    assert proof.read_code("PR-1YRY4VEV9 release-certificate A0FE-5C0E-6C12") is None
    assert proof.read_code("PR-1YRY4VEV8 release-certificate A0FE-5C0E-6C12-7D01") is None


def test_every_document_is_listed_for_its_kind():
    assert {one.about.KIND for one in DOCUMENTS.values()} == set(catalog.KINDS)
    assert all(one.purpose.endswith(".") for one in DOCUMENTS.values())
