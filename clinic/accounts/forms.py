"""Forms of accounts: a new person, a password set by a one-time link, the password asked again before a signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wtforms.validators import ValidationError

from clinic.access import Role
from clinic.accounts.identity import SAME, SamePerson
from clinic.form_fields import PasswordField, SelectField, StringField, TextAreaField
from clinic.forms import RecordForm

if TYPE_CHECKING:
    from clinic.accounts.models import User
    from clinic.errors import RuleBroken


class IdentityForm(RecordForm):
    """Who a person is: the staff number, and whether an account of the same name or number is the same person's."""

    staff_number = StringField(
        "Staff number", section="Who", hint="In your organization. One number for each person, in every role"
    )
    same_person = SelectField("Is this the same person?", choices=SAME, section="Same person?")
    same_why = TextAreaField(
        "If another person: how do you know?", long=True, section="Same person?",
        hint="One sentence, for example: two nurses of this name, other staff number. Saved with the account",
    )  # fmt: skip

    def __init__(self, *args: Any, **more: Any) -> None:
        self.alike: list[User] = []
        super().__init__(*args, **more)

    @property
    def sections(self) -> list[tuple[str, list[Any]]]:
        """Without the question, which is drawn beside the people it is about."""
        return [(title, boxes) for title, boxes in super().sections if title != "Same person?"]

    def take(self, broken: RuleBroken, field: str = "") -> None:
        """Show who has the same name or number where that is what was said."""
        if isinstance(broken, SamePerson):
            self.alike = broken.alike
        super().take(broken, field)

    @property
    def answer(self) -> dict[str, str]:
        """What was said about who it is, as `staffing.add` and `staffing.identify` take it."""
        return {
            "staff_number": self.staff_number.data or "",
            "same": self.same_person.data or "",
            "why": self.same_why.data or "",
        }


class PersonForm(IdentityForm):
    """A new member of staff."""

    printed_name = StringField(
        "Printed name", required=True, section="Who", hint="As printed beside a signature: Dr Ines Novak"
    )
    email = StringField("E-mail address", required=True, section="Who", hint="For signing in. One person, one account")
    role = SelectField(
        "Role",
        required=True,
        section="Role",
        choices={role.value: role.label.capitalize() for role in Role},
    )


class PhysicianField(SelectField):
    """A physician of the site, by id; who writes a name that begins with a printed one means that account."""

    def pre_validate(self, form: RecordForm) -> None:
        """Take a name for the account that it names, then judge as any choice."""
        named = [key for key, label in self.offered.items() if self.text.startswith(label.partition(",")[0])]
        if self.text and self.text not in self.offered and named:
            self.data = self.text = named[0]
        super().pre_validate(form)


class WelcomeForm(RecordForm):
    """A first or next password, twice."""

    password = PasswordField(
        "New password",
        autocomplete="new-password",
        required=True,
        hint="15 characters or more. A sentence of a few words is easy to keep",
    )
    password_again = PasswordField("Repeat the password", autocomplete="new-password", required=True)

    def validate_password_again(self, field: PasswordField) -> None:
        """Refuse two different passwords."""
        if not self.password.errors and not field.errors and field.data != self.password.data:
            raise ValidationError("The passwords do not match. Type both again")


class PasswordForm(RecordForm):
    """The password, asked again before a signature (law 5)."""

    password = PasswordField("Password", autocomplete="current-password", conditional=True)
