"""Sets documents as PDF: one template for all, fed with data and never with markup."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typst

if TYPE_CHECKING:
    from collections.abc import Sequence

TEMPLATE = Path(__file__).with_name("document.typ")
STANDARDS: Final[Any] = ["ua-1", "a-2a"]
"""Readable aloud, and readable in decades (PDF/UA-1 with PDF/A-2a)."""


@cache
def _template() -> bytes:
    return TEMPLATE.read_bytes()


def pdf(documents: Sequence[dict[str, Any]]) -> bytes:
    """Return some documents as one file, each beginning on a page of its own; the same content gives the same bytes.

    Each has ``title``, ``lines`` (who or what it is about), ``sections``, ``foot`` and ``lang``; see `document.typ`.
    """
    data = json.dumps({"documents": documents}, ensure_ascii=False)
    made: Any = typst.compile(_template(), format="pdf", sys_inputs={"data": data}, pdf_standards=STANDARDS)
    return bytes(made)
