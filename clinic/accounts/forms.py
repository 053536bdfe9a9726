"""Forms of accounts: a new person, a password set by a one-time link, the password asked again before a signature."""

from __future__ import annotations

from wtforms.validators import ValidationError

from clinic.access import Role
from clinic.form_fields import PasswordField, SelectField, StringField
from clinic.forms import RecordForm


class PersonForm(RecordForm):
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


class WelcomeForm(RecordForm):
    """A first or next password, twice."""

    password = PasswordField(
        "New password",
        autocomplete="new-password",
        required=True,
        hint="15 characters or more. A sentence of a few words is easy to keep",
    )
    again = PasswordField("Repeat the password", autocomplete="new-password", required=True)

    def validate_again(self, field: PasswordField) -> None:
        """Refuse two different passwords."""
        if not self.password.errors and not field.errors and field.data != self.password.data:
            raise ValidationError("The passwords do not match. Type both again")


class PasswordForm(RecordForm):
    """The password, asked again before a signature (law 5)."""

    password = PasswordField("Password", autocomplete="current-password")
