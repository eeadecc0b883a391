"""Pages of a site's quarantine: staff isolate and release it, its owners look at it in the clean room."""

import json
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from members import blocks
from members.reauthentication import recently_authenticated

from .. import evidence, selectors, services
from ..forms import QuarantineForm
from ..models import Site
from .common import confirmed, site_or_404


@login_required
@recently_authenticated
def site_quarantine(request: HttpRequest, pk: int) -> HttpResponse:
    """Staff: why, and what will happen."""
    site = _for_staff(request, pk)
    return confirmed(
        request,
        pk,
        _quarantine,
        form_class=QuarantineForm,
        heading=_("Put %(site)s into quarantine?"),
        button=_("Put into quarantine"),
        dangerous=True,
        consequences=services.quarantine_consequences(site),
    )


def _quarantine(actor: Any, site: Site, **fields: Any) -> Any:
    return services.quarantine_site(actor, site, fields.pop("reason"), **fields)


@login_required
@recently_authenticated
def site_release(request: HttpRequest, pk: int) -> HttpResponse:
    """Staff: let it out again."""
    site = _for_staff(request, pk)
    quarantine = services.open_quarantine(site)
    blocked = len(blocks.blocked_by(quarantine.cause)) if quarantine else 0
    return confirmed(
        request,
        pk,
        services.release_site,
        heading=_("Let %(site)s out of quarantine?"),
        button=_("Let out"),
        consequences=[
            _("It gets its network and its processes back, with the files as they are now."),
            _("Visitors see it again."),
            ngettext(
                "SSH keys and tokens of %(count)d login open again what they opened.",
                "SSH keys and tokens of %(count)d logins open again what they opened.",
                blocked,
            )
            % {"count": blocked},
        ],
    )


def room_open(request: HttpRequest, pk: int) -> HttpResponse:
    return confirmed(
        request,
        pk,
        services.open_room,
        heading=_("Open the clean room of %(site)s?"),
        button=_("Open the clean room"),
        consequences=[
            _("The site can be looked at by a secret address, which this panel shows. Everybody else sees the page."),
            _("Its programs run for that again, without any network but its own databases."),
            _("An address that there was before opens nothing any more."),
        ],
    )


def room_close(request: HttpRequest, pk: int) -> HttpResponse:
    return confirmed(
        request,
        pk,
        services.close_room,
        heading=_("Close the clean room of %(site)s?"),
        button=_("Close the clean room"),
        consequences=[_("Its address opens nothing any more, and its programs end.")],
    )


@never_cache
@login_required
@require_GET
def site_evidence(request: HttpRequest, pk: int) -> HttpResponse:
    """Staff: what the site was doing when it was isolated."""
    site = _for_staff(request, pk)
    found = [{"row": row, "content": evidence.shown(row)} for row in selectors.evidence_for(request.user, site)[:20]]
    return render(request, "hosting/evidence.html", {"site": site, "found": found})


@never_cache
@login_required
@require_GET
def evidence_download(request: HttpRequest, pk: int, evidence_pk: int) -> HttpResponse:
    """One collection as JSON, secrets masked."""
    site = _for_staff(request, pk)
    row = selectors.evidence_for(request.user, site).filter(pk=evidence_pk).first()
    if row is None:
        raise Http404
    text = json.dumps(evidence.shown(row), indent=1, ensure_ascii=False)
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="evidence-site{site.pk}-{row.pk}.json"'
    return response


def _for_staff(request: HttpRequest, pk: int) -> Site:
    site = site_or_404(request, pk)
    if not getattr(request.user, "is_staff", False):
        raise PermissionDenied
    return site
