"""Which boxes of a form hold a secret: what is typed there is judged and forgotten, and no draft or page keeps it."""

from __future__ import annotations

import re

SECRET = re.compile(r"passw|passphrase|passcode", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether what is typed into the box of this name is a password, whichever form has it and however it is spelled.

    Every `PasswordField` has such a name; a test walks through all forms.
    """
    return bool(SECRET.search(name))
