"""After a host died and booted again: end what its last boot left open, and see that it has its volumes.

Storage would give those sessions up by itself, but only after a minute; until then the files that the host had in use
hang for everybody, the host itself included.
"""

import structlog

from controlpanel.fleet import services as fleet
from controlpanel.fleet.choices import HostState
from controlpanel.fleet.models import Host

from .drivers import driver_of
from .models import Attachment, Pool

log = structlog.get_logger()

#: Seconds by which a session must be older than the host's boot, for what clocks round. (Those of the new boot are
#: younger by what a host takes from its first process to its first mount.)
MARGIN = 0.2


def reap_due() -> int:
    """Look after each host that has booted since its volumes were mounted; how many were looked after."""
    return sum(reap(host) for host in _returned())


def _returned() -> list[Host]:
    rows = Attachment.objects.filter(mounted=True, fenced=None).exclude(host__boot_id="").exclude(boot_id="")
    rows = rows.filter(host__reachable=True).exclude(host__state=HostState.FENCED).select_related("host")
    found = {row.host_id: row.host for row in rows.defer("credential") if row.boot_id != row.host.boot_id}
    return list(found.values())


def reap(host: Host) -> bool:
    """End what the host left open before its present boot; False when that could not be done yet."""
    rows = Attachment.objects.filter(host=host, mounted=True, fenced=None)
    pools = list(Pool.objects.select_related("host").filter(volumes__attachments__in=rows).distinct())
    if not pools:
        return False
    left = {pool: driver_of(pool).ask(driver_of(pool).sessions(host)) for pool in pools}
    # Asked after the ages: what is older than this uptime was opened before the boot, however long the answers took.
    asked = driver_of(pools[0]).ask(driver_of(pools[0]).mounts(), host)
    if not asked.ok:
        return False
    for pool, answer in left.items():
        if answer.ok:
            old = [one["id"] for one in answer.data["sessions"] if one["age"] > asked.data["uptime"] + MARGIN]
            if not old:
                continue
            answer = driver_of(pool).ask(driver_of(pool).reap(host, old))
        if not answer.ok:
            log.warning("what a host left open could not be ended", host=host.name, pool=pool.name, code=answer.code)
            return False
        log.info("ended what a host left open", host=host.name, pool=pool.name, ended=answer.data["ended"])
    rows.exclude(boot_id="").update(boot_id=asked.data["boot_id"])
    mounted = {line.partition(" ")[0].removeprefix("controlpanel-") for line in asked.data["mounts"]}
    if any(row.volume.name not in mounted for row in rows.select_related("volume").defer("credential")):
        fleet.resync([host])  # it booted while the storage was away; now the storage answers
    return True
