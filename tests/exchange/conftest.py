"""Files to take in, and the protocols under which the published children come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.factories import Team, published

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Write a file: ``table("a;b", "1;2")`` or ``table(raw=bytes, name="t.xlsx")``."""

    def write(*lines: str, name: str = "table.csv", raw: bytes | None = None) -> Path:
        file = tmp_path / name
        file.write_bytes(raw if raw is not None else "\n".join(lines).encode())
        return file

    return write


@pytest.fixture
def children(team: Team) -> Team:
    """The northern staff with the two protocols published under which the 187 children come in."""
    for code in ("HPC-A-CHILD", "HPC-M-CHILD"):
        published(team, code)
    return team
