"""Letters that are two of another encoding: “MÃ¼ller” of a file in Windows-1252 is “Müller” of a line in UTF-8."""

from __future__ import annotations

import re

ONE_BYTE = frozenset({
    "windows-1250", "windows-1252", "windows-1254", "windows-1257", "iso-8859-1", "iso-8859-2", "iso-8859-15", "cp437",
    "cp850", "cp852", "mac-roman",
})  # fmt: skip
"""Encodings in which no word has such pairs; in Cyrillic and Greek ones words do."""
PAIR = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|\xc2[\xa0-\xbf]|[\xe1-\xef][\x80-\xbf]{2}")


def as_utf_8(text: str, encoding: str) -> str:
    """Return how a text reads whose letters with accents are pairs of UTF-8; "" where it has none such."""
    if encoding not in ONE_BYTE or text.isascii():
        return ""
    raw = text.encode(encoding, "replace")
    try:
        read = PAIR.sub(lambda found: found[0].decode().encode(encoding), raw)
    except UnicodeError:  # a pair that no word in this encoding would have been
        return ""
    return "" if read == raw else read.decode(encoding)
