"""Settings: from the environment, then ``instance/config.toml``, then the defaults below."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
import tomllib
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from clinic.errors import SettingsWrong

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent
KEY_LENGTH = 32
KNOWN_KEYS = {"dev", "secret", "changeme", "change-me", "development", "a-key-of-the-tests-and-of-nothing-else"}
WORDS = (
    "password", "passw0rd", "p4ssw0rd", "secret", "changeme", "change-me", "cellcourse", "qwerty", "letmein", "123456",
)  # fmt: skip
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
"""A word as a password is made of it, with marks between them and a number behind; a random key mixes its letters."""
REPEATED = 0.75
"""What part of the groups of three characters in a key is different from the others, at least."""
RANDOM = 'python -c "import secrets; print(secrets.token_urlsafe(48))"'
VARIED = 10
"""How many different characters a key has at least; one letter many times is no secret."""
OTHERS = stat.S_IRWXO
PAGE_WAIT = 5
"""Seconds for which a page waits for another writer; then it says so, rather than hang."""
PAGE_SILENCE = 10
"""Seconds for which a page waits for any answer of a database server; a command waits as long as it takes."""
PORTS = 65_536
COMMAND_WAIT = 30
"""The same for a command, at which nobody stands with a patient."""


@dataclass(frozen=True, kw_only=True)
class Smtp:
    """The mail server that tells people of new notices. ``security``: starttls, tls or none."""

    host: str
    port: int = 587
    security: str = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    sender: str = ""

    def check(self) -> None:
        """Raise `SettingsWrong` where mail could not be sent, or a password would travel in the open."""
        if self.security not in {"starttls", "tls", "none"}:
            raise SettingsWrong(f"CLINIC_SMTP_SECURITY is “{self.security}”; it must be starttls, tls or none.")
        if self.security == "none" and self.user:
            raise SettingsWrong("CLINIC_SMTP_SECURITY must be starttls or tls where CLINIC_SMTP_USER signs in.")
        if "@" not in self.sender or not self.sender.isprintable():
            raise SettingsWrong("CLINIC_SMTP_FROM must be the e-mail address that notices come from.")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the program has to know before it starts. See the README for each name."""

    instance: Path
    database_url: str
    secret_key: str = field(repr=False)
    env: str = "development"
    public_url: str = ""
    trusted_proxies: int = 0
    zone: str = "Europe/Berlin"
    testing: bool = False
    database_wait: int = PAGE_WAIT
    database_silence: int = PAGE_SILENCE
    only_reads: bool = False
    smtp: Smtp | None = None
    seals: Path | None = None
    reports: Path | None = None
    catalogues: Path | None = None
    catalogues_read: str | None = None
    """The text of that file as the process that started this one has read it."""

    @property
    def seal_folders(self) -> list[Path]:
        """Where seals of the ledger are kept: beside the instance's data, and in the second place if one is set."""
        return [self.instance / "seals", *([self.seals] if self.seals else [])]

    @property
    def database_file(self) -> Path | None:
        """Return the file of a SQLite database; None for a database that is no file."""
        if not self.database_url.startswith("sqlite:///"):
            return None
        name = self.database_url.removeprefix("sqlite:///").partition("?")[0]
        return self.instance / name if name and name != ":memory:" else None

    @property
    def production(self) -> bool:
        """Whether real patients are treated with it."""
        return self.env == "production"

    def derived(self, purpose: str) -> str:
        """Return a secret of its own for one purpose: HMAC-SHA256 of the purpose's name under the secret key.

        It tells nothing about the key, and nothing about the secret of another purpose.
        """
        return hmac.new(self.secret_key.encode(), f"cellcourse {purpose}".encode(), hashlib.sha256).hexdigest()

    def check(self) -> None:
        """Raise `SettingsWrong` where settings are unsafe for what the program is used for; it names every fault."""
        faults = list(self._faults())
        if faults:
            raise SettingsWrong(" ".join(faults))
        if self.smtp is not None:
            self.smtp.check()

    def _faults(self) -> Iterator[str]:
        if self.env not in {"development", "production"}:
            yield f"CLINIC_ENV is “{self.env}”; it must be development or production."
        if len(self.secret_key) < KEY_LENGTH or self.secret_key.lower() in KNOWN_KEYS:
            yield f"CLINIC_SECRET_KEY is too short or well known: use {KEY_LENGTH} random characters or more."
        elif self.production and guessable(self.secret_key):
            yield f"CLINIC_SECRET_KEY is published or easily guessed. Use random characters: {RANDOM}"
        if self.production:
            if not _is_public(self.public_url):
                yield (
                    "CLINIC_PUBLIC_URL must be the address of the clinic and begin with https:// in production, like"
                    " https://clinic.example: cookies travel only there, and links lead there."
                )
            yield from self._open_files()

    def _open_files(self) -> Iterator[str]:
        """Yield each file with the records, or with what protects them, that everybody on this machine may read."""
        files = [self.instance / name for name in ("secret_key", "seal_key.pem", "config.toml")]
        if (database := self.database_file) is not None:
            files += [database.with_name(database.name + ending) for ending in ("", "-wal", "-shm")]
        for file in files:
            if file.is_file() and file.stat().st_mode & OTHERS:
                yield f"Everybody on this machine may read {file}. Run: chmod 600 {file}"
        if self.reports is not None and self.reports.is_dir() and self.reports.stat().st_mode & OTHERS:
            yield f"Everybody on this machine may look into {self.reports}. Run: chmod 700 {self.reports}"


