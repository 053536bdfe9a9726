"""One style sheet and one script of all the parts, and packed copies of what is sent often."""

from __future__ import annotations

import gzip
import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PARTS = (
    "tokens", "page", "parts", "patient", "board", "course", "tables", "drawings", "timeline", "forms", "bedside",
    "laboratory", "protocols", "followup", "patients", "ledger",
    "requests", "downtime", "charts", "print",
)  # fmt: skip
"""Our style sheets in the order in which they overrule each other."""
REFERENCE = re.compile(r'url\("(?!data:|#)([^"?]+)"\)')
PACKED = {".css", ".js", ".svg"}


class UnknownPartError(Exception):
    """A style sheet is not in the list of parts, or the other way round."""


def version(file: Path) -> str:
    """Return what names the content of a file in its address."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def style_sheet(vendor: Path, css: Path) -> str:
    """Return Tabler and our parts as one style sheet; the files it refers to carry their version."""
    lying = {file.stem for file in css.glob("*.css")}
    if lying != set(PARTS):
        raise UnknownPartError(f"tools/assets.py and {css.name}/ disagree about {', '.join(lying ^ set(PARTS))}.")
    whole = "\n".join(
        file.read_text() for file in (vendor / "tabler.min.css", *(css / f"{part}.css" for part in PARTS))
    )
    return REFERENCE.sub(lambda found: f'url("{found[1]}?v={version(vendor / found[1])}")', whole)


def script(js: Path) -> str:
    """Return our scripts as one, by name."""
    return "\n".join(file.read_text() for file in sorted(js.glob("*.js")))


def pack(files: Iterable[Path]) -> None:
    """Write a packed copy beside each file; the same content gives the same bytes."""
    for file in files:
        if file.suffix in PACKED:
            file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), 9, mtime=0))
