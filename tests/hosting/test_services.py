"""Changing sites: what is written, what is started, and what is refused."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from controlpanel.operations.models import Operation
from hosting import errors, services
from hosting.choices import SiteState
from hosting.models import Domain, HostingOrder, Site
from routing.models import Backend, Route
from tests.factories import HostingOrderFactory, SiteFactory
from tests.hosting.conftest import Place


def create(place: Place, *domains: str, **options: Any) -> tuple[Site, Operation]:
    return services.create_site(place.actor, place.order, "static", domains or ["a.test"], **options)


def settled(site: Site, state: SiteState = SiteState.ACTIVE) -> Site:
    """As if its operations had succeeded."""
    Site.objects.filter(pk=site.pk).update(state=state, placed=True)
    Operation.objects.update(state="succeeded")
    site.refresh_from_db()
    return site


# --- create ------------------------------------------------------------------------------------------------------


def test_creating_writes_the_whole_intent_and_starts_one_operation(place: Place) -> None:
    site, operation = services.create_site(
        place.actor, place.order, "php", ["A.test", "www.a.test"], redirects=["old.test"], php_workers=7
    )
    assert (site.state, site.kind, site.php_workers, site.host) == ("creating", "php", 7, place.web[0])
    assert site.served_names == ["a.test", "www.a.test"]
    assert site.redirect_names == ["old.test"]
    assert site.uid > 0
    assert (site.volume.uid, site.volume.size_bytes) == (site.uid, place.order.site_size_bytes)
    assert site.volume.attachments.get().path == f"/srv/sites/{site.pk}"
    assert Backend.objects.get(site_id=site.pk).host == place.web[0]
    assert dict(Route.objects.values_list("name", "redirect_to")) == {
        "a.test": "",
        "www.a.test": "",
        "old.test": "a.test",
    }
    assert operation.kind == "hosting.create_site"
    assert operation.params == {"site": site.pk, "name": "a.test", "revision": 1}
    assert operation.scopes == [f"member:{place.order.member_id}", f"order:{place.order.pk}", f"site:{site.pk}"]
    assert operation.requested_by == place.actor
    assert str(operation.title) == "Create the site a.test"


def test_the_same_key_gives_the_same_site_and_operation(place: Place) -> None:
    first = create(place, idempotency_key="k1")
    second = create(place, idempotency_key="k1")
    assert first == second
    assert Site.objects.count() == Operation.objects.count() == 1
    create(place, "b.test", idempotency_key="k2")
    assert Site.objects.count() == 2


def test_a_key_is_its_logins_own(place: Place) -> None:
    create(place, idempotency_key="k1")
    order = HostingOrderFactory(member=place.stranger.member)
    site, _operation = services.create_site(place.stranger, order, "static", ["b.test"], idempotency_key="k1")
    assert site.order == order


def test_a_key_cannot_be_used_for_something_else(place: Place) -> None:
    site, _operation = create(place, idempotency_key="k1")
    settled(site)
    with pytest.raises(errors.KeyReused):
        services.disable_site(place.actor, site, idempotency_key="k1")


def test_keys_may_be_long(place: Place) -> None:
    assert create(place, idempotency_key="x" * 5000) == create(place, idempotency_key="x" * 5000)


def test_anothers_order_does_not_exist(place: Place) -> None:
    for actor in (place.stranger, None):
        with pytest.raises(HostingOrder.DoesNotExist):
            services.create_site(actor, place.order, "static", ["a.test"])
    assert not Site.objects.exists()


def test_a_name_of_another_member_is_refused_without_saying_whose(place: Place) -> None:
    SiteFactory(domain="taken.test")
    with pytest.raises(errors.DomainTaken) as caught:
        create(place, "a.test", "TAKEN.test")
    assert caught.value.field == "domains"
    assert "taken.test" in caught.value.text
    assert "Collective" not in caught.value.text
    assert not Site.objects.filter(order=place.order).exists()


def test_a_name_of_an_own_site_is_refused_with_a_hint(place: Place) -> None:
    SiteFactory(order=place.order, domain="mine.test")
    with pytest.raises(errors.DomainYours) as caught:
        create(place, "a.test", redirects=["mine.test"])
    assert caught.value.field == "redirects"


def test_everything_that_is_wrong_is_said_at_once(place: Place) -> None:
    with pytest.raises(errors.Several) as caught:
        services.create_site(
            place.actor, place.order, "cobol", ["a.test", "*.b.test", "10.0.0.1"], redirects=["a.test"], php_workers=0
        )
    assert [(problem.field, problem.code) for problem in caught.value.problems] == [
        ("domains", "invalid_domain"),
        ("domains", "invalid_domain"),
        ("redirects", "domain_twice"),
        ("kind", "invalid_kind"),
        ("php_workers", "invalid_workers"),
    ]
    assert all(problem.text for problem in caught.value.problems)


@pytest.mark.parametrize("domains", [[], [""], ["x" * 10_000]])
def test_a_site_needs_a_name(place: Place, domains: list[str]) -> None:
    with pytest.raises(errors.HostingError):
        services.create_site(place.actor, place.order, "static", domains)


def test_not_more_names_than_a_certificate_holds(place: Place) -> None:
    with pytest.raises(errors.TooManyDomains):
        create(place, *(f"n{number}.test" for number in range(101)))
    with pytest.raises(errors.TooManyDomains):
        create(place, *(f"n{number}.test" for number in range(100_000)))


def test_a_name_twice_is_one_name(place: Place) -> None:
    site, _operation = create(place, "a.test", "A.TEST.", "a.test")
    assert site.served_names == ["a.test"]


def test_an_order_has_its_limit_and_deleted_sites_do_not_count(place: Place) -> None:
    HostingOrder.objects.update(max_sites=1)
    SiteFactory(order=place.order, state=SiteState.DELETED)
    create(place)
    with pytest.raises(errors.OrderFull):
        create(place, "b.test")


def test_without_a_host_nothing_is_written(place: Place) -> None:
    for host in place.web:
        host.state = "draining"
        host.save()
    with pytest.raises(errors.NoCapacity):
        create(place)
    assert not Site.objects.exists()
    assert not Operation.objects.exists()
    assert not Domain.objects.exists()


def test_sites_spread_over_the_hosts(place: Place) -> None:
    hosts = [create(place, f"n{number}.test")[0].host.name for number in range(4)]
    assert hosts == ["web1", "web2", "web1", "web2"]


def in_parallel(*works: Callable[[], Any]) -> list[Any]:
    results: list[Any] = [None] * len(works)
    start = threading.Barrier(len(works))

    def run(number: int, work: Callable[[], Any]) -> None:
        start.wait()
        try:
            results[number] = work()
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.django_db(transaction=True)
def test_a_double_click_is_one_site(place: Place) -> None:
    results = in_parallel(*[lambda: create(place, idempotency_key="k")] * 4)
    assert len({(site.pk, operation.pk) for site, operation in results}) == 1
    assert Site.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_who_want_a_name_at_the_same_instant_one_gets_it(place: Place) -> None:
    order = HostingOrderFactory(member=place.stranger.member)
    results = in_parallel(
        lambda: create(place, "a.test", "b.test"),
        lambda: services.create_site(place.stranger, order, "static", ["b.test", "a.test"]),
    )
    won = [result for result in results if isinstance(result, tuple)]
    lost = [problem for result in results if isinstance(result, errors.HostingError) for problem in result.problems]
    assert len(won) == 1
    assert {type(problem) for problem in lost} == {errors.DomainTaken}
    assert Site.objects.count() == Operation.objects.count() == 1


# --- edit --------------------------------------------------------------------------------------------------------


def test_editing_raises_the_revision_and_says_which_names_go(place: Place) -> None:
    site = settled(create(place, "a.test", "b.test", redirects=["c.test"])[0])
    site, operation = services.edit_site(place.actor, site, domains=["b.test", "d.test"], php_workers=9)
    assert (site.state, site.revision, site.php_workers) == ("updating", 2, 9)
    assert site.served_names == ["b.test", "d.test"]
    assert site.redirect_names == ["c.test"]
    assert operation.params == {"site": site.pk, "name": "b.test", "revision": 2, "removed": ["a.test"]}
    assert Route.objects.get(name="c.test").redirect_to == "b.test"
    assert Route.objects.get(name="a.test").removed


def test_a_name_may_change_its_part(place: Place) -> None:
    site = settled(create(place, "a.test", "b.test")[0])
    site, _operation = services.edit_site(place.actor, site, domains=["b.test"], redirects=["a.test"])
    assert (site.primary, site.redirect_names) == ("b.test", ["a.test"])


def test_a_stale_form_is_refused(place: Place) -> None:
    site = settled(create(place)[0])
    services.edit_site(place.actor, site, domains=["b.test"], revision=1)
    for change in (services.edit_site, services.disable_site, services.delete_site):
        with pytest.raises(errors.StaleForm):
            change(place.actor, site, revision=1)
    assert Domain.objects.get().name == "b.test"


def test_changes_queue_behind_each_other(place: Place) -> None:
    site = settled(create(place)[0])
    first = services.edit_site(place.actor, site, domains=["b.test"])[1]
    second = services.edit_site(place.actor, site, domains=["c.test"])[1]
    assert first.pk < second.pk
    assert Site.objects.get().revision == 3


@pytest.mark.parametrize(
    ("state", "placed", "error"),
    [
        (SiteState.CREATING, False, errors.SiteBusy),
        (SiteState.DELETING, True, errors.AlreadyDeleting),
        (SiteState.DELETED, False, errors.Deleted),
        (SiteState.PURGING, False, errors.Deleted),
        (SiteState.FAILED, False, errors.NeverCreated),
    ],
)
def test_what_is_not_there_cannot_be_changed(
    place: Place, state: SiteState, placed: bool, error: type[Exception]
) -> None:
    site = SiteFactory(order=place.order, state=state, placed=placed)
    for change in (services.edit_site, services.disable_site, services.enable_site):
        with pytest.raises(error):
            change(place.actor, site)
    assert not Operation.objects.exists()


def test_a_failed_change_can_be_followed_by_another(place: Place) -> None:
    site = SiteFactory(order=place.order, state=SiteState.FAILED, placed=True)
    services.edit_site(place.actor, site, php_workers=2)
    site.refresh_from_db()
    assert site.state == SiteState.UPDATING


def test_anothers_site_does_not_exist(place: Place) -> None:
    site = SiteFactory(order=place.order, placed=True)
    for change in (
        services.edit_site,
        services.disable_site,
        services.enable_site,
        services.delete_site,
        services.restore_site,
    ):
        for actor in (place.stranger, None):
            with pytest.raises(Site.DoesNotExist):
                change(actor, site.pk)
        with pytest.raises(Site.DoesNotExist):
            change(place.actor, 10**9)


def test_staff_may_change_every_site(place: Place) -> None:
    site = SiteFactory(placed=True)
    _site, operation = services.disable_site(place.staff, site)
    assert operation.scopes == site.scopes  # its member sees it too


# --- disable, enable ---------------------------------------------------------------------------------------------


def test_disabling_tells_the_edges_and_enabling_takes_it_back(place: Place) -> None:
    site = settled(create(place)[0])
    site, operation = services.disable_site(place.actor, site)
    assert (site.enabled, site.state, operation.kind) == (False, "updating", "hosting.disable_site")
    assert Backend.objects.get().mode == "disabled"
    site, operation = services.enable_site(place.actor, settled(site, SiteState.DISABLED))
    assert (site.enabled, operation.kind) == (True, "hosting.enable_site")
    assert Backend.objects.get().mode == "normal"


def test_editing_a_disabled_site_leaves_it_disabled(place: Place) -> None:
    site = settled(create(place)[0])
    site = settled(services.disable_site(place.actor, site)[0], SiteState.DISABLED)
    services.edit_site(place.actor, site, domains=["b.test"])
    assert Backend.objects.get().mode == "disabled"


# --- delete, restore, purge --------------------------------------------------------------------------------------


def attached(site: Site) -> Site:
    """As if its volume had been made and mounted."""
    site.volume.attachments.update(granted=True, mounted=True, credential="{}")
    type(site.volume).objects.filter(pk=site.volume_id).update(state="attached")
    return settled(site)


def test_deleting_keeps_the_data_for_a_while(place: Place, settings: Any) -> None:
    settings.SITE_GRACE_DAYS = 30
    site, operation = services.delete_site(place.actor, attached(create(place)[0]))
    assert (site.state, operation.kind) == ("deleting", "hosting.delete_site")
    assert site.purge_after - timezone.now() > timedelta(days=29)
    assert site.volume.attachments.get().leaving
    assert not Route.objects.filter(removed=False).exists()
    # Its names are not free before the edges have forgotten them.
    with pytest.raises(errors.DomainYours):
        create(place)


def test_deleting_twice_is_refused_clearly(place: Place) -> None:
    site = attached(create(place)[0])
    services.delete_site(place.actor, site)
    with pytest.raises(errors.AlreadyDeleting):
        services.delete_site(place.actor, site)
    settled(site, SiteState.DELETED)
    with pytest.raises(errors.Deleted):
        services.delete_site(place.actor, site)


def test_what_was_never_created_is_not_kept(place: Place) -> None:
    site = create(place)[0]
    type(site.volume).objects.update(state="trashed")
    site.volume.attachments.all().delete()
    Site.objects.update(state=SiteState.FAILED)
    site, _operation = services.delete_site(place.actor, site)
    assert site.purge_after <= timezone.now()


def deleted(place: Place, **values: Any) -> Site:
    site = attached(create(place, "a.test", redirects=["b.test"])[0])
    site.domains.all().delete()
    site.volume.attachments.all().delete()
    type(site.volume).objects.update(state="trashed")
    values = {
        "purge_after": timezone.now() + timedelta(days=1),
        "former_names": {"served": ["a.test"], "redirects": ["b.test"]},
        "host": None,
        "placed": False,
        **values,
    }
    Site.objects.filter(pk=site.pk).update(state=SiteState.DELETED, **values)
    Route.objects.update(removed=True)
    Backend.objects.update(removed=True)
    return Site.objects.get(pk=site.pk)


def test_restoring_gives_back_names_and_data_on_a_host_of_today(place: Place) -> None:
    site, operation = services.restore_site(place.actor, deleted(place))
    assert (site.state, operation.kind) == ("creating", "hosting.restore_site")
    assert (site.served_names, site.redirect_names) == (["a.test"], ["b.test"])
    assert site.host in place.web
    assert site.purge_after is None
    assert site.volume.attachments.get().host == site.host
    assert set(Route.objects.filter(removed=False).values_list("name", flat=True)) == {"a.test", "b.test"}


def test_restoring_with_another_name_when_the_old_one_is_taken(place: Place) -> None:
    site = deleted(place)
    order = HostingOrderFactory(member=place.stranger.member)
    services.create_site(place.stranger, order, "static", ["a.test"])
    with pytest.raises(errors.DomainTaken):
        services.restore_site(place.actor, site)
    site, _operation = services.restore_site(place.actor, site, domains=["c.test"], redirects=[])
    assert site.served_names == ["c.test"]


def test_nothing_comes_back_after_the_grace_period(place: Place) -> None:
    with pytest.raises(errors.NoLongerKept):
        services.restore_site(place.actor, deleted(place, purge_after=timezone.now()))


def test_only_deleted_sites_are_restored(place: Place) -> None:
    with pytest.raises(errors.NotDeleted):
        services.restore_site(place.actor, SiteFactory(order=place.order), domains=["x.test"])


def test_a_site_is_forgotten_once_its_volume_is_gone(place: Place) -> None:
    site = deleted(place, purge_after=timezone.now())
    Operation.objects.all().delete()
    assert services.purge_due() == []  # storage has it in the trash still
    type(site.volume).objects.update(state="absent")
    assert [operation.kind for operation in services.purge_due()] == ["hosting.purge_site"]
    assert services.purge_due() == []  # once
    site.refresh_from_db()
    assert site.state == SiteState.PURGING
