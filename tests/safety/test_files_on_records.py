"""Files that hang on records: what is taken, who reads them, that nothing is lost or changed unseen."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest
from sqlalchemy import select

from clinic import backup
from clinic.attachments import files
from clinic.attachments.content import MOST_UNPACKED
from clinic.attachments.files import checked, disagreements, media_type
from clinic.attachments.models import Attachment, AttachmentContent
from clinic.fields import Unreadable
from clinic.ledger.models import LedgerEntry
from tests.downtime.test_scans import JPEG, PDF, PNG, send
from tests.factories import ready_for_harvest
from tests.safety.driver import Sheet

TIFF = b"II*\x00\x08\0\0\0\x01\0" + b"x" * 40
TEXT, CSV = "Größe 12 mm\r\nkein Wachstum\n".encode(), b"day,value\n1,2.5\n"


def packed(said, how="/FlateDecode"):
    """A PDF that says something in a compressed object stream."""
    body = b"1 0 obj\n<< /Type /ObjStm /N 1 /First 4 /Filter " + how.encode() + b" >>\nstream\n"
    return PDF.replace(b"%%EOF", body + zlib.compress(said) + b"\nendstream endobj\n%%EOF")


LATIN = TEXT.decode().encode("cp1252")


@pytest.mark.parametrize(("content", "kind"), [
    (PDF, "application/pdf"), (PNG, "image/png"), (JPEG, "image/jpeg"), (TIFF, "image/tiff"),
    (b"MM\x00*\0\0\0\x08\0\x01" + b"x" * 12, "image/tiff"), (TEXT, "text/plain"), (LATIN, "text/plain"),
    (b"A < B and B > C", "text/plain"), (b"<b>what only looks like a page</b>", "text/plain"),
    (PDF + b"\r\n\0", "application/pdf"), (packed(b"/URI (a link)"), "application/pdf"), (JPEG + b"\0\0", "image/jpeg"),
    (JPEG + b"\0\x01telephone SEFT", "image/jpeg"),
])  # fmt: skip
def test_a_file_is_what_its_content_is(content, kind):
    assert media_type(content) == kind
    assert checked("no-ending", content).media_type == kind


@pytest.mark.parametrize("content", [
    b"", b"  \n", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\xef\xbb\xbf <!DOCTYPE html><p>",
    b"x <ScRiPt>alert(1)",
    b"<?xml version='1.0'?>", b"MZ\x90\x00", b"PK\x03\x04", b"GIF89a\x01\x00", b"%PDF-1.7 cut off", PNG[:20],
    b"<html>", PDF.replace(b"%%EOF", b"/S /JavaScript /JS (x) %%EOF"),
    PDF.replace(b"%%EOF", b"/S /J#61vaScript %%EOF"), PDF.replace(b"%%EOF", b"/EmbeddedFile %%EOF"),
    packed(b"<< /S /JavaScript >>"), packed(b"/S /J#61vaScript"), packed(b"x", "/ASCIIHexDecode"),
    packed(b"x", "[/ASCIIHexDecode /FlateDecode]"), packed(b"x", "[/FlateDecode /ASCIIHexDecode]"),
    packed(bytes(MOST_UNPACKED + 1)), PDF.replace(b"%%EOF", b"/S /SubmitForm %%EOF"),
    PDF.replace(b"%%EOF", b"/XFA [1 0 R] %%EOF"), PDF.replace(b"%%EOF", b"/OpenAction << /S /URI /URI (x) >> %%EOF"),
    PDF.replace(b"%%EOF", b"/OpenAction 7 0 R\n7 0 obj << /S /URI /URI (x) >> endobj %%EOF"),
    PDF.replace(b"%%EOF", b"<< /Type /ObjStm %%EOF"), packed(b"x")[:-30] + b"endstream %%EOF",
    packed(b"x", "/FlateDecode /DecodeParms << /Predictor 12 >>"), PDF + b"<html>",
    PDF + b"PK\x03\x04", PNG + b"<script>", JPEG + b"<script>", JPEG + b"<script>SEFT",
    b"II*\0<html>", b"MM\0*" + b"\xff" * 20, b"II*\x00\x08\0\0\0\x02\0" + b"x" * 20, b"II*\0",
])  # fmt: skip
def test_what_is_active_or_another_kind_is_no_attachment(content):
    assert media_type(content) == ""
    with pytest.raises(Unreadable, match="can be attached"):
        checked("a.pdf", content)


@pytest.mark.parametrize("said", [
    b"<< /S /Rendition /R 4 0 R >>", b"<</S/GoToR/F (other.pdf)>>", b"<< /S /GoToE >>", b"<< /AA << /O 7 0 R >> >>",
    b"/AA 7 0 R", b"<</S/Movie>>", b"<< /S /Sound >>", b"<< /FS /URL /F (x) >>", b"<< /S /Go#54oR >>",
])  # fmt: skip
def test_a_pdf_that_plays_or_fetches_something_is_no_attachment(said):
    assert media_type(PDF.replace(b"%%EOF", said + b" %%EOF")) == ""
    assert media_type(packed(said)) == ""


@pytest.mark.parametrize("said", [
    b"/BaseFont /AAAAAA+Arial", b"<< /S /GoTo /D [1 0 R] >>", b"/AAPL:Keywords [ (x) ]",
    b"/Subtype /Link /A << /S /URI >>",
])  # fmt: skip
def test_a_pdf_that_only_shows_and_leads_somewhere_is_one(said):
    assert media_type(PDF.replace(b"%%EOF", said + b" %%EOF")) == "application/pdf"


def png(width, height):
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\x08\x02\0\0\0" + PNG[-8:]


def jpeg(width, height, marker=0xC0):
    frame = bytes([0xFF, marker]) + struct.pack(">HBHH", 11, 8, height, width) + b"\x01\x01\x11\0"
    return b"\xff\xd8\xff\xe0\0\x04ab" + frame + b"\xff\xd9"


def tiff(width, height, order="<", kind=4):
    def entry(tag, value):
        return struct.pack(f"{order}HHI", tag, kind, 1) + (
            struct.pack(f"{order}I", value) if kind == 4 else struct.pack(f"{order}HH", value, 0)
        )

    start = {"<": b"II*\0", ">": b"MM\0*"}[order]
    return start + struct.pack(f"{order}IH", 8, 2) + entry(256, width) + entry(257, height)


@pytest.mark.parametrize("picture", [
    png, jpeg, lambda w, h: jpeg(w, h, 0xC2), tiff, lambda w, h: tiff(w, h, ">"), lambda w, h: tiff(w, h, "<", 3),
    lambda w, h: tiff(w, h, ">", 3),
])  # fmt: skip
def test_a_picture_that_claims_more_dots_than_memory_holds_is_no_attachment(picture):
    assert media_type(picture(60_000, 60_000)) == ""
    assert media_type(picture(4_000, 3_000)) in files.WORDS


@pytest.mark.parametrize(("name", "content"), [("a.html", TEXT), ("a.png", JPEG), ("a.txt", PDF), ("a.csv.exe", CSV)])
def test_an_ending_that_says_something_else_is_refused(name, content):
    with pytest.raises(Unreadable, match="does not match"):
        checked(name, content)


def attached(ward, record, who="nurse", name="a.csv", content=CSV, **more):
    url = f"/records/{record.id}/attachments/new"
    return send(ward.browser(who), url, {"title": ["Blood count"]} | more, name, content, "file")


@pytest.mark.rule(70)
@pytest.mark.hazard("H35")
def test_a_file_hangs_on_any_record_and_is_read_taken_back_and_never_lost(ward, team, session, monkeypatch):
    course = ready_for_harvest(team)
    answer = attached(ward, course)
    assert answer.status_code == 303, answer.text
    one = session.scalars(select(Attachment)).one()
    told = ward.browser("inspector").get(f"/attachments/{one.id}")
    assert (told.data, told.content_type) == (CSV, "text/csv; charset=utf-8")
    assert told.headers["Content-Security-Policy"].startswith("sandbox")
    assert told.headers["Content-Disposition"] == f"attachment; filename={course.id}-{one.id}.csv"
    assert told.headers["X-Content-Type-Options"] == "nosniff"
    entry = session.scalars(select(LedgerEntry).where(LedgerEntry.record_id == one.id)).one()
    assert entry.after["sha256"] == files.Upload(CSV, "text/csv").sha256
    assert ward.client_as("nurse", site="south").get(f"/attachments/{one.id}").status_code == 404
    assert ward.client_as("administrator").get(f"/attachments/{one.id}").status_code == 403
    assert "already" in attached(ward, course).text
    assert "required" in attached(ward, course, title=[""], content=TEXT, name="b.txt").text
    monkeypatch.setattr(files, "FILES", 1)
    assert "the most it can have" in attached(ward, course, content=TEXT, name="b.txt").text
    assert "Blood count" in ward.browser("nurse").get(f"/patients/{course.patient_id}/timeline").text
    back = f"/attachments/{one.id}/withdrawal"
    assert ward.browser("coordinator").get(back).status_code == 403
    assert ward.fill("nurse", back, reason="").status_code == 422
    assert ward.fill("nurse", back, reason="Another patient's count.").status_code == 303, ward.refused
    page = ward.browser("nurse").get(f"/records/{course.id}/attachments").text
    assert "<del>" in page
    assert "Another patient&#39;s count." in page
    assert ward.browser("nurse").get(f"/attachments/{one.id}").data == CSV, "it stays readable"
    assert ward.fill("nurse", back, reason="Twice.").status_code >= 400
    assert attached(ward, course, content=TEXT, name="b.txt").status_code == 303, "one taken back makes room"


@pytest.mark.hazard("H34")
def test_changed_and_missing_bytes_are_named_by_the_check_of_a_backup(ward, team, session, house, tmp_path):
    course = ready_for_harvest(team)
    attached(ward, course)
    attached(ward, course, content=TEXT, name="b.txt")
    lost, changed = session.scalars(select(Attachment).order_by(Attachment.attached_at)).all()
    assert list(disagreements(session)) == []
    session.delete(session.get(AttachmentContent, lost.id))
    session.get(AttachmentContent, changed.id).content = b"another text"
    session.commit()
    said = sorted(disagreements(session))
    assert said == sorted([
        f"attachment {lost.id} of {course.id}: its content is missing",
        f"attachment {changed.id} of {course.id}: its content is not the one that was attached",
    ])  # fmt: skip
    assert ward.browser("nurse").get(f"/attachments/{changed.id}").status_code == 409, "nobody reads changed bytes"
    said.append("stored content PS-nobody: it belongs to no attachment")
    session.add(AttachmentContent(scan_id="PS-nobody", content=b"x"))
    session.commit()
    assert sorted(disagreements(session)) == sorted(said)
    if session.get_bind().dialect.name == "sqlite":
        found = backup.backup(session.get_bind(), tmp_path / "copy.db")
        assert sorted(str(one) for one in found if one.table == "attachment")
        assert {one.because for one in found} >= set(said)


@pytest.mark.hazard("H18")
def test_the_second_of_two_people_who_take_one_file_back_sees_that_it_is_taken_back(ward, team, session):
    attached(ward, ready_for_harvest(team))
    back = f"/attachments/{session.scalars(select(Attachment)).one().id}/withdrawal"
    late = ward.browser("quality")
    opened = Sheet(late.get(back).text).form(["reason"])
    assert ward.fill("nurse", back, reason="Another patient's count.").status_code == 303
    answer = late.post(back, data=opened | {"reason": ["Blurred."]})
    assert answer.status_code == 409
    assert "Attachment was changed in the meantime" in answer.text
    assert "Blurred." in answer.text


@pytest.mark.hazard("H15")
def test_a_form_that_is_sent_again_with_another_file_says_that_this_file_was_not_kept(ward, team, session):
    course, nurse = ready_for_harvest(team), ward.browser("nurse")
    url = f"/records/{course.id}/attachments/new"
    form = Sheet(nurse.get(url).text).form(["title"]) | {"title": ["Blood count"]}

    def posted(content, name):
        return nurse.post(url, data=form | {"file": (BytesIO(content), name)}, content_type="multipart/form-data")

    assert posted(CSV, "a.csv").status_code == 303
    assert posted(CSV, "a.csv").status_code == 303, "sent twice: it leads to the first one's record"
    answer = posted(TEXT, "b.txt")
    assert answer.status_code == 409
    assert "this file is not" in answer.text
    assert [one.media_type for one in session.scalars(select(Attachment))] == ["text/csv"]