def _is_public(url: str) -> bool:
    """Whether an address can be that of a clinic in production: https and a host, and nothing behind its path."""
    try:
        parts = urlsplit(url)
        named = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return named and not (parts.username or parts.query or parts.fragment) and url.isprintable() and " " not in url


def guessable(key: str) -> bool:
    """Return whether a key is made of words, of few characters, of repetitions or of a row of neighbours."""
    small = key.lower()
    triples = [small[n : n + 3] for n in range(len(small) - 2)]
    neighbors = sum(abs(ord(one) - ord(other)) <= 1 for one, other in pairwise(small))
    return (
        len(set(key)) < VARIED
        or any(word in small for word in WORDS)
        or all(WORD.fullmatch(part) for part in re.split(r"[\W_]+", key.strip("0123456789!?.-_ ")))
        or len(set(triples)) < REPEATED * len(triples)
        or neighbors > len(key) / 2
    )


def _secret(instance: Path, *, makes: bool) -> str:
    """Return the key of this instance; made once, readable by its owner alone. Not ``makes``: one of the moment."""
    path = instance / "secret_key"
    if not path.exists():
        if not makes:
            return secrets.token_urlsafe(48)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()


def _smtp(said: Callable[[str, str], str]) -> Smtp | None:
    """Return the mail server of the settings, None where none is named."""
    host, port = said("CLINIC_SMTP_HOST", ""), said("CLINIC_SMTP_PORT", "587")
    if not host:
        return None
    if not port.isdigit() or not 0 < int(port) < PORTS:
        raise SettingsWrong(f"CLINIC_SMTP_PORT is “{port}”; it must be the number of a port.")
    user = said("CLINIC_SMTP_USER", "")
    return Smtp(
        host=host, port=int(port), security=said("CLINIC_SMTP_SECURITY", "starttls"), user=user,
        password=said("CLINIC_SMTP_PASSWORD", ""), sender=said("CLINIC_SMTP_FROM", user),
    )  # fmt: skip


def _catalogues(said: str, instance: Path) -> Path | None:
    """Return the file that extends the catalogues: the one that is named, else that of the instance if it has one."""
    usual = instance / "catalogues.toml"
    if not said:
        return usual if usual.is_file() else None
    if not Path(said).is_file():
        raise SettingsWrong(
            f"CLINIC_CATALOGUES is “{said}”; there is no such file. Name one, or leave the setting out."
        )
    return Path(said).resolve()


def load(environ: dict[str, str] | None = None, *, makes: bool = True) -> Settings:
    """Return the settings in force. Raises `SettingsWrong` with a sentence.

    ``makes``: make the instance folder and its key where they are not there; otherwise nothing is written.
    """
    env = dict(os.environ if environ is None else environ)
    instance = Path(env.get("CLINIC_INSTANCE") or ROOT / "instance").resolve()
    if makes:
        instance.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = instance / "config.toml"
    try:
        written = tomllib.loads(file.read_text()) if file.exists() else {}
    except tomllib.TOMLDecodeError as fault:
        raise SettingsWrong(f"{file.name} cannot be read: {fault}.") from fault

    def said(name: str, default: str) -> str:
        return env.get(name) or str(written.get(name, written.get(name.removeprefix("CLINIC_").lower(), default)))

    proxies = said("CLINIC_TRUSTED_PROXIES", "0")
    if not proxies.isdigit():
        raise SettingsWrong(f"CLINIC_TRUSTED_PROXIES is “{proxies}”; it must be the number of proxies in front.")
    settings = Settings(
        instance=instance,
        database_url=said("CLINIC_DATABASE_URL", f"sqlite:///{instance / 'clinic.db'}"),
        secret_key=said("CLINIC_SECRET_KEY", "") or _secret(instance, makes=makes),
        env=said("CLINIC_ENV", "development"),
        public_url=said("CLINIC_PUBLIC_URL", ""),
        trusted_proxies=int(proxies),
        zone=said("CLINIC_TZ", "Europe/Berlin"),
        smtp=_smtp(said),
        seals=Path(said("CLINIC_SEALS", "")).resolve() if said("CLINIC_SEALS", "") else None,
        reports=Path(said("CLINIC_REPORTS_DIR", "")).resolve() if said("CLINIC_REPORTS_DIR", "") else None,
        catalogues=_catalogues(said("CLINIC_CATALOGUES", ""), instance),
        catalogues_read=env.get("CLINIC_CATALOGUES_READ"),
    )
    settings.check()
    return settings
