"""Measure pages while many clients stall: `python tools/stalled_clients.py [--clients 4 200 2000] [--kinds …]`.

Against a server that is running (``--port``) on this machine. Each client of a kind connects and then stalls:
``header`` sends half of a request's head, ``body`` announces a form and sends a few bytes of it, ``idle`` sends
nothing, ``read`` asks for a large file and reads nothing of it. Meanwhile pages are asked for one after another; prints
the median and the longest time, in milliseconds, before and during. Ends with status 1 where a page took more than a
second.
"""

from __future__ import annotations

import argparse
import http.client
import socket
import statistics
import sys
import time
from contextlib import ExitStack

HOST = "127.0.0.1"
FORM = b"POST /login HTTP/1.1\r\nHost: clinic\r\nContent-Type: application/x-www-form-urlencoded\r\n"
SENT = {
    "header": b"GET /login HTTP/1.1\r\nHost: cli",
    "body": FORM + b"Content-Length: 5000\r\n\r\nemail=",
    "idle": b"",
    "read": b"GET /static/vendor/clinic.css HTTP/1.1\r\nHost: clinic\r\n\r\n",
}
"""What a stalled client of each kind sends before it falls silent."""
SETTLE = 4
"""Seconds after which the server has answered all that it was asked and waits for what does not come."""
LONGEST = 1000
"""Milliseconds that a page may take."""


def stalled(port: int, kind: str, count: int, until: ExitStack) -> int:
    """Open stalled connections, closed when ``until`` is left; return how many the server took."""
    taken = 0
    for _ in range(count):
        try:
            one = socket.create_connection((HOST, port), timeout=2)
        except OSError:
            break
        until.callback(one.close)
        if kind == "read":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.sendall(SENT[kind])
        taken += 1
    return taken


def page(port: int, path: str) -> float:
    """Return how many milliseconds a page takes; raises `OSError` where there is no answer."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection(HOST, port, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        if answer.status >= http.client.INTERNAL_SERVER_ERROR:
            raise OSError(f"{path}: {answer.status}")
    finally:
        connection.close()
    return (time.perf_counter() - began) * 1000


def pages(port: int, path: str, rounds: int) -> tuple[float, float]:
    """Return the median and the longest time of a page."""
    times = [page(port, path) for _ in range(rounds)]
    return statistics.median(times), max(times)


def main() -> int:
    """Try each kind and number; return 0 where pages answered in their usual time."""
    parser = argparse.ArgumentParser(description="Measure pages while many clients stall.")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--path", default="/login")
    parser.add_argument("--clients", type=int, nargs="+", default=[4, 200, 2000])
    parser.add_argument("--kinds", nargs="+", default=list(SENT), choices=list(SENT))
    parser.add_argument("--rounds", type=int, default=20)
    asked = parser.parse_args()
    slow = False
    usual, most = pages(asked.port, asked.path, asked.rounds)
    print(f"{'usual':>20}: median {usual:7.1f} ms, longest {most:7.1f} ms")
    for kind in asked.kinds:
        for count in asked.clients:
            with ExitStack() as until:
                taken = stalled(asked.port, kind, count, until)
                time.sleep(SETTLE)
                try:
                    median, most = pages(asked.port, asked.path, asked.rounds)
                except OSError as fault:
                    median = most = float("inf")
                    print(f"{fault or type(fault).__name__}")
            slow = slow or most > LONGEST
            print(f"{taken:6} × {kind:>11}: median {median:7.1f} ms, longest {most:7.1f} ms")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
