"""Forms of edge rules, one a section of their page. They collect what was typed; ``hosting/edge_rules`` decides."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from routing.choices import HttpsPolicy
from routing.edge_rules import LONGEST_TEXT
from routing.models import EdgeRules

from ..errors import HostingError
from ..forms import NamesField, ServiceForm
from .checks import USUAL_AGE

#: Seconds that browsers may be told to remember HTTPS, in words.
AGES: list[tuple[int, Any]] = [
    (86_400, _("One day, to try it")),
    (2_592_000, _("One month")),
    (USUAL_AGE, _("Half a year")),
    (31_536_000, _("One year")),
    (63_072_000, _("Two years")),
    (0, _("Not any more: browsers forget it")),
]
KINDS = [
    (301, _("For good (301)")),
    (302, _("For now (302)")),
    (308, _("For good, forms are sent on too (308)")),
    (307, _("For now, forms are sent on too (307)")),
]


class SectionForm(ServiceForm):
    """A form of which several stand on one page: each has the section's name before its ids."""

    section = ""
    #: Code of a problem to the field that it belongs beside.
    places: dict[str, str] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"prefix": self.section, **kwargs})

    def add_problems(self, error: HostingError) -> None:
        for problem in error.problems:
            field = problem.field if problem.field in self.fields else self.places.get(problem.code)
            self.add_error(field if field in self.fields else None, problem.text)


