"""Pages of a course: the order, the eligibility, the donor, the stop."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("treatments", __name__, template_folder="templates")
