"""A tree of hashes over a run of entries: with its root, one entry is proved by a few hashes and without the others.

Hashed as in RFC 6962: a leaf is SHA-256 of a zero byte and the entry's hash, a node of a one byte and its two children;
who is left over on a level goes up as it is.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LEFT, RIGHT = "left", "right"


def _leaf(entry: str) -> bytes:
    return hashlib.sha256(b"\0" + bytes.fromhex(entry)).digest()


def _above(level: Sequence[bytes]) -> list[bytes]:
    pairs = [hashlib.sha256(b"\1" + level[n] + level[n + 1]).digest() for n in range(0, len(level) - 1, 2)]
    return [*pairs, level[-1]] if len(level) % 2 else pairs


def levels(entries: Sequence[str]) -> list[list[bytes]]:
    """Return the tree over the hashes of some entries (64 hex digits each, at least one): its leaves first."""
    found = [[_leaf(one) for one in entries]]
    while len(found[-1]) > 1:
        found.append(_above(found[-1]))
    return found


def root(entries: Sequence[str]) -> str:
    """Return the root over the hashes of some entries, 64 hex digits."""
    return levels(entries)[-1][0].hex()


def path(entries: Sequence[str], place: int) -> list[tuple[str, str]]:
    """Return what leads from the entry at a place (from 0) to the root: on which side, and which hash."""
    return path_in(levels(entries), place)


def path_in(tree: Sequence[Sequence[bytes]], place: int) -> list[tuple[str, str]]:
    """Return the same in a tree that was worked out before, for many entries of it."""
    steps = []
    for level in tree[:-1]:
        beside = place ^ 1
        if beside < len(level):
            steps.append((LEFT if beside < place else RIGHT, level[beside].hex()))
        place //= 2
    return steps


def led_to(entry: str, steps: Sequence[Sequence[str]]) -> str:
    """Return the root to which the way from an entry's hash leads. Raises `ValueError` for what is no way."""
    found = _leaf(entry)
    for side, beside in steps:
        other = bytes.fromhex(beside)
        found = hashlib.sha256(b"\1" + (other + found if side == LEFT else found + other)).digest()
    return found.hex()
