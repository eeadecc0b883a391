"""A data centre in rows: two web hosts, two edges, storage, and an order with its administrator."""

from dataclasses import dataclass

import pytest

from controlpanel.fleet.models import Host
from hosting.models import HostingOrder
from members.models import Login
from tests.factories import HostFactory, HostingOrderFactory, LoginFactory, MemberAdminFactory, PoolFactory


@dataclass
class Place:
    order: HostingOrder
    actor: Login
    stranger: Login
    staff: Login
    web: list[Host]
    edges: list[Host]


@pytest.fixture
def place(db: None) -> Place:
    order = HostingOrderFactory()
    PoolFactory(host=HostFactory(name="store1", roles=["storage"]))
    return Place(
        order=order,
        actor=MemberAdminFactory(member=order.member),
        stranger=MemberAdminFactory(),
        staff=LoginFactory(member=None, staff=True),
        web=[HostFactory(name=name) for name in ("web1", "web2")],
        edges=[HostFactory(name=name, roles=["edge"]) for name in ("edge1", "edge2")],
    )
