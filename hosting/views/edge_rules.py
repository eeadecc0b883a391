"""The page of a site's edge rules: a section each for HTTPS, redirects, passwords, addresses, and maintenance.

Each form changes its own section; what stands in a list is added and removed one by one. It works without scripts.
"""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from controlpanel.operations.choices import UNFINISHED
from controlpanel.operations.models import Operation
from routing import edge_rules
from routing.models import EdgeRules

from .. import selectors, services
from ..choices import SiteState
from ..edge_rules.doors import NewPassword
from ..edge_rules.forms import (
    AddressForm,
    HttpsForm,
    NoticeForm,
    ProtectForm,
    RedirectForm,
    SectionForm,
    VisitorForm,
)
from ..errors import HostingError
from ..models import Site
from ..services.edge_rules import KIND
from .common import page, site_or_404

#: Redirects that the page lists; a search finds the others.
MOST_SHOWN = 100

#: What a post changes: the sections for the service.
Changes = dict[str, Any]


def edge_rules_context(site: Site) -> dict[str, Any]:
    """What ``hosting/site/edge_rules.html`` shows."""
    return {
        "edge_rules": edge_rules.rules_of(site.pk),
        "edge_rules_possible": site.state not in (SiteState.DELETING, SiteState.DELETED, SiteState.PURGING),
    }


@never_cache
@login_required
@page
def edge_rules_page(request: HttpRequest, pk: int) -> HttpResponse:
    """All sections; what was typed wrong stays where it was."""
    site, rules = site_or_404(request, pk), edge_rules.rules_of(pk)
    form: SectionForm | None = None
    problem = ""
    if request.method == "POST":
        section = request.POST.get("section", "")[:20]
        form = _form(section, request, rules)
        if form is None or form.is_valid():
            try:
                changes = (form_changes(form, rules) if form else _removal(section, request, rules)) or {}
                if not changes:
                    return redirect(_address(site, section))
                key = form.cleaned_data["idempotency_key"] if form else ""
                _site, operation, fresh = services.set_edge_rules(
                    request.user,
                    site,
                    **changes,
                    revision=None if section in ("https", "notice") else rules.revision,
                    idempotency_key=key,
                    requested_from=request.META.get("REMOTE_ADDR"),
                )
            except HostingError as error:
                if form:
                    form.add_problems(error)
                else:
                    problem = error.text
            else:
                if isinstance(form, (ProtectForm, VisitorForm)):
                    return _secrets(request, site, operation, fresh)
                return redirect(_address(site, section))
    context = {**_context(request, site, rules, form), "problem": problem}
    return render(request, "hosting/edge_rules/page.html", context, status=422 if problem or form else 200)


def _form(section: str, request: HttpRequest, rules: EdgeRules) -> SectionForm | None:
    """The form of that section, bound; None for what has none (a removal)."""
    if section == HttpsForm.section:
        return HttpsForm(request.POST, rules=rules)
    if section == NoticeForm.section:
        return NoticeForm(request.POST, rules=rules)
    plain: dict[str, type[SectionForm]] = {
        form.section: form for form in (RedirectForm, ProtectForm, VisitorForm, AddressForm)
    }
    return plain[section](request.POST) if section in plain else None


def form_changes(form: SectionForm, rules: EdgeRules) -> Changes:
    """What a form adds to the section that it is about."""
    data = form.cleaned_data
    if isinstance(form, HttpsForm):
        return {"https": {key: data[key] for key in ("policy", "max_age", "subdomains")}}
    if isinstance(form, NoticeForm):
        return {"notice": {key: data[key] for key in ("en", "es", "until", "networks")}}
    if isinstance(form, RedirectForm):
        return {"redirects": [*rules.redirects, form.entry]}
    if isinstance(form, AddressForm):
        return {"addresses": [*rules.addresses, form.entry]}
    doors = _doors(rules)
    if isinstance(form, ProtectForm):
        return {"protected": [*doors, form.entry]}
    for door in doors:
        if door["lock"] == data["lock"]:
            others = [user for user in door["users"] if user["name"] != data["name"].strip()]
            door["users"] = [*others, {"name": data["name"], "password": data["password"], "renew": True}]
    return {"protected": doors}


