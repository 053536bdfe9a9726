"""`clinic demo`: what it says, what it refuses, and with which status it ends."""

from __future__ import annotations

import sys

import pytest

from tests.shell import shell


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command line on an empty database of the current schema: ``status, out, err = run("demo")``."""
    once = shell(monkeypatch, capsys, f"sqlite:///{tmp_path / 'clinic.db'}", tmp_path / "instance")
    assert once("migrate")[0] == 0
    return once


def test_where_faker_is_not_installed_it_says_what_to_install_and_ends_with_two(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "faker", None)
    status, out, err = run("demo")
    assert (status, out) == (2, "")
    assert err == "clinic: The demonstration needs Faker: run `make set-up`, or install requirements-demo.txt.\n"


@pytest.mark.slow
def test_a_demonstration_is_made_once_and_only_into_an_empty_database(run, monkeypatch):
    status, out, err = run("demo", "--patients", "2", "--seed", "3", "--sites", "1")
    assert (status, err) == (0, "")
    assert out == "The demonstration clinic is ready: Cellcourse North; 193 patients.\n"
    assert run("verify")[0] == 0
    assert run("demo", "--if-empty") == (0, "", "")
    assert run("demo")[0] == 1
    monkeypatch.setitem(sys.modules, "faker", None)
    assert run("demo", "--if-empty") == (0, "", "")
