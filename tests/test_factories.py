"""The factories make rows that fit together."""

import hashlib

import pytest

from tests import factories as make

pytestmark = pytest.mark.django_db


def test_a_site_comes_with_all_that_a_working_site_has() -> None:
    site = make.SiteFactory(domain="a.test")

    assert [domain.name for domain in site.domains.all()] == ["a.test"]
    assert site.volume.attachments.get().path == f"/srv/sites/{site.pk}"
    assert site.volume.scope == f"order:{site.order_id}"


def test_a_redirect_leads_to_the_main_name() -> None:
    site = make.SiteFactory(domain="a.test")
    make.DomainFactory(site=site, name="old.test", kind="redirect")

    assert make.Route.objects.get(name="old.test").redirect_to == "a.test"


def test_logins_get_the_access_asked_for() -> None:
    order = make.HostingOrderFactory()

    assert make.StaffFactory().is_staff
    assert make.LoginFactory(staff=True).is_staff
    assert make.MemberAdminFactory(member=order.member).member_ids() == [order.member_id]
    assert make.LoginFactory(administers=order.member).member_ids() == [order.member_id]
    assert make.LoginFactory(administers_order=order).order_ids() == [order.pk]
    assert make.LoginFactory().scopes() == []


def test_a_tokens_text_is_known_to_the_test_only() -> None:
    token = make.TokenFactory()

    assert token.digest == hashlib.sha256(token.text.encode()).hexdigest()


@pytest.mark.parametrize(
    "factory",
    [
        make.AccessFactory,
        make.AttachmentFactory,
        make.AuthorityFactory,
        make.CertificateFactory,
        make.DomainFactory,
        make.DriftReportFactory,
        make.EventFactory,
        make.OperationFactory,
        make.PoolFactory,
        make.StepFactory,
    ],
)
def test_each_makes_a_row(factory: type) -> None:
    assert factory().pk
