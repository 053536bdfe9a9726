"""Response headers: no foreign content, no caching, no framing, no cookie with a static file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request
from flask.sessions import SecureCookieSessionInterface, SessionMixin

if TYPE_CHECKING:
    from flask import Flask, Response

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)


class SessionOfPages(SecureCookieSessionInterface):
    """The session belongs to pages. A style sheet that varied with its cookie would be fetched anew for every page."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Leave static files as they are."""
        if request.endpoint != "static":
            super().save_session(app, session, response)


def init_app(app: Flask, *, production: bool) -> None:
    """Set the headers on every response; health data is never cached."""
    app.session_interface = SessionOfPages()

    @app.after_request
    def _say(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", POLICY)  # a file that is given out has a stricter one
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
        if production:
            response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        if not response.cache_control.public:
            response.headers["Cache-Control"] = "no-store"
        return response
