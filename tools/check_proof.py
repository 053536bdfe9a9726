"""Check the proof of a record or of an exported file: `python check_proof.py PROOF [--export FILE] [--key HEX]`.

Needs Python 3.9 or later and nothing else: no database, no program of the clinic, no package. A proof (JSON) holds
entries of a clinic's ledger, for each the hashes that lead to the root of a tree, and the seals that state those roots.
Checked are: each entry's hash (SHA-256 of its canonical JSON), the way to the root (RFC 6962), the seal's signature
(Ed25519, RFC 8032), and with --export that the file is the one whose SHA-256 the entry names.

The signature is checked by the formulas of RFC 8032, written out below. Checking handles no secret, so neither its time
nor its memory can tell one; the tests compare it with another implementation.

What it cannot tell: whose key it is. Compare the key that is printed with the one that the clinic published, or give it
with --key. A proof says that these entries were written before the seal, not that none came after.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = tuple[int, int, int, int]


class Wrong(Exception):
    """The proof does not hold; the message says why."""


def add(a: Point, b: Point) -> Point:
    """Return the sum of two points of the curve, in extended coordinates."""
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    x, y, z, t = f - e, h - g, h + g, f + e
    return x * y % P, z * t % P, y * z % P, x * t % P


def times(n: int, a: Point) -> Point:
    """Return a point added to itself n times."""
    total: Point = (0, 1, 1, 0)
    while n > 0:
        if n & 1:
            total = add(total, a)
        a, n = add(a, a), n >> 1
    return total


def point(raw: bytes) -> Point:
    """Return the point that 32 bytes mean; raises `Wrong` where they mean none."""
    packed = int.from_bytes(raw, "little")
    sign, y = packed >> 255, packed & (2**255 - 1)
    squared = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(squared, (P + 3) // 8, P)
    if (x * x - squared) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - squared) % P or (x == 0 and sign):
        raise Wrong("the key or the signature is none")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether a signature is that of a message under a public key (RFC 8032, 5.1.7)."""
    if len(key) != 32 or len(signature) != 64:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= ORDER:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    left, right = times(s, BASE), add(point(signature[:32]), times(h, point(key)))
    return not ((left[0] * right[2] - right[0] * left[2]) % P or (left[1] * right[2] - right[1] * left[2]) % P)


def canonical(value: Any) -> bytes:
    """Return the one spelling of a value as JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def check_seal(seal: dict[str, Any], key: str | None) -> str:
    """Return the key of a seal; raises `Wrong` where it was changed or is of another key than the given one."""
    said = {name: part for name, part in seal.items() if name not in {"public_key", "signature"}}
    if not signed(bytes.fromhex(seal["public_key"]), canonical(said), bytes.fromhex(seal["signature"])):
        raise Wrong("the seal was changed after it was signed")
    if key is not None and seal["public_key"] != key.lower():
        raise Wrong("the seal is signed with another key")
    return seal["public_key"]


def check_entry(entry: dict[str, Any], seals: list[dict[str, Any]]) -> None:
    """Raise `Wrong` where an entry is not in the tree that its seal states."""
    content, tree = entry["content"], seals[entry["seal"]]["trees"][entry["chain"]]
    if entry["chain"].split()[-1] != content["site"] or not tree["first"] <= content["number"] <= tree["last"]:
        raise Wrong(f"entry {content['number']} does not belong to the tree of its seal")
    found = hashlib.sha256(b"\0" + hashlib.sha256(canonical(content)).digest()).digest()
    for side, beside in entry["path"]:
        pair = (bytes.fromhex(beside), found) if side == "left" else (found, bytes.fromhex(beside))
        found = hashlib.sha256(b"\1" + pair[0] + pair[1]).digest()
    if found.hex() != tree["root"]:
        raise Wrong(f"entry {content['number']} is not what was sealed")


def check_entries(entries: list[dict[str, Any]], seals: list[dict[str, Any]]) -> None:
    """Print each entry that its seal proves; raises `Wrong` where one is not proved, or none is there."""
    for entry in entries:
        check_entry(entry, seals)
        said = json.dumps(entry["content"], ensure_ascii=False)
        print(f"Sealed on {seals[entry['seal']]['at']}: {said}")
    if not entries:
        raise Wrong("it proves no entry")


def check_export(entries: list[dict[str, Any]], file: Path) -> None:
    """Raise `Wrong` where no entry names this file."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).decode().rstrip("=")
    if not any(one["content"].get("about", "").split(" ")[-1] == digest for one in entries):
        raise Wrong(f"{file} is not the file that was exported")


def main() -> int:
    """Check what the command line names; return 0 where it holds."""
    parser = argparse.ArgumentParser(description="Check the proof of a record or of an exported file.")
    parser.add_argument("proof", type=Path)
    parser.add_argument("--export", type=Path, help="the exported file")
    parser.add_argument("--key", help="the clinic's public key, in hex")
    asked = parser.parse_args()
    try:
        proof = json.loads(asked.proof.read_text(encoding="utf-8"))
        keys = {check_seal(seal, asked.key) for seal in proof["seals"]}
        check_entries(proof["entries"], proof["seals"])
        if asked.export is not None:
            check_export(proof["entries"], asked.export)
    except (Wrong, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as fault:
        print(f"NOT PROVED: {fault or type(fault).__name__}", file=sys.stderr)
        return 1
    print(f"Proved. Signed with {', '.join(sorted(keys))}{', the given key.' if asked.key else ': compare this key.'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
