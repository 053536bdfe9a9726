"""Pages."""
from flask import Blueprint

from clinic.downtime import models  # noqa

bp = Blueprint("downtime", __name__, template_folder="templates")
