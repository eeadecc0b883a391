"""Every page of the admin answers staff, and nobody else. Walks the registry, so a new page cannot be forgotten."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from controlpanel.fleet.models import PowerFence
from controlpanel.operations.models import Operation
from routing.models import EdgeAddress, PacketRules
from tests import factories as make
from tests.admin.rows import a_row_of

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
#: Rows only: no host has to know of a change. (Of packet rules they do: the service tells them.)
EDITABLE = {make.HostingOrder, PowerFence, PacketRules}
SECRETS = ("never-shown", "secret-key-of-a-volume", "sha256-of-a-token", "session-salt-of-a-login")

pytestmark = pytest.mark.django_db


def _url(model: Any, page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def _pages(model: Any, row: Any) -> list[str]:
    deeds = [
        reverse(f"admin:{action.action_name}", args=[row.pk])
        for action in admin.site._registry[model]._get_base_actions_detail()
        if "watch" not in action.action_name
    ]
    return [_url(model, "changelist"), _url(model, "change", row.pk), _url(model, "history", row.pk), *deeds]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_page_answers_staff(model: Any, staff: Client) -> None:
    for page in _pages(model, a_row_of(model)):
        assert staff.get(page).status_code == 200, page


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_list_can_be_searched_filtered_and_sorted(model: Any, staff: Client) -> None:
    a_row_of(model)
    page = admin.site._registry[model]
    if page.search_fields:
        for words in ("x", "1", "\x00", "9" * 30):
            assert staff.get(_url(model, "changelist"), {"q": words}).status_code == 200
    for number in range(1, len(page.list_display) + 1):
        assert staff.get(_url(model, "changelist"), {"o": number}).status_code == 200


def test_operations_are_narrowed_to_a_kind_that_there_can_be(staff: Client) -> None:
    move = make.OperationFactory(kind="hosting.move_site")
    other = make.OperationFactory(kind="hosting.delete_site")

    page = staff.get(_url(Operation, "changelist"), {"kind": "hosting.move_site"}).content.decode()

    assert _url(Operation, "change", move.pk) in page
    assert _url(Operation, "change", other.pk) not in page
    assert "kind=hosting.delete_site" in page  # the way there


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_page_answers_members(model: Any, outsider: Client) -> None:
    for page in _pages(model, a_row_of(model)):
        response = outsider.get(page, follow=True)
        assert response.status_code == 403, page
        assert outsider.post(page).status_code in (302, 403)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_nobody_is_sent_to_the_one_login_page(model: Any, client: Client) -> None:
    for page in _pages(model, a_row_of(model)):
        response = client.get(page, follow=True)
        assert response.redirect_chain[-1][0].startswith("/login/?next="), page


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_nothing_is_edited_or_deleted_behind_the_services_back(model: Any, staff: Client) -> None:
    row = a_row_of(model)
    before = type(row)._base_manager.filter(pk=row.pk).values().get()

    if model not in EDITABLE:
        assert staff.post(_url(model, "change", row.pk), {"name": "hacked", "state": "active"}).status_code == 403
    assert staff.post(_url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    staff.post(_url(model, "changelist"), {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"})

    assert type(row)._base_manager.filter(pk=row.pk).values().get() == before


def test_only_rows_that_no_host_knows_and_what_operators_did_are_added(staff: Client) -> None:
    adds = {model for model in MODELS if staff.get(_url(model, "add")).status_code == 200}

    assert adds == {make.Member, make.HostingOrder, PowerFence, EdgeAddress}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_page_shows_a_secret(model: Any, staff: Client) -> None:
    row = a_row_of(model)
    make.Token.objects.update(digest=SECRETS[2])
    make.Login.objects.exclude(pk=staff.session["_auth_user_id"]).update(session_salt=SECRETS[3])
    for page in _pages(model, row):
        content = staff.get(page).content.decode()
        for secret in SECRETS:
            assert secret not in content, page


def test_what_others_left_in_the_admin_is_not_there(staff: Client) -> None:
    assert {model._meta.app_label for model in MODELS} <= {
        "audit", "axes", "controlpanel", "fleet", "hosting", "members", "operations", "routing", "storage",
        "webhooks",
    }  # fmt: skip
