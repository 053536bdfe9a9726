"""The application as a server loads it: ``granian --interface wsgi wsgi:app``."""

import os
import sys

from clinic import create_app
from clinic.errors import SettingsWrong

os.umask(0o077)
try:
    app = create_app()
except SettingsWrong as fault:
    sys.stderr.write(f"clinic: {fault}\n")
    sys.exit(2)
