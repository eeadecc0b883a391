"""WordPress sites: what is ordered, what is shown once, what hosts are told, and how it ends."""

import hashlib
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from controlpanel.agent.kinds.application import _HASH
from controlpanel.agent.web import wordpress as on_host
from controlpanel.operations.models import Operation, Step
from controlpanel.operations.registry import action_for, plan_for
from hosting import services, wordpress
from hosting.choices import DatabaseState, SiteState
from hosting.errors import HostingError, KindFixed
from hosting.models import Application, Database, Site
from tests.factories import HostFactory, SiteFactory, TokenFactory

from .conftest import Place


@pytest.fixture
def ready(place: Place) -> Place:
    HostFactory(name="db1", roles=["database"])
    return place


def create(place: Place, name: str = "blog.test", **more: Any) -> tuple[Site, Operation, services.Credentials]:
    return services.create_wordpress(place.actor, place.order, [name], **more)


# --- one order ---------------------------------------------------------------------------------------------------


def test_it_is_one_operation_with_site_database_and_program(ready: Place) -> None:
    site, operation, _credentials = create(ready)
    assert Operation.objects.count() == 1
    steps = list(operation.steps.values_list("stage", "action", "host"))
    assert (0, "hosting.put_database", "db1") in steps
    assert (0, "storage.provision", "store1") in steps
    assert (1, "hosting.place_on_web", site.host.name) in steps
    assert (2, "hosting.install_application", site.host.name) in steps
    assert min(stage for stage, action, _host in steps if action.startswith("routing.")) > 2


def test_the_password_is_handed_out_once_and_stored_nowhere(ready: Place) -> None:
    _site, operation, credentials = create(ready, idempotency_key="click")
    _site, again, nothing = create(ready, idempotency_key="click")
    assert again == operation
    assert (credentials.username, nothing.password) == (nothing.username, "")
    application = Application.objects.get()
    for secret in (credentials.password, application.database_password, application.password_hash):
        assert secret
        assert secret not in str(list(Operation.objects.values())) + str(list(Step.objects.values()))
    assert credentials.password not in str(vars(application))


def test_its_host_gets_a_hash_and_the_databases_password(ready: Place) -> None:
    site, operation, credentials = create(ready, title="  Our\nblog ", language="es_ES")
    step = operation.steps.get(action="hosting.install_application")
    call = action_for(step.action).request(step)  # type: ignore[attr-defined]
    database = Database.objects.get()
    assert call.name == "application.install"
    assert call.args["title"] == "Our blog"
    assert call.args["language"] == "es_ES"
    assert call.args["database"]["host"] == f"{database.name}.database.internal"
    assert _HASH.match(call.args["password_hash"])
    assert credentials.password not in str(call.args)
    assert str(site.pk) == call.args["site"]


def test_when_it_is_done_the_secrets_are_forgotten(ready: Place) -> None:
    site, operation, _credentials = create(ready)
    plan_for(operation.kind).on_success(operation)
    application = Application.objects.get()
    assert (application.password_hash, application.database_password) == ("", "")
    assert application.installed
    assert Database.objects.get().state == DatabaseState.ACTIVE
    assert Site.objects.get(pk=site.pk).state == SiteState.ACTIVE


def test_when_it_fails_they_are_kept_for_another_try(ready: Place) -> None:
    _site, operation, _credentials = create(ready)
    plan_for(operation.kind).on_failure(operation)
    assert Application.objects.get().database_password
    assert Database.objects.get().state == DatabaseState.FAILED
    plan_for(operation.kind).on_cancel(operation)
    assert not Application.objects.exists()
    assert Database.objects.get().state == DatabaseState.DELETED


@pytest.mark.parametrize(
    ("more", "field"),
    [({"title": "x" * 201}, "title"), ({"title": "a\x1bb"}, "title"), ({"language": "xx"}, "language")],
)
def test_what_is_wrong_is_told(ready: Place, more: dict[str, Any], field: str) -> None:
    with pytest.raises(HostingError) as caught:
        create(ready, **more)
    assert caught.value.field == field


