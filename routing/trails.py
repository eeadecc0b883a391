"""What is audited of edges (``controlpanel.audit``)."""

from django.utils.translation import gettext_lazy as _

from controlpanel.audit.trail import Trail, trails

from . import models

trails.add(
    Trail(
        models.Shield,
        _("the shield of %(name)s"),
        label="'*'",
        scopes=[("site", "NULLIF(r.site_id, 0)")],
        about=("hosting.site", "NULLIF(r.site_id, 0)"),
        ignored=frozenset({"revision", "changed", "suggested", "rate", "usual"}),
        fields={
            "level": _("level"),
            "requests": _("requests in ten seconds"),
            "connections": _("requests at a time"),
            "blocked": _("refused networks"),
            "trusted": _("trusted networks"),
            "open_paths": _("paths that are never challenged"),
            "own_addresses": _("shielded addresses"),
            "removed": _("removed"),
            "quiet_until": _("no suggestion until"),
        },
    )
)
trails.add(
    Trail(
        models.EdgeRules,
        _("the edge rules of %(name)s"),
        label="'*'",
        scopes=[("site", "r.site_id")],
        about=("hosting.site", "r.site_id"),
        ignored=frozenset({"revision", "changed", "https_names", "site_id"}),
        # Digests of passwords are in it: entries say that it changed.
        secret=frozenset({"protected"}),
        fields={
            "https": _("HTTPS"),
            "hsts_max_age": _("seconds of HSTS"),
            "hsts_subdomains": _("HSTS for subdomains"),
            "redirects": _("redirects"),
            "addresses": _("address rules"),
            "protected": _("protected paths"),
            "notice_en": _("text of maintenance in English"),
            "notice_es": _("text of maintenance in Spanish"),
            "notice_until": _("expected back"),
            "notice_networks": _("who sees it in maintenance"),
            "removed": _("removed"),
        },
    )
)
trails.add(
    Trail(
        models.EdgeAddress,
        _("the shielded address %(name)s"),
        label="host(r.address)",
        about=("fleet.host", "r.host_id"),
        named={"host_id": "fleet.host"},
        fields={"address": _("address"), "host_id": _("server")},
    )
)
trails.add(
    Trail(
        models.PacketRules,
        _("the packet rules of the edges"),
        ignored=frozenset({"revision"}),
        fields={
            "rate": _("new connections a second"),
            "burst": _("new connections at once"),
            "connections": _("connections at a time"),
            "blocked": _("refused networks"),
        },
    )
)
trails.leave_out(
    "what edges are told follows from sites and their names, which are audited", models.Backend, models.Route
)
trails.leave_out(
    "issued and renewed by the clock for names that are audited; who brings one along starts an operation, which is",
    models.Certificate,
)
trails.leave_out(
    "the panel's own, made once", models.Authority, models.ShieldKey, models.EdgeRulesKey, models.AcmeAccount
)
trails.leave_out("what edges were last told of web hosts, which are audited", models.EdgeBase)
trails.leave_out("observed", models.EdgeCount)
