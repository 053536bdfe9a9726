"""The seal: the heads of all chains at one moment, signed, to be kept outside the database.

Anyone who can write to the database can restore an old copy of it, chains and all. Only a head stored elsewhere
shows that entries are gone (hazard H23).
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import select

from clinic import wording
from clinic.errors import RuleBroken
from clinic.ledger import merkle
from clinic.ledger.models import canonical
from clinic.ledger.verify import CHAINS, START, Fault, Head, all_heads, chain_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.orm import Session

EVERY = timedelta(hours=1)
"""How long the server lets pass between two seals; it makes none where nothing was written since the last one."""
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
    return _key_in(path)


def known_key(instance: Path) -> Ed25519PrivateKey | None:
    """Return the key of this instance; None where it has none, as on a copy that is only read."""
    path = instance / KEY_FILE
    return _key_in(path) if path.exists() else None


def _key_in(path: Path) -> Ed25519PrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise RuleBroken(f"{KEY_FILE} contains no Ed25519 key.")
    return key


def public_of(key: Ed25519PrivateKey) -> str:
    """Return the public half of a key, in hex."""
    return key.public_key().public_bytes_raw().hex()


@dataclass(frozen=True, kw_only=True)
class Tree:
    """The entries of a chain that a seal states one by one: from and to which number, and the root over them."""

    first: int
    last: int
    root: str


@dataclass(frozen=True, kw_only=True)
class Seal:
    """What a seal states: the heads at one moment. ``restored``: it was made as a backup replaced the database.

    ``trees``: by chain, the entries since the seal before; ``text``: the seal as it was written.
    """

    name: str
    at: datetime
    heads: Mapping[str, Head]
    restored: bool = False
    trees: Mapping[str, Tree] = field(default_factory=dict)
    text: str = ""


def trees_since(session: Session, seals: Sequence[Seal], stated: Mapping[str, Head]) -> dict[str, Tree]:
    """Return the trees of a next seal: over what each chain has beyond the trees of the seals before."""
    covered: dict[str, int] = {}
    for one in seals:
        covered |= {name: tree.last for name, tree in one.trees.items()}
        if one.restored:
            covered = {name: min(last, one.heads.get(name, START).number) for name, last in covered.items()}
    made = {}
    for name, head in stated.items():
        first = covered.get(name, 0) + 1
        if first <= head.number:
            entries = hashes(session, name, first, head.number)
            made[name] = Tree(first=first, last=head.number, root=merkle.root(entries))
    return made


def hashes(session: Session, name: str, first: int, last: int) -> list[str]:
    """Return the hashes of the entries of a chain from one number to another."""
    chain = next(chain for chain in reversed(CHAINS) if name.startswith(chain.prefix))
    entry = chain.entry
    wanted = entry.site_id == name.removeprefix(chain.prefix), entry.number.between(first, last)
    return list(session.scalars(select(entry.hash).where(*wanted).order_by(entry.number)))


def seal(
    stated: Mapping[str, Head],
    *,
    at: datetime,
    key: Ed25519PrivateKey,
    restored: bool = False,
    trees: Mapping[str, Tree] | None = None,
) -> str:
    """Return the text of a seal: the heads, the trees of entries, when, the public key and its signature."""
    said: dict[str, Any] = {
        "at": at.isoformat(),
        "heads": {site: {"number": h.number, "hash": h.hash} for site, h in sorted(stated.items())},
        **({"restored": True} if restored else {}),
        **({"trees": {name: asdict(tree) for name, tree in sorted(trees.items())}} if trees else {}),
    }
    return signed(said, key)


def signed(said: Mapping[str, Any], key: Ed25519PrivateKey) -> str:
    """Return a statement as JSON with the public key and the signature over its canonical form."""
    signature = key.sign(canonical(said).encode()).hex()
    return json.dumps({**said, "public_key": public_of(key), "signature": signature}, indent=2) + "\n"


def signed_by(read: dict[str, Any]) -> str:
    """Take key and signature out of a statement and return the key, in hex.

    Raises `InvalidSignature` where it was changed, `ValueError`, `KeyError` or `TypeError` where it is none.
    """
    public, signature = read.pop("public_key"), bytes.fromhex(read.pop("signature"))
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, canonical(read).encode())
    return str(public)


def opened(text: str, *, key: Ed25519PrivateKey | None = None, name: str = "") -> Seal:
    """Return what a seal states; `RuleBroken` where it is none, was changed, or bears another key's signature."""
    try:
        read: dict[str, Any] = json.loads(text)
        stated = {
            site: Head(number=int(head["number"]), hash=str(head["hash"])) for site, head in read["heads"].items()
        }
        at, restored = datetime.fromisoformat(read["at"]), read.get("restored") is True
        trees = {
            name: Tree(first=int(tree["first"]), last=int(tree["last"]), root=str(tree["root"]))
            for name, tree in read.get("trees", {}).items()
        }
        public = signed_by(read)
    except InvalidSignature:
        raise RuleBroken("The seal was changed after it was signed.") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise RuleBroken("This is not a seal of a ledger.") from None
    if key is not None and public != public_of(key):
        raise RuleBroken("The seal is signed with a different key from this instance's.")
    return Seal(name=name, at=at, heads=stated, restored=restored, trees=trees, text=text)


