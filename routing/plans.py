"""Telling the edges. Other apps put ``publish_steps``, ``unpublish_steps`` and ``probe_steps`` into their own plans."""

import hashlib
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.actions import ApplyAction, Call, HostAction
from controlpanel.fleet.desired import Resource
from controlpanel.operations.errors import NotNow, Refused, add_messages
from controlpanel.operations.models import Step
from controlpanel.operations.registry import Params, Plan, PlannedStep, Reserve, Stages, register

from . import certificate_plans as _certificate_plans  # noqa: F401 (registers them)
from . import desired, selectors
from . import edge_rules_plans as _edge_rules_plans  # noqa: F401 (registers them)
from . import shield_plans as _shield_plans  # noqa: F401 (registers them)

add_messages(
    {
        "no_answer_yet": _("%(name)s does not answer through %(host)s yet. It is asked again."),
        "wrong_answer": _("%(host)s answers for %(name)s, but not with this site."),
        "wrong_certificate": _("%(host)s offers another certificate for %(name)s than the one that was issued."),
    }
)

#: Tries of a probe that gets a wrong answer, before the step fails. (Where nothing answers it waits, as for a host.)
TRIES = 4


def publish_steps(site_id: int) -> list[PlannedStep]:
    """One stage: tell every edge about a site."""
    return [PlannedStep("routing.publish", edge.name, {"site": site_id}) for edge in selectors.edges()]


def unpublish_steps(site_id: int) -> list[PlannedStep]:
    """One stage: take a site off every edge."""
    return [PlannedStep("routing.unpublish", edge.name, {"site": site_id}) for edge in selectors.edges()]


def probe_steps(site_id: int, name: str) -> list[PlannedStep]:
    """One stage: see through every edge that the name shows the site."""
    return [PlannedStep("routing.probe", edge.name, {"site": site_id, "name": name}) for edge in selectors.edges()]


class OnEdge(ApplyAction):
    """Another operation may have told the edge of newer web hosts, edge rules or certificates (those of a new site are
    issued while it is already being changed), or a name that we take away may already belong to another site there."""

    superseded = frozenset({"edge", "route", "edge_rules", "acme_challenge", "certificate"})


@register
class Publish(OnEdge):
    """Args: ``{"site": id}``. The web hosts go along: the site may be on one that the edge has not heard of yet."""

    name = "routing.publish"
    title = _("Announce the site on %(host)s")
    undoable = True  # it takes the site off the edge, which is right for a site that was to be new

    def resources(self, step: Step) -> Sequence[Resource]:
        return [desired.base_resource(), *desired.site_resources(step.args["site"])]

    def undo_resources(self, step: Step) -> Sequence[Resource]:
        return desired.site_resources(step.args["site"], present=False)


@register
class Unpublish(OnEdge):
    """Args: ``{"site": id}``."""

    name = "routing.unpublish"
    title = _("Take the site off %(host)s")

    def resources(self, step: Step) -> Sequence[Resource]:
        return desired.site_resources(step.args["site"], present=False)


@register
class Probe(HostAction):
    """Args: ``{"site": id, "name": public name}``. The edge asks itself, as a visitor would, and the panel compares."""

    name = "routing.probe"
    title = _("Open %(name)s through %(host)s")

    def request(self, step: Step) -> Call:
        site_id = step.args["site"]
        args = {
            "name": step.args["name"],
            "tls": selectors.certificate_of(step.args["name"]) is not None,
            "expect": f"site {site_id}",
            "wait": 5,
        }
        return Call("edge.probe", args, timeout=30)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        site_id = step.args["site"]
        params = {"host": step.host, "name": step.args["name"]}
        output = f"{answer.get('status')} {answer.get('error')}\n{answer.get('body')}"
        if answer.get("status") in (None, 502, 503, 504):
            raise NotNow("no_answer_yet", params, output)
        if answer["status"] != 200 or answer["body"].strip() != f"site {site_id}":
            raise (NotNow if step.attempts < TRIES else Refused)(
                "no_answer_yet" if step.attempts < TRIES else "wrong_answer", params, output
            )
        certificate = selectors.certificate_of(step.args["name"])
        if certificate and answer["certificate"] and answer["certificate"] != fingerprint(certificate.chain_pem):
            # A new one may just be on its way to the edges, by an operation of its own.
            raise (NotNow if step.attempts < TRIES else Refused)("wrong_certificate", params)


@register
class SyncEdge(OnEdge):
    name = "routing.sync_edge"
    title = _("Tell %(host)s which web hosts there are")

    def resources(self, step: Step) -> Sequence[Resource]:
        return [desired.base_resource()]


class _SitePlan(Plan):
    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve(f"site:{params['site']}")]


@register
class PublishSite(_SitePlan):
    kind = "routing.publish"
    title = _("Announce site %(site)s on the edges")

    def stages(self, params: Params) -> Stages:
        return [publish_steps(params["site"])]


@register
class UnpublishSite(_SitePlan):
    kind = "routing.unpublish"
    title = _("Take site %(site)s off the edges")

    def stages(self, params: Params) -> Stages:
        return [unpublish_steps(params["site"])]


@register
class SyncEdges(Plan):
    kind = "routing.sync_edges"
    title = _("Tell the edges which web hosts there are")

    def stages(self, params: Params) -> Stages:
        return [[PlannedStep("routing.sync_edge", edge.name) for edge in selectors.edges()]]

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve("routing:edges")]


def fingerprint(chain_pem: str) -> str:
    """SHA-256 (hex) of the leaf, as ``edge.probe`` answers it."""
    leaf = x509.load_pem_x509_certificate(chain_pem.encode())
    return hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest()
