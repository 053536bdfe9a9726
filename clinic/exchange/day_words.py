"""Months in words, and what to do about a day that is written with one, with AM or PM, or with a short year."""

from __future__ import annotations

import re
from datetime import date, timedelta

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
SERIAL = re.compile(r"[1-8]\d{4}(?:\.\d+)?", re.ASCII)
DAY_BEFORE_ALL = date(1899, 12, 30)
"""The day 0 of a spreadsheet for all days since March 1900."""
HALF = re.compile(r"\d\s?[ap]\.?m\b", re.IGNORECASE)


def month_of(word: str) -> int:
    """Return which month a word is, from 1; 0 where it is none."""
    return NAMED.get(word.casefold().removesuffix("."), 0)


def hint(text: str) -> str:
    """Return how a day is brought that is written with a word, with AM or PM, or with a short year; "" for others."""
    if SERIAL.fullmatch(text):
        on = DAY_BEFORE_ALL + timedelta(days=int(text[:5]))
        return f". A spreadsheet counts {on} as {text[:5]}: show that column as dates there and save it again"
    if SHORT_YEAR.fullmatch(text):
        return ". Write the year with four digits: of two nobody knows the century"
    if HALF.search(text):
        return '. A time with AM or PM is read by a pattern, such as date = "MM/DD/YYYY hh:mm AM"'
    if any(month_of(one) for one in WORD.findall(text)):
        return '. A month in words, English or German, is read by a pattern, such as date = "D MON YYYY"'
    return ""
