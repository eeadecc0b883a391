"""Another size for a site over REST: staff ask, members see."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from controlpanel.operations.models import Operation
from hosting.models import Placement, Site
from members.models import Login
from tests import factories as make
from tests.api.problem import assert_problem


@pytest.fixture
def site(login: Login) -> Site:
    make.HostFactory(name="edge1", roles=["edge"])
    make.HostFactory(name="web2")
    order = make.HostingOrderFactory(member=login.member)
    return make.SiteFactory(order=order, host=make.HostFactory(name="web1"), kind="php", placed=True)


def scale(api: APIClient, site: Site, query: str = "", **body: Any) -> Any:
    return api.post(f"/api/v1/sites/{site.pk}/scale/{query}", body, format="json")


def test_it_is_accepted_with_the_operation_to_watch(staff_api: APIClient, site: Site) -> None:
    response = scale(staff_api, site, hosts=2, memory_mb=2048)
    assert response.status_code == 202
    body = response.json()
    assert body["operation"]["id"] == Operation.objects.get().pk
    assert (body["hosts"], body["memory_mb"], body["host"]) == (["web1", "web2"], 2048, "web1")


def test_a_preview_tells_the_steps_and_changes_nothing(staff_api: APIClient, site: Site) -> None:
    make.SiteFactory(host=make.HostFactory(name="web3"))
    response = scale(staff_api, site, "?preview=1", hosts=["web1", "web3"], dedicated=True)
    assert response.status_code == 200
    titles = [step["title"] for step in response.json()["operation"]["steps"]]
    assert "Set the site up on web3" in titles
    assert response.json()["neighbours"] == {"web3": 1}
    assert not Operation.objects.exists()
    assert not Placement.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"memory_mb": 1}, "memory_mb"),
        ({"hosts": 99}, "hosts"),
        ({"hosts": ["web1", "nowhere"]}, "hosts"),
        ({"hosts": "web1"}, "hosts"),
        ({"hosts": True}, "hosts"),
        ({"hosts": [1]}, "hosts"),
        ({"php_workers": "many"}, "php_workers"),
    ],
)
def test_what_is_wrong_is_told_beside_its_field(staff_api: APIClient, site: Site, body: Any, field: str) -> None:
    assert_problem(scale(staff_api, site, **body), 400, field)


def test_nothing_asked_is_refused(staff_api: APIClient, site: Site) -> None:
    assert_problem(scale(staff_api, site), 400)


def test_members_see_it_and_ask_for_nothing(api: APIClient, site: Site) -> None:
    assert_problem(scale(api, site, hosts=2), 403)
    read = api.get(f"/api/v1/sites/{site.pk}/").json()
    assert (read["hosts"], read["memory_mb"], read["cpu_weight"], read["dedicated"]) == (["web1"], 1024, 100, False)
