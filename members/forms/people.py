"""What is filled in about other people: invitations, access, new passwords by a link."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from .. import orders
from ..choices import Role
from ..models import Login, Member
from ..names import validate_username
from .account import NewPasswordForm

_USERNAME = {"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}


class OrdersMixin(forms.Form):
    """Adds the field ``orders``: those of a member."""

    def offer(self, member: Member) -> None:
        self.fields["orders"] = forms.TypedMultipleChoiceField(
            label=_("Orders"),
            coerce=int,
            required=False,
            choices=[(order.pk, order.name) for order in orders.of_member(member)],
            widget=forms.CheckboxSelectMultiple,
        )


class InviteForm(OrdersMixin):
    """Whom, to what, in which language."""

    email = forms.EmailField(
        label=_("E-mail address"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    role = forms.ChoiceField(
        label=_("What may they administer?"),
        initial=Role.ORDER_ADMIN,
        choices=[(Role.ORDER_ADMIN, _("Chosen orders")), (Role.MEMBER_ADMIN, _("The whole member"))],
        widget=forms.RadioSelect,
    )
    language = forms.ChoiceField(label=_("Language of the message"), choices=settings.LANGUAGES)

    field_order = ("email", "role", "orders", "language")

    def __init__(self, *args: Any, member: Member, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer(member)
        self.order_fields(self.field_order)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("role") == Role.MEMBER_ADMIN:
            data["orders"] = []  # those that were chosen before the choice became "the whole member"
        return data


class AccessForm(OrdersMixin):
    """What somebody may administer within a member."""

    NOTHING = "nothing"

    role = forms.ChoiceField(
        label=_("What may they administer?"),
        choices=[
            (Role.MEMBER_ADMIN, _("The whole member")),
            (Role.ORDER_ADMIN, _("Chosen orders")),
            (NOTHING, _("Nothing")),
        ],
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, member: Member, login: Login, **kwargs: Any) -> None:
        have = list(login.accesses.filter(orders.accesses_within(member)))
        whole = any(access.role == Role.MEMBER_ADMIN for access in have)
        role = Role.MEMBER_ADMIN if whole else Role.ORDER_ADMIN if have else self.NOTHING
        chosen = [access.order_id for access in have if access.order_id]
        super().__init__(*args, **{**kwargs, "initial": {"role": role, "orders": chosen}})
        self.offer(member)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("role") != Role.ORDER_ADMIN:
            data["orders"] = []
        elif not data.get("orders"):
            self.add_error("orders", _("Choose at least one order."))
        return data


class NewLoginForm(NewPasswordForm):
    """Who accepts an invitation without having a login."""

    username = forms.CharField(
        label=_("User name"),
        help_text=_("2 to 31 lower-case letters, digits, hyphens and underscores, beginning with a letter."),
        max_length=31,
        widget=forms.TextInput(attrs=_USERNAME),
    )
    name = forms.CharField(label=_("Your name"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))

    field_order = ("username", "name", "new", "again")

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"].strip().lower()
        validate_username(username)
        if Login.objects.filter(username=username).exists():
            raise ValidationError(_("This user name is taken."))
        return username

    def clean_new(self) -> str:
        self.login = Login(username=self.cleaned_data.get("username", ""), name=self.cleaned_data.get("name", ""))
        return super().clean_new()


class ForgottenForm(forms.Form):
    """Whose password was forgotten."""

    asked_for = forms.CharField(
        label=_("User name or e-mail address"), max_length=254, widget=forms.TextInput(attrs=_USERNAME)
    )
