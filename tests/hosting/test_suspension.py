"""Everything of a member off and on again: the rows and the plan. (Real hosts: test_lab_suspension.py.)"""

from collections import Counter
from typing import Any

import pytest

from controlpanel.operations.models import Operation
from hosting import desired, services, suspension
from hosting.databases import desired as database_desired
from hosting.errors import MemberClosed
from hosting.models import Database, HostingOrder, Site
from members import standing
from members.models import Block, Login, Member
from routing.models import Backend
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> Member:
    return make.MemberAdminFactory().member


@pytest.fixture
def order(member: Member) -> HostingOrder:
    return make.HostingOrderFactory(member=member)


@pytest.fixture
def sites(order: HostingOrder) -> dict[str, Site]:
    """One of each kind of intent, on two web hosts; and two edges."""
    web1, web2 = make.HostFactory(name="web1"), make.HostFactory(name="web2")
    make.HostFactory(name="edge1", roles=["edge"])
    make.HostFactory(name="edge2", roles=["edge"])

    def site(host: Any, **fields: Any) -> Site:
        made = make.SiteFactory(order=order, host=host, placed=True, **fields)
        Backend.objects.filter(site_id=made.pk).update(mode=made.mode)
        return made

    return {
        "normal": site(web1),
        "disabled": site(web1, enabled=False, state="disabled"),
        "maintenance": site(web2, maintenance=True),
        "quarantined": site(web2, quarantined=True, state="quarantined"),
    }


def modes(sites: dict[str, Site]) -> dict[str, str]:
    rows = dict(Backend.objects.values_list("site_id", "mode"))
    return {name: rows[site.pk] for name, site in sites.items()}


def states(sites: dict[str, Site]) -> dict[str, str]:
    rows = dict(Site.objects.values_list("pk", "state"))
    return {name: rows[site.pk] for name, site in sites.items()}


def succeed(operation: Operation | None) -> None:
    from controlpanel.operations.registry import plan_for

    assert operation is not None
    plan_for(operation.kind).on_success(operation)
    Operation.objects.filter(pk=operation.pk).update(state="succeeded")


def test_one_call_an_edge_and_a_host_however_many_sites(member: Member, sites: dict[str, Site]) -> None:
    database = make.DatabaseFactory(order=sites["normal"].order)

    operation = standing.disable(member=member)

    assert operation is not None
    steps = list(operation.steps.all())
    assert Counter(step.action for step in steps) == {
        "hosting.switch_on_edge": 2, "hosting.switch_on_web": 2, "hosting.switch_databases": 1,
        "members.ensure_login": 1,
    }  # fmt: skip
    assert {step.stage for step in steps if "edge" in step.action} == {0}  # visitors see the page first
    assert database.host.name in {step.host for step in steps}


def test_what_was_chosen_comes_back_exactly(member: Member, sites: dict[str, Site]) -> None:
    intents = Site.objects.order_by("pk").values_list("enabled", "maintenance", "quarantined")
    before, chosen = modes(sites), list(intents)
    assert before == {
        "normal": "normal", "disabled": "disabled", "maintenance": "maintenance", "quarantined": "quarantine"
    }  # fmt: skip

    succeed(standing.disable(member=member))
    assert modes(sites) == {
        "normal": "disabled", "disabled": "disabled", "maintenance": "disabled", "quarantined": "quarantine"
    }  # fmt: skip
    assert states(sites)["normal"] == "disabled" and states(sites)["quarantined"] == "quarantined"
    for site in Site.objects.prefetch_related("domains"):
        assert not site.open and desired.site_resource(site).spec["enabled"] is False

    succeed(standing.enable(member=member))
    assert modes(sites) == before
    assert list(intents.all()) == chosen
    assert states(sites) == {
        "normal": "active", "disabled": "disabled", "maintenance": "active", "quarantined": "quarantined"
    }  # fmt: skip


