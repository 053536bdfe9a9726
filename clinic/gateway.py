"""Between the server and the application: a request reaches a thread only when it is there whole.

A client that sends its form a byte a minute, or that does not read its answer, costs a task of the event loop and never
a thread: pages of others answer in their usual time. The server itself (granian) limits how long the head of a request
may take. What is too large or too slow is answered before the application is asked.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from wsgiref.types import WSGIApplication

    Message = dict[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

MOST_BODY = 16 * 1024 * 1024
"""Bytes of a request's body; the application refuses smaller ones by what they are for."""
BODY_WAIT = 10.0
"""Seconds until the next part of a body comes."""
BODY_WHOLE = 60.0
"""Seconds until a whole body is there: 16 MB at 270 kB a second."""
ANSWER_WAIT = 30.0
"""Seconds until a client has taken the next part of an answer."""
MOST_WAITING = 500
"""Requests that wait for a thread, beyond which a client is asked to come back."""
IN_MEMORY = 64 * 1024
"""Bytes of a body that stay in memory; the rest waits on the disk."""
PIECE = 64 * 1024
REFUSALS = {
    408: "The request did not arrive in time. Check the connection, then send it again.",
    413: "The request is larger than 16 MB. Send a smaller file.",
    503: "Too many requests wait. Nothing of this one was read; try again in some seconds.",
}


class Refused(Exception):
    """A request is answered without the application; ``code`` says how."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Gateway:
    """An ASGI application in front of a WSGI one, with so many threads."""

    def __init__(self, application: WSGIApplication, threads: int) -> None:
        self.application = application
        self.threads = ThreadPoolExecutor(threads, thread_name_prefix="requests")
        self.waiting = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Take a request whole, have it answered by a thread, and send the answer."""
        try:
            await self._serve(scope, receive, send)
        except Refused as refused:
            await _refuse(refused.code, send)
        except (TimeoutError, ConnectionError):
            return  # the client is gone, or reads no more

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        if self.waiting >= MOST_WAITING:
            raise Refused(503)
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as body:
            await _take(scope, receive, body)
            answer = Answer()
            try:
                await self._in_thread(answer.begin, self.application, environ_of(scope, body))
                await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
                while not answer.ended:
                    await _pass_on(send, answer.piece, more=True)
                    await self._in_thread(answer.read_on)
                await _pass_on(send, answer.piece, more=False)
            finally:
                if answer.close is not None:
                    await self._in_thread(answer.close)

    async def _in_thread(self, act: Callable[..., None], *given: Any) -> None:
        self.waiting += 1
        try:
            await asyncio.get_running_loop().run_in_executor(self.threads, act, *given)
        finally:
            self.waiting -= 1


class Answer:
    """What the application answers: its head, and its body piece by piece, each made by a thread and sent by none."""

    def __init__(self) -> None:
        self.status, self.headers = 500, list[tuple[bytes, bytes]]()
        self.piece, self.ended = b"", False
        self.early = list[bytes]()
        self.rest: Iterator[bytes] = iter(())
        self.close: Callable[[], None] | None = None

    def begin(self, application: WSGIApplication, environ: dict[str, Any]) -> None:
        """Have the request answered, and take the first piece."""
        made = application(environ, self._start)
        self.close = getattr(made, "close", None)
        self.rest = chain(self.early, made)
        self.read_on()

    def _start(self, status: str, headers: list[tuple[str, str]], _fault: Any = None) -> Callable[[bytes], object]:
        self.status = int(status.split(" ", 1)[0])
        self.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return self.early.append

    def read_on(self) -> None:
        """Take the next piece, of about `PIECE` bytes."""
        found = bytearray()
        for part in self.rest:
            found += part
            if len(found) >= PIECE:
                break
        else:
            self.ended = True
        self.piece = bytes(found)


async def _pass_on(send: Send, piece: bytes, *, more: bool) -> None:
    """Send a piece; raises `TimeoutError` where the client takes no more."""
    await asyncio.wait_for(send({"type": "http.response.body", "body": piece, "more_body": more}), ANSWER_WAIT)


async def _take(scope: Message, receive: Receive, body: IO[bytes]) -> None:
    """Read the body to its end; raises `Refused` where it is too large or too slow."""
    size, began, headers = 0, time.monotonic(), dict(scope["headers"])
    announced = headers.get(b"content-length", b"0")
    if not announced.isdigit() or int(announced) > MOST_BODY:
        raise Refused(413)
    if int(announced) == 0 and b"transfer-encoding" not in headers:
        return
    while True:
        left = began + BODY_WHOLE - time.monotonic()
        try:
            message = await asyncio.wait_for(receive(), max(0.0, min(BODY_WAIT, left)))
        except TimeoutError:
            raise Refused(408) from None
        if message["type"] == "http.disconnect":
            raise ConnectionError
        part = message.get("body", b"")
        size += len(part)
        if size > MOST_BODY:
            raise Refused(413)
        body.write(part)
        if not message.get("more_body", False):
            body.seek(0)
            return


async def _refuse(code: int, send: Send) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store"), (b"connection", b"close"),
        (b"x-content-type-options", b"nosniff"), (b"content-security-policy", b"default-src 'none'"),
        *([(b"retry-after", b"10")] if code == 503 else []),
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": REFUSALS[code].encode(), "more_body": False})


def environ_of(scope: Message, body: IO[bytes]) -> dict[str, Any]:
    """Return the request as WSGI has it (PEP 3333)."""
    host, port = scope.get("server") or ("", None)
    client = scope.get("client")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 80),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0] if client else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").upper().replace("-", "_"), raw_value.decode("latin-1")
        if b"_" in raw_name:
            continue  # or a client could write over what a proxy says under the same name
        key = name if name in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{name}"
        environ[key] = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}" if key in environ else value
    return environ
