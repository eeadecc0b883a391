"""A site goes away while something else is at its certificates: both get through.

The remover has locked the names when the other begins, so the other waits. Had it locked certificates before, the
database would see a deadlock and throw one of them out.
"""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from routing import authority, certificates, issuing, own_certificates, services
from routing.choices import CertificateState as State
from routing.models import Certificate, Route
from tests.factories import HostFactory

pytestmark = pytest.mark.django_db(transaction=True)

SITE, NAMES = 1, ("a.test", "b.test")


def row(name: str = "b.test") -> Certificate:
    return Certificate.objects.select_related("route__backend").get(route__name=name)


def chain() -> str:
    return authority.issue(authority.current(), ["b.test"]).chain_pem


def _with_an_order() -> Callable[[], object]:
    Certificate.objects.update(state=State.ORDERED, order_url="https://acme.example/1", retry_at=None, chain_pem="")
    return lambda: certificates.issued(row(), chain())


def _with_one_to_revoke() -> Callable[[], object]:
    Certificate.objects.update(state=State.LEAVING, source="acme")
    return lambda: certificates.revoked(row())


def _with_ended_ones() -> Callable[[], object]:
    Certificate.objects.update(not_after=timezone.now() - timedelta(days=1))
    return certificates.drop_ended


def _with_one_brought() -> Callable[[], object]:
    Certificate.objects.update(chain_pem="", state=State.DUE)
    issued = authority.issue(authority.current(), NAMES)

    @transaction.atomic
    def bring() -> None:
        own_certificates.put(own_certificates.lock(SITE, NAMES), issued.chain_pem, issued.key_pem)

    return bring


def _with_one_asked_for() -> Callable[[], object]:
    Certificate.objects.update(chain_pem="", state=State.DUE, retry_at=timezone.now())

    def ask() -> object:
        try:
            return issuing.try_again(row(), scopes=[])
        except issuing.NothingToRetry as error:
            return error

    return ask


def _with_ones_that_are_due() -> Callable[[], object]:
    Certificate.objects.update(chain_pem="", state=State.DUE, retry_at=timezone.now())
    return issuing.renew_due


@pytest.mark.parametrize(
    "scene",
    [
        _with_an_order, _with_one_to_revoke, _with_ended_ones, _with_one_brought, _with_one_asked_for,
        _with_ones_that_are_due,
    ],
)  # fmt: skip
def test_a_site_goes_away_meanwhile(scene: Callable[[], Callable[[], object]]) -> None:
    services.set_backend(SITE, HostFactory())
    services.set_routes(SITE, NAMES[0], serving=[NAMES[1]])
    work = scene()
    found: list[Any] = []

    def other() -> None:
        try:
            found.append(work())
        except OperationalError as error:
            found.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=other)
    with transaction.atomic():
        list(Route.objects.select_for_update().order_by("name"))
        thread.start()
        _wait_until_it_waits(thread)
        services.remove(SITE)
    thread.join(20)
    assert not thread.is_alive()
    assert not any(isinstance(one, OperationalError) for one in found), found
    assert not Route.objects.filter(removed=False).exists()


def _wait_until_it_waits(thread: threading.Thread) -> None:
    """For a lock, in the database; or is through, because it leaves what is locked alone."""
    deadline = time.monotonic() + 10
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    while thread.is_alive() and time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
