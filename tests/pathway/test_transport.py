"""A new step is its folder, one name in the order, one line in the import contract, a migration and its tests."""

from __future__ import annotations

import subprocess
import sys

import pytest

from clinic.schema import MIGRATIONS


@pytest.mark.slow
def test_a_step_more_is_on_every_page_and_the_bedside_waits_for_it():
    """In a program of its own, because a table that is once mapped is in the metadata of all other tests."""
    words = ["-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "tests/pathway/transport/story.py"]
    done = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, *words], cwd=MIGRATIONS.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
