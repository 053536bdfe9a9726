"""The application as a server loads it: ``granian --interface wsgi wsgi:app``."""

from clinic import create_app
from config import load

app = create_app(load())
