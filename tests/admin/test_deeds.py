"""What staff may do: a question first, then the same services as everywhere else, and what came of it."""

from unittest import mock

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from controlpanel.fleet.choices import HostState
from controlpanel.operations.choices import OperationState, StepState
from controlpanel.operations.models import Operation
from members import services as people
from members.models import Login, Member, Token
from tests import factories as make

pytestmark = pytest.mark.django_db


def _texts(response: object) -> str:
    return " ".join(str(message) for message in response.context["messages"])  # type: ignore[attr-defined]


def test_asking_changes_nothing(staff: Client) -> None:
    host = make.HostFactory()

    page = staff.get(reverse("admin:fleet_host_drain", args=[host.pk]))

    host.refresh_from_db()
    assert host.name in page.content.decode()
    assert host.state == HostState.ACTIVE


def test_a_host_is_drained_and_undrained_and_the_log_says_by_whom(staff: Client, staff_login: Login) -> None:
    host = make.HostFactory()

    staff.post(reverse("admin:fleet_host_drain", args=[host.pk]))
    host.refresh_from_db()
    assert host.state == HostState.DRAINING

    staff.post(reverse("admin:fleet_host_undrain", args=[host.pk]))
    host.refresh_from_db()
    assert host.state == HostState.ACTIVE
    assert LogEntry.objects.filter(user=staff_login, object_id=str(host.pk)).count() == 2


def test_a_deed_needs_the_form_of_its_own_page(staff_login: Login) -> None:
    host = make.HostFactory()
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(staff_login, backend="members.backends.DirectoryBackend")

    assert careful.post(reverse("admin:fleet_host_drain", args=[host.pk])).status_code == 403


def test_a_resync_leads_to_its_operation(staff: Client, staff_login: Login) -> None:
    host = make.HostFactory()

    response = staff.post(reverse("admin:fleet_host_resync", args=[host.pk]))

    operation = Operation.objects.get()
    assert operation.kind == "fleet.resync"
    assert operation.requested_by == staff_login
    assert response["Location"] == reverse("admin:operations_operation_change", args=[operation.pk])


def test_what_a_service_refuses_is_told(staff: Client) -> None:
    host = make.HostFactory(state=HostState.FENCED)

    response = staff.post(reverse("admin:fleet_host_resync", args=[host.pk]), follow=True)

    assert response.status_code == 200
    assert host.name in _texts(response)
    assert not Operation.objects.exists()


def test_a_failed_operation_is_tried_again(staff: Client) -> None:
    operation = make.OperationFactory(state=OperationState.FAILED)

    staff.post(reverse("admin:operations_operation_retry", args=[operation.pk]))

    operation.refresh_from_db()
    assert operation.state == OperationState.QUEUED


def test_an_operation_that_has_ended_is_not_cancelled(staff: Client) -> None:
    operation = make.OperationFactory(state=OperationState.SUCCEEDED)

    response = staff.post(reverse("admin:operations_operation_cancel", args=[operation.pk]), follow=True)

    operation.refresh_from_db()
    assert not operation.cancel_requested
    assert _texts(response)


def test_a_waiting_step_is_skipped_after_a_question(staff: Client) -> None:
    operation = make.OperationFactory(state=OperationState.WAITING, step_count=0)
    step = make.StepFactory(operation=operation, host="web1", state=StepState.WAITING)
    address = reverse("admin:operations_operation_skip", args=[operation.pk, step.position])

    page = staff.get(reverse("admin:operations_operation_change", args=[operation.pk])).content.decode()
    assert address in page
    assert "web1" in staff.get(address).content.decode()
    staff.post(address)

    step.refresh_from_db()
    assert step.state == StepState.SKIPPED


def test_an_operations_page_shows_what_its_hosts_said_without_secrets(staff: Client) -> None:
    operation = make.OperationFactory(step_count=0)
    make.StepFactory(
        operation=operation,
        host="web1",
        state=StepState.FAILED,
        trouble={"code": "configuration_rejected", "params": {"host": "web1"}, "output": "nginx: [emerg] oh no"},
        answer={"items": [{"id": "12"}], "password": "hunter2-secret"},
    )
    make.EventFactory(operation=operation, seq=7, data={"text": "half way"})

    page = staff.get(reverse("admin:operations_operation_change", args=[operation.pk])).content.decode()

    for text in ("web1", "nginx: [emerg] oh no", "configuration_rejected", "half way"):
        assert text in page
    assert "hunter2-secret" not in page


def test_a_hosts_page_shows_what_is_on_it_and_where_it_differs(staff: Client) -> None:
    site = make.SiteFactory(domain="on-it.example.org")
    make.DriftReportFactory(host=site.host)

    page = staff.get(reverse("admin:fleet_host_change", args=[site.host_id])).content.decode()

    for text in ("on-it.example.org", site.path, site.volume.name, "edited", "/etc/nginx/sites/12.conf"):
        assert text in page


def test_a_token_is_revoked(staff: Client) -> None:
    token = make.TokenFactory()

    response = staff.post(reverse("admin:members_token_revoke", args=[token.pk]), follow=True)

    assert response.status_code == 200
    assert not Token.objects.filter(pk=token.pk).exists()


def test_a_login_is_locked_out_by_the_service(staff: Client) -> None:
    login = make.LoginFactory()
    people.posix_id(f"login:{login.pk}")

    staff.post(reverse("admin:members_login_deactivate", args=[login.pk]))

    login.refresh_from_db()
    assert not login.is_active
    assert Operation.objects.get().params["login"] == login.pk


def test_a_member_is_added_by_the_service(staff: Client) -> None:
    with mock.patch.object(people, "create_member", wraps=people.create_member) as service:
        response = staff.post(reverse("admin:members_member_add"), {"name": "  New   Coop ", "kind": "organization"})

    assert response.status_code == 302
    assert service.called
    assert Member.objects.get().name == "New Coop"


def test_an_error_in_a_new_member_stands_on_the_form(staff: Client) -> None:
    make.MemberFactory(name="Taken")

    response = staff.post(reverse("admin:members_member_add"), {"name": "Taken", "kind": "organization"})

    assert response.status_code == 200
    assert Member.objects.count() == 1


#: What the form says of the sites that it lists below.
NO_ROWS = {"sites-TOTAL_FORMS": 0, "sites-INITIAL_FORMS": 0}


def test_an_order_is_added_and_changed_by_the_service(staff: Client) -> None:
    member = make.MemberFactory()
    fields = {"name": "Radio", "member": member.pk, "max_sites": 3, "site_size_bytes": 10**9, "importance": 3}

    staff.post(reverse("admin:hosting_hostingorder_add"), fields)
    order = make.HostingOrder.objects.get()
    staff.post(reverse("admin:hosting_hostingorder_change", args=[order.pk]), {**fields, **NO_ROWS, "max_sites": 9})

    order.refresh_from_db()
    assert (order.name, order.member, order.max_sites) == ("Radio", member, 9)


def test_an_order_cannot_be_given_silly_limits(staff: Client) -> None:
    fields = {"name": "Radio", "member": make.MemberFactory().pk, "max_sites": 3, "site_size_bytes": 1, "importance": 2}

    assert staff.post(reverse("admin:hosting_hostingorder_add"), fields).status_code == 200
    assert not make.HostingOrder.objects.exists()
