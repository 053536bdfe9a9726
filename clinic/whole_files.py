"""Files that are in their place whole, and on the disk, or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def written_whole(path: Path, *, over: bool = True) -> Iterator[IO[bytes]]:
    """Write a file beside its place and put it there when it is on the disk; its owner alone reads it.

    ``over``: whether it may take the place of another file; else `FileExistsError` where there is one.
    """
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 600
    beside = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if over:
            beside.replace(path)
        else:
            os.link(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
