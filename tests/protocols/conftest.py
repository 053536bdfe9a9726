"""What the tests of protocols share: a draft as a browser would send it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinic.protocols.forms import draft_form, flat

if TYPE_CHECKING:
    from collections.abc import Callable

    from clinic.protocols.content import Content


def sent(form: Any) -> dict[str, Any]:
    """Return what a browser would send of a form as it is shown."""
    found: dict[str, Any] = {}
    for box in form.visible_fields:
        if box.kind == "multi":
            found[box.name] = [value for value, _label, chosen in box.choices_now if chosen]
        elif box.text:
            found[box.name] = box.text
    return found


@pytest.fixture
def fill(app: Any) -> Callable[[Content], dict[str, Any]]:
    """Return a function from a content to what a browser would send of its form."""

    def filled(content: Content) -> dict[str, Any]:
        with app.test_request_context():
            return sent(draft_form(content)(data=flat(content)))

    return filled
