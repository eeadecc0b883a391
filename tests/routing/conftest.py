"""Fixtures of the edges' lab tests."""

from collections.abc import Iterator

import pytest

from tests.panel import wait_until

from .certifier import Certifier
from .edges import Agent, Edge, absent, fresh, lab_hosts, present, site_number


@pytest.fixture(scope="module")
def edges() -> Iterator[list[Edge]]:
    """All edges of the lab, cleaned of what the tests of a file put there. Their agents are asked by us alone; those of
    one file do not outlive what another file does to the hosts."""
    found = [Edge(name, address, Agent(name)) for name, address in lab_hosts("edge")]
    assert found, "the lab has no running edge"
    yield found
    for edge in found:
        edge.clean()
        edge.agent.close()


@pytest.fixture
def edge(edges: list[Edge]) -> Edge:
    return edges[0]


@pytest.fixture(scope="module")
def web(edges: list[Edge]) -> str:
    """A web host that all edges think alive."""

    def alive() -> str:
        for name, _address in lab_hosts("web"):
            stats = [edge.agent.call("edge.stats")["backends"] for edge in edges]
            if all(backends.get(name, {}).get("status", "").startswith("UP") for backends in stats):
                return name
        return ""

    return wait_until(alive, 20, what="a web host that the edges think alive")


@pytest.fixture(scope="session")
def certifier() -> Certifier:
    return Certifier()


class Site:
    """A site on every edge, with one name; gone after the test."""

    def __init__(self, edges: list[Edge], web: str) -> None:
        self.edges, self.web = edges, web
        self.id = site_number()
        self.name = fresh("site")

    def resources(self, mode: str = "normal") -> list[dict]:
        return [
            present("site_route", str(self.id), {"backend": self.web, "mode": mode}),
            present("route", self.name, {"site": self.id}),
        ]

    def put(self, mode: str = "normal", *more: dict) -> None:
        for edge in self.edges:
            edge.apply(*self.resources(mode), *more)

    def remove(self) -> None:
        for edge in self.edges:
            edge.apply(absent("site_route", str(self.id)), absent("route", self.name))


@pytest.fixture
def site(edges: list[Edge], web: str) -> Iterator[Site]:
    site = Site(edges, web)
    site.put()
    yield site
    for edge in edges:
        edge.clean()
