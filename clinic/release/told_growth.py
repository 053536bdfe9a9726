"""What the words beside a result tell of, and which corrections a second person confirms (rules 43, 45; H9, H29).

Growth is written beside whatever was being read: a viability, a potency, the method of a Gram stain. So every text of
every result is read, and the reasons that were given with it. Beside a test for germs or endotoxin a text of which a
word is not understood counts likewise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic.errors import Problem
from clinic.protocols.catalogues import QC_TESTS
from clinic.release.germ_words import names_something, tells_of_growth
from clinic.release.laboratory_words import understood

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.protocols.qc_tests import QCTest
    from clinic.records import Amendment

TEXTS = ("finding", "note", "method", "sample")
"""Facts of a result in somebody's own words."""
FOUND = frozenset({"value", "outcome", "comparator"})
CRITICAL_TIMES = frozenset({"performed_at", "sampled_at"})
"""The times of a culture decide when it is final, so a second person confirms their correction too (rule 44)."""
FILLED = frozenset({"pending", "performed_at", "performed_by_id", "comparator"})
"""Facts of a pending result that change when it is read, and were no finding."""


def growth_told(result: Any) -> str:
    """Return which text of a result, or reason given with it, tells of growth that its result does not say; or "".

    Beside a test for germs so does a text that is not understood.
    """
    test = QC_TESTS.get(result.test or "")
    if test is None or (test.nothing_found is not None and not result.nothing_found):
        return ""
    names = [name for name in TEXTS if not (name == "finding" and result.nothing_found)]
    said = next((text for name in names if (text := getattr(result, name)) and _calls(text, test)), "")
    reasons = [*(result.confirmed or {}).values(), *(one.reason for one in result.amendments)]
    return said or next((text for text in reasons if text and _tells(text, test)), "")


def asked_about(result: Any) -> str:
    """Return the name of the text that tells of growth beside a result which says otherwise; empty: none does."""
    said = growth_told(result)
    return next((name for name in TEXTS if said and getattr(result, name) == said), "")


def how_told(result: Any, text: str) -> str:
    """Return what a text beside a result does: it tells of growth, or nobody knows what it tells of."""
    test = QC_TESTS.get(result.test or "")
    return "tells of growth" if test is not None and _tells(text, test) else "has words that are not understood"


def noted(result: Any) -> str:
    """Return the words beside a result that tell of growth, in brackets."""
    return f" ({said})" if (said := growth_told(result)) else ""


def told_or_corrected(result: Any, until: datetime | None = None) -> tuple[datetime | None, str]:
    """Return when what a result found was corrected, or its words told of growth, last, and which of both it was.

    ``until``: what was written later is not known yet.
    """

    def known(some: list[Amendment]) -> list[datetime]:
        return [one.amended_at for one in some if until is None or one.amended_at <= until]

    corrected = known(corrected_findings(result)) if result.amendments else []
    if not (said := growth_told(result)):
        return max(corrected, default=None), "corrected"
    wrote = [one for one in result.amendments if one.changes.keys() & {*TEXTS, "confirmed"} or one.reason == said]
    told = [*corrected, *known(wrote)]
    return max([result.recorded_at, *told]), "corrected" if told else "recorded"


def _tells(text: str, test: QCTest) -> bool:
    return tells_of_growth(text, of_cells=not test.of_germs, colonies=test.counts_colonies)


def _calls(text: str, test: QCTest) -> bool:
    """Whether a text tells of growth, or stands beside a test for germs and may be the call of the laboratory."""
    return _tells(text, test) or (test.of_germs and not understood(text))


def corrected_findings(result: Any) -> list[Amendment]:
    """Return the corrections of what was found, where it can decide on a release (rules 40 to 43)."""
    test = QC_TESTS.get(result.test or "")
    if test is None or result.origin != "clinic":
        return []
    names = FOUND | (CRITICAL_TIMES if test.final_after_days else set())
    decides = bool(test.rule or test.shared or test.usual)
    return [
        one
        for one in result.amendments
        if (decides and (one.corrects(names) or (result.nothing_found and _unnames(one)))) or _untells(one, test)
    ]


def waiting_for_a_second(result: Any) -> list[Amendment]:
    """Return the corrections that a second person confirms: of a test that is true of all kin, whatever was changed.

    What is added to such a result may be the call of the laboratory in any words. An awaited result that is filled in
    is no correction.
    """
    test, found = QC_TESTS.get(result.test or ""), corrected_findings(result)
    if test is None or not test.shared or result.origin != "clinic":
        return found
    return [one for one in result.amendments if one in found or not _completes(one)]


def _completes(one: Amendment) -> bool:
    """Whether an amendment only filled in a result that was awaited."""
    read = one.changes.get("pending") == [True, False]
    return read and not one.corrects(frozenset(one.changes.keys() - FILLED))


def _unnames(one: Amendment) -> bool:
    """Whether a correction took away a finding that named something, of a test for what must not be there."""
    before = one.changes["finding"][0] if "finding" in one.changes else None
    return bool(before) and names_something(str(before))


def untold(result: Any) -> bool:
    """Whether words of a result told of growth, and were corrected since."""
    test = QC_TESTS.get(result.test or "")
    return test is not None and any(_untells(one, test) for one in result.amendments)


def _untells(one: Amendment, test: QCTest) -> bool:
    """Whether a correction took away words that told of growth."""
    before = [(name, str(one.changes[name][0])) for name in TEXTS if name in one.changes and one.changes[name][0]]
    free = test.nothing_found is not None  # its finding is read by `names_something`
    return any(_tells(said, test) if free and name == "finding" else _calls(said, test) for name, said in before)


def contradicts(result: Any, test: QCTest) -> list[str]:
    """Return that a finding names something, and the outcome says that there is nothing, or not yet (rule 43)."""
    outcomes = test.outcomes or {}
    if result.still_awaited and not tells_of_growth(result.finding):
        said = f"{test.label}: Outcome says {outcomes[result.outcome or ''].lower()}, and Finding says that it is not"
        more = f"known yet (“{result.finding}”). Tick “Result still pending”, or correct the finding."
        return [Problem(f"{said} {more}", "finding", rule=44 if test.final_after_days else 43)]
    if not result.names_germs:
        return []
    says = "Outcome is still pending" if result.pending else f"Outcome says {outcomes[result.outcome or ''].lower()}"
    bad = " or ".join(said.lower() for key, said in outcomes.items() if key != test.nothing_found)
    said = f"{test.label}: {says}, and Finding names “{result.finding}”. Choose {bad}, or clear the"
    more = "finding or write “no growth” alone. Other remarks: save the result, press Amend on it, and fill in Note."
    return [Problem(f"{said} {more}", "finding", rule=43)]
