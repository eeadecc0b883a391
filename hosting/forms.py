"""Forms of hosting. They collect and keep what was typed; what is right is decided by ``hosting.services``."""

import re
import secrets
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from .choices import DomainKind, SiteKind
from .errors import HostingError, InvalidWorkers
from .models import Site
from .names import Names
from .services import LEAST_WORKERS, MOST_WORKERS
from .validators import readable
from .wordpress import LANGUAGES

#: More than any honest list of names; what is longer is not even split.
MAX_NAMES_LENGTH = 20_000


class NamesField(forms.CharField):
    """Domain names, one a line (blanks and commas part them too); cleans to a list, in their order."""

    widget = forms.Textarea

    def __init__(self, *, rows: int = 3, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_NAMES_LENGTH, strip=True, **kwargs)
        self.widget.attrs.update(
            rows=rows, autocapitalize="none", autocomplete="off", spellcheck="false", inputmode="url"
        )
        # The browser would cut what is pasted without a word; the server says so instead.
        self.widget.attrs.pop("maxlength", None)

    def clean(self, value: Any) -> list[str]:
        return [name for name in re.split(r"[\s,;]+", super().clean(value) or "") if name]

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, (list, tuple)) else value


class ServiceForm(forms.Form):
    """A form whose rules live in a service: ``add_problems`` puts what it refused beside the fields."""

    #: Made with the page: sent twice (a double click, a reload), it is one operation.
    idempotency_key = forms.CharField(max_length=80, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = {"idempotency_key": secrets.token_urlsafe(16), **(kwargs.get("initial") or {})}
        super().__init__(*args, **{"label_suffix": "", **kwargs})

    def add_problems(self, error: HostingError) -> None:
        for problem in error.problems:
            self.add_error(problem.field if problem.field in self.fields else None, problem.text)


class NamesForm(ServiceForm):
    """A form with names: they are judged with the other fields, so that everything wrong is told at once."""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "domains" in data:
            try:
                Names.parse(data["domains"], data.get("redirects", ()))
            except HostingError as error:
                self.add_problems(error)
        return data


class ConfirmForm(ServiceForm):
    """Nothing to fill in: the confirmation of a change that stands for itself."""


class QuarantineForm(ServiceForm):
    """Why a site is isolated, and how far."""

    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("The site’s owners read it. Say what you saw."),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    block_logins = forms.BooleanField(
        label=_("Block SSH keys and tokens of those who may change the site"), required=False
    )

    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


class RestoreFilesForm(ServiceForm):
    """The files are chosen on the page."""


class CreateSiteForm(NamesForm):
    kind = forms.ChoiceField(label=_("What kind of site?"), choices=SiteKind, widget=forms.RadioSelect)
    domains = NamesField(
        label=_("Names"),
        help_text=_("One a line, for example example.org. The first one is the main name; the others are aliases."),
    )

    title = forms.CharField(
        label=_("Title"),
        help_text=_("What the WordPress site is called; you can change it there. Empty: its main name."),
        max_length=200,
        required=False,
    )
    language = forms.ChoiceField(label=_("Language"), choices=list(LANGUAGES.items()), required=False)

    field_order = ("domains", "kind", "title", "language")


class RestoreSiteForm(NamesForm):
    """The names that the site had, to be changed where another site has one by now."""

    domains = NamesField(
        label=_("Names"),
        help_text=_("One a line. These are the names that it had; leave out those that another site uses by now."),
    )
    redirects = NamesField(
        label=_("Redirects"),
        help_text=_("One a line. Visitors of these names are sent on to the main name."),
        required=False,
        rows=2,
    )

    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:
        kwargs["initial"] = {
            name: [readable(former) for former in site.former_names.get(stored, [])]
            for name, stored in (("domains", "served"), ("redirects", "redirects"))
        }
        super().__init__(*args, **kwargs)


class EditSiteForm(NamesForm):
    """``revision`` is what the page was made from, so that nobody overwrites what they have not seen."""

    domains = NamesField(
        label=_("Names"),
        help_text=_("One a line. The first one is the main name; the others show the same site."),
    )
    redirects = NamesField(
        label=_("Redirects"),
        help_text=_("One a line. Visitors of these names are sent on to the main name."),
        required=False,
        rows=2,
    )
    php_workers = forms.IntegerField(
        label=_("PHP processes"),
        help_text=_("How many requests the site answers at the same time, at most."),
    )
    revision = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:
        names: dict[str, list[str]] = {kind: [] for kind in DomainKind.values}
        for domain in site.domains.all():
            names[domain.kind].append(readable(domain.name))
        kwargs["initial"] = {
            "domains": names[DomainKind.PRIMARY] + names[DomainKind.ALIAS],
            "redirects": names[DomainKind.REDIRECT],
            "php_workers": site.php_workers,
            "revision": site.revision,
        }
        super().__init__(*args, **kwargs)
        self.most_workers = max(MOST_WORKERS, site.php_workers)  # staff may have given it more
        if not site.runs_php:
            del self.fields["php_workers"]

    def clean_php_workers(self) -> int:
        workers: int = self.cleaned_data["php_workers"]
        if not LEAST_WORKERS <= workers <= self.most_workers:
            self.add_problems(InvalidWorkers("php_workers", low=LEAST_WORKERS, high=self.most_workers))
        return workers
