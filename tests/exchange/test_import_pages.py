"""A table from the browser: its columns, a check, what is asked, and the batch; nothing typed is lost."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, insert, select

from clinic import clock, read_log
from clinic.access import WRITERS, Role
from clinic.drafts import Draft
from clinic.exchange import import_steps, import_writing
from clinic.exchange.batches import ImportBatch
from clinic.exchange.import_labels import Labels
from clinic.idempotency import Submission, new_key
from clinic.patients.models import Patient
from clinic.reading import to_write
from tests.reading import Page
from tests.safety.driver import Sheet

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

GOOD = """MRN;Family name;Given names;Born;Sex;Allergies;Shoe size
A-1;Ode;Clara;1.2.1970;w;none_known;38
A-2;Bo;Bo;3.4.1971;male;none_known;44
"""


def upload(browser: FlaskClient, text: str = GOOD, name: str = "people.csv", mapping: str = "") -> TestResponse:
    sent: dict[str, Any] = {
        "kind": "patients",
        "idempotency_key": new_key(),
        "table": (io.BytesIO(text.encode()), name),
    }
    if mapping:
        sent["mapping"] = (io.BytesIO(mapping.encode()), "map.toml")
    return browser.post("/imports/new", data=sent)


def looked_over(answer: TestResponse) -> str:
    assert Page.of(answer.text).problems() == [], Page.of(answer.text).problems()
    return answer.text


def send(browser: FlaskClient, url: str, do: str, **typed: Any) -> TestResponse:
    """Send a page's form as it stands, with what is typed."""
    form = Sheet(looked_over(browser.get(url))).form(["source", "reason", "seen"] if "preview" not in url else [])
    return browser.post(url, data={**form, "do": do, **typed})


def test_a_table_comes_in_by_way_of_its_columns_and_a_preview(client_as, session):
    browser = client_as("nurse")
    columns = upload(browser).location
    text = looked_over(browser.get(columns))
    assert 'value="patient.family_name"' in text, "suggested by its heading"
    assert "Clara" in text, "a sample of each column"
    said = {
        "source": "Old system",
        "to-0": "patient.record_number",
        "to-3": "patient.birth_date",
        "date-3": "DD.MM.YYYY",
    }
    assert send(browser, columns, "again", **said).status_code == 303
    assert "“w” means" in browser.get(columns).text, "a cell that is none of the choices is offered with them"
    answer = send(browser, columns, "check", **{"value-4-of": "w", "value-4-is": "female"})
    preview = answer.location
    text = looked_over(browser.get(preview))
    assert "2 of 2 rows would be imported" in text
    assert "1 column is left out" in text
    assert session.scalar(select(func.count()).select_from(Patient)) == 0, "a check keeps nothing"
    answer = send(browser, preview, "import")
    shown = looked_over(browser.get(answer.location))
    session.rollback()
    people = {one.record_number: one for one in session.scalars(select(Patient))}
    assert (str(people["A-1"].birth_date), people["A-1"].sex) == ("1970-02-01", "female")
    assert people["A-1"].id in shown
    assert browser.get(columns).status_code == 404, "an upload that came in is gone"
    again = upload(browser).location
    send(browser, again, "again", **said)
    again = send(browser, again, "check", **{"value-4-of": "w", "value-4-is": "female"}).location
    assert "was imported before" in browser.get(again).text
    batch = session.scalars(select(ImportBatch)).one()
    refused = browser.post(f"/imports/{batch.id}/undo", data={"reason": " ", "idempotency_key": new_key()})
    assert refused.status_code == 422
    looked_over(browser.get(f"/imports/{batch.id}/undo"))
    nurse = client_as("nurse")
    for url in (f"/patients/{people['A-1'].id}/weights/new", "/patients/new"):
        form = Sheet(nurse.get(url).text).form(["idempotency_key"]) | {"do": ["draft"], "kg": ["70"], "notes": ["x"]}
        assert nurse.post(url, data=form).status_code == 303
    undone = browser.post(f"/imports/{batch.id}/undo", data={"reason": "Wrong", "idempotency_key": new_key()})
    assert "Taken back" in looked_over(browser.get(undone.location))
    assert "people.csv" in looked_over(browser.get("/imports"))
    session.rollback()
    assert session.scalar(select(func.count()).select_from(Patient)) == 0
    assert list(session.scalars(select(Draft.path))) == ["/patients/new"], "no draft about a patient who is gone"


