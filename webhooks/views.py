"""Pages of webhooks."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from members.services import login_of

from . import selectors, services
from .forms import NewWebhookForm, WebhookForm
from .models import Webhook


@require_safe
@login_required
@never_cache
def webhook_list(request: HttpRequest) -> HttpResponse:
    webhooks = selectors.webhooks_for(request.user).select_related("member", "order")
    page = Paginator(webhooks, 50).get_page(request.GET.get("page"))
    return render(request, "webhooks/list.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def webhook_create(request: HttpRequest) -> HttpResponse:
    """The secret is on the page that answers, and nowhere else, ever."""
    own = login_of(request)
    form = NewWebhookForm(request.POST or None, login=own)
    if request.method == "POST" and form.is_valid():
        fields = {name: form.cleaned_data[name] for name in ("name", "url", "kinds")}
        try:
            webhook, secret = services.create_webhook(own, **fields, **form.owner())
        except ValidationError as error:
            form.add_problem(error)
        else:
            return _page(request, webhook, secret)
    return render(request, "webhooks/edit.html", {"form": form})


@require_safe
@login_required
@never_cache
def webhook_detail(request: HttpRequest, pk: int) -> HttpResponse:
    return _page(request, _found(request, pk))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def webhook_edit(request: HttpRequest, pk: int) -> HttpResponse:
    webhook = _found(request, pk)
    initial = {"name": webhook.name, "url": webhook.url, "kinds": "\n".join(webhook.kinds)}
    form = WebhookForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.change_webhook(login_of(request), webhook, **form.cleaned_data)
        except ValidationError as error:
            form.add_problem(error)
        else:
            return redirect(webhook)
    return render(request, "webhooks/edit.html", {"form": form, "webhook": webhook})


@require_POST
@login_required
@never_cache
def webhook_do(request: HttpRequest, pk: int, deed: str) -> HttpResponse:
    """One of its buttons."""
    webhook, own = _found(request, pk), login_of(request)
    if deed == "rotate":
        return _page(request, webhook, services.rotate_secret(own, webhook))
    if deed == "remove":
        services.remove_webhook(own, webhook)
        messages.success(request, _("The webhook is removed."))
        return redirect("webhooks:webhooks")
    if deed == "test":
        services.send_test(own, webhook)
        messages.success(request, _("A test is on its way. Load this page again to see what came of it."))
    else:
        services.change_webhook(own, webhook, active=deed == "on")
    return redirect(webhook)


@require_POST
@login_required
def delivery_again(request: HttpRequest, pk: int, delivery_pk: int) -> HttpResponse:
    webhook = _found(request, pk)
    delivery = get_object_or_404(selectors.deliveries_for(request.user, webhook), pk=delivery_pk)
    try:
        services.send_again(login_of(request), delivery)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect(webhook)


def _found(request: HttpRequest, pk: int) -> Webhook:
    return get_object_or_404(selectors.webhooks_for(request.user).select_related("member", "order"), pk=pk)


def _page(request: HttpRequest, webhook: Webhook, secret: str = "") -> HttpResponse:
    deliveries = selectors.deliveries_for(request.user, webhook)
    page = Paginator(deliveries, 25).get_page(request.GET.get("page"))
    context: dict[str, Any] = {"webhook": webhook, "secret": secret, "page": page}
    return render(request, "webhooks/detail.html", context)
