"""Staff scale a site: a form, a preview, and only then the deed."""

import pytest
from django.test import Client
from django.urls import reverse

from controlpanel.operations.models import Operation
from hosting.models import Site
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    make.HostFactory(name="edge1", roles=["edge"])
    make.HostFactory(name="web2")
    return make.SiteFactory(host=make.HostFactory(name="web1"), kind="php", placed=True)


def address(site: Site) -> str:
    return reverse("admin:hosting_site_scale", args=[site.pk])


def filled(site: Site, **changes: object) -> dict[str, object]:
    values = {"memory_mb": 1024, "cpu_weight": 100, "php_workers": 4, "tasks": 256, "hosts": ["web1"]}
    return {**values, "revision": site.revision, **changes}


def test_the_form_shows_what_there_is(staff: Client, site: Site) -> None:
    page = staff.get(address(site)).content.decode()
    assert 'value="1024"' in page
    assert "web2 (0 other sites)" in page
    assert "Do it" not in page


def test_a_preview_changes_nothing_and_offers_to_do_it(staff: Client, site: Site) -> None:
    response = staff.post(address(site), {**filled(site, hosts=["web1", "web2"]), "preview": ""})
    page = response.content.decode()
    assert (response.status_code, "Set the site up on web2" in page, "Do it" in page) == (200, True, True)
    assert not Operation.objects.exists()
    assert not site.placements.exists()


def test_confirmed_it_leads_to_the_operation(staff: Client, site: Site) -> None:
    response = staff.post(address(site), {**filled(site, hosts=["web1", "web2"], memory_mb=2048), "confirm": ""})
    operation = Operation.objects.get()
    assert response["Location"] == reverse("admin:operations_operation_change", args=[operation.pk])
    assert Site.objects.get().memory_mb == 2048


def test_what_is_refused_is_told_beside_its_field(staff: Client, site: Site) -> None:
    response = staff.post(address(site), {**filled(site, memory_mb=5), "confirm": ""})
    assert response.status_code == 422
    assert "Enter a number from 128 to 65536" in response.content.decode()
    assert not Operation.objects.exists()


def test_an_old_form_does_nothing(staff: Client, site: Site) -> None:
    Site.objects.update(revision=site.revision + 1)
    response = staff.post(address(site), {**filled(site), "confirm": ""})
    assert response.status_code == 422
    assert not Operation.objects.exists()


def test_nobody_else_gets_there(outsider: Client, site: Site) -> None:
    assert outsider.get(address(site)).status_code in (302, 403)
    assert outsider.post(address(site), filled(site)).status_code in (302, 403)