def test_many_faults_of_a_kind_are_one_line_and_the_rows_are_sent_back(client_as):
    lines = "".join(f"A-{n};Ode;Bo;1970-13-{n % 28};male;none_known\n" for n in range(137))
    browser = client_as("nurse")
    columns = upload(browser, f"Record number;Family name;Given names;Born on;Sex;Allergies\n{lines}").location
    preview = send(browser, columns, "check", source="Old").location
    text = browser.get(preview).text
    assert "137 problems in 137 rows" in text
    assert re.search(r"Rows 2, 3, 4, 5, 6 and 132 more.*?137", text, re.DOTALL)
    rejects = browser.get(f"{preview.removesuffix('/preview')}/rejects.csv").text.splitlines()
    assert len(rejects) == 138
    assert "expected a day" in rejects[1]
    refused = send(browser, preview, "import")
    assert refused.status_code == 422


WEIGHED = """
kind = "patients"
source = "Old"
reason = "not in the register"
[columns]
n = { to = "patient.record_number" }
name = { to = "patient.family_name" }
kg = { to = "weight.kg" }
at = { to = "weight.performed_at" }
born = { to = "patient.birth_date" }
sex = { to = "patient.sex" }
allergies = { to = "patient.allergy_status" }
"""


def test_what_is_unusual_is_asked_and_each_note_is_confirmed(client_as, session):
    browser = client_as("nurse")
    rows = "A-1,Ode,310,{0}\nA-2,Ode,80,{0}\n".format("2026-01-02,1970-01-01,male,none_known")
    table = f"n,name,kg,at,born,sex,allergies\n{rows}"
    columns = upload(browser, table, mapping=WEIGHED).location
    preview = send(browser, columns, "check").location
    text = browser.get(preview).text
    assert "weight.kg" in text
    assert "Is this right?" in text
    assert send(browser, preview, "import").status_code == 422
    send(browser, preview, "check", **{"why-0": "Weighed twice"})
    text = browser.get(preview).text
    assert "may be the same patient" in text
    answer = send(browser, preview, "import")
    assert answer.status_code == 422
    assert "Confirm each note" in answer.text
    answer = send(browser, preview, "import", seen=["0", "1"])
    assert answer.status_code == 303, answer.text
    session.rollback()
    batch = session.scalars(select(ImportBatch)).one()
    assert batch.mapping["confirmed"] == {"weight.kg": "Weighed twice"}


@pytest.mark.parametrize(("text", "name", "says"), [
    ("a", "a.ods", "not a CSV or XLSX file"), ("a,a\n1,2", "a.csv", "same heading"), ("", "a.csv", "no headings"),
    ("PK", "a.xlsx", "cannot be read as a spreadsheet"),
    ("a\n" + "1\n" * (import_steps.MOST_ROWS + 1), "a.csv", "in the browser at most 2,000"),
])  # fmt: skip
def test_a_file_that_is_no_table_is_refused_with_a_sentence(client_as, text, name, says):
    browser = client_as("nurse")
    answer = upload(browser, text, name)
    answer = browser.get(answer.location) if answer.status_code == 303 else answer
    assert says.casefold() in answer.text.casefold()
    assert answer.status_code in {200, 422}


def test_nobody_sees_the_upload_of_somebody_else(client_as):
    columns = upload(client_as("nurse")).location
    for url in (columns, f"{columns}/preview", f"{columns}/rejects.csv"):
        assert client_as("nurse", second=True).get(url).status_code == 404
    assert "people.csv" not in client_as("coordinator").get("/imports").text


