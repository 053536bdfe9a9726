"""One record or one export is proved to a stranger, who has a Python and nothing of ours."""

from __future__ import annotations

import hashlib
import json
import secrets
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from clinic import clock
from clinic.cli import clinic
from clinic.ledger import merkle, sealing
from clinic.ledger.models import LedgerEntry
from clinic.ledger.verify import all_heads
from tests.databases import both_databases
from tests.factories import patient
from tools import check_proof

CHECKER = Path(check_proof.__file__)


def check(*words):
    """Run the checker as a stranger does: alone in its folder, with Python's own library."""
    run = [sys.executable, "-I", "-S", CHECKER, *words]
    done = subprocess.run(run, capture_output=True, text=True, check=False)  # noqa: S603 - our own file
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def command(house, tmp_path, monkeypatch):
    monkeypatch.setenv("CLINIC_INSTANCE", str(tmp_path))
    monkeypatch.setenv("CLINIC_DATABASE_URL", house.store.url)
    return lambda *words: CliRunner().invoke(clinic, [str(word) for word in words])


@pytest.fixture
def proof(command, session, team, tmp_path):
    """The proof of a patient's record, as a file."""
    one = patient(team, family_name="Lindqvist")
    session.commit()
    wanted = one.id
    session.close()
    assert command("seal").exit_code == 0
    done = command("prove", wanted, "-o", tmp_path / "proof.json")
    assert done.exit_code == 0, done.output
    return tmp_path / "proof.json"


def test_a_record_is_proved_against_the_seal_by_a_program_that_needs_none_of_ours(proof, tmp_path):
    key = sealing.public_of(sealing.known_key(tmp_path))
    assert len(CHECKER.read_text().splitlines()) < 150
    status, said = check(proof)
    assert (status, "Lindqvist" in said, f"Proved. Signed with {key}: compare" in said) == (0, True, True), said
    assert check(proof, "--key", key.upper())[0] == 0
    assert check(proof, "--key", "ab" * 32) == (1, "NOT PROVED: the seal is signed with another key\n")


def test_a_proof_tells_nothing_of_other_records(proof, session):
    others = session.scalars(select(LedgerEntry.record_id).distinct()).all()
    told = proof.read_text()
    assert [one for one in others if one in told and not one.startswith(("ST-", "US-"))] == [
        json.loads(told)["entries"][0]["content"]["id"]
    ]


OTHER = {merkle.LEFT: merkle.RIGHT, merkle.RIGHT: merkle.LEFT}
CHANGES = {
    "content": lambda said: said["entries"][0]["content"]["after"].update(family_name="Somebody"),
    "number": lambda said: said["entries"][0]["content"].update(number=1),
    "moment": lambda said: said["entries"][0]["content"].update(at="2020-01-01T00:00:00+00:00"),
    "path": lambda said: said["entries"][0]["path"][0].__setitem__(1, "00" * 32),
    "side": lambda said: said["entries"][0]["path"][0].__setitem__(0, OTHER[said["entries"][0]["path"][0][0]]),
    "root": lambda said: next(iter(said["seals"][0]["trees"].values())).update(root="00" * 32),
    "time of the seal": lambda said: said["seals"][0].update(at="2020-01-01T00:00:00+00:00"),
    "signature": lambda said: said["seals"][0].update(signature="00" * 64),
    "another signer": lambda said: said["seals"][0].update(public_key="01" * 32),
    "no entry": lambda said: said.update(entries=[]),
    "no seal": lambda said: said.update(seals=[]),
    "another chain": lambda said: said["entries"][0].update(chain="readings ST-000000000"),
}


@pytest.mark.hazard("H22")
def test_a_proof_that_was_changed_is_none(proof):
    right = proof.read_text()
    for change, make in CHANGES.items():
        said = json.loads(right)
        make(said)
        proof.write_text(json.dumps(said))
        status, told = check(proof)
        assert (status, told.splitlines()[-1].startswith("NOT PROVED: ")) == (1, True), f"{change}: {told}"


def test_an_export_is_proved_and_a_changed_one_is_not(command, session, team, tmp_path):
    patient(team, family_name="Lindqvist")
    session.commit()
    session.close()
    table, written = tmp_path / "patients.csv", tmp_path / "proof.json"
    assert command("export", "patients", "-o", table).exit_code == 0
    refused = command("prove", "--export", table, "-o", written)
    assert "is in no seal yet. Run clinic seal" in str(refused.exception)
    assert command("seal").exit_code == 0
    assert command("prove", "--export", table, "-o", written).exit_code == 0
    assert check(written, "--export", table)[0] == 0
    table.write_bytes(table.read_bytes().replace(b"Lindqvist", b"Lindquist"))
    status, said = check(written, "--export", table)
    assert (status, "is not the file that was exported" in said) == (1, True)
    assert "the file is another one" in str(command("prove", "--export", table, "-o", tmp_path / "x").exception)
    assert "is not a record number" in str(command("prove", "PT-1", "-o", tmp_path / "x").exception)


@both_databases
def test_each_seal_states_the_entries_since_the_one_before(app, session, team, tmp_path):
    at, places = clock.now(), [tmp_path / "seals"]
    for hours in (0, 2, 4):
        patient(team)
        session.commit()
        assert sealing.seal_in_turn(session, tmp_path, places, at + timedelta(hours=hours)) == []
    seals, faults = sealing.found_in(places, sealing.key_of(tmp_path))
    assert faults == []
    runs = [(tree.first, tree.last) for one in seals for name, tree in one.trees.items() if name == team.site.id]
    assert runs[0][0] == 1
    assert [first for first, _last in runs[1:]] == [last + 1 for _first, last in runs[:-1]]
    last = select(func.max(LedgerEntry.number)).where(LedgerEntry.site_id == team.site.id)
    assert runs[-1][1] == session.scalar(last)


def test_after_a_restored_backup_the_seals_go_on_from_there(session, team, tmp_path):
    key, at = sealing.key_of(tmp_path), clock.now()
    stated = all_heads(session)
    site = team.site.id
    first = sealing.opened(
        sealing.seal(stated, at=at, key=key, trees=sealing.trees_since(session, [], stated)), name="first"
    )
    back = {**stated, site: sealing.Head(number=2, hash="00")}
    restored = sealing.opened(sealing.seal(back, at=at, key=key, restored=True), name="restored")
    assert sealing.trees_since(session, [first], stated) == {}
    assert sealing.trees_since(session, [first, restored], stated)[site].first == 3


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 31])
def test_every_entry_leads_to_the_root(count):
    entries = [hashlib.sha256(bytes([n])).hexdigest() for n in range(count)]
    for place, entry in enumerate(entries):
        found = merkle._leaf(entry)
        for side, beside in merkle.path(entries, place):
            pair = (bytes.fromhex(beside), found) if side == merkle.LEFT else (found, bytes.fromhex(beside))
            found = hashlib.sha256(b"\1" + pair[0] + pair[1]).digest()
        assert found.hex() == merkle.root(entries)


def test_the_checkers_own_arithmetic_agrees_with_a_library_of_cryptography():
    for length in range(12):
        key, message = Ed25519PrivateKey.generate(), secrets.token_bytes(length * 7)
        public, signature = key.public_key().public_bytes_raw(), key.sign(message)
        assert check_proof.signed(public, message, signature)
        assert not check_proof.signed(public, message + b"x", signature)
        assert not check_proof.signed(public, message, signature[:32] + bytes(32))
        high = int.from_bytes(signature[32:], "little") + check_proof.ORDER
        assert not check_proof.signed(public, message, signature[:32] + high.to_bytes(32, "little")), "one spelling"
