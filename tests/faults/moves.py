"""Sites leave a host while something goes wrong: one is moved, a host is evacuated, or is dead and recovered from.

After each scene: exactly one host has each site, every acknowledged line is there once, nothing is reserved, edges
agree.
"""

from collections.abc import Sequence
from typing import Any

from tests.hosting.live import LiveSite, in_panel
from tests.hosting.live_hosts import LiveHost
from tests.hosting.writers import Writers
from tests.panel import ENDED, Api, lab, wait_until

from . import places
from .scenes import CANCELLED, FAULTS, NOTHING, OPPOSITE, Scene, all_back, play

#: What can happen to a move, and to an evacuation. (A source that loses its power is what recovery is for.)
OF_MOVES = sorted({*FAULTS, CANCELLED, OPPOSITE} - {"source off"})
#: What can happen while a dead host's sites come up elsewhere.
OF_RECOVERIES = sorted({*FAULTS, CANCELLED, OPPOSITE} - {"source off", "source cut"})


def move(site: LiveSite, scene: Scene) -> dict[str, Any]:
    """One move in trouble; raises AssertionError when anything of the promise is broken."""
    api = site.panel.api()
    source = site.host
    target = next(name for name in places.WEB_HOSTS if name != source)

    def opposite() -> None:
        back = api.post(f"sites/{site.id}/move/", {"host": source})
        wait_until(lambda: api.operation(back)["state"] in ENDED, 180, every=0.2, what="the opposite has ended")

    with Writers(site, pause=0.05) as writers:
        answer = api.post(f"sites/{site.id}/move/", {"host": target})
        ended = play(api, answer, scene, source, target, opposite)
        wait_until(lambda: writers.got["right"] > 20, 60, what="visitors write")
    return _told([site], writers, scene, ended, (source, target))


def evacuate(sites: Sequence[LiveSite], scene: Scene) -> dict[str, Any]:
    """All of a host's sites move away in trouble; these are among them. The first one is written to."""
    _together(sites)
    api = sites[0].panel.api()
    source = sites[0].host
    host = _host(api, source)
    target = next(name for name in places.WEB_HOSTS if name != source)
    with Writers(sites[0], pause=0.05) as writers:
        try:
            answer = api.post(f"hosts/{host}/evacuate/")
            ended = play(api, answer, scene, source, target, lambda: api.post(f"hosts/{host}/undrain/", expect=200))
            _children_ended(api)
        finally:
            api.request("POST", f"hosts/{host}/undrain/")
        wait_until(lambda: writers.got["right"] > 20, 60, what="visitors write")
    return _told(sites, writers, scene, ended, places.WEB_HOSTS)


def recover(sites: Sequence[LiveSite], scene: Scene) -> dict[str, Any]:
    """The host of these sites loses its power, and what brings them up elsewhere is in trouble, too. Then the host is
    taken back. The first site is written to."""
    _together(sites)
    api = sites[0].panel.api()
    source = sites[0].host
    host = _host(api, source)
    target = next(name for name in places.WEB_HOSTS if name != source)
    taken_back: list[dict[str, Any]] = []

    def opposite() -> None:
        response = api.request("POST", f"hosts/{host}/readmit/")  # 409 until the recovery is over
        if response.ok:
            taken_back.append(response.json())

    with Writers(sites[0], pause=0.05, synced=True) as writers:
        wait_until(lambda: writers.got["right"] > 20, 60, what="visitors write")
        lab("power-off", source)
        answer = api.post(f"hosts/{host}/recover/", {"force": True})
        ended = play(api, answer, scene, source, target, opposite)
        all_back(api)
        wait_until(
            lambda: all(api.operation(one)["state"] in ENDED for one in taken_back), 180, what="it is back, or not"
        )
        if ended["state"] == "failed":  # a target could not take its sites; whoever is on duty asks again
            api.request("POST", f"operations/{ended['id']}/retry/", json={})
            ended = api.wait({"operation": ended}, seconds=180)
        LiveHost(api, source).take_back()
        before = writers.got["right"]
        wait_until(lambda: writers.got["right"] > before + 20, 60, what="visitors write again")
    return _told(sites, writers, scene, ended, places.WEB_HOSTS)


def _together(sites: Sequence[LiveSite]) -> None:
    """All of them on the host of the first."""
    host = sites[0].host
    for site in sites[1:]:
        if site.host != host:
            site.panel.api().wait(site.panel.api().post(f"sites/{site.id}/move/", {"host": host}), seconds=120)


def _told(
    sites: Sequence[LiveSite], writers: Writers, scene: Scene, ended: dict[str, Any], among: Sequence[str]
) -> dict[str, Any]:
    all_back(sites[0].panel.api())
    for site in sites:
        assert_whole(site, among)
    assert writers.lost() == [], f"{scene}: lost {writers.lost()[:5]} of {len(writers.acknowledged)}"
    if ended["kind"] != "hosting.recover_host" and scene.fault in (NOTHING, OPPOSITE):
        assert set(writers.got) == {"right"}, f"{scene}: {writers.got}"
    return {"state": ended["state"], "got": dict(writers.got), "longest": round(writers.longest, 1)}


def assert_whole(site: LiveSite, among: Sequence[str]) -> None:
    """Exactly one of the hosts has the site, storage lets only it in, it answers, nothing is reserved."""
    read = site.read()
    assert read["host"] in among and read["state"] == "active", read
    host = read["host"]
    wait_until(lambda: places.hosts_with_mount(site.id) == [host], 90, every=1, what=f"only {host} mounts it")
    assert places.hosts_with_vhost(site.id) == [host]
    assert places.keys_of(f"v{read['volume']}") == [host]
    wait_until(lambda: site.shows(site.name), 60, what=f"{site.name} answers through every edge")
    reserved = in_panel(
        f"from controlpanel.operations.selectors import unfinished_on\nprint(unfinished_on('site:{site.id}').count())"
    )
    assert reserved == "0", "something is still reserved"


def _host(api: Api, name: str) -> int:
    return next(int(one["id"]) for one in api.get("hosts/", page_size=100)["results"] if one["name"] == name)


def _children_ended(api: Api) -> None:
    """Batches that were under way when an evacuation was cancelled turn back by themselves."""

    def ended() -> bool:
        rows = api.get("operations/", kind="hosting.move_site", page_size=20)["results"]
        return all(row["state"] in ENDED for row in rows)

    wait_until(ended, 180, every=0.5, what="batches have ended")