def found_in(folders: Iterable[Path], key: Ed25519PrivateKey | None) -> tuple[list[Seal], list[Fault]]:
    """Return every seal in some folders, the oldest first, and a fault for each file there that cannot count as one."""
    seals, faults = dict[str, Seal](), []
    for folder in folders:
        for file in sorted(folder.glob("*.json")):
            try:
                text = file.read_text()
                seals[text] = opened(text, key=key, name=str(file))
            except (RuleBroken, OSError, UnicodeDecodeError) as broken:
                faults.append(Fault(table="seal", row=str(file), because=str(broken)))
    return sorted(seals.values(), key=lambda one: one.at), faults


def still_binding(seals: Sequence[Seal]) -> list[dict[str, Head]]:
    """Return the heads that the ledger must reach: those of each seal, as far as no later restoration went back."""
    binding = []
    for one in seals:
        after = [other for other in seals if other.restored and other.at > one.at]
        binding.append({
            site: head for site, head in one.heads.items()
            if all(other.heads.get(site, START).number >= head.number for other in after)
        })  # fmt: skip
    return binding


def _told(seal: Seal) -> str:
    return f"{wording.moment(seal.at, 'Etc/UTC')} UTC"


def proved(seals: Sequence[Seal], present: Mapping[str, Head], *, elsewhere: bool) -> list[str]:
    """Return what seals prove about a ledger that agrees with them, and what nobody can prove, in sentences."""
    if not seals:
        return ["Not proved: that no entries were removed or replaced, because no seal was found. Run: clinic seal."]
    said = [f"Seals checked: {len(seals)}, from {_told(seals[0])} to {_told(seals[-1])}."]
    for site, head in sorted(present.items()):
        number = max((heads[site].number for heads in still_binding(seals) if site in heads), default=0)
        place = f"site {site}" if " " not in site else f"the access log of site {site.split()[-1]}"
        if number:
            said.append(f"{place[0].upper()}{place[1:]}: entries 1 to {number} are those that were sealed.")
        if head.number > number:
            said.append(f"Not proved for {place}: entries {number + 1} to {head.number}; no seal covers them yet.")
    for one in seals:
        if one.restored:
            reached = ", ".join(f"{site} to entry {head.number}" for site, head in sorted(one.heads.items()))
            said.append(f"A backup was restored on {_told(one)}, {reached or 'empty'}: see {one.name}.")
    if not elsewhere:
        said.append(
            "Not proved: that nobody replaced the database, the seals and their key together. Keep seals in a second"
            " place (CLINIC_SEALS)."
        )
    return said


def keep(text: str, at: datetime, folders: Iterable[Path]) -> list[Path]:
    """Write a seal to the disk of each folder, as a new file; return the files."""
    files = []
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.append(write(text, folder / f"{at:%Y%m%dT%H%M%S%fZ}.json"))
    return files


def write(text: str, file: Path) -> Path:
    """Write a seal to a new file, down to the disk."""
    with file.open("x") as new:
        try:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())
        except OSError:  # the disk is full: half a seal would count as one that was tampered with
            file.unlink()
            raise
    return file


def seal_in_turn(session: Session, instance: Path, folders: Sequence[Path], at: datetime) -> list[Fault]:
    """Seal what was written since the last seal, once an hour, if it continues what was sealed; else return why not.

    Only the entries since the last seal are read, so that its work does not grow with the clinic.
    """
    key = key_of(instance)
    seals, faults = found_in(folders, key)
    present = all_heads(session)
    if faults or not present or any(timedelta() <= at - one.at < EVERY for one in seals):
        return faults  # a seal of a moment to come was made while the clock was ahead: it stops none
    since = dict(seals[-1].heads) if seals else {}
    if since == present:
        return []
    faults = [fault for chain in CHAINS for fault in chain_problems(session, (), since=since, chain=chain)]
    if not faults:
        with suppress(FileExistsError):  # another process of the server sealed at the same moment
            trees = trees_since(session, seals, present)
            keep(seal(present, at=at, key=key, trees=trees), at, folders)
    return faults
