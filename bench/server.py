"""The clinic as it is served, with two pages more: one that asks nothing, and one that is shown only to the signed-in.

granian --interface wsgi --factory bench.server:served
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, render_template
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from clinic import create_app
from clinic.access import CLINICAL, ROUTES
from clinic.commands.serving import collect_less
from config import load

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

NOTHING = '{% extends "layout.html" %}{% block title %}Nothing{% endblock %}'


def served() -> WSGIApplication:
    """Return the application of one process."""
    app, hello = create_app(load()), Flask("hello")
    app.config["WTF_CSRF_ENABLED"] = False  # a form is posted without its page being read first
    page = app.jinja_env.from_string(NOTHING)
    app.add_url_rule("/nothing", "nothing", lambda: render_template(page))
    ROUTES["nothing"] = CLINICAL
    hello.add_url_rule("/", "hello", lambda: "<!doctype html><title>Hello</title><h1>Hello</h1>")
    collect_less()
    return DispatcherMiddleware(app, {"/hello": hello})
