"""What is audited of servers (``controlpanel.audit``)."""

from django.utils.translation import gettext_lazy as _

from controlpanel.audit.trail import Trail, trails

from .models import DriftReport, Host, PowerFence, Reading, Sample

trails.call("fleet.host", "SELECT h.name FROM fleet_host h WHERE h.id = {id}")
trails.add(
    Trail(
        Host,
        _("the server %(name)s"),
        label="r.name",
        ignored=frozenset({"boot_id", "facts", "reachable", "last_seen", "needs_resync"}),
        fields={
            "name": _("name"),
            "address": _("address"),
            "port": _("SSH port"),
            "roles": _("roles"),
            "state": _("state"),
            "host_key": _("SSH host key"),
            "agent_version": _("agent"),
        },
    )
)
trails.add(
    Trail(
        PowerFence,
        _("how %(name)s is switched off"),
        label="(SELECT h.name FROM fleet_host h WHERE h.id = r.host_id)",
        about=("fleet.host", "r.host_id"),
        named={"host_id": "fleet.host"},
        fields={"agent": _("agent"), "parameters": _("parameters"), "host_id": _("server")},
    )
)
trails.leave_out("observed", DriftReport, Sample, Reading)
