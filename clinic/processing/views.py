"""Pages of the laboratory."""

from flask import Blueprint

bp = Blueprint("processing", __name__, template_folder="templates")