@pytest.mark.parametrize("role", list(Role))
def test_whoever_may_import_by_the_command_line_may_here(client_as, role):
    assert (client_as(role).get("/imports/new").status_code == 200) is (role in WRITERS)
    assert client_as(role).get("/imports").status_code == (403 if role is Role.ADMINISTRATOR else 200)


@pytest.mark.parametrize(("typed", "says"), [
    ({"heading_row": "abc"}, "The row of the headings is a number"), ({"heading_row": "-1"}, "The row of the headings"),
    ({"heading_row": "9" * 5_000}, "The row of the headings"), ({"encoding": "zzz"}, "No encoding is called “zzz”"),
    ({"encoding": "base64"}, "No encoding is called"), ({"day-x": "9" * 5000, "to-0": "visit.x.performed_at"}, ""),
    ({"kind": "zzz"}, ""), ({"kind": ""}, ""),
    ({"to-0": "weight.kg", "factor-0": "1e9999"}, "not a number to multiply by"),
])  # fmt: skip
def test_what_is_typed_on_the_page_of_the_columns_is_refused_there_and_can_be_corrected(client_as, typed, says):
    browser = client_as("nurse")
    url = upload(browser).location
    answer = send(browser, url, "again", source="s", **typed)
    assert (answer.status_code == 422 and says in answer.text) if says else answer.status_code in {303, 422}
    shown = browser.get(url)
    assert shown.status_code in {200, 422}
    form = Sheet(shown.text).form(["source", "reason"])
    assert form["kind"] == ["patients"]
    right = {"heading_row": "", "encoding": "", "factor-0": "", "source": "s"}
    columns = {"column": ["MRN"], "to-0": "patient.record_number"}
    assert browser.post(url, data={**form, **columns, **right, "do": "again"}).status_code == 303


def test_a_note_of_5000_digits_is_none(client_as):
    browser = client_as("nurse")
    url = upload(browser).location
    assert send(browser, url, "check", source="s").status_code == 303
    assert send(browser, f"{url}/preview", "import", seen="9" * 5_000).status_code in {303, 422}


NAMED = """
kind = "patients"
source = "Old system"
[columns]
n = { to = "patient.record_number" }
name = { to = "patient.family_name" }
born = { to = "patient.birth_date" }
sex = { to = "patient.sex" }
allergies = { to = "patient.allergy_status" }
"""
SENT = {"user_id": "US-1", "path": "/", "location": "", "at": clock.now()}
ODE = "n,name,born,sex,allergies\n{},Ode,1970-01-01,male,none_known\n"


def test_a_note_that_the_check_did_not_know_is_confirmed_too(client_as, session):
    nurse, colleague = client_as("nurse"), client_as("coordinator")
    mine, theirs = (
        send(one, upload(one, ODE.format(number), mapping=NAMED).location, "check", reason="not in it").location
        for one, number in ((nurse, "A-1"), (colleague, "B-1"))
    )
    assert send(colleague, theirs, "import").status_code == 303
    answer = send(nurse, mine, "import")
    assert answer.status_code == 422
    assert "may be the same patient as ODE, born 1 Jan 1970, B-1" in answer.text
    session.rollback()
    assert session.scalar(select(func.count()).select_from(Patient)) == 1
    assert send(nurse, mine, "check").status_code == 303
    assert send(nurse, mine, "import", seen="0").status_code == 303


def test_the_rows_with_faults_are_as_few_as_are_imported_here_and_their_download_is_on_record(client_as, monkeypatch):
    browser, told = client_as("nurse"), list[str]()
    monkeypatch.setattr(read_log, "export", lambda about, *_: told.append(about))
    url = upload(browser, ODE.format("A-1").replace("male", "nobody knows"), mapping=NAMED).location
    assert "nobody knows" in browser.get(f"{url}/rejects.csv").text
    assert told == ["Rows with faults of people.csv"]
    monkeypatch.setattr(import_steps, "MOST_ROWS", 0)
    answer = browser.get(f"{url}/rejects.csv")
    assert 400 <= answer.status_code < 500
    assert "Split it" in answer.text
    assert len(told) == 1


