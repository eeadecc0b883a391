"""How full pools and volumes are: asked of each storage host in one go, written in one go."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.utils import timezone

from controlpanel.fleet import samples

from . import services
from .drivers import driver_of
from .models import Pool, Volume

log = structlog.get_logger()

#: A pool is not asked more often than this.
EVERY = timedelta(seconds=55)
_CHUNK = 1000


def refresh_due() -> int:
    """Ask each pool whose turn it is; how many answered. Never longer than the calls' time-outs, and never raises.

    Safe to be called by any number of workers at once: one conditional UPDATE decides who asks.
    """
    services.ensure_pools()
    now = timezone.now()
    answered = 0
    for pool in Pool.objects.select_related("host"):
        if pool.probed is not None and pool.probed > now - EVERY:
            continue
        if Pool.objects.filter(pk=pool.pk, probed=pool.probed).update(probed=now):
            answered += refresh(pool)
    return answered


def refresh(pool: Pool) -> bool:
    """Ask one pool now; False when it does not answer."""
    driver = driver_of(pool)
    probe = driver.ask(driver.probe())
    if not probe.ok:
        log.warning("pool does not answer", pool=pool.name, code=probe.code, reason=probe.reason)
        return False
    note_probe(pool, probe.data)
    used = driver.ask(driver.usage())
    if used.ok:
        note_usage(pool, used.data["volumes"])
    return used.ok


def note_probe(pool: Pool, data: Mapping[str, Any]) -> None:
    """Store what a pool said of itself."""
    Pool.objects.filter(pk=pool.pk).update(
        capacity_bytes=int(data["capacity"]), used_bytes=int(data["used"]), probed=timezone.now()
    )


def note_usage(pool: Pool, volumes: Mapping[str, Mapping[str, Any]], now: datetime | None = None) -> int:
    """Store what each volume holds, and over time ("volume:12" ``used``); how many it was news of."""
    now = now or timezone.now()
    changed, rows = [], []
    known = Volume.objects.filter(pool=pool).only("pk", "used_bytes", "used_at", "size_bytes")
    for volume in known.iterator(_CHUNK):
        told = volumes.get(volume.name)
        if told is not None:
            used = int(told["used"])
            if samples.is_due(volume.used_bytes, volume.used_at, now, used, volume.size_bytes):
                rows.append((f"volume:{volume.pk}", "used", now, float(used)))
            volume.used_bytes, volume.used_at = used, now
            changed.append(volume)
    Volume.objects.bulk_update(changed, ["used_bytes", "used_at"], batch_size=_CHUNK)
    samples.note(rows)
    return len(changed)
