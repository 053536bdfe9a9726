"""The statement of a dossier: each file with its SHA-256, what it is, signed with the key of the instance's seals."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature

from clinic.errors import RuleBroken
from clinic.ledger.sealing import signed, signed_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAME, PROOF, READ_ME = "manifest.json", "proof.json", "README.txt"
FORM = 1
"""The form of dossiers; it counts what a checker of before would not understand."""


def written(files: Mapping[str, bytes], key: Ed25519PrivateKey, **said: Any) -> bytes:
    """Return the manifest of some files, signed."""
    told = {name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)} for name, content in
            sorted(files.items())}  # fmt: skip
    return signed({"dossier": FORM, **said, "files": told}, key).encode()


def read(content: bytes) -> tuple[dict[str, Any], str]:
    """Return what a manifest says, and the key with which it is signed. Raises `RuleBroken` where it was changed."""
    try:
        said = json.loads(content)
        key = signed_by(said)
    except InvalidSignature:
        raise RuleBroken(f"{NAME} was changed after it was signed.") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise RuleBroken(f"{NAME} is not the manifest of a dossier, or was changed.") from None
    if said.get("dossier") != FORM:
        raise RuleBroken(f"This dossier has another form ({said.get('dossier')}) than this program reads ({FORM}).")
    return said, key