def test_databases_are_closed_and_logins_of_others_stay_free(member: Member, order: HostingOrder) -> None:
    database = make.DatabaseFactory(order=order)
    helper = make.LoginFactory(administers_order=order)
    Login.objects.filter(pk=helper.pk).update(member=None)
    busy = make.MemberAdminFactory(administers_order=order)  # somebody of another member, who helps here too

    succeed(standing.disable(member=member))

    database.refresh_from_db()
    assert database_desired.state_on(database, database.host_id) == "locked"
    blocked = set(Block.objects.values_list("login__username", flat=True))
    assert blocked == {member.logins.get().username, helper.username} and busy.username not in blocked
    succeed(standing.enable(member=member))
    database.refresh_from_db()
    assert database_desired.state_on(database, database.host_id) == "serving" and not Block.objects.exists()


def test_nothing_is_made_or_changed_meanwhile_but_staff_may_move(member: Member, sites: dict[str, Site]) -> None:
    login, site = member.logins.get(), sites["normal"]
    succeed(standing.disable(member=member))

    for change in (
        lambda: services.edit_site(login, site, php_workers=9),
        lambda: services.enable_site(login, site),
        lambda: services.create_site(login, site.order, "static", ["new.example.org"]),
        lambda: services.create_database(login, site.order, "mariadb"),
        lambda: services.begin_maintenance(login, site),
    ):
        with pytest.raises(MemberClosed, match="comes back at once"):
            change()
    services.move_site(make.StaffFactory(), site, host="web2")
    assert Backend.objects.get(site_id=site.pk).mode == "disabled"


def test_an_order_the_other_way_waits_for_nothing_of_the_first(member: Member, sites: dict[str, Site]) -> None:
    """An edge may be cut while it is switched off: who pays is served at once all the same."""
    from controlpanel.operations.recovery import due

    first, second = standing.disable(member=member), standing.enable(member=member)

    assert first is not None and second is not None
    assert {first.pk, second.pk} <= set(due().values_list("pk", flat=True))
    succeed(first)
    assert states(sites)["normal"] == "updating"  # of an older intent: the newer one says when it is done
    succeed(second)
    assert states(sites)["normal"] == "active"


def test_what_was_being_made_follows_by_the_clock(member: Member, sites: dict[str, Site]) -> None:
    late = sites["normal"]
    Site.objects.filter(pk=late.pk).update(state="creating")
    succeed(standing.disable(member=member))
    late.refresh_from_db()
    assert not late.suspended
    assert services.follow_members() == []

    Site.objects.filter(pk=late.pk).update(state="active")
    operations = services.follow_members()

    late.refresh_from_db()
    assert [operation.kind for operation in operations] == ["hosting.disable_member"]
    assert late.suspended
    assert services.follow_members() == []


def test_data_of_inactive_members_goes_by_ordinary_deletion(member: Member, sites: dict[str, Site]) -> None:
    database = make.DatabaseFactory(order=sites["normal"].order)
    succeed(standing.disable(member=member))
    Member.objects.filter(pk=member.pk).update(state="inactive")

    kinds = Counter(operation.kind for operation in services.delete_of_inactive())

    assert kinds == {"hosting.delete_site": 4, "hosting.delete_database": 1}
    assert all(site.purge_after for site in Site.objects.all())  # kept for SITE_GRACE_DAYS
    assert Database.objects.get(pk=database.pk).purge_after is not None


def test_the_preview_names_what_is_touched(member: Member, sites: dict[str, Site]) -> None:
    found = standing.preview(member)
    assert sites["normal"].name in found["sites"] and found["logins"] == [member.logins.get().username]
    assert not Site.objects.filter(suspended=True).exists()


def test_it_is_one_handful_of_queries_for_fifty_sites(
    member: Member, order: HostingOrder, django_assert_max_num_queries: Any
) -> None:
    host = make.HostFactory()
    for _ in range(50):
        make.SiteFactory(order=order, host=host, placed=True)
    with django_assert_max_num_queries(45):
        standing.disable(member=member)
    assert Site.objects.filter(suspended=True, state="updating").count() == 50
    assert suspension.sites_to_switch(Member.objects.get(pk=member.pk)).count() == 0
