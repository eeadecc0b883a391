"""Every page and endpoint costs as many queries for 20 sites as for 5, and no more than ``queries.json`` says.

(``tests/bench/bench_pages.py`` asks the same pages of 4,000.) After a change that is worth its queries:
``WRITE_BUDGET=1 pytest tests/budget`` writes the file anew; look at what changed before you commit it.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from members.models import Login
from tests import factories as make

from . import addresses
from .addresses import Address
from .world import World

pytestmark = pytest.mark.django_db

BUDGET = Path(__file__).with_name("queries.json")
FEW, MANY = 5, 20
#: Answers that cost no page: there is nothing to see here in this world, or it is only posted to.
EMPTY = (301, 302, 403, 404, 405)


@pytest.fixture(scope="module")
def counted(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, tuple[int, int]]]:
    """By address: queries with few rows, and with many."""
    with django_db_blocker.unblock():
        few, many = _rolled_back(FEW), _rolled_back(MANY)
    yield {name: (few[name], many[name]) for name in few if name in many}


def test_no_page_asks_more_for_more_rows(counted: dict[str, tuple[int, int]]) -> None:
    assert counted
    assert {name: both for name, both in counted.items() if both[0] != both[1]} == {}


def test_no_page_asks_more_than_its_budget(counted: dict[str, tuple[int, int]]) -> None:
    spent = {name: many for name, (_few, many) in sorted(counted.items())}
    if os.environ.get("WRITE_BUDGET"):
        BUDGET.write_text(json.dumps(spent, indent=1) + "\n")
    budget = json.loads(BUDGET.read_text())
    assert {name: queries for name, queries in spent.items() if queries > budget.get(name, 0)} == {}
    assert sorted(budget) == sorted(spent), "WRITE_BUDGET=1 writes the file anew"


def _rolled_back(sites: int) -> dict[str, int]:
    ContentType.objects.get_for_models(*apps.get_models())  # asked once a process, whatever the page
    with transaction.atomic():
        counted = _count(World(sites=sites, mine=sites).build())
        transaction.set_rollback(True)
    return counted


def _count(world: World) -> dict[str, int]:
    member, staff = _browser(world.login), _browser(world.staff)
    member_api, staff_api = _script(world.login), _script(world.staff)
    found: dict[str, int] = {}
    for who, client in (("member", member), ("staff", staff)):
        found |= _measure(client, addresses.pages(world, who))
    found |= _measure(staff, addresses.admin_pages(world))
    for who, client in (("member", member_api), ("staff", staff_api)):
        found |= _measure(client, addresses.endpoints(world, who))
    return found


def _measure(client: Client, places: list[Address]) -> dict[str, int]:
    client.get("/account/")  # what is noted once (a session, a token's use) is not the page's
    found = {}
    for place in places:
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            response = client.get(place.url)
        assert response.status_code < 500, place
        if response.status_code not in EMPTY:
            found[str(place)] = len(queries)
        if os.environ.get("SHOW") == str(place):
            for sql, times in Counter(query["sql"][:300] for query in queries).most_common():
                print(times, sql)
    return found


def _browser(login: Login) -> Client:
    client = Client()
    client.force_login(login, backend="members.backends.DirectoryBackend")
    return client


def _script(login: Login) -> Client:
    client = Client(headers={"authorization": f"Bearer {make.TokenFactory(login=login).text}"})
    client.get("/api/v1/logins/me/")
    return client