def _removal(section: str, request: HttpRequest, rules: EdgeRules) -> Changes | None:
    """The list without the entry that the button is beside; None when it is not there any more."""
    one = request.POST.get("one", "")[:1000]
    name = request.POST.get("name", "")[:100]
    without: dict[str, Callable[[], Changes]] = {
        "remove_redirect": lambda: {
            "redirects": [entry for entry in rules.redirects if f"{entry['match']} {entry['path']}" != one]
        },
        "remove_address": lambda: {
            "addresses": [entry for entry in rules.addresses if f"{entry['action']} {entry['path']}" != one]
        },
        "unprotect": lambda: {"protected": [door for door in _doors(rules) if door["lock"] != one]},
        "remove_visitor": lambda: {"protected": _doors(rules, without=(one, name))},
    }
    return without[section]() if section in without else None


def _doors(rules: EdgeRules, without: tuple[str, str] = ("", "")) -> list[dict[str, Any]]:
    """The protected paths as the service takes them: users by name, with the passwords that they have."""
    return [
        {**door, "users": [{"name": name} for name in sorted(door["users"]) if (door["lock"], name) != without]}
        for door in rules.protected
    ]


def _context(request: HttpRequest, site: Site, rules: EdgeRules, bound: SectionForm | None) -> dict[str, Any]:
    forms: dict[str, SectionForm] = {
        "https_form": HttpsForm(rules=rules),
        "redirect_form": RedirectForm(),
        "protect_form": ProtectForm(),
        "address_form": AddressForm(initial={"action": "allow"}),
        "notice_form": NoticeForm(rules=rules),
    }
    if bound is not None and not isinstance(bound, VisitorForm):
        forms[f"{bound.section}_form"] = bound
    find = request.GET.get("find", "").strip()[:200]
    found = [one for one in rules.redirects if find in one["path"] or find in one["target"]]
    visitor = bound if isinstance(bound, VisitorForm) else None
    doors = [
        {**door, "users": sorted(door["users"]), "form": _visitor_form(door["lock"], visitor)}
        for door in rules.protected
    ]
    return {
        "site": site,
        "rules": rules,
        **forms,
        "doors": doors,
        "find": find,
        "redirects": found[:MOST_SHOWN],
        "found": len(found),
        "without_certificate": sorted({*site.served_names, *site.redirect_names} - set(rules.https_names)),
        "running": selectors.operations_of(request.user, site).filter(kind=KIND, state__in=UNFINISHED).first(),
    }


def _visitor_form(lock: str, bound: VisitorForm | None) -> VisitorForm:
    """Each door has its own, with ids of its own."""
    if bound is not None and bound.data.get("visitor-lock") == lock:
        return bound
    return VisitorForm(initial={"lock": lock}, auto_id=f"id_%s_{lock}")


def _address(site: Site, section: str) -> str:
    place = {
        "redirect": "redirects", "remove_redirect": "redirects", "protect": "passwords", "unprotect": "passwords",
        "visitor": "passwords", "remove_visitor": "passwords", "address": "addresses", "remove_address": "addresses",
    }.get(section, section if section in ("https", "notice") else "")  # fmt: skip
    return reverse("hosting:edge_rules", args=[site.pk]) + (f"#{place}" if place else "")


def _secrets(request: HttpRequest, site: Site, operation: Operation, fresh: list[NewPassword]) -> HttpResponse:
    """The page that shows a password. A reload sends the same form, is the same operation, and shows none."""
    context = {"site": site, "operation": operation, "fresh": fresh}
    return render(request, "hosting/edge_rules/passwords.html", context)
