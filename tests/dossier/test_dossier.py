"""One patient's whole record leaves as one file, which proves itself to the clinic and to strangers."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import pypdf
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from clinic import clock
from clinic.access import keep_to_site
from clinic.dossier import making, manifest
from clinic.exchange.datasets import datasets
from clinic.ledger import sealing
from clinic.ledger.models import LedgerEntry, ReadEntry
from clinic.ledger.verify import all_heads
from clinic.patients.merging import PatientMerge
from clinic.patients.models import Alert, Patient
from clinic.records import Signature
from tests.databases import both_databases
from tests.factories import course, patient
from tools import check_proof


def opened(file):
    with ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(file, files):
    with ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(ZipInfo(name), content)
    return file


def rows(files, name):
    return list(csv.DictReader(io.StringIO(files[f"tables/{name}.csv"].decode("utf-8-sig"), newline="")))


def text_of(name, content):
    if name.endswith(".pdf"):
        return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)
    return content.decode(errors="replace")


@pytest.fixture
def dossier(run, session, treated, tmp_path):
    """The dossier of the treated patient, as a file."""
    number = treated.record_number
    session.close()
    assert run("seal")[0] == 0
    status, _out, err = run("dossier", "--patient", number, "-o", tmp_path / "d.zip")
    assert status == 0, err
    return tmp_path / "d.zip"


@pytest.mark.usefixtures("as_pdf")
@both_databases
def test_a_dossier_has_documents_tables_files_and_signatures_and_is_proved(dossier, run, session, treated):
    files = opened(dossier)
    assert treated.record_number in text_of("x.pdf", files[f"documents/patient-summary-{treated.id}.pdf"])
    kinds = Counter(name.split("/")[0] for name in files if "/" in name)
    assert kinds["documents"] >= 5
    assert kinds["attachments"] == 1
    assert {"README.txt", "manifest.json", "proof.json"} <= set(files)
    assert [row["Record number"] for row in rows(files, "patients")] == [treated.record_number]
    signed = session.scalar(select(func.count()).select_from(Signature))
    assert 0 < len(rows(files, "signatures")) <= signed
    (name,) = [name for name in files if name.startswith("attachments/")]
    assert files[name] == b"what the cell counter printed\n"
    status, out, err = run("verify", "--dossier", dossier)
    assert (status, err) == (0, "")
    assert "the key of this instance." in out
    assert "1 attachments agree with them." in out
    assert "Not proved: that nothing was recorded about this patient after" in out


def test_every_change_of_these_records_is_in_the_proof(dossier, session):
    files = opened(dossier)
    proved = {one["content"]["hash"] if "hash" in one["content"] else one["content"]["number"]
              for one in json.loads(files["proof.json"])["entries"]}  # fmt: skip
    ids = {row["Id"] for name in files if name.startswith("tables/") and "dictionary" not in name
           for row in rows(files, name.removeprefix("tables/").removesuffix(".csv"))}  # fmt: skip
    wanted = set(session.scalars(select(LedgerEntry.number).where(LedgerEntry.record_id.in_(ids))))
    assert proved == wanted
    assert len(ids) > 20


def test_a_stranger_checks_its_proof_with_python_alone(dossier, tmp_path):
    (tmp_path / "proof.json").write_bytes(opened(dossier)["proof.json"])
    key = sealing.public_of(sealing.known_key(tmp_path))
    done = subprocess.run(  # noqa: S603 - our own file
        [sys.executable, "-I", "-S", Path(check_proof.__file__), tmp_path / "proof.json", "--key", key],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.hazard("H22")
def test_one_changed_byte_in_any_file_is_found_and_the_file_named(dossier, run, tmp_path):
    right = opened(dossier)
    assert run("verify", "--dossier", packed(tmp_path / "same.zip", right))[0] == 0
    for name, content in right.items():
        for place in {0, len(content) // 2, len(content) - 1}:
            byte = bytes([content[place] ^ 1])
            wrong = right | {name: content[:place] + byte + content[place + 1 :]}
            status, _out, err = run("verify", "--dossier", packed(tmp_path / "changed.zip", wrong))
            assert (status, name in err) == (1, True), f"{name} {place}: {err}"


def test_one_changed_byte_of_the_archive_is_found_or_changes_no_file(dossier, run, tmp_path):
    raw, right, refused = dossier.read_bytes(), opened(dossier), 0
    for place in range(5, len(raw), len(raw) // 60):
        changed = tmp_path / "changed.zip"
        changed.write_bytes(raw[:place] + bytes([raw[place] ^ 4]) + raw[place + 1 :])
        status, _out, err = run("verify", "--dossier", changed)
        assert status in {0, 1}, err
        refused += status
        if status == 0:
            assert opened(changed) == right, place
    assert refused > 50


@pytest.mark.parametrize("method", [9, 12, 14, 93, 97])
def test_a_file_that_claims_another_compression_is_named(dossier, run, tmp_path, method):
    raw, wrong = bytearray(dossier.read_bytes()), tmp_path / "wrong.zip"
    local, listed = raw.index(b"PK\x03\x04"), raw.index(b"PK\x01\x02")
    raw[local + 8] = raw[listed + 10] = method
    wrong.write_bytes(raw)
    status, _out, err = run("verify", "--dossier", wrong)
    assert (status, "was changed" in err) == (1, True), err


def test_a_file_that_is_missing_added_or_there_twice_is_named(dossier, run, tmp_path):
    right, wrong = opened(dossier), tmp_path / "wrong.zip"
    without = {name: content for name, content in right.items() if name != "tables/weights.csv"}
    assert "tables/weights.csv is missing" in run("verify", "--dossier", packed(wrong, without))[2]
    assert (
        "tables/x.csv is not one of its files"
        in run("verify", "--dossier", packed(wrong, right | {"tables/x.csv": b""}))[2]
    )
    unsigned = {name: content for name, content in right.items() if name != manifest.NAME}
    assert "it has no manifest.json" in run("verify", "--dossier", packed(wrong, unsigned))[2]
    nested = b"[" * 100_000
    for name in (manifest.NAME, manifest.PROOF):
        status, _out, err = run("verify", "--dossier", packed(wrong, right | {name: nested}))
        assert (status, name in err, "Traceback" in err) == (1, True, False), err
    wrong.write_bytes(b"no archive")
    assert run("verify", "--dossier", wrong)[0] == 1


def resigned(files, key, **changed):
    said, _key = manifest.read(files[manifest.NAME])
    others = {name: content for name, content in files.items() if name != manifest.NAME}
    kept = {name: part for name, part in said.items() if name not in {"dossier", "files"}}
    return others | {manifest.NAME: manifest.written(others, key, **(kept | changed))}


def test_a_table_that_was_changed_and_signed_again_is_not_what_the_ledger_says(dossier, run, tmp_path):
    right, wrong, key = opened(dossier), tmp_path / "wrong.zip", sealing.known_key(tmp_path)
    assert run("verify", "--dossier", packed(wrong, resigned(right, key)))[0] == 0
    assert b"72.5" in right["tables/weights.csv"]
    changed = right | {"tables/weights.csv": right["tables/weights.csv"].replace(b"72.5", b"62.5")}
    status, _out, err = run("verify", "--dossier", packed(wrong, resigned(changed, key)))
    assert (status, "tables/weights.csv: kg of WT-" in err, "is “62.5”, the ledger says “72.5”" in err) == (
        1,
        True,
        True,
    )
    (name,) = [name for name in right if name.startswith("attachments/")]
    status, _out, err = run("verify", "--dossier", packed(wrong, resigned(right | {name: b"another"}, key)))
    assert (status, f"{name} is not the file that was attached" in err) == (1, True)
    own = resigned(right, Ed25519PrivateKey.generate())
    status, _out, err = run("verify", "--dossier", packed(wrong, own))
    assert (status, "signed with another key" in err) == (1, True)


@pytest.mark.usefixtures("as_pdf")
def test_another_patient_whom_a_text_names_is_taken_out_and_said(run, session, team, treated, tmp_path):
    other, words = (
        patient(team, family_name="Lindqvist", given_names="Maja", record_number="MRN-77001"),
        "No cells of published lots",
    )
    for word in ("no", "cells", "of", "published"):
        patient(team, record_number=word)
    team.log(Alert, team.nurse, clock.now(), patient_id=treated.id, text=words)
    for text, about in (("Similar name: LINDQVIST, Maja, MRN-77001", other.id), ("Latex allergy", None)):
        team.log(Alert, team.nurse, clock.now(), patient_id=treated.id, text=text, about_id=about)
    course(team, other)
    session.commit()
    of, number = other.id, treated.record_number
    session.close()
    assert run("seal")[0] == 0
    assert run("dossier", "--patient", number, "-o", tmp_path / "d.zip")[0] == 0
    files = opened(tmp_path / "d.zip")
    for name, content in files.items():
        told = text_of(name, content).casefold()
        assert [word for word in ("lindqvist", "maja", "mrn-77001") if word in told] == [], name
    shown = {row["Alert"] for row in rows(files, "alerts")}
    assert words in shown, "a word of the language is nobody's number"
    assert shown - {words} == {"Similar name: [name removed], [record number removed]", "Latex allergy"}
    assert of not in {row["Id"] for row in rows(files, "patients")}
    status, out, _err = run("verify", "--dossier", tmp_path / "d.zip")
    assert (status, "names another person: AL-" in out) == (0, True)


def test_the_record_of_a_patient_merged_with_this_one_is_in_it(run, session, team, treated, tmp_path):
    twin = patient(team, family_name=treated.family_name, given_names=treated.given_names, sex=treated.sex,
                   birth_date=treated.birth_date)  # fmt: skip
    merge = team.log(PatientMerge, team.nurse, clock.now(), patient=treated, merged=twin, patient_id=treated.id,
                     merged_id=twin.id, reason="Identity card seen")  # fmt: skip
    session.flush()
    merge.confirm(by=team.physician, at=clock.now())
    session.commit()
    numbers = {treated.record_number, twin.record_number}
    session.close()
    run("seal")
    assert run("dossier", "--patient", max(numbers), "-o", tmp_path / "d.zip")[0] == 0
    assert {row["Record number"] for row in rows(opened(tmp_path / "d.zip"), "patients")} == numbers
    assert run("verify", "--dossier", tmp_path / "d.zip")[0] == 0


def test_whoever_names_nobody_is_told_what_to_name(run, session, team, southern_team, treated, tmp_path):
    number, id_ = treated.record_number, treated.courses[0].id
    patient(southern_team, record_number=number)
    session.commit()
    session.close()
    assert "is in no seal yet. Run clinic seal" in run("dossier", id_)[2]
    run("seal")
    assert run("dossier")[0] == 2
    assert run("dossier", id_, "--patient", number)[0] == 2
    assert "Several sites have a patient" in run("dossier", "--patient", number)[2]
    assert "No patient has the record number X-1" in run("dossier", "--patient", "X-1")[2]
    assert "No course has the number TR-1" in run("dossier", "TR-1")[2]
    assert "works at another site" in run("dossier", id_, "--as", "nurse@south.demo")[2]
    assert "does not read patients' records" in run("dossier", id_, "--as", "administrator@north.demo")[2]
    assert list(tmp_path.glob("*.zip")) == []
    status, out, _err = run("dossier", id_, "--as", "nurse@north.demo")
    assert (status, "Written: dossier-PT-" in out) == (0, True)
    assert run("dossier", id_)[0] == 2, "a file that is there is not written over"
    assert run("verify", "--dossier", next(tmp_path.glob("*.zip")), "--since-seal")[0] == 2


def test_who_took_a_dossier_is_read_in_the_access_log_and_proved(run, session, team, treated, tmp_path):
    id_, reader = treated.id, team.nurse.id
    session.close()
    run("seal")
    assert run("dossier", "--patient", id_, "--as", "nurse@north.demo", "-o", tmp_path / "d.zip")[0] == 0
    told = session.scalars(select(ReadEntry).order_by(ReadEntry.key.desc())).first()
    assert (told.kind, told.what, told.patient_id, told.reader_id) == ("export", "command line", id_, reader)
    session.close()
    run("seal")
    assert run("prove", "--export", tmp_path / "d.zip", "-o", tmp_path / "p.json")[0] == 0


def test_a_dossier_is_downloaded_from_the_documents_of_a_patient(app, run, session, client_as, page, treated):
    address = f"/patients/{treated.id}/dossier.zip"
    browser = client_as("inspector")
    assert address in browser.get(f"/documents/about/{treated.id}").text
    assert address not in browser.get(f"/documents/about/{treated.courses[0].id}").text
    page(browser, f"/documents/about/{treated.id}")
    refused = browser.get(address)
    assert (refused.status_code, "in no seal yet" in refused.text) == (409, True)
    at, places = clock.now(), app.config["SEAL_FOLDERS"]
    assert sealing.seal_in_turn(session, Path(app.instance_path), places, at) == []
    session.commit()
    answer = browser.get(address)
    assert (answer.status_code, answer.mimetype, answer.headers["Cache-Control"]) == (
        200,
        "application/zip",
        "no-store",
    )
    assert len(answer.data) == answer.content_length
    files = opened(io.BytesIO(answer.data))
    assert [row["Id"] for row in rows(files, "patients")] == [treated.id]
    session.rollback()
    assert app.extensions["readings"].write()
    told = select(ReadEntry).where(ReadEntry.what == "dossier.download")
    assert [(one.kind, one.patient_id) for one in session.scalars(told)] == [("export", treated.id)]
    assert client_as("administrator").get(address).status_code == 403
    assert client_as("nurse", site="south").get(address).status_code == 404


def test_every_data_set_about_a_patient_can_be_in_it(dossier):
    told = json.loads(opened(dossier)["manifest.json"])["tables"]
    known = {one.model.__tablename__ for one in datasets().values()}
    assert {one["record"] for one in told.values()} <= known
    assert {"tables/harvests.csv", "tables/processing-runs.csv", "tables/qc-results.csv", "tables/releases.csv"} <= set(
        told
    )


def test_no_dossier_of_the_demonstration_names_another_patient(demonstration, tmp_path):
    """By hand over all of them: no whole name, either way round, and no record number of anybody else."""
    at, key, stated = clock.now(), sealing.key_of(tmp_path), all_heads(demonstration)
    trees = sealing.trees_since(demonstration, [], stated)
    seal = sealing.opened(sealing.seal(stated, at=at, key=key, trees=trees))
    everybody = demonstration.scalars(select(Patient).order_by(Patient.id)).all()
    for one in everybody[::12]:
        with making.make(demonstration, one, seals=[seal], key=key, at=at, by="a test") as file:
            files = opened(file)
        keep_to_site(demonstration, None)
        told = "\n".join(content.decode() for content in files.values())
        words = set(re.findall(r"[\w-]+", told))
        own = {word for text in (one.given_names, one.family_name) for word in (text or "").split()}
        for other in everybody:
            given, family = other.given_names or "", other.family_name or ""
            if other is one or not family or {*given.split(), *family.split()} <= own:
                continue
            names = f"{given} {family}", f"{family}, {given}", f"{family.upper()}, {given}"
            assert [said for said in names if said in told] == [], (one.id, other.id)
            assert other.record_number not in words, (one.id, other.id)
