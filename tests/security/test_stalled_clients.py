"""Slow, silent and oversized clients keep nobody else waiting."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from clinic import gateway
from config import ROOT
from tools import stalled_clients

HEAD = {
    "type": "http", "method": "POST", "path": "/ü", "query_string": b"q=1", "http_version": "1.1", "scheme": "http",
    "server": ("127.0.0.1", 8000), "client": ("10.0.0.7", 4321),
}  # fmt: skip


def in_a_loop_of_its_own(work):
    """Run to its end, in a thread: where a browser runs beside, this one has a loop already."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


def asked(application, headers=(), parts=(), *, threads=2, read=True):
    """Ask a gateway once; ``parts`` of the body come one after another, then nothing; return what it sent."""
    sent = []

    async def receive():
        if len(parts) > asked.at:
            asked.at += 1
            return {"type": "http.request", "body": parts[asked.at - 1], "more_body": True}
        return await asyncio.sleep(30)

    async def send(message):
        if not read and sent:
            await asyncio.sleep(30)
        sent.append(message)

    asked.at = 0
    scope = {**HEAD, "headers": [(name.encode(), value.encode()) for name, value in headers]}
    in_a_loop_of_its_own(gateway.Gateway(application, threads)(scope, receive, send))
    return sent


def never(_environ, _start):
    raise AssertionError("the application was asked")


@pytest.mark.parametrize(("headers", "parts", "code"), [
    ([("content-length", "10")], [b"12345"], 408),
    ([("transfer-encoding", "chunked")], [b"x"], 408),
    ([("content-length", str(gateway.MOST_BODY + 1))], [], 413),
    ([("content-length", "ten")], [], 413),
    ([("transfer-encoding", "chunked")], [b"x" * 1_000_000] * 17, 413),
])  # fmt: skip
def test_what_is_too_slow_or_too_large_never_reaches_the_application(monkeypatch, headers, parts, code):
    monkeypatch.setattr(gateway, "BODY_WAIT", 0.05)
    start, body = asked(never, headers, parts)
    assert (start["status"], (b"connection", b"close") in start["headers"]) == (code, True)
    assert body["body"].decode() == gateway.REFUSALS[code]


def test_a_body_that_trickles_is_ended_after_a_while(monkeypatch):
    monkeypatch.setattr(gateway, "BODY_WHOLE", 0.0)
    assert asked(never, [("content-length", "10")], [b"1"] * 9)[0]["status"] == 408


def test_a_crowd_is_asked_to_come_back(monkeypatch):
    monkeypatch.setattr(gateway, "MOST_WAITING", 0)
    start, body = asked(never)
    assert (start["status"], (b"retry-after", b"10") in start["headers"]) == (503, True)
    assert b"Nothing of this one was read" in body["body"]


def test_a_request_comes_as_it_was_sent_and_an_answer_of_any_length_goes_out_whole():
    seen, closed = {}, []

    class Long:
        def __iter__(self):
            return iter([b"ab"] * 100_000)

        def close(self):
            closed.append(True)

    def application(environ, start):
        seen.update(environ, read=environ["wsgi.input"].read())
        start("201 CREATED", [("X-One", "1"), ("Set-Cookie", "a"), ("Set-Cookie", "b")])
        return Long()

    headers = [
        ("content-length", "4"), ("content-type", "text/plain"), ("cookie", "a=1"), ("cookie", "b=2"),
        ("x-forwarded-for", "1.1.1.1"), ("x_forwarded_for", "6.6.6.6"), ("host", "clinic"),
    ]  # fmt: skip
    parts = [b"ab", b"cd"]

    sent = []

    async def receive():
        more = len(parts) > 1
        return {"type": "http.request", "body": parts.pop(0), "more_body": more}

    async def send(message):
        sent.append(message)

    scope = {**HEAD, "headers": [(name.encode(), value.encode()) for name, value in headers]}
    in_a_loop_of_its_own(gateway.Gateway(application, 1)(scope, receive, send))
    assert seen["read"] == b"abcd"
    assert (seen["PATH_INFO"], seen["HTTP_COOKIE"], seen["REMOTE_ADDR"]) == ("/Ã¼", "a=1; b=2", "10.0.0.7")
    assert seen["HTTP_X_FORWARDED_FOR"] == "1.1.1.1", "a name with an underscore writes over none"
    assert (seen["CONTENT_LENGTH"], seen["HTTP_HOST"]) == ("4", "clinic")
    assert (sent[0]["status"], sent[0]["headers"].count((b"set-cookie", b"b"))) == (201, 1)
    assert b"".join(one["body"] for one in sent[1:]) == b"ab" * 100_000
    assert max(len(one["body"]) for one in sent[1:]) <= gateway.PIECE + 2
    assert [one["more_body"] for one in sent[1:]][-2:] == [True, False]
    assert closed == [True]


def test_who_reads_no_answer_is_left_and_holds_no_thread(monkeypatch):
    monkeypatch.setattr(gateway, "ANSWER_WAIT", 0.05)
    closed = []

    class Long:
        def __iter__(self):
            return iter([b"x" * 100_000] * 50)

        def close(self):
            closed.append(True)

    def application(_environ, start):
        start("200 OK", [])
        return Long()

    sent = asked(application, threads=1, read=False)
    assert len(sent) == 1
    assert closed == [True]


@pytest.mark.slow
def test_pages_answer_while_more_clients_stall_than_there_are_threads(house, session, tmp_path):
    session.close()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "CLINIC_INSTANCE": str(tmp_path), "CLINIC_DATABASE_URL": house.store.url}
    program = [sys.executable, "-c", "from clinic.cli import main; main()", "serve", "--port", str(port)]
    server = subprocess.Popen(program, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        for _ in range(150):
            try:
                stalled_clients.page(port, "/healthz")
                break
            except OSError:
                time.sleep(0.2)
        with ExitStack() as until:
            for kind in ("header", "body", "idle", "read"):
                assert stalled_clients.stalled(port, kind, 40, until) == 40
            _median, most = stalled_clients.pages(port, "/login", 5)
        assert most < 5000
    finally:
        server.terminate()
        server.wait(20)
