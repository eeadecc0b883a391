"""What is audited of storage (``controlpanel.audit``)."""

from django.utils.translation import gettext_lazy as _

from controlpanel.audit.trail import Trail, trails

from .models import Attachment, Pool, Snapshot, Volume

trails.call("storage.pool", "SELECT p.name FROM storage_pool p WHERE p.id = {id}")
trails.add(
    Trail(
        Pool,
        _("the storage pool %(name)s"),
        label="r.name",
        ignored=frozenset({"used_bytes", "capacity_bytes", "probed"}),
        named={"host_id": "fleet.host"},
        fields={"name": _("name"), "driver": _("driver"), "host_id": _("server")},
    )
)
trails.add(
    Trail(
        Volume,
        _("the volume %(name)s"),
        label="'v' || r.id",
        # Its scope is its order's; whose member that is, the order knows.
        scopes=[("order", "NULLIF(split_part(r.scope, ':', 2), '')::bigint")],
        ignored=frozenset({"used_bytes", "used_at", "epoch", "state", "uid", "gid"}),
        named={"pool_id": "storage.pool"},
        buried="purge_after",
        fields={
            "size_bytes": _("size"),
            "shared": _("shared"),
            "purge_after": _("kept until"),
            "snapshots_held": _("snapshots are held"),
            "pool_id": _("storage pool"),
            "scope": _("hosting order"),
        },
    )
)
trails.leave_out("follows from where its site is; operations write down which host has it", Attachment)
trails.leave_out("taken and dropped by operations, which say who asked, and by the clock", Snapshot)