class PathField(forms.CharField):
    """A path, typed as it stands behind the site's name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=700, **kwargs)
        self.widget.attrs.update(autocapitalize="none", autocomplete="off", spellcheck="false")


class HttpsForm(SectionForm):
    section = "https"
    places = {"invalid_policy": "policy", "out_of_range": "max_age"}

    policy = forms.ChoiceField(
        label=_("Visitors that come without HTTPS"), choices=HttpsPolicy, widget=forms.RadioSelect
    )
    max_age = forms.TypedChoiceField(
        label=_("With HSTS: how long browsers remember it"),
        help_text=_("During this time, browsers open the site with HTTPS only, even if you change your mind here."),
        coerce=int,
        choices=AGES,
        required=False,
        empty_value=None,
    )
    subdomains = forms.BooleanField(
        label=_("With HSTS: for all subdomains too"),
        help_text=_("Only if every name below those of this site has HTTPS, also those that are served elsewhere."),
        required=False,
    )

    def __init__(self, *args: Any, rules: EdgeRules, **kwargs: Any) -> None:
        age = rules.hsts_max_age if rules.https == HttpsPolicy.HSTS else USUAL_AGE
        kwargs["initial"] = {"policy": rules.https, "max_age": age, "subdomains": rules.hsts_subdomains}
        super().__init__(*args, **kwargs)
        field = self.fields["max_age"]
        if isinstance(field, forms.TypedChoiceField) and age not in dict(AGES):  # set by a script
            field.choices = [(age, str(age)), *AGES]


class RedirectForm(SectionForm):
    section = "redirect"
    places = {
        "invalid_path": "path", "rule_twice": "path", "too_many": "path", "redirect_loop": "target",
        "invalid_target": "target", "target_takes_no_path": "target",
    }  # fmt: skip

    path = PathField(label=_("Old path"), help_text=_("Behind the name of the site, for example /old-shop."))
    target = PathField(
        label=_("Leads to"), help_text=_("A path of this site, for example /shop, or an address such as https://…")
    )
    below = forms.BooleanField(label=_("Also everything below the old path"), required=False)
    keep_path = forms.BooleanField(
        label=_("Then keep the rest of the path"),
        help_text=_("/old-shop/shoes leads to /shop/shoes, not to /shop."),
        required=False,
    )
    keep_query = forms.BooleanField(label=_("Keep what stands behind the “?”"), required=False, initial=True)
    status = forms.TypedChoiceField(label=_("How long"), coerce=int, choices=KINDS, initial=301)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = {"status": 301, "keep_query": True}
        super().__init__(*args, **kwargs)

    @property
    def entry(self) -> dict[str, Any]:
        """As the service takes it."""
        data = self.cleaned_data
        match = "prefix" if data["below"] else "exact"
        return {"match": match, **{key: data[key] for key in ("path", "target", "keep_path", "keep_query", "status")}}


class ProtectForm(SectionForm):
    section = "protect"
    places = {
        "invalid_path": "path", "path_not_plain": "path", "rule_twice": "path", "invalid_realm": "realm",
        "invalid_visitor": "name", "weak_password": "password", "too_many": "path",
    }  # fmt: skip

    path = PathField(label=_("Path to protect"), help_text=_("With all that is below it. / is the whole site."))
    realm = forms.CharField(
        label=_("What it is"), help_text=_("Some browsers show it to visitors."), max_length=200, required=False
    )
    open_paths = NamesField(
        label=_("Exceptions"),
        help_text=_(
            "Paths below it that stay open, one a line, for programs that know no password. For /wp-admin of "
            "WordPress: /wp-admin/admin-ajax.php"
        ),
        required=False,
        rows=2,
    )
    name = forms.CharField(label=_("First user"), max_length=100)
    password = forms.CharField(
        label=_("Password"),
        help_text=_("Leave it empty, and a good one is made and shown once."),
        max_length=300,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    @property
    def entry(self) -> dict[str, Any]:
        """As the service takes it."""
        data = self.cleaned_data
        users = [{"name": data["name"], "password": data["password"]}]
        return {"path": data["path"], "realm": data["realm"], "open_paths": data["open_paths"], "users": users}


class VisitorForm(SectionForm):
    """Another user of a door, or another password for one that it has."""

    section = "visitor"
    places = {"invalid_visitor": "name", "weak_password": "password", "rule_twice": "name", "too_many": "name"}

    lock = forms.CharField(max_length=12, widget=forms.HiddenInput)
    name = forms.CharField(label=_("User"), max_length=100)
    password = forms.CharField(
        label=_("Password"),
        help_text=_("Leave it empty, and a good one is made and shown once."),
        max_length=300,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class AddressForm(SectionForm):
    section = "address"
    places = {
        "invalid_path": "path", "path_not_plain": "path", "rule_twice": "path", "no_networks": "networks",
        "invalid_network": "networks", "network_too_wide": "networks", "invalid_action": "action",
        "too_many": "networks",
    }  # fmt: skip

    path = PathField(label=_("Path"), help_text=_("With all that is below it. / is the whole site."))
    action = forms.ChoiceField(
        label=_("Who may see it"),
        choices=[("allow", _("Only these addresses")), ("deny", _("Everybody but these addresses"))],
        widget=forms.RadioSelect,
    )
    networks = NamesField(
        label=_("Addresses and networks"),
        help_text=_("One a line, for example 192.0.2.7 or 2001:db8::/48."),
        rows=3,
    )

    @property
    def entry(self) -> dict[str, Any]:
        """As the service takes it."""
        return {key: self.cleaned_data[key] for key in ("path", "action", "networks")}


class NoticeForm(SectionForm):
    section = "notice"
    places = {"invalid_notice": "en", "invalid_until": "until"}

    en = forms.CharField(
        label=_("What visitors read, in English"),
        help_text=_("Plain text. Where one language is missing, all see the other."),
        max_length=2 * LONGEST_TEXT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    es = forms.CharField(
        label=_("What visitors read, in Spanish"),
        max_length=2 * LONGEST_TEXT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    until = forms.DateTimeField(
        label=_("When the site is expected back"),
        help_text=_("UTC. Visitors read it, and search engines come again then. It does not end the maintenance."),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"],
    )
    networks = NamesField(
        label=_("Who sees the site meanwhile"),
        help_text=_("Your own addresses, one a line."),
        required=False,
        rows=2,
    )

    def __init__(self, *args: Any, rules: EdgeRules, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "en": rules.notice_en,
            "es": rules.notice_es,
            "until": rules.notice_until,
            "networks": rules.notice_networks,
        }
        super().__init__(*args, **kwargs)
