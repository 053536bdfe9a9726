"""Production refuses what is fit for a demonstration only; each refusal is one sentence, exit status 2."""

from __future__ import annotations

import base64
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import literal_column, select

from clinic import create_app
from clinic.accounts.models import Site
from clinic.errors import SettingsWrong
from clinic.ledger.verify import verify
from clinic.schema import MIGRATIONS
from config import guessable, load
from tests.factories import PASSWORD, patient

KEY = "Zq3v-9Lw1xR7sT5uB2nM8kP4jH6gF0dC"
CLINIC = Path(sys.executable).with_name("clinic")


def environ(folder, **more):
    return {
        "CLINIC_INSTANCE": str(folder), "CLINIC_ENV": "production", "CLINIC_PUBLIC_URL": "https://clinic.example",
        "CLINIC_SECRET_KEY": KEY, **more,
    }  # fmt: skip


def clinic(folder, *words, program=(str(CLINIC),), **more):
    return subprocess.run(  # noqa: S603 - our own program
        [*program, *words], env={**os.environ, **environ(folder, **more)}, cwd=MIGRATIONS.parent,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


UNSAFE = [
    ("CLINIC_PUBLIC_URL", "http://clinic.example", "https"),
    ("CLINIC_SECRET_KEY", "short", "too short"),
    ("CLINIC_SECRET_KEY", "a" * 64, "easily guessed"),
    ("CLINIC_SECRET_KEY", "a-key-of-the-tests-and-of-nothing-else", "well known"),
    ("CLINIC_ENV", "prod", "must be development or production"),
]  # fmt: skip


def test_every_fault_of_the_settings_is_named_at_once(tmp_path):
    key = tmp_path / "seal_key.pem"
    key.touch()
    key.chmod(0o604)
    wrong = {"CLINIC_PUBLIC_URL": "", "CLINIC_SECRET_KEY": "short"}
    with pytest.raises(SettingsWrong) as said:
        load(environ(tmp_path, **wrong))
    for fault in ("CLINIC_PUBLIC_URL must be", "CLINIC_SECRET_KEY is too short", "chmod 600"):
        assert fault in str(said.value)


@pytest.mark.parametrize("url", [
    "https://", "https:///login", "https:clinic.example", "https://:443", "https://user@clinic.example",
    "https://clinic.example?x", "https://clinic.example#x", "https://[::1", "https://clinic example", "ftp://clinic.example",
])  # fmt: skip
def test_an_address_that_names_no_clinic_is_refused_in_production(tmp_path, url):
    with pytest.raises(SettingsWrong, match="CLINIC_PUBLIC_URL must be"):
        load(environ(tmp_path, CLINIC_PUBLIC_URL=url))


@pytest.mark.parametrize("url", ["https://clinic.example", "https://clinic.example:8443/course/", "https://[::1]:8443"])
def test_an_address_of_a_clinic_is_taken(tmp_path, url):
    assert load(environ(tmp_path, CLINIC_PUBLIC_URL=url)).public_url == url


@pytest.mark.parametrize("key", [
    "correct horse battery staple again", "Correct-Horse-Battery-Staple-2026", "our-clinic-in-Berlin-Mitte-and-Wedding",
    "0123456789abcdef0123456789abcdef", "abcdefghijklmnopqrstuvwxyz012345", "P4ssw0rd!P4ssw0rd!P4ssw0rd!P4ssw0rd!",
    "x9F3kQ-password-7hT2mZ0pLwQ4vB8n", "Kx7!qZ2pKx7!qZ2pKx7!qZ2pKx7!qZ2p", "1234567890qazwsxedcrfvtgbyhn1234567890",
])  # fmt: skip
def test_a_key_that_a_person_made_up_is_refused_in_production(tmp_path, key):
    with pytest.raises(SettingsWrong, match="easily guessed"):
        load(environ(tmp_path, CLINIC_SECRET_KEY=key))


def test_random_keys_of_every_spelling_are_taken():
    # the same ones each time: a key in hex is refused once in some thousands
    drawn = random.Random(7)  # noqa: S311 - no key that is used
    for _ in range(500):
        for key in (base64.urlsafe_b64encode(drawn.randbytes(24)).decode(), drawn.randbytes(32).hex()):
            assert not guessable(key), key


@pytest.mark.parametrize(("name", "value", "said"), UNSAFE)
def test_a_setting_that_is_unsafe_stops_the_start(tmp_path, name, value, said):
    with pytest.raises(SettingsWrong, match=said):
        load(environ(tmp_path, **{name: value}))


@pytest.mark.parametrize("name", ["clinic.db", "clinic.db-wal", "secret_key", "seal_key.pem", "config.toml"])
def test_a_file_that_everybody_may_read_stops_the_start(tmp_path, name):
    file = tmp_path / name
    file.touch()
    file.chmod(0o600)
    load(environ(tmp_path))
    file.chmod(0o604)
    with pytest.raises(SettingsWrong, match=f"chmod 600 .*{name}"):
        load(environ(tmp_path))


def test_the_command_line_makes_a_private_clinic_that_takes_no_demonstration(tmp_path):
    made = clinic(tmp_path, "migrate")
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "clinic.db").stat().st_mode & 0o077 == 0
    refused = clinic(tmp_path, "demo")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "demonstration" in refused.stderr


