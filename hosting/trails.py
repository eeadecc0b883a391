"""What is audited of orders, sites and databases (``controlpanel.audit``)."""

from django.utils.translation import gettext_lazy as _

from controlpanel.audit.trail import Trail, trails

from . import models, selectors

_ORDER = "SELECT ARRAY['member:' || o.member_id, 'order:' || o.id] FROM hosting_hostingorder o WHERE o.id = {id}"
trails.scope("order", _ORDER)
trails.scope("site", _ORDER.replace("{id}", "(SELECT s.order_id FROM hosting_site s WHERE s.id = {id})"))
trails.scope("database", _ORDER.replace("{id}", "(SELECT d.order_id FROM hosting_database d WHERE d.id = {id})"))

_NAME = (
    "SELECT COALESCE((SELECT n.name FROM hosting_domain n WHERE n.site_id = {id} AND n.kind = 'primary'),"
    " (SELECT s.former_names->'served'->>0 FROM hosting_site s WHERE s.id = {id}), 'site ' || {id})"
)
trails.call("hosting.site", _NAME)
trails.call("hosting.hostingorder", "SELECT o.name FROM hosting_hostingorder o WHERE o.id = {id}")
trails.call("hosting.database", "SELECT 'db' || {id}")

#: Of so many a page offers a choice.
_OFFERED = 200
trails.offer(
    "order", lambda login: list(selectors.orders_for(login).order_by("name").values_list("pk", "name")[:_OFFERED])
)

_SITE = ("hosting.site", "r.site_id")
_DATABASE = ("hosting.database", "r.database_id")
#: What is counted and observed, or says how far an operation is.
_BOOKKEEPING = {"revision", "state", "placed"}

trails.add(
    Trail(
        models.HostingOrder,
        _("the hosting order %(name)s"),
        label="r.name",
        scopes=["ARRAY['member:' || r.member_id, 'order:' || r.id]"],
        named={"member_id": "members.member"},
        fields={
            "name": _("name"),
            "member_id": _("member"),
            "max_sites": _("number of sites"),
            "site_size_bytes": _("space for each site"),
            "importance": _("importance"),
            "max_databases": _("number of databases"),
            "database_size_bytes": _("space for each database"),
        },
    )
)
trails.add(
    Trail(
        models.Site,
        _("the site %(name)s"),
        label=f"({_NAME.replace('{id}', 'r.id')})",
        scopes=[("order", "r.order_id")],
        ignored=frozenset({*_BOOKKEEPING, "room_open", "uid", "volume_id", "former_names"}),
        named={"host_id": "fleet.host", "order_id": "hosting.hostingorder"},
        buried="purge_after",
        fields={
            "kind": _("kind"),
            "host_id": _("server"),
            "order_id": _("hosting order"),
            "enabled": _("enabled"),
            "suspended": _("switched off with its member"),
            "quarantined": _("in quarantine"),
            "maintenance": _("in maintenance"),
            "php_workers": _("PHP processes"),
            "php_settings": _("PHP settings"),
            "memory_mb": _("memory"),
            "cpu_weight": _("share of the processor"),
            "tasks": _("processes"),
            "dedicated": _("has its servers to itself"),
            "purge_after": _("deleted, and kept until"),
        },
    )
)
trails.add(
    Trail(
        models.Domain,
        _("the name %(name)s"),
        label="r.name",
        scopes=[("site", "r.site_id")],
        about=_SITE,
        named={"site_id": "hosting.site"},
        fields={"name": _("name"), "kind": _("kind"), "site_id": _("site")},
    )
)
trails.add(
    Trail(
        models.Placement,
        _("a further server (%(name)s)"),
        label="(SELECT h.name FROM fleet_host h WHERE h.id = r.host_id)",
        scopes=[("site", "r.site_id")],
        about=_SITE,
        ignored=frozenset({"placed", "serving"}),
        named={"host_id": "fleet.host", "site_id": "hosting.site"},
        fields={"leaving": _("leaving"), "host_id": _("server"), "site_id": _("site")},
    )
)
trails.add(
    Trail(
        models.Application,
        _("the WordPress “%(name)s”"),
        label="r.title",
        scopes=[("site", "r.site_id")],
        about=_SITE,
        ignored=frozenset({"site_id", "database_id"}),
        fields={
            "title": _("title"),
            "language": _("language"),
            "username": _("user name"),
            "email": _("e-mail address"),
            "installed": _("installed"),
            "password_hash": _("password"),
            "database_password": _("database password"),
        },
    )
)
trails.add(
    Trail(
        models.Quarantine,
        _("the quarantine of %(name)s"),
        label=f"({_NAME.replace('{id}', 'r.site_id')})",
        scopes=[("site", "r.site_id")],
        about=_SITE,
        ignored=frozenset({"room_revision", "snapshot_id", "site_id", "began_by_id", "ended_by_id"}),
        fields={
            "reason": _("reason"),
            "block_logins": _("keys and tokens blocked"),
            "ended": _("ended"),
            "room_secret": _("key of the clean room"),
            "room_until": _("clean room open until"),
        },
    )
)
trails.add(
    Trail(
        models.Database,
        _("the database %(name)s"),
        label="'db' || r.id",
        scopes=[("order", "r.order_id")],
        ignored=frozenset(
            {*_BOOKKEEPING, "size_bytes", "open_connections", "used_at", "frozen", "full", "copy_host_id", "copy_until"}
        ),
        named={
            "host_id": "fleet.host",
            "moving_to_id": "fleet.host",
            "order_id": "hosting.hostingorder",
            "site_id": "hosting.site",
        },
        buried="purge_after",
        fields={
            "engine": _("kind"),
            "order_id": _("hosting order"),
            "site_id": _("site"),
            "host_id": _("server"),
            "moving_to_id": _("moving to"),
            "address": _("address"),
            "quota_bytes": _("size"),
            "connections": _("connections"),
            "suspended": _("switched off with its member"),
            "purge_after": _("deleted, and kept until"),
        },
    )
)
trails.add(
    Trail(
        models.DatabaseUser,
        _("the database user %(name)s"),
        label="r.name",
        scopes=[("database", "r.database_id")],
        about=_DATABASE,
        ignored=frozenset({"changed"}),
        named={"database_id": "hosting.database"},
        fields={"name": _("name"), "access": _("access"), "verifier": _("password"), "database_id": _("database")},
    )
)
trails.leave_out("dumps are made by operations and by the clock; who downloads one is noted", models.DatabaseDump)
trails.leave_out("what was found in a quarantine, which is audited", models.Evidence)
trails.leave_out("what hosts were last told of each other", models.DatabaseServer, models.GateBase, models.WebBase)