def test_a_preview_shows_rows_as_they_will_be_saved_and_a_known_person_is_left_out(client_as, session):
    """Labels and not codes, a sex that is suggested, and the known record to compare with."""
    browser = client_as("nurse")
    first = send(browser, upload(browser, ODE.format("A-1"), mapping=NAMED).location, "check", reason="none").location
    assert send(browser, first, "import").status_code == 303
    known = session.scalars(select(Patient.id)).one()
    table = "n,name,born,sex,allergies\nA-7,Ode,1970-01-01,F,none_known\nA-8,Bo,1971-01-01,w,none_known\n"
    url = upload(browser, table, mapping=NAMED).location
    text = looked_over(browser.get(url))
    assert "Match the columns" in text
    assert 'value="Patient: Family name"' in text
    assert text.count('value="female" selected') == 2, "suggested for F and w"
    preview = send(browser, url, "check", reason="none", **{"value-3-is": ["female", "female"]}).location
    text = looked_over(browser.get(preview))
    shown = re.sub(r"<[^>]+>", " ", text.split("First rows as they will be saved")[1])
    assert "Female" in shown, "in words"
    assert f'href="/patients/{known}"' in text
    assert all(one in text for one in ("A different person", "The same person: leave this row out"))
    assert send(browser, preview, "import").status_code == 422, "nobody has answered"
    assert send(browser, preview, "import", **{"seen-0": "same"}).status_code == 303
    text = looked_over(browser.get(preview))
    assert "1 of 2 rows would be imported" in text
    assert "Row 2 is left out" in text
    batch = looked_over(browser.get(send(browser, preview, "import").location))
    assert "Row 2 was left out" in batch
    session.rollback()
    assert sorted(session.scalars(select(Patient.record_number))) == ["A-1", "A-8"]
    assert dict(session.execute(select(Patient.record_number, Patient.sex)).all())["A-8"] == "female"


def test_a_column_without_a_heading_is_shown_and_left_out_only_by_somebody(client_as):
    browser = client_as("nurse")
    table = ODE.format("A-1").replace("allergies\n", "allergies,\n").rstrip() + ",secret\n"
    url = upload(browser, table, mapping=NAMED).location
    assert "secret" in looked_over(browser.get(url))
    preview = send(browser, url, "check", reason="none").location
    assert "“secret”" in browser.get(preview).text
    assert "Change the columns" in browser.get(preview).text
    preview = send(browser, url, "check", reason="none", leave="column 6").location
    assert "1 of 1 row would be imported" in browser.get(preview).text


def test_what_a_person_picks_by_its_label_is_the_field():
    labels = Labels("courses")
    for target in ("patient.family_name", "score.KEY.spo2", "qc.viability", "visit.KEY.performed_at"):
        assert labels.target(labels.shown(target)) == target
    assert labels.target(labels.shown("score.month6.spo2")) == "score.month6.spo2"
    assert labels.shown("weight.performed_by_id") != "weight.performed_by_id"


def test_others_write_while_a_table_is_checked_and_imported_in_the_browser(client_as, session, engine, monkeypatch):
    nurse, waited = client_as("nurse"), list[str]()
    judge = import_writing.judge

    def judging(*args, **more):
        with to_write(), engine.begin() as other:
            waited.append(other.execute(insert(Submission), SENT | {"key": f"other {len(waited)}"}).rowcount)
        return judge(*args, **more)

    monkeypatch.setattr(import_writing, "judge", judging)
    here = send(nurse, upload(nurse, ODE.format("A-1"), mapping=NAMED).location, "check", reason="not in it").location
    assert send(nurse, here, "import").status_code == 303
    session.rollback()
    assert (len(waited), session.scalar(select(func.count()).select_from(Patient))) == (2, 1)
