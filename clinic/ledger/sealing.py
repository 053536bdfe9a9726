"""The seal: the heads of all chains at one moment, signed, to be kept outside the database.

Anyone who can write to the database can restore an old copy of it, chains and all. Only a head stored elsewhere
shows that entries are gone (hazard H23).
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from clinic.errors import RuleBroken
from clinic.ledger.models import canonical
from clinic.ledger.verify import Head

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

KEY_FILE = "seal_key.pem"


def key_of(instance: Path) -> Ed25519PrivateKey:
    """Return the key with which this instance seals; made at its first use, readable by its owner alone."""
    path = instance / KEY_FILE
    if not path.exists():
        made = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(made)
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise RuleBroken(f"{KEY_FILE} contains no Ed25519 key.")
    return key


def _public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def seal(heads: Mapping[str, Head], *, at: datetime, key: Ed25519PrivateKey) -> str:
    """Return the text of a seal: the heads, when, the public key and its signature."""
    said = {
        "at": at.isoformat(),
        "heads": {site: {"number": h.number, "hash": h.hash} for site, h in sorted(heads.items())},
    }
    signature = key.sign(canonical(said).encode()).hex()
    return json.dumps({**said, "public_key": _public(key), "signature": signature}, indent=2) + "\n"


def opened(text: str, *, key: Ed25519PrivateKey | None = None) -> dict[str, Head]:
    """Return the heads of a seal; `RuleBroken` where it is none, was changed, or bears another key's signature."""
    try:
        read: dict[str, Any] = json.loads(text)
        heads = {site: Head(number=int(head["number"]), hash=str(head["hash"])) for site, head in read["heads"].items()}
        public, signature = read.pop("public_key"), bytes.fromhex(read.pop("signature"))
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, canonical(read).encode())
    except InvalidSignature:
        raise RuleBroken("The seal was changed after it was signed.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RuleBroken("This is not a seal of a ledger.") from None
    if key is not None and public != _public(key):
        raise RuleBroken("The seal is signed with a different key from this instance's.")
    return heads
