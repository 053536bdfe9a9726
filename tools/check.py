"""All that can be checked in a minute or so: one line for each tool, and what it said only where it complains."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.executable).parent
ENOUGH = 40
"""Lines of complaint that somebody reads before mending the first."""


class Check(NamedTuple):
    """What is looked at, in words, and the command that looks."""

    title: str
    command: str


SIDE_BY_SIDE = (
    Check("types", "basedpyright"),
    Check("lint", "ruff check --quiet --output-format=concise ."),
    Check("format", "ruff format --check --quiet --output-format=concise ."),
    Check("who imports whom", "lint-imports --no-cache --no-logo"),
    Check("templates", "djlint --quiet --lint clinic"),
    Check("spelling", "codespell"),
    Check("rule book", "python tools/rules.py --check"),
)
ALONE = (
    Check(
        "quick tests", 'pytest --quiet --numprocesses=2 -m "not browser and not slow and not postgres and not story"'
    ),
)


def passes(check: Check) -> bool:
    """Run one check and report it."""
    program, *arguments = shlex.split(check.command)
    began = time.monotonic()
    done = subprocess.run(
        [TOOLS / program, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    said = done.stdout.strip().splitlines()
    verdict = "FAILED" if done.returncode else "ok"
    print(f"{verdict:7}{check.title:18}{time.monotonic() - began:5.1f} s", flush=True)
    if done.returncode:
        more = [f"… and {len(said) - ENOUGH} lines more"] * (len(said) > ENOUGH)
        print("", f"$ {check.command}", *said[:ENOUGH], *more, "", sep="\n", flush=True)
    elif said and check in ALONE:
        print(said[-1], flush=True)
    return not done.returncode


def main() -> None:
    """Run all, the slow ones beside the quick ones; one failure does not hide the others."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        passed = list(pool.map(passes, SIDE_BY_SIDE))
    passed += map(passes, ALONE)
    sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
