"""A short soak: the server is killed at random moments under eight writers, and nothing acknowledged is lost.

`make soak` does the same for as long as somebody asks.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_nothing_acknowledged_is_lost_when_the_server_is_killed(database):
    plain = {name: value for name, value in os.environ.items() if not name.startswith("CLINIC_")}
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, ROOT / "tools" / "soak.py", "--seconds", "3", "--database", database],
        env=plain, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    said = re.search(r"(\d+) kills, (\d+) acknowledged, 0 lost, verified after each", done.stdout)
    assert said is not None, done.stdout
    assert int(said[1]) >= 1
    assert int(said[2]) >= 1, "writers wrote before the first kill"
