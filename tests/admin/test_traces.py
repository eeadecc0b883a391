"""From every object in the admin to its operations and to its history. Walks the registry: none is forgotten."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from controlpanel.audit.models import Entry
from controlpanel.audit.trail import trails
from controlpanel.operations.models import Operation, Reservation
from members.models import Mail
from routing.models import EdgeBase, EdgeRules, PacketRules, Shield
from tests import factories as make
from tests.admin.rows import a_row_of
from tests.pages.html import Page

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
#: No list of operations is theirs: why.
WITHOUT_OPERATIONS: dict[Any, str] = {
    Operation: "is one",
    Entry: "has the one that did it, if one did",
    make.Delivery: "tells of one, which its page links to",
    AccessAttempt: "wrong passwords change nothing",
    Mail: "sent by the clock",
    make.AcmeAccount: "the panel's own",
    make.Authority: "the panel's own",
}
#: The record has no entries of them: why.
WITHOUT_RECORD: dict[Any, str] = {
    Mail: "an outbox: what it tells has its own entries",
    EdgeBase: "follows from web hosts, which are audited",
    make.AcmeAccount: "the panel's own, made once",
    make.Authority: "the panel's own, made once",
}
OPERATIONS, RECORD = reverse("admin:operations_operation_changelist"), reverse("admin:audit_entry_changelist")

pytestmark = pytest.mark.django_db


def _links(staff: Client, row: Any) -> list[str]:
    page = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return Page(staff.get(reverse(page, args=[row.pk]))).links()


def _to(address: str, links: list[str]) -> list[str]:
    return [link for link in links if urlsplit(link).path == address and "concerning" in parse_qs(urlsplit(link).query)]


def _listed(staff: Client, address: str) -> list[int]:
    response = staff.get(address)
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_its_operations_are_one_click_away(model: Any, staff: Client) -> None:
    row = a_row_of(model)
    links = _links(staff, row)
    if model in WITHOUT_OPERATIONS:
        assert not _to(OPERATIONS, links)
        return
    (link,) = _to(OPERATIONS, links)
    make.OperationFactory()
    names = parse_qs(urlsplit(link).query)["concerning"][0].split(",")
    reserving = [Reservation.objects.create(resource=name, operation=make.OperationFactory()) for name in names]
    scoped = [make.OperationFactory(scopes=[name]) for name in names]
    wanted = {reserve.operation_id for reserve in reserving} | {operation.pk for operation in scoped}
    assert set(_listed(staff, link)) == wanted


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_its_history_is_one_click_away(model: Any, staff: Client) -> None:
    row = a_row_of(model)
    links = _to(RECORD, _links(staff, row))
    if model in WITHOUT_RECORD:
        assert not links
        return
    (link,) = links
    make.MemberFactory()
    listed = Entry.objects.filter(pk__in=_listed(staff, link))
    (name,) = parse_qs(urlsplit(link).query)["concerning"]
    assert all(name in (entry.object, entry.about) for entry in listed)
    if name.partition(":")[0] in trails.by_kind:
        assert listed.exists()


#: What staff do on a page, and the page of whose operations it is among.
DEEDS = [
    (make.Site, "disable"),
    (make.Site, "shield"),
    (make.Host, "resync"),
    (make.Login, "deactivate"),
    (Shield, "cache"),
    (EdgeRules, "remove_all"),
    (PacketRules, "forget"),
    (make.Certificate, "replace"),
]


@pytest.mark.parametrize(("model", "deed"), DEEDS, ids=lambda part: getattr(part, "__name__", part))
def test_what_staff_just_asked_for_is_among_them(model: Any, deed: str, staff: Client) -> None:
    row = a_row_of(model)
    if model is make.Site:
        type(row).objects.update(state="active", placed=True)
    staff.post(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{deed}", args=[row.pk]))

    operation = Operation.objects.get()
    (link,) = _to(OPERATIONS, _links(staff, row))
    assert _listed(staff, link) == [operation.pk]
    (link,) = _to(RECORD, _links(staff, operation))
    assert [entry.verb for entry in Entry.objects.filter(pk__in=_listed(staff, link))] == ["asked"]


def test_a_site_s_parts_are_in_its_history_and_have_their_own(staff: Client) -> None:
    domain = make.SiteFactory().domains.get()
    make.SiteFactory()
    (of_site,), (of_domain,) = _to(RECORD, _links(staff, domain.site)), _to(RECORD, _links(staff, domain))
    assert {entry.object for entry in Entry.objects.filter(pk__in=_listed(staff, of_site))} == {
        f"hosting.site:{domain.site_id}", f"hosting.domain:{domain.pk}",
    }  # fmt: skip
    assert {entry.object for entry in Entry.objects.filter(pk__in=_listed(staff, of_domain))} == {
        f"hosting.domain:{domain.pk}"
    }


def test_a_list_tells_what_it_was_narrowed_to_and_how_to_see_all(staff: Client) -> None:
    narrowed = Page(staff.get(OPERATIONS, {"concerning": "site:7,cut:7"}, headers={"accept-language": "en"}))
    assert "site:7, cut:7" in narrowed.text
    assert "By what it concerns" in narrowed.text
    assert "By what it concerns" not in Page(staff.get(OPERATIONS, headers={"accept-language": "en"})).text
    assert _listed(staff, f"{OPERATIONS}?concerning=%00") == []


def test_what_a_login_did_is_one_click_away(staff: Client) -> None:
    login = make.LoginFactory()
    operation = make.OperationFactory(requested_by=login)
    make.OperationFactory()
    links = _links(staff, login)
    (asked,) = [link for link in links if link.startswith(f"{OPERATIONS}?requested_by")]
    (did,) = [link for link in links if link.startswith(f"{RECORD}?actor_id")]
    assert _listed(staff, asked) == [operation.pk]
    assert _listed(staff, did) == []
