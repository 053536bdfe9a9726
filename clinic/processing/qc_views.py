"""Pages of the laboratory."""

from flask import Blueprint

bp = Blueprint("qc", __name__, template_folder="templates")
