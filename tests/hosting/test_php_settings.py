"""PHP settings of a site: what may be chosen, by whom, and what a choice becomes."""

from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from controlpanel.agent.errors import Invalid
from controlpanel.agent.kinds.site import Site as SiteKind
from controlpanel.agent.web import settings as rules
from controlpanel.operations.models import Operation
from hosting import php_settings, services
from hosting.desired import site_resource
from hosting.errors import HostingError
from hosting.models import Site
from tests.factories import SiteFactory, TokenFactory

from .conftest import Place


@pytest.fixture
def site(place: Place) -> Site:
    return SiteFactory(order=place.order, kind="php", placed=True)


def api_of(login: Any) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {TokenFactory(login=login).text}")
    return client


def patch(client: APIClient, site: Site, **settings: Any) -> Any:
    return client.patch(f"/api/v1/sites/{site.pk}/", {"php_settings": settings}, format="json")


def test_what_is_chosen_is_kept_and_the_rest_has_its_default(place: Place, site: Site) -> None:
    services.edit_site(place.actor, site, php_settings={"memory_limit_mb": 300})
    changed, _operation = services.edit_site(place.actor, site, php_settings={"timezone": "Europe/Madrid"})
    assert changed.php_settings == {"memory_limit_mb": 300, "timezone": "Europe/Madrid"}
    assert php_settings.effective(changed.php_settings)["upload_max_mb"] == 128
    changed, _operation = services.edit_site(place.actor, site, php_settings={"memory_limit_mb": None})
    assert changed.php_settings == {"timezone": "Europe/Madrid"}


def test_the_default_itself_is_no_choice(place: Place, site: Site) -> None:
    changed, _operation = services.edit_site(place.actor, site, php_settings={"memory_limit_mb": 256})
    assert changed.php_settings == {}


@pytest.mark.parametrize(
    ("chosen", "field"),
    [
        ({"memory_limit_mb": 31}, "php_settings.memory_limit_mb"),
        ({"memory_limit_mb": True}, "php_settings.memory_limit_mb"),
        ({"display_errors": 1}, "php_settings.display_errors"),
        ({"error_reporting": "E_ALL"}, "php_settings.error_reporting"),
        ({"timezone": "Europe/Atlantis"}, "php_settings.timezone"),
        ({"timezone": ["UTC"]}, "php_settings.timezone"),
        ({"disable_functions": ""}, "php_settings"),
    ],
)
def test_what_is_not_on_the_list_is_refused(place: Place, site: Site, chosen: dict[str, Any], field: str) -> None:
    with pytest.raises(HostingError) as caught:
        services.edit_site(place.actor, site, php_settings=chosen)
    assert caught.value.field == field
    assert not Operation.objects.exists()


VALUES = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["UTC", "all", "Asia/Tokyo"])
)


@given(st.dictionaries(st.sampled_from([*php_settings.SETTINGS, "other"]), VALUES))
def test_what_the_panel_accepts_hosts_accept_too(changes: dict[str, Any]) -> None:
    try:
        chosen = php_settings.merged({}, changes)
    except HostingError:
        return
    assert rules.check({"php": chosen}, "php") == chosen
    assert rules.lines(chosen).count("\n") == len(rules.lines({}).splitlines())


@given(st.dictionaries(st.sampled_from([*rules.SETTINGS, "other"]), VALUES))
def test_whatever_a_host_accepts_stays_in_its_line(record: dict[str, Any]) -> None:
    try:
        chosen = rules.check({"php": record}, "php")
    except Invalid:
        return
    keys = [line.partition("=")[0] for line in rules.lines(chosen).splitlines()]
    assert keys == [line.partition("=")[0] for line in rules.lines({}).splitlines()]


def test_every_zone_on_offer_is_one_for_hosts() -> None:
    for zone in php_settings.zones():
        rules.check({"php": {"timezone": zone}}, "php")


def test_hosts_are_told(place: Place, site: Site) -> None:
    services.edit_site(place.actor, site, php_settings={"display_errors": True})
    spec = site_resource(Site.objects.prefetch_related("domains").get(pk=site.pk)).wire()["spec"]
    assert spec["php_settings"] == {"display_errors": True}
    assert SiteKind().validate(str(site.pk), spec)["php_settings"] == {"display_errors": True}


# --- by REST and by the page -------------------------------------------------------------------------------------


def test_a_script_reads_all_and_changes_some(place: Place, site: Site) -> None:
    client = api_of(place.actor)
    answer = patch(client, site, memory_limit_mb=300, display_errors=True)
    assert answer.status_code == 202, answer.content
    assert answer.json()["php_settings"] == {
        **php_settings.effective({}),
        "memory_limit_mb": 300,
        "display_errors": True,
    }
    assert Operation.objects.get().kind == "hosting.edit_site"


def test_a_script_is_told_which_one_is_wrong(place: Place, site: Site) -> None:
    answer = patch(api_of(place.actor), site, memory_limit_mb=10**6)
    assert answer.status_code == 400
    assert "from 32 to 768" in answer.json()["errors"]["php_settings.memory_limit_mb"][0]


def test_another_members_settings_are_not_there(place: Place, site: Site) -> None:
    assert patch(api_of(place.stranger), site, memory_limit_mb=300).status_code == 404


def test_a_static_site_has_none(place: Place) -> None:
    site = SiteFactory(order=place.order, kind="static", placed=True)
    client = api_of(place.actor)
    assert client.get(f"/api/v1/sites/{site.pk}/").json()["php_settings"] is None
    browser = Client()
    browser.force_login(place.actor, backend="members.backends.DirectoryBackend")
    assert browser.get(f"/sites/{site.pk}/php/").status_code == 404


def test_the_form_changes_what_was_entered(place: Place, site: Site) -> None:
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(place.actor, backend="members.backends.DirectoryBackend")
    values = {**php_settings.effective({}), "memory_limit_mb": 320, "revision": site.revision}
    values.pop("display_errors")
    response = browser.post(f"/sites/{site.pk}/php/", values)
    assert response["Location"] == f"/operations/{Operation.objects.get().pk}/"
    assert Site.objects.get(pk=site.pk).php_settings == {"memory_limit_mb": 320}
    values["memory_limit_mb"] = 5
    response = browser.post(f"/sites/{site.pk}/php/", {**values, "revision": site.revision + 1})
    assert response.status_code == 422
    assert "Enter a number from 32 to 768." in response.content.decode()
    shown = browser.get(f"/sites/{site.pk}/").content.decode()
    assert "<dd>320</dd>" in shown
