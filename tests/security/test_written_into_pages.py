"""Whatever text is in a row, no page shows it as markup: all columns of text are filled with an attack, all pages read.

That is more than members can write, so it holds for what they will be able to write too.
"""

from html.parser import HTMLParser
from typing import Any

import pytest
from django.apps import apps
from django.db import models, transaction
from django.test import Client

from controlpanel.encryption import EncryptedTextField
from tests import factories as make
from tests.budget import addresses
from tests.budget.world import World

pytestmark = pytest.mark.django_db

ATTACK = "\"'><xss onx=1>{{7*7}}&lt;"
OURS = ("operations", "fleet", "members", "storage", "routing", "hosting", "webhooks")
#: Columns whose text is a name for the code, not for people: filled with this a page could not be made at all.
MEANT_FOR_CODE = {
    "action", "agent", "agent_version", "boot_id", "cause", "digest", "driver", "engine", "host", "host_key", "key",
    "kind", "language", "lease_holder", "metric", "outcome", "owner", "password", "path", "resource", "role", "scope",
    "session_salt", "subject", "template", "trouble", "username", "verifier",
}  # fmt: skip
#: The same of one model: a user of a database stands in addresses, and has a name that fits there.
MEANT_FOR_ADDRESSES = {("databaseuser", "name")}


class Reader(HTMLParser):
    """Reads a page as a browser does, and notes where the attack has become an element, or an attribute of one."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "xss" or any(name == "onx" for name, _value in attrs):
            self.seen.append(self.get_starttag_text() or tag)


def columns(model: type[models.Model]) -> list[Any]:
    """Columns of text that an attack can be put into."""
    return [
        field
        for field in model._meta.get_fields()
        if isinstance(field, (models.CharField, models.TextField))
        and not isinstance(field, EncryptedTextField)
        and not field.primary_key
        and not field.choices
        and field.name not in MEANT_FOR_CODE
        and (model._meta.model_name, field.name) not in MEANT_FOR_ADDRESSES
    ]


def poison() -> int:
    """Put the attack into every column of every row; how many columns that were."""
    done = 0
    for model in apps.get_models():
        if model._meta.app_label not in OURS:
            continue
        for field in columns(model):
            for pk in model._default_manager.values_list("pk", flat=True)[:3]:
                text = f"{pk}{ATTACK}" if field.unique else ATTACK
                with transaction.atomic():
                    model._default_manager.filter(pk=pk).update(**{field.name: text[: field.max_length]})
                done += 1
    return done


def test_no_page_shows_text_as_markup() -> None:
    world = World(sites=2, mine=2).build()
    make.TokenFactory(login=world.login)
    make.QuarantineFactory(site=world.order.sites.all()[0])
    assert poison() > 30

    for who, login in (("member", world.login), ("staff", world.staff)):
        client = Client()
        client.force_login(login, backend="members.backends.DirectoryBackend")
        found = addresses.pages(world, who) + (addresses.admin_pages(world) if who == "staff" else [])
        for address in found:
            answer = client.get(address.url)
            assert answer.status_code < 500, f"{address} answers {answer.status_code}"
            if answer.get("Content-Type", "").startswith("text/html"):
                reader = Reader()
                reader.feed(answer.content.decode())
                assert not reader.seen, f"{address}: {reader.seen}"
