"""Pages of protocols: the list, one protocol, one version in full, and the way of a version to publication."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("protocols", __name__, template_folder="templates")
