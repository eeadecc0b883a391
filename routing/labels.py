"""What the admin calls edges, names and certificates (``controlpanel.labels``)."""

from django.utils.translation import gettext_lazy as _

from controlpanel.labels import name

from .models import (
    AcmeAccount,
    Authority,
    Backend,
    Certificate,
    EdgeAddress,
    EdgeBase,
    EdgeRules,
    PacketRules,
    Route,
    Shield,
)

name(
    Backend,
    _("backend"),
    _("backends"),
    site_id=_("site"),
    host=_("host"),
    mode=_("mode"),
    removed=_("removed"),
    revision=_("revision"),
)
name(
    Route,
    _("route"),
    _("routes"),
    name=_("name"),
    redirect_to=_("redirects to"),
    removed=_("removed"),
    revision=_("revision"),
)
name(
    Certificate,
    _("certificate"),
    _("certificates"),
    state=_("state"),
    retry_at=_("looked at next"),
    attempts=_("attempts"),
    dns_at=_("DNS asked"),
    source=_("comes from"),
    chain_pem=_("chain"),
    issuer=_("issued by"),
    issued_at=_("issued"),
    not_after=_("valid until"),
    reminded=_("owners told of its end"),
    ordered_at=_("ordered"),
    revision=_("revision"),
)
name(
    AcmeAccount,
    _("account at an authority"),
    _("accounts at authorities"),
    directory=_("authority"),
    url=_("address of the account"),
    created=_("created"),
    paused_until=_("left alone until"),
    silences=_("times without an answer"),
)
name(
    Authority,
    _("local certificate authority"),
    _("local certificate authorities"),
    certificate_pem=_("certificate"),
    created=_("created"),
)
name(
    EdgeBase,
    _("what all edges know"),
    _("what all edges know"),
    backends=_("web hosts"),
    revision=_("revision"),
)
name(
    Shield,
    _("shield"),
    _("shields"),
    suggested=_("suggested since"),
    rate=_("requests a second"),
    usual=_("usual"),
    changed=_("changed"),
    revision=_("revision"),
)
name(
    EdgeRules,
    _("edge rules"),
    _("edge rules"),
    site_id=_("site"),
    https_names=_("names with HTTPS"),
    changed=_("changed"),
    revision=_("revision"),
)
name(EdgeAddress, _("shielded address"), _("shielded addresses"))
name(PacketRules, _("packet rules"), _("packet rules"))
