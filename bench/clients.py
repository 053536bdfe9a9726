"""Clients of the server: one that asks, and several that ask at the same time in one common window."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from clinic import clock, idempotency

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

ZONE = "Europe/Berlin"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Browser:
    """One connection that stays open, with the cookie of a session."""

    def __init__(self, port: int, cookie: str, user_id: str = "") -> None:
        self.port, self.cookie, self.user_id, self.size = port, cookie, user_id, 0
        self.line = HTTPConnection("127.0.0.1", port, timeout=600)

    def answers(self, url: str) -> int:
        """Return the status of a page; 0 where nobody answers yet."""
        try:
            return self._ask("GET", url)[0]
        except OSError:
            self.line = HTTPConnection("127.0.0.1", self.port, timeout=600)
            return 0

    def _ask(self, method: str, url: str, sent: str = "") -> tuple[int, str]:
        self.line.request(method, url, sent or None, {"Cookie": self.cookie} | (FORM if sent else {}))
        answer = self.line.getresponse()
        self.size = len(answer.read())
        return answer.status, answer.getheader("Location", "")

    def get(self, url: str) -> None:
        """Read a page; raises where it is not shown."""
        status, _place = self._ask("GET", url)
        if status != 200:
            raise RuntimeError(f"{url} answered {status}")

    def searched(self, path: str, words: dict[str, str]) -> str:
        """Send the words of a search; return the address of what was found."""
        return self._ask("POST", path, urlencode(words))[1]

    def weigh(self, url: str, at: datetime) -> None:
        """Record a weight."""
        boxes = {
            "kg": "71.4", "performed_at-d": at.day, "performed_at-m": at.month, "performed_at-y": at.year,
            "performed_at-t": f"{at:%H:%M}", "performed_by_id": self.user_id, idempotency.KEY: idempotency.new_key(),
        }  # fmt: skip
        status, _place = self._ask("POST", url, urlencode(boxes))
        if status != 303:
            raise RuntimeError(f"{url} answered {status}")


@dataclass
class Waits:
    """How long each request of some clients took, in seconds."""

    reads: list[float] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def together(  # noqa: PLR0913 - who asks what, and how long
    port: int, cookie: str, user_id: str, clients: int, seconds: float, *, reads: Sequence[str] = (), writes: str = "",
    writers: int = 0,
) -> None:  # fmt: skip
    """Let some clients read and others write at the same time, and print how many requests a second they got."""
    waits, start = Waits(), threading.Barrier(clients)
    ends: list[float] = []

    def run(number: int) -> None:
        browser, own = Browser(port, cookie, user_id), list[float]()
        wanted: Callable[[int], None]
        if number < writers:
            wanted = lambda _turn: browser.weigh(writes, clock.local(clock.now() - timedelta(hours=1), ZONE))  # noqa: E731
        else:
            wanted = lambda turn: browser.get(reads[(turn + number) % len(reads)])  # noqa: E731
        start.wait()
        until, turn = time.perf_counter() + seconds, 0
        while time.perf_counter() < until:
            began = time.perf_counter()
            wanted(turn)
            own.append(time.perf_counter() - began)
            turn += 1
        with waits.lock:
            (waits.writes if number < writers else waits.reads).extend(own)
            ends.append(time.perf_counter())

    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    began = time.perf_counter()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    taken = max(ends) - began
    for name, found in (("read", waits.reads), ("written", waits.writes)):
        if found:
            middle, worst = statistics.median(found), max(found)
            print(
                f"{clients} clients, {writers} of them writing: {len(found) / taken:,.0f} {name}/s, median"
                f" {middle * 1000:.1f} ms, worst {worst * 1000:.0f} ms = {worst / middle:.0f} × the median",
                flush=True,
            )
