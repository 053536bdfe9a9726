"""A person at a screen: reads a page by its labels, writes into it, and every page is looked over once.

Looking over is what no person at the counter does: axe (WCAG 2.0 to 2.2, A and AA, and best practice), sideways scroll
at 1280 and 820 px, a page's title. What the browser complains of in its console is kept for the end of the test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from playwright.sync_api import Locator, Page, expect

from clinic import clock
from tests.factories import PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Response

AXE = (Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FOUND = """async rules => {
    const {violations} = await axe.run(document, {runOnly: rules, resultTypes: ["violations"]});
    const told = v => v.nodes.map(n => `${n.target}: ${n.failureSummary}`).join("; ");
    return violations.map(v => `${v.id}: ${v.help}, ${told(v)}`);
}"""
WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
ID = re.compile(r"\b[A-Z]{2}-[0-9A-Z]{4,}\b")
DESK, TABLET = {"width": 1280, "height": 900}, {"width": 820, "height": 1180}
MEANT = re.compile(r"status of (409|422) ")
"""A refusal or a form that comes back is an answer; the browser writes its number into the console all the same."""


@dataclass
class Faults:
    """What was wrong with pages of one run, and which pages were looked over already."""

    seen: ClassVar[set[tuple[str, str]]] = set()
    """Shared by all stories of a run: a kind of page is looked over by whoever comes to it first."""
    found: list[str] = field(default_factory=list)


@dataclass
class Person:
    """Somebody of the staff in a browser of her or his own."""

    page: Page
    problems: Faults
    email: str = ""

    def __post_init__(self) -> None:
        self.page.on("console", self._complained)
        self.page.on("pageerror", lambda fault: self.problems.found.append(f"{self.page.url}: {fault}"))
        self.page.on("response", self._answered)

    def _complained(self, said: ConsoleMessage) -> None:
        if said.type in {"error", "warning"} and not MEANT.search(said.text):
            self.problems.found.append(f"{self.page.url}: {said.text}")

    def _answered(self, answer: Response) -> None:
        if answer.status >= 500 or answer.status == 404:
            self.problems.found.append(f"{answer.url} answered {answer.status}")

    # going about

    def goes_to(self, path: str) -> None:
        """Open an address, as from a bookmark."""
        self.page.goto(path)
        self.looks()

    def clicks(self, words: str, *, inside: Locator | None = None) -> None:
        """Follow the link or press the button with these words; the next page is looked over."""
        self.finds(words, inside=inside).click()
        self.looks()

    def finds(self, words: str, *, inside: Locator | None = None) -> Locator:
        """Return the one link or button with these words."""
        place = inside or self.page.locator("body")
        wanted = re.compile(rf"^\s*{re.escape(words)}\s*$")
        return place.get_by_role("link", name=wanted).or_(place.get_by_role("button", name=wanted)).first

    def presses(self, words: str) -> None:
        """Press the button of a form with these words."""
        self.page.get_by_role("button", name=words, exact=True).click()
        self.looks()

    # reading and writing

    def sees(self, *sentences: str | re.Pattern[str]) -> None:
        """Expect each sentence to stand on the page, readable."""
        for sentence in sentences:
            expect(self.page.locator("body")).to_contain_text(sentence)

    def reads(self, heading: str | re.Pattern[str]) -> None:
        """Expect the page's one first heading."""
        expect(self.page.locator("h1")).to_have_text(heading)

    def box(self, label: str, inside: Locator | None = None) -> Locator:
        """Return the box, list or group with this label."""
        return (inside or self.page).get_by_label(re.compile(rf"^{re.escape(label)}( \(optional\))?$")).first

    def writes(self, inside: Locator | None = None, **answers: str) -> None:
        """Fill in boxes whose labels are single words; see `fills`."""
        self.fills(answers, inside)

    def fills(self, answers: dict[str, str], inside: Locator | None = None) -> None:
        """Fill in boxes by their labels: text, a choice of a list, one of some radios, a day or moment as words."""
        for label, answer in answers.items():
            box = self.box(label, inside)
            what = box.evaluate("box => box.getAttribute('role') || box.tagName")
            if what == "SELECT":
                chosen = box.locator("option").filter(has_text=answer).first.get_attribute("value")
                box.select_option(chosen)
            elif what == "radiogroup" or (what == "group" and box.locator("input[type=checkbox]").count()):
                exact = box.get_by_label(answer, exact=True)
                (exact if exact.count() else box.get_by_label(answer).first).check()
            elif what == "group":
                self._dates(box, answer)
            else:
                box.fill(answer)

    def _dates(self, box: Locator, answer: str) -> None:
        day, month, year, *time = answer.split()
        box.get_by_label("Day").fill(day)
        box.get_by_label("Month").select_option(label=month)
        box.get_by_label("Year").fill(year)
        if time:
            box.get_by_label("Time, 24 hours").fill(time[0])

    def ends(self) -> None:
        """Save the end of the cells; where it is in the minute of the start, say that it is right."""
        self.presses("Save the end")
        right = self.page.get_by_label("Yes, save it as entered")
        if right.count():
            right.check()
            self.page.locator("[name='ended_at-why']").fill("one short injection")
            self.presses("Save the end")

    def signs(self) -> None:
        """Read what is to be signed and sign it with the password."""
        self.clicks("Review and sign")
        self.gives_password()

    def gives_password(self, words: str = "Sign") -> None:
        """Give the password again under what is read."""
        self.page.get_by_label("Confirm with your password").fill(PASSWORD)
        self.presses(words)

    @property
    def path(self) -> str:
        """Where this person is, without the server."""
        return "/" + self.page.url.split("/", 3)[3].partition("#")[0]

    # looking over

    def looks(self) -> None:
        """Look the page over, unless one like it was looked over before in this run."""
        self.page.wait_for_load_state("load")
        title = self.page.title()
        kind = (ID.sub("…", self.path.partition("?")[0]), title.partition(":")[0].partition(",")[0])
        if kind in self.problems.seen:
            return
        self.problems.seen.add(kind)
        self.page.evaluate(AXE)
        found = [f"axe: {fault}" for fault in self.page.evaluate(FOUND, RULES)]
        if self.page.evaluate(WIDE) > 0:
            found.append("scrolls sideways at 1280 px")
        self.page.set_viewport_size(TABLET)
        if self.page.evaluate(WIDE) > 0:
            found.append("scrolls sideways at 820 px")
        self.page.set_viewport_size(DESK)
        self.problems.found += [f"{self.path} ({title}): {fault}" for fault in found]

    def kept(self, click: str) -> Any:
        """Return the text of what is downloaded by a click."""
        with self.page.expect_download() as waiting:
            self.finds(click).click()
        return Path(waiting.value.path()).read_text()


def today() -> str:
    return f"{clock.today('Europe/Berlin'):%-d %b %Y}"


def now() -> str:
    return f"{clock.local(clock.now(), 'Europe/Berlin'):%-d %b %Y %H:%M}"


def earlier(minutes: int) -> str:
    return f"{clock.local(clock.now() - timedelta(minutes=minutes), 'Europe/Berlin'):%-d %b %Y %H:%M}"