@pytest.mark.hazard("H38")
def test_nothing_serves_a_demonstration_clinic_as_production(house, engine, tmp_path):
    """The tests' clinic is a demonstration one."""
    url = house.store.url if house.store.url.startswith("sqlite") else pytest.fail("meant for a SQLite file")
    Path(url.removeprefix("sqlite:///")).chmod(0o600)
    engine.dispose()
    with pytest.raises(SettingsWrong, match="demonstration"):
        create_app(load(environ(tmp_path, CLINIC_DATABASE_URL=url)))
    for words, program in ((("serve",), (str(CLINIC),)), (("-c", "import wsgi"), (sys.executable,))):
        refused = clinic(tmp_path, *words, program=program, CLINIC_DATABASE_URL=url)
        assert refused.returncode == 2
        assert (
            refused.stderr
            == "clinic: This is a demonstration clinic; production does not allow demonstration accounts.\n"
        )


@pytest.fixture
def live(house, session, tmp_path):
    """The clinic as it is served in production, with nothing of a demonstration."""
    for site in session.scalars(select(Site)):
        site.is_demo = False
    session.commit()
    for file in Path(house.store.url.removeprefix("sqlite:///")).parent.glob("clinic.db*"):
        file.chmod(0o600)
    app = create_app(load(environ(tmp_path, CLINIC_DATABASE_URL=house.store.url)))
    app.config["WTF_CSRF_ENABLED"] = False
    return app


def test_cookies_travel_over_https_alone_and_belong_to_this_host(live):
    browser = live.test_client()
    answer = browser.post(
        "/login", data={"email": "nurse@north.demo", "password": PASSWORD}, base_url="https://clinic.example"
    )
    cookies = answer.headers.getlist("Set-Cookie")
    assert answer.status_code == 302
    assert len(cookies) == 1
    assert cookies[0].startswith("__Host-session=")
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookies[0]
    assert "Domain" not in cookies[0]
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
    assert not live.debug


def test_a_fault_shows_a_number_and_its_log_holds_nothing_of_a_patient(live, session, team, caplog, monkeypatch):
    """Where it broke is told, never what was typed or read."""
    one = patient(team, family_name="Lindqvist", record_number="N-004187")
    session.commit()
    browser = live.test_client()
    browser.post("/login", data={"email": "nurse@north.demo", "password": PASSWORD}, base_url="https://clinic.example")
    monkeypatch.setattr("clinic.patients.search.SHOWN", (literal_column("no_such_column"),))
    live.logger.disabled = False
    sent = browser.post("/patients", data={"q": "lindqvist N-004187"}, base_url="https://clinic.example")
    answer = browser.get(sent.location, base_url="https://clinic.example")

    assert answer.status_code == 500
    assert "Nothing was saved" in answer.text
    assert "reference" in caplog.text
    assert "OperationalError" in caplog.text
    assert "search.py" in caplog.text, "where it broke is told"
    for told in ("indqvist", "004187", one.id, "no_such_column"):
        assert told not in caplog.text
    assert "Traceback" not in answer.text


def test_a_password_kept_with_less_work_than_today_is_kept_anew_at_the_sign_in(live, session, user):
    before = user("nurse").password
    session.commit()
    answer = live.test_client().post(
        "/login", data={"email": "nurse@north.demo", "password": PASSWORD}, base_url="https://clinic.example"
    )
    assert answer.status_code == 302
    session.expire_all()
    after = user("nurse").password
    assert before != after
    assert after.startswith("$argon2id$")
    assert verify(session) == []
