"""The command line. Exit status: 0 done, 1 failed or refused, 2 wrong usage or settings; errors are one sentence."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS = {
    "backup": ("database:backup", "Copy the database to a new file while it is in use, and verify the copy."),
    "catalogues": (
        "catalogues:catalogues",
        "List conditions and instruments, built-in and added; check a file that adds some.",
    ),
    "demo": ("demonstration:demo", "Build a demonstration clinic; refuses a database that has another clinic."),
    "dossier": ("dossiers:dossier", "Write one patient's whole record: PDF, CSV, attachments, signatures, proof."),
    "downtime": ("downtime:downtime", "Write the downtime kit: the day's list, open courses, blank forms."),
    "export": ("tables:export", "Export a data set."),
    "import": (
        "imports:import_table",
        "Import patients, courses or additions from CSV or XLSX: all or nothing; or undo.",
    ),
    "migrate": ("database:migrate", "Bring the database to the current schema; safe when many start at once."),
    "prove": ("proof:prove", "Write the proof of a record, or of an exported file, for a stranger to check."),
    "restore": ("database:restore", "Replace the database by a backup; reports what the backup lacks."),
    "seal": ("proof:seal", "Write and sign the present heads of the ledger. Keep the file elsewhere."),
    "serve": ("serving:serve", "Serve the clinic until Ctrl-C or SIGTERM."),
    "site": ("staff:site", "Sites: add, list, phones."),
    "sweep": ("database:sweep", "Recalculate what time alone has changed; the server does this by itself."),
    "user": ("staff:user", "Staff: add, disable, list, reset."),
    "verify": ("proof:verify", "Check the ledger, and that every record agrees with it."),
}
"""Each command: its module in `clinic.commands` with its name there, and what it does, as its help says."""


class LazyGroup(click.Group):
    """Loads the module of a command when the command is asked for; the list of them needs no module."""

    def __init__(self, *, lazy: Mapping[str, tuple[str, str]], **more: Any) -> None:
        super().__init__(**more)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *self.lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one command, with the help that the list gives it."""
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        place, says = self.lazy[cmd_name]
        module, _, name = place.partition(":")
        found: click.Command = getattr(import_module(f"clinic.commands.{module}"), name)
        found.help = says
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.lazy[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cellcourse")
def clinic() -> None:
    """Cellcourse: a stem-cell clinic's record of treatment."""


CHECKOUT = Path(__file__).resolve().parent.parent
"""Settings, migrations and what browsers are sent are in the checkout, beside this package."""


def main() -> None:
    """Run the command line."""
    if not all((CHECKOUT / name).exists() for name in ("config.py", "migrations")):
        sys.stderr.write(
            "clinic: This package was installed without its checkout, which has the settings, the migrations and what"
            " browsers are sent. Run `make set-up` in the checkout, and use its .venv/bin/clinic.\n"
        )
        sys.exit(2)
    import_module("clinic.console").run(clinic)  # not imported above: it reads the settings
