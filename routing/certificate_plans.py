"""Getting certificates, bringing them to the edges, and taking them back.

Trouble of the authority makes no step wait: each name is given a time of its own for the next try, so that an authority
that is away is asked ever less often, and the step says what was wrong.
"""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from controlpanel.fleet.actions import ApplyAction
from controlpanel.fleet.desired import Resource
from controlpanel.operations.errors import PassedOver
from controlpanel.operations.futures import answered, in_thread
from controlpanel.operations.models import Operation, Step
from controlpanel.operations.registry import Action, Params, Plan, PlannedStep, Reserve, Stages, register

from . import acme_accounts, certificates, desired, dns_check, selectors
from .acme.errors import AccountLost, AuthorityAway, RateLimited, Rejected
from .acme_work import Batch
from .choices import CertificateState
from .models import Certificate, Route

#: Names that a title lists.
_TITLED = 3


def titled(names: Collection[str]) -> str:
    """Names, as a title can hold them."""
    listed = sorted(names)
    more = len(listed) - _TITLED
    if more <= 0:
        return ", ".join(listed)
    words = ngettext("%(names)s and %(count)d more", "%(names)s and %(count)d more", more)
    return words % {"names": ", ".join(listed[:_TITLED]), "count": more}


class _ByThread(Action):
    """Work in a thread that writes each name's outcome itself.

    Args: ``{"names": [...], "asked": by a person (or left out)}``.
    """

    def work(self, args: dict[str, Any]) -> dict[str, Any]:
        """``{"done": [names], "trouble": the first, …}``."""
        raise NotImplementedError

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        args = dict(step.args)
        return in_thread(lambda: self.work(args), name=f"{self.name}-{step.operation_id}")

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        """Nothing came of it at all: the step says why."""
        if not answer["done"] and (trouble := answer["trouble"]):
            raise PassedOver(trouble["code"], trouble["params"])


@register
class CheckDns(_ByThread):
    name = "routing.check_dns"
    title = _("Look where the names lead")

    def work(self, args: dict[str, Any]) -> dict[str, Any]:
        rows = list(certificates.named(args["names"]).filter(retry_at=None))
        found = dns_check.look([row.route.name for row in rows])
        ours, allowed = dns_check.our_addresses(), identities()
        answer: dict[str, Any] = {"done": [], "trouble": {}}
        for row in rows:
            certificates.note_dns(row, found[row.route.name].as_row())
            if trouble := dns_check.verdict(row.route.name, found[row.route.name], ours, allowed):
                certificates.wait_for_dns(row, trouble)
                answer["trouble"] = answer["trouble"] or trouble
            else:
                answer["done"].append(row.route.name)
        return answer


def identities() -> Callable[[], list[str]]:
    """By which names CAA records may allow the authority: asked once, at the first need; none when it does not say."""
    known: list[list[str]] = []

    def ask() -> list[str]:
        if not known:
            try:
                known.append(acme_accounts.authority(acme_accounts.current()).identities())
            except (AuthorityAway, RateLimited, AccountLost, Rejected):
                known.append([])
        return known[0]

    return ask


@register
class Order(_ByThread):
    name = "routing.order_certificates"
    title = _("Order certificates at the authority")

    def work(self, args: dict[str, Any]) -> dict[str, Any]:
        return Batch(args["names"], bool(args.get("asked"))).order()


@register
class Validate(_ByThread):
    name = "routing.validate_certificates"
    title = _("Let the authority look, and fetch the certificates")

    def work(self, args: dict[str, Any]) -> dict[str, Any]:
        return Batch(args["names"], bool(args.get("asked"))).validate()


@register
class Revoke(_ByThread):
    name = "routing.revoke_certificates"
    title = _("Revoke the certificates at the authority")

    def work(self, args: dict[str, Any]) -> dict[str, Any]:
        return Batch(args["names"], bool(args.get("asked"))).revoke()


class _OnEdge(ApplyAction):
    """A few rows and certificates: no reload. What another operation has told meanwhile is newer, and right."""

    superseded = frozenset({"acme_challenge", "certificate", "route"})

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return super().submit(step) if self.resources(step) else answered({})


