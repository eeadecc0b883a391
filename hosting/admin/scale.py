"""Staff give a site another size: a form, what would happen, and only then the button that does it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldBooleanSwitchWidget,
)

from controlpanel.admin import actor
from controlpanel.fleet.choices import Role
from controlpanel.fleet.models import Host
from controlpanel.operations.models import Operation

from .. import places, services
from ..errors import HostingError
from ..models import Site
from ..scaling import RANGES, neighbours


class ScaleForm(forms.Form):
    """All of a site's size. What is right is the service's to say."""

    memory_mb = forms.IntegerField(label=_("Memory (MB)"), help_text=_("All its programs together, on each host."))
    cpu_weight = forms.IntegerField(
        label=_("CPU weight"), help_text=_("Its share where others want the CPU too; 100 is usual.")
    )
    php_workers = forms.IntegerField(label=_("PHP processes"), help_text=_("On each host."))
    tasks = forms.IntegerField(label=_("Processes of any kind"), help_text=_("On each host."))
    hosts = forms.MultipleChoiceField(
        label=_("Web hosts"),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("Visitors are spread over all of them. The main host stays the main one while it is chosen."),
    )
    dedicated = forms.BooleanField(
        label=_("Its hosts are its own"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("No other site is placed on them from now on. Those that are there stay until they are moved."),
    )
    move_others = forms.BooleanField(
        label=_("Move the others away"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("With the above: sites that are on its hosts now move to others, without losing a request."),
    )
    revision = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:
        now = {name: getattr(site, name) for name in (*RANGES, "dedicated", "revision")}
        kwargs = {"initial": {**now, "hosts": site.host_names}, "label_suffix": "", **kwargs}
        super().__init__(*args, **kwargs)
        for name in RANGES:
            self.fields[name].widget = UnfoldAdminIntegerFieldWidget()
        loads = neighbours(site, _names())
        self.fields["hosts"].choices = [  # type: ignore[attr-defined]
            (name, _("%(host)s (%(count)d other sites)") % {"host": name, "count": loads.get(name, 0)})
            for name in _names()
        ]

    def add_problems(self, error: HostingError) -> None:
        for problem in error.problems:
            self.add_error(problem.field if problem.field in self.fields else None, problem.text)


def _names() -> list[str]:
    return list(Host.objects.filter(roles__contains=[Role.WEB.value]).order_by("name").values_list("name", flat=True))


class ScalesSites:
    """Mixin of the sites' admin: the page "Scale"."""

    @action(description=_("Scale"), icon="open_in_full", url_path="scale")
    def scale(self, request: HttpRequest, object_id: str) -> HttpResponse:
        page: ModelAdmin = self
        site = page.get_object(request, unquote(object_id)) if page.has_view_permission(request) else None
        if not actor(request).is_staff:
            raise PermissionDenied
        if site is None:
            raise Http404
        form = ScaleForm(request.POST or None, site=site)
        steps: list[str] = []
        if request.method == "POST" and form.is_valid():
            try:
                if "confirm" in request.POST:
                    operation = self._do(request, site, form)
                    page.log_change(request, site, str(_("Scale")))
                    messages.success(request, _("It has been asked for. Watch it here."))
                    return redirect("admin:operations_operation_change", operation.pk)
                with transaction.atomic():
                    steps = [step.title for step in self._do(request, site, form).steps.all()]
                    transaction.set_rollback(True)
            except HostingError as error:
                form.add_problems(error)
            site.refresh_from_db()
        chosen = form.cleaned_data.get("hosts", []) if form.is_bound else site.host_names
        context = {
            **page.admin_site.each_context(request),
            "title": _("Scale"),
            "site": site,
            "form": form,
            "steps": steps,
            "neighbours": neighbours(site, chosen) if form.is_bound and form.cleaned_data.get("dedicated") else {},
            "leaving": [one.host.name for one in places.further_of(site) if one.leaving],
            "object": site,
            "opts": site._meta,
            "back": reverse("admin:hosting_site_change", args=[site.pk]),
        }
        return TemplateResponse(request, "admin/hosting/scale.html", context, status=422 if form.errors else 200)

    @staticmethod
    def _do(request: HttpRequest, site: Site, form: ScaleForm) -> Operation:
        fields = dict(form.cleaned_data)
        others, where = fields.pop("move_others"), request.META.get("REMOTE_ADDR")
        with transaction.atomic():
            site, operation = services.scale_site(actor(request), site, **fields, requested_from=where)
            if others and site.dedicated:
                services.move_others(actor(request), site, requested_from=where)
        return operation
