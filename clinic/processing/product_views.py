"""Pages of the laboratory."""

from flask import Blueprint

bp = Blueprint("products", __name__, template_folder="templates")