@register
class Challenge(_OnEdge):
    """Args: ``{"names": [...]}``."""

    name = "routing.answer_challenges"
    title = _("Let %(host)s answer the authority")

    def resources(self, step: Step) -> Sequence[Resource]:
        rows = certificates.named(step.args["names"]).filter(retry_at=None, state=CertificateState.ORDERED)
        return desired.challenge_resources(rows.exclude(token=""))


@register
class Offer(_OnEdge):
    """Args: ``{"names": [...], "all": also those that this operation has not ordered}``."""

    name = "routing.offer_certificates"
    title = _("Offer the certificates on %(host)s")

    def resources(self, step: Step) -> Sequence[Resource]:
        rows = certificates.named(step.args["names"])
        if not step.args.get("all"):
            rows = rows.filter(ordered_at__gte=step.operation.created)
        names = list(rows.values_list("route__name", flat=True))
        return [*desired.certificate_resources(rows), *desired.route_resources(names)]


class _CertificatePlan(Plan):
    """Params: ``{"names": [...]}``, and ``{"site": id, "name": what people call it}`` where it is for one site.

    It reserves the certificates and not the sites, so that it waits for nothing else that is done with them.
    """

    def describe(self, params: Params) -> str:
        return str(self.title) % {"names": titled(params.get("names", []))}

    def reservations(self, params: Params) -> list[Reserve]:
        routes = Route.objects.filter(name__in=params["names"]).order_by("pk").values_list("pk", flat=True)
        return [Reserve(f"certificate:{pk}") for pk in routes]


@register
class IssueCertificates(_CertificatePlan):
    kind = "routing.issue_certificates"
    title = _("Get certificates for %(names)s")

    def stages(self, params: Params) -> Stages:
        args = {"names": list(params["names"])}
        asked = {**args, "asked": True} if params.get("asked") else args
        edges = selectors.edges()
        return [
            [PlannedStep("routing.check_dns", args=args)],
            [PlannedStep("routing.order_certificates", args=asked)],
            [PlannedStep("routing.answer_challenges", edge.name, args) for edge in edges],
            [PlannedStep("routing.validate_certificates", args=asked)],
            [PlannedStep("routing.offer_certificates", edge.name, args) for edge in edges],
        ]

    def on_success(self, operation: Operation) -> None:
        certificates.arrived(operation.params["names"])
        certificates.let_go(operation.params["names"])

    def on_failure(self, operation: Operation) -> None:
        certificates.let_go(operation.params["names"])

    on_cancel = on_failure

    def on_retry(self, operation: Operation) -> None:
        certificates.claim(certificates.named(operation.params["names"]))


@register
class OfferCertificates(_CertificatePlan):
    kind = "routing.offer_certificates"
    title = _("Bring the certificates of %(names)s to the edges")

    def stages(self, params: Params) -> Stages:
        args = {"names": list(params["names"]), "all": True}
        return [[PlannedStep("routing.offer_certificates", edge.name, args) for edge in selectors.edges()]]


@register
class UseOwnCertificates(OfferCertificates):
    """What a site's members brought. Params also: its ``fingerprint``. The key is read from the row by each step."""

    kind = "routing.use_own_certificates"
    title = _("Serve the uploaded certificate for %(names)s")


@register
class RevokeCertificates(_CertificatePlan):
    kind = "routing.revoke_certificates"
    title = _("Revoke the certificates of %(names)s")

    def stages(self, params: Params) -> Stages:
        args = {"names": list(params["names"])}
        return [
            [PlannedStep("routing.revoke_certificates", args=args)],
            # Those that are still some site's are not offered any more, until they have another one.
            [PlannedStep("routing.offer_certificates", edge.name, {**args, "all": True}) for edge in selectors.edges()],
        ]

    def on_failure(self, operation: Operation) -> None:
        for row in Certificate.objects.filter(route__name__in=operation.params["names"], retry_at=None):
            certificates.not_revoked(row, {"code": "acme_stopped", "params": {}})

    on_cancel = on_failure
