"""The form of a site's shield. It collects what was typed; ``protection.py`` decides what is right."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from routing.choices import ShieldLevel
from routing.models import Shield

from .forms import NamesField, ServiceForm

#: Level to what it does, in plain words.
EXPLANATIONS: dict[str, Any] = {
    ShieldLevel.OFF: _("Every request goes to the site."),
    ShieldLevel.CACHE: _(
        "Pages that look the same to everybody are kept for ten seconds and answered without the site. Who is logged "
        "in always gets the site itself. Blocked networks get a page that says so."
    ),
    ShieldLevel.LIMIT: _(
        "Also, one visitor gets only so many requests in ten seconds and at a time. Who wants more is asked to wait; "
        "nobody else notices."
    ),
    ShieldLevel.CHALLENGE: _(
        "Also, a visitor's browser solves a small task by itself before the first page, which takes about a second. "
        "Simple attack programs cannot. Programs that use the site need an exception; so do visitors without "
        "JavaScript."
    ),
}


class ShieldForm(ServiceForm):
    """All values of a shield."""

    level = forms.ChoiceField(label=_("Level"), choices=ShieldLevel, widget=forms.RadioSelect)
    requests = forms.IntegerField(
        label=_("Requests of one visitor in ten seconds"),
        help_text=_("A page with its pictures often takes 20 to 60. From the level Limit on."),
    )
    connections = forms.IntegerField(
        label=_("Requests of one visitor at the same time"),
        help_text=_("From the level Limit on."),
    )
    blocked = NamesField(
        label=_("Blocked networks"),
        help_text=_("One address or network a line, for example 192.0.2.0/24. They get a page that says so."),
        required=False,
        rows=4,
    )
    trusted = NamesField(
        label=_("Networks without limit and task"),
        help_text=_("For example your office, or a payment service that calls your site."),
        required=False,
        rows=3,
    )
    open_paths = NamesField(
        label=_("Paths without a task"),
        help_text=_("Beginnings of paths that programs use, for example /api/. The limit is in force there too."),
        required=False,
        rows=3,
    )
    own_addresses = forms.BooleanField(
        label=_("Use the shielded addresses"),
        help_text=_(
            "For attacks below the web. You change the DNS of the site's names; its page says to which addresses."
        ),
        required=False,
    )

    def __init__(self, *args: Any, shield: Shield, addresses: list[str], **kwargs: Any) -> None:
        kwargs["initial"] = {**shield.spec, "own_addresses": shield.own_addresses}
        super().__init__(*args, **kwargs)
        if not addresses:
            del self.fields["own_addresses"]
