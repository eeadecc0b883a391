"""A site's files and the snapshots of its volume: take one, compare with one, restore from one."""

from collections.abc import Sequence
from concurrent.futures import TimeoutError as LateError
from typing import Any

from django.utils import timezone

from controlpanel.fleet import channel
from controlpanel.operations.errors import StepError
from controlpanel.operations.models import Operation
from storage import snapshots
from storage.choices import SnapshotCause
from storage.models import Snapshot

from .. import intents, selectors
from ..errors import FilesAway, NoSuchSnapshot, NothingToRestore
from ..models import Quarantine, Site

#: Paths of one restoration; characters of a path.
MOST_PATHS, LONGEST_PATH = 1000, 4096
#: Differences of one page; seconds to wait for them.
PAGE, PATIENCE = 200, 30.0


def snapshots_of(site: Site) -> list[Snapshot]:
    """What there is to compare with and to restore from, newest first."""
    return list(snapshots.ready_of(site.volume)) if site.volume is not None else []


def last_good(site: Site) -> Snapshot | None:
    """The newest snapshot from before the site was isolated (of a site that is not: the newest of all)."""
    quarantine = Quarantine.objects.filter(site=site, ended=None).first()
    before = quarantine.began if quarantine is not None else timezone.now()
    return next((one for one in snapshots_of(site) if one.taken is not None and one.taken < before), None)


def snapshot_of(site: Site, pk: int) -> Snapshot:
    """One of its snapshots. Raises NoSuchSnapshot, also for another site's."""
    found = snapshots.ready_of(site.volume).filter(pk=pk).first() if site.volume is not None else None
    if found is None:
        raise NoSuchSnapshot("snapshot")
    return found


def compare(
    actor: "selectors.Actor", site: Site | int, snapshot_id: int, *, after: str = "", limit: int = PAGE
) -> dict[str, Any]:
    """A page of what was added, removed or changed since the snapshot: ``{"differences", "next", "looked_at"}``.

    Asks the site's host and waits for it, at most PATIENCE seconds. Raises NoSuchSnapshot, FilesAway.
    """
    site = selectors.site_for(actor, site if isinstance(site, int) else site.pk)
    snapshot = snapshot_of(site, snapshot_id)
    if site.host is None or not site.placed:
        raise FilesAway
    args = {"site": site.pk, "snapshot": snapshot.name, "limit": limit, **({"after": after} if after else {})}
    try:
        return channel.call(site.host, "site.compare", args, timeout=PATIENCE, quick=True).result(PATIENCE + 5)
    except (StepError, LateError) as error:
        raise FilesAway from error


def take_snapshot(
    actor: "selectors.Actor",
    site: Site | int,
    *,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation]:
    """A snapshot of the files as they are now."""
    site = selectors.site_for(actor, site if isinstance(site, int) else site.pk)

    def make() -> Operation:
        locked = intents.lock(site)
        intents.check_changeable(locked, even_suspended=True)
        if locked.volume is None:
            raise FilesAway
        snapshot = snapshots.plan_snapshot(locked.volume, SnapshotCause.MANUAL)
        return intents.start(
            "hosting.snapshot_site", locked, actor, idempotency_key, requested_from, snapshot=snapshot.pk
        )

    return intents.changed(actor, site, "hosting.snapshot_site", idempotency_key, make)


def restore_files(
    actor: "selectors.Actor",
    site: Site | int,
    snapshot_id: int,
    *,
    paths: Sequence[str] = (),
    everything: bool = False,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation]:
    """Make these paths (or all of it) as they were in the snapshot: what was not there then is taken away.

    Another snapshot is taken before, so that this can be taken back the same way.
    """
    site = selectors.site_for(actor, site if isinstance(site, int) else site.pk)
    wanted = [path.strip("/") for path in paths]
    if everything == bool(wanted) or len(wanted) > MOST_PATHS or not all(map(_is_plain, wanted)):
        raise NothingToRestore("paths", limit=MOST_PATHS)

    def make() -> Operation:
        locked = intents.lock(site)
        intents.check_changeable(locked)
        snapshot = snapshot_of(locked, snapshot_id)
        if locked.volume is None:
            raise FilesAway
        before = snapshots.plan_snapshot(locked.volume, SnapshotCause.RESTORE)
        return intents.start(
            "hosting.restore_files",
            locked,
            actor,
            idempotency_key,
            requested_from,
            snapshot=snapshot.pk,
            before=before.pk,
            paths=wanted,
            taken=snapshot.taken.isoformat(timespec="minutes") if snapshot.taken else "",
        )

    return intents.changed(actor, site, "hosting.restore_files", idempotency_key, make)


def _is_plain(path: str) -> bool:
    parts = path.split("/")
    return (
        0 < len(path) <= LONGEST_PATH
        and "\0" not in path
        and path.isprintable()
        and not any(part in ("", ".", "..", ".snap") for part in parts)
    )
