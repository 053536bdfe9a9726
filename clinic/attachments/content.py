"""What the structure of a PDF or picture lets one judge: whole, of a size to open, nothing in it that acts."""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ACTIVE = re.compile(
    rb"/(?:JavaScript|Launch|EmbeddedFile|RichMedia|SubmitForm|ImportData|Rendition|GoTo[RE]\b|GoTo3DView|XFA(?=[\s\[(<])"
    rb"|AA\s*(?:<<|\d)|S\s*/(?:Movie|Sound|Thread)\b|FS\s*/URL\b|OpenAction\s*<<[^>]{0,500}/URI)"
)
"""What makes a PDF run, play, fetch, send or carry something; a name may be written with ``#xx`` for a character."""
_OPENS = re.compile(rb"/OpenAction\s+(\d{1,9})\s+(\d{1,5})\s+R")
_STREAM = re.compile(rb"stream\r?\n")
_PACKED = re.compile(rb"/Type\s*/ObjStm")
_FILTER = re.compile(rb"/Filter\s*(\[[^\]]*\]|/\w+)")
_PREDICTED = re.compile(rb"/Predictor\s*(?!1\b)")
DICTIONARY, STREAMS, OPENINGS = 1024, 50_000, 10
"""Bytes before a stream in which its dictionary is looked for; streams and opening actions of one PDF at most."""
MOST_UNPACKED = 64 * 1024 * 1024
"""Bytes of all object streams of one PDF, unpacked; a PDF with more is refused."""
MOST_DOTS = 200_000_000
"""Width times height that a picture may claim: a few bytes can claim more than the memory of who opens them."""
PADDING = b"\0 \t\r\n\x0c\x1a"
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""The markers of a JPEG that are followed by its height and width."""
WIDTH, HEIGHT = 256, 257
"""The tags of a TIFF for them."""


def is_safe_pdf(content: bytes) -> bool:
    """Whether a PDF is whole, has nothing behind its end, and neither runs, sends nor carries anything.

    The objects that it keeps compressed are searched too; where they cannot be unpacked, it is not judged safe.
    """
    end = content.rfind(b"%%EOF")
    if end < 0 or content[end + 5 :].strip(PADDING):
        return False
    try:
        return not any(_acts(part) for part in (content, *_unpacked(content)))
    except (zlib.error, ValueError):
        return False


def _acts(part: bytes) -> bool:
    plain = _named(part)
    if _ACTIVE.search(plain):
        return True
    opens = set(_OPENS.findall(plain))
    if len(opens) > OPENINGS:
        return True
    for number, generation in opens:
        opened = re.search(rb"(?<!\d)%s\s+%s\s+obj\b(.{0,2000})" % (number, generation), plain, re.DOTALL)
        if opened and re.search(rb"/S\s*/URI\b", opened[1].partition(b"endobj")[0]):
            return True
    return False


def _named(part: bytes) -> bytes:
    """Return what stands in a PDF with the letters that are written as numbers: ``/J#61vaScript``."""
    return re.sub(rb"#([0-9a-fA-F]{2})", lambda code: bytes([int(code[1], 16)]), part)


def _unpacked(content: bytes) -> Iterator[bytes]:
    """Yield the object streams of a PDF, unpacked.

    Raises `ValueError` where there is too much, where one is packed in another way, or where one was not found.
    """
    left, done, found = MOST_UNPACKED, 0, 0
    for number, stream in enumerate(_STREAM.finditer(content)):
        if number >= STREAMS:
            raise ValueError("too many streams")
        before = content[max(done, stream.start() - DICTIONARY) : stream.start()]
        said = _named(before[before.rfind(b"obj") + 3 :])
        if stream.start() < done or not _PACKED.search(said):
            continue
        found, done = found + 1, content.find(b"endstream", stream.end())
        if b"/Filter" in said:
            part = _inflated(said, content[stream.end() : done], left)
            left -= len(part)
            yield part
    if found != len(_PACKED.findall(_named(content))):
        raise ValueError("an object stream that was not found")


def _inflated(said: bytes, packed: bytes, most: int) -> bytes:
    how = _FILTER.search(said)
    if how is None or re.findall(rb"/(\w+)", how[1]) not in ([b"FlateDecode"], [b"Fl"]) or _PREDICTED.search(said):
        raise ValueError("an object stream that is packed in another way")
    unpacker = zlib.decompressobj()
    part = unpacker.decompress(packed, max(1, most))
    if not unpacker.eof:
        raise ValueError("an object stream that is too large or cut off")
    return part


def is_whole_jpeg(content: bytes) -> bool:
    """Whether a JPEG ends with its end marker, or with what some telephones write behind it; see `MOST_DOTS`."""
    end = content.rfind(b"\xff\xd9")
    after = content[end + 2 :].strip(PADDING) if end >= 0 else b"?"
    if after and (not after.endswith(b"SEFT") or b"<" in after):
        return False
    return all(height * width <= MOST_DOTS for height, width in _frames(content))


def _frames(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield height and width of each frame of a JPEG that its first segments name."""
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker, (length,) = content[at + 1], struct.unpack_from(">H", content, at + 2)
        if marker in FRAMES:
            yield struct.unpack_from(">HH", content, at + 5)
        at += 2 + max(length, 2)


def is_whole_png(content: bytes) -> bool:
    """Whether a PNG ends with its last chunk; see `MOST_DOTS`."""
    end = content.rfind(b"IEND\xaeB`\x82")
    if end < 0 or content[end + 8 :].strip(PADDING):
        return False
    width, height = struct.unpack_from(">II", content, 16) if content[12:16] == b"IHDR" else (0, 0)
    return width * height <= MOST_DOTS


def is_whole_tiff(content: bytes) -> bool:
    """Whether the first directory of a TIFF, with all its entries, lies within the file; see `MOST_DOTS`."""
    order = "<" if content[:2] == b"II" else ">"
    if len(content) < 10:
        return False
    (start,) = struct.unpack_from(f"{order}I", content, 4)
    if not 8 <= start <= len(content) - 2:
        return False
    (entries,) = struct.unpack_from(f"{order}H", content, start)
    if not entries or start + 2 + 12 * entries > len(content):
        return False
    said = {
        tag: value if kind == 4 else struct.unpack_from(f"{order}H", content, start + 10 + 12 * number)[0]
        for number in range(entries)
        for tag, kind, value in [struct.unpack_from(f"{order}HH4xI", content, start + 2 + 12 * number)]
    }
    return said.get(WIDTH, 0) * said.get(HEIGHT, 0) <= MOST_DOTS


KINDS: tuple[tuple[bytes, str, Callable[[bytes], bool]], ...] = (
    (b"%PDF-", "application/pdf", is_safe_pdf), (b"\xff\xd8\xff", "image/jpeg", is_whole_jpeg),
    (b"\x89PNG\r\n\x1a\n", "image/png", is_whole_png), (b"II*\x00", "image/tiff", is_whole_tiff),
    (b"MM\x00*", "image/tiff", is_whole_tiff),
)  # fmt: skip
"""How each kind of file begins, and what else must be so."""
