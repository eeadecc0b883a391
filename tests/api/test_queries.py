"""Lists cost the same number of queries for 2 rows as for 20: no query a row."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from members.models import Login
from tests import factories as make
from tests.api.endpoints import LISTS, Endpoint

FEW, MANY = 2, 20


def _site(login: Login) -> Any:
    site = make.SiteFactory(order=make.HostingOrderFactory(member=login.member))
    make.DomainFactory(site=site)
    return site


#: One more row, of which the login sees as much as it ever does.
MORE: dict[str, Callable[[Login], Any]] = {
    "members": lambda login: make.AccessFactory(login=login, member=make.MemberFactory()),
    "logins": lambda login: make.MemberAdminFactory(member=login.member),
    "tokens": lambda login: make.TokenFactory(login=login),
    "accesses": lambda login: make.MemberAdminFactory(member=login.member),
    "invitations": lambda login: make.InvitationFactory(member=login.member, invited_by=login),
    "sessions": lambda login: make.LoginSessionFactory(login=login),
    "orders": _site,
    "sites": _site,
    "domains": _site,
    "volumes": _site,
    "routes": _site,
    "certificates": _site,
    "databases": lambda login: make.DatabaseFactory(order=make.HostingOrderFactory(member=login.member)),
    "webhooks": lambda login: make.WebhookFactory(member=login.member, created_by=login),
    "hosts": lambda _login: make.DriftReportFactory(),
    "audit": lambda login: make.LoginFactory(member=login.member),
    "operations": lambda login: make.OperationFactory(scopes=[f"member:{login.member_id}"], requested_by=login),
}


@pytest.mark.parametrize("endpoint", LISTS, ids=str)
@pytest.mark.parametrize("who", ["member", "staff"])
def test_a_list_costs_the_same_for_any_number_of_rows(
    endpoint: Endpoint, who: str, api_of: Any, login: Login, staff_login: Login
) -> None:
    more = MORE[endpoint.collection]
    if who == "staff":
        make.AccessFactory(login=login, role="staff", member=None)
    client = api_of(login)
    client.get("/api/v1/logins/me/")  # notes the token's use, which happens once a minute

    for _ in range(FEW):
        more(login)
    few_rows, few_queries = _measure(client, endpoint.path)
    for _ in range(MANY - FEW):
        more(login)
    many_rows, many_queries = _measure(client, endpoint.path)

    if not (who == "member" and endpoint.collection == "hosts"):
        assert many_rows >= few_rows + MANY - FEW
    assert len(many_queries) == len(few_queries), "\n".join(query["sql"] for query in many_queries)
    assert len(many_queries) <= 8


def _measure(client: APIClient, path: str) -> tuple[int, Any]:
    with CaptureQueriesContext(connection) as queries:
        response = client.get(path, {"page_size": 500})
    assert response.status_code == 200
    return len(response.json()["results"]), queries.captured_queries
