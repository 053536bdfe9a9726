"""The command line, as a shell runs it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from clinic import cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def shell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str, instance: Path
) -> Callable[..., tuple[int, str, str]]:
    """Return what runs `clinic` over a database: ``status, out, err = run("verify")``."""
    instance.mkdir(exist_ok=True)
    monkeypatch.setenv("CLINIC_DATABASE_URL", url)
    monkeypatch.setenv("CLINIC_INSTANCE", str(instance))
    monkeypatch.setenv("CLINIC_SECRET_KEY", secrets.token_urlsafe(48))

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["clinic", *map(str, words)])
        status = 0
        try:
            cli.main()
        except SystemExit as ended:
            status = int(ended.code or 0)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run
