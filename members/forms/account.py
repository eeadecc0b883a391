"""What people fill in: names, passwords, keys. The rules themselves stand in services."""

from typing import Any

from django import forms
from django.contrib.auth import authenticate, password_validation
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from controlpanel.operations.errors import DirectoryAway

from ..models import Login
from ..names import validate_username
from ..ssh_keys import MAX_KEY_LENGTH, MAX_KEYS, parse_keys

#: Long enough for any passphrase, too short to keep the directory's hash busy.
MAX_PASSWORD = 256


def password_field(label: Any, autocomplete: str, **kwargs: Any) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, strip=False, max_length=MAX_PASSWORD, widget=widget, **kwargs)


class LoginForm(forms.Form):
    """User name and password. After ``is_valid``, ``login`` is who that is; ``away`` when nobody could tell."""

    username = forms.CharField(
        label=_("User name"),
        max_length=64,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        ),
    )
    password = password_field(_("Password"), "current-password")

    def __init__(self, *args: Any, request: HttpRequest | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.login: Login | None = None
        self.away = False

    def clean_username(self) -> str:
        """In the form in which it is counted and looked up: "Anna " is anna, for the throttle too."""
        return self.cleaned_data["username"].strip().lower()

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        username, password = data.get("username"), data.get("password")
        if not username or not password:
            return data
        try:
            validate_username(username)
        except ValidationError:
            # It cannot be anybody's, but the answer is the same, and so is the count.
            username = username[:64]
        try:
            found = authenticate(self.request, username=username, password=password)
        except DirectoryAway:
            self.away = True
            raise ValidationError(
                _(
                    "Logins cannot be checked right now: the directory does not answer. Your password may well be "
                    "right. Whoever is logged in can go on working; please try again in a few minutes."
                ),
                code="away",
            ) from None
        if not isinstance(found, Login):
            raise ValidationError(_("User name or password is not right."), code="wrong")
        self.login = found
        return data


class NewPasswordForm(forms.Form):
    """A new password, twice, for ``login``."""

    new = password_field(
        _("New password"), "new-password", help_text=_("At least 12 characters. A few unrelated words are best.")
    )
    again = password_field(_("New password, once more"), "new-password")

    def __init__(self, *args: Any, login: Login | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.login = login

    def clean_new(self) -> str:
        new: str = self.cleaned_data["new"]
        password_validation.validate_password(new, self.login)
        return new

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("new") and data.get("again") and data["new"] != data["again"]:
            self.add_error("again", _("The two are not the same."))
        return data


class PasswordForm(NewPasswordForm):
    """One's own password: the old one and, twice, the new one."""

    old = password_field(_("Current password"), "current-password")
    field_order = ("old", "new", "again")

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if data.get("new") and data["new"] == data.get("old"):
            self.add_error("new", _("This is the password that you have now."))
        return data


class KeysForm(forms.Form):
    """All SSH public keys of a login."""

    keys = forms.CharField(
        label=_("SSH public keys"),
        help_text=_(
            "One a line, as in a file that ends in .pub. Ed25519, ECDSA, RSA from 2048 bits, or hardware keys."
        ),
        required=False,
        max_length=MAX_KEYS * MAX_KEY_LENGTH,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocapitalize": "none"}),
    )

    def clean_keys(self) -> str:
        return "\n".join(str(key) for key in parse_keys(self.cleaned_data["keys"]))
