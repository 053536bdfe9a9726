"""Months in words, and what to do about a day that is written with one, with AM or PM, or with a short year."""

from __future__ import annotations

import re

ENGLISH = "january february march april may june july august september october november december"
GERMAN = "januar februar märz april mai juni juli august september oktober november dezember"  # codespell:ignore
OTHERWISE = {"jänner": 1, "feber": 2, "mrz": 3, "maerz": 3, "sept": 9}
"""The months in English and German, of which three letters are enough, and what else they are called."""
NAMED = OTHERWISE | {
    said: number
    for names in (ENGLISH, GERMAN)
    for number, one in enumerate(names.split(), start=1)
    for said in (one, one[:3])
}
WORD = re.compile(r"[^\W\d_]{3,}\.?")
SHORT_YEAR = re.compile(r"\d{1,2}([./-])\d{1,2}\1\d{2}(?:\D.*)?", re.ASCII | re.DOTALL)
HALF = re.compile(r"\d\s?[ap]\.?m\b", re.IGNORECASE)


def month_of(word: str) -> int:
    """Return which month a word is, from 1; 0 where it is none."""
    return NAMED.get(word.casefold().removesuffix("."), 0)


def hint(text: str) -> str:
    """Return how a day is brought that is written with a word, with AM or PM, or with a short year; "" for others."""
    if SHORT_YEAR.fullmatch(text):
        return ". Write the year with four digits: of two nobody knows the century"
    if HALF.search(text):
        return '. A time with AM or PM is read by a pattern, such as date = "MM/DD/YYYY hh:mm AM"'
    if any(month_of(one) for one in WORD.findall(text)):
        return '. A month in words, English or German, is read by a pattern, such as date = "D MON YYYY"'
    return ""
