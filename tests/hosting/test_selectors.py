"""Who sees which orders, sites and names. Whatever is not certain is nothing."""

import pytest
from django.contrib.auth.models import AnonymousUser

from hosting import selectors
from hosting.models import HostingOrder, Site
from tests.factories import HostingOrderFactory, LoginFactory, MemberAdminFactory, SiteFactory

pytestmark = pytest.mark.django_db


def seen(actor: object) -> tuple[int, int, int]:
    return (
        selectors.orders_for(actor).count(),
        selectors.sites_for(actor).count(),
        selectors.domains_for(actor).count(),
    )


def test_each_sees_what_is_theirs() -> None:
    mine, other = SiteFactory(), SiteFactory()
    second = HostingOrderFactory(member=mine.order.member)
    assert seen(MemberAdminFactory(member=mine.order.member)) == (2, 1, 1)
    assert seen(LoginFactory(administers_order=mine.order)) == (1, 1, 1)
    assert seen(LoginFactory(administers_order=second)) == (1, 0, 0)
    assert seen(LoginFactory(staff=True)) == (3, 2, 2)
    with pytest.raises(Site.DoesNotExist):
        selectors.site_for(LoginFactory(administers_order=mine.order), other.pk)
    with pytest.raises(HostingOrder.DoesNotExist):
        selectors.order_for(LoginFactory(administers_order=mine.order), other.order_id)


def test_nobody_sees_nothing() -> None:
    site = SiteFactory()
    plain = LoginFactory(member=site.order.member)  # of the member, but administers nothing
    gone = MemberAdminFactory(member=site.order.member, is_active=False)
    dismissed = LoginFactory(staff=True, is_active=False)
    for actor in (None, AnonymousUser(), plain, gone, dismissed, object()):
        assert seen(actor) == (0, 0, 0)