def test_without_a_database_host_nothing_is_made(place: Place) -> None:
    with pytest.raises(HostingError):
        create(place)
    assert not Site.objects.exists()


def test_other_sites_do_not_become_one_and_it_stays_one(ready: Place) -> None:
    php = SiteFactory(order=ready.order, kind="php", placed=True)
    with pytest.raises(KindFixed):
        services.edit_site(ready.actor, php, kind="wordpress")
    blog = SiteFactory(order=ready.order, kind="wordpress", placed=True)
    with pytest.raises(KindFixed):
        services.edit_site(ready.actor, blog, kind="php")


# --- another password --------------------------------------------------------------------------------------------


def test_another_password_is_one_step(ready: Place) -> None:
    site, operation, first = create(ready)
    plan_for(operation.kind).on_success(operation)
    Site.objects.update(placed=True)
    _site, change, second = services.new_wordpress_password(ready.actor, site)
    assert second.password not in ("", first.password)
    assert [step.action for step in change.steps.all()] == ["hosting.set_application_password"]
    plan_for(change.kind).on_success(change)
    assert Application.objects.get().password_hash == ""


def test_what_is_not_installed_gets_none(ready: Place) -> None:
    site, _operation, _credentials = create(ready)
    with pytest.raises(HostingError):
        services.new_wordpress_password(ready.actor, site)


# --- by REST and by the page -------------------------------------------------------------------------------------


def test_by_rest(ready: Place) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {TokenFactory(login=ready.actor).text}")
    body = {"order": ready.order.pk, "kind": "wordpress", "domains": ["blog.test"], "title": "Blog"}
    planned = client.post("/api/v1/sites/?preview=1", body, format="json")
    assert planned.json()["application"]["password"] == ""
    assert not Site.objects.exists()
    answer = client.post("/api/v1/sites/", body, format="json")
    assert answer.status_code == 202, answer.content
    assert answer.json()["kind"] == "wordpress"
    assert len(answer.json()["application"]["password"]) == 24
    shown = client.get(f"/api/v1/sites/{answer.json()['id']}/").content.decode()
    assert answer.json()["application"]["password"] not in shown


def test_the_page_shows_the_password_once(ready: Place) -> None:
    browser = Client(headers={"accept-language": "es"})
    browser.force_login(ready.actor, backend="members.backends.DirectoryBackend")
    form = {"domains": "blog.test", "kind": "wordpress", "title": "", "language": "", "idempotency_key": "k" * 20}
    shown = browser.post(f"/orders/{ready.order.pk}/sites/new/", form)
    assert shown.status_code == 200
    assert b'id="password"' in shown.content
    assert "no-store" in shown["Cache-Control"]
    assert browser.post(f"/orders/{ready.order.pk}/sites/new/", form).status_code == 302
    assert Application.objects.get().title == "blog.test"


# --- as WordPress reads it ---------------------------------------------------------------------------------------


def test_a_hash_is_what_phpass_makes() -> None:
    """A test vector of phpass itself: 8 rounds and the password "test12345"."""
    assert wordpress.password_hash("x", "ABCDEFGH").startswith("$P$BABCDEFGH")
    digest = hashlib.md5(b"IQRaTwmftest12345").digest()  # noqa: S324
    for _round in range(2**11):
        digest = hashlib.md5(digest + b"test12345").digest()  # noqa: S324
    assert wordpress._encoded(digest) == "eRo7ud9Fh4E2PdI0S3r.L0"


WORD = st.from_regex(r"[A-Za-z0-9._~+/=-]{8,200}", fullmatch=True)


@given(WORD)
def test_no_password_breaks_out_of_the_configuration(password: str) -> None:
    text = on_host.own_config("db1", "db1", password, "db1.database.internal", ["salt"] * 8)
    assert f"define('DB_PASSWORD', '{password}');\n" in text
    assert text.count("'") == 2 * 2 * 12 + 2
