"""``/api/v1/certificates/``: one for each public name. They are got and renewed by themselves, or brought along:
``POST /api/v1/sites/{id}/certificates/``."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.api.views import Collection, Rows
from controlpanel.operations.api.answers import WRITE_PARAMETERS, Outcome, carry_out, idempotency_key
from controlpanel.operations.api.serializers import AcceptedSerializer
from controlpanel.operations.errors import explain
from controlpanel.operations.models import Operation
from routing import dns_check
from routing.choices import CertificateSource, CertificateState
from routing.models import Certificate

from .. import selectors, services
from ..certificates import lacks_chain, lacks_dns, records_of
from ..own_certificates.checks import LONGEST_CHAIN, LONGEST_KEY
from . import problems as _problems  # noqa: F401  # registers how hosting's errors are answered
from .filters import BIGGEST_ID


class DnsRecordSerializer(serializers.Serializer[Any]):
    """A DNS record to set, and what there is now."""

    name = serializers.CharField()
    type = serializers.ChoiceField(["A", "AAAA"])
    value = serializers.CharField()
    now = serializers.ListField(child=serializers.CharField())


class CertificateSerializer(serializers.ModelSerializer[Certificate]):
    """The certificate of one public name, and what keeps the name from one."""

    name = serializers.CharField(source="route.name", read_only=True)
    site = serializers.IntegerField(source="route.backend.site_id", read_only=True)
    offered = serializers.BooleanField(
        source="is_offered", read_only=True, help_text="Visitors reach the name by https."
    )
    state = serializers.ChoiceField(CertificateState.choices, source="told_state", read_only=True)
    trouble = serializers.SerializerMethodField(help_text="What keeps it, in words; empty when nothing does.")
    trouble_code = serializers.SerializerMethodField(help_text="The same for programs.")
    lacks_chain = serializers.SerializerMethodField(
        help_text="It was uploaded without the certificates of its authority, so some visitors are warned."
    )
    dns = serializers.SerializerMethodField(help_text="What to set in the DNS, while that is what keeps it.")

    class Meta:
        model = Certificate
        fields = (
            "id", "name", "site", "state", "offered", "source", "issuer", "issued_at", "not_after", "retry_at",
            "attempts", "trouble", "trouble_code", "lacks_chain", "dns",
        )  # fmt: skip
        read_only_fields = fields

    @cached_property
    def targets(self) -> dns_check.Targets:
        """Read once for all rows of a list."""
        return dns_check.Targets()

    @extend_schema_field(serializers.CharField)
    def get_trouble(self, row: Certificate) -> str:
        return explain(row.trouble)

    @extend_schema_field(serializers.CharField)
    def get_trouble_code(self, row: Certificate) -> str:
        return str(row.trouble.get("code", ""))

    @extend_schema_field(serializers.BooleanField)
    def get_lacks_chain(self, row: Certificate) -> bool:
        return lacks_chain(row)

    @extend_schema_field(DnsRecordSerializer(many=True))
    def get_dns(self, row: Certificate) -> list[dict[str, Any]]:
        if not lacks_dns(row):
            return []
        records = records_of(row, self.targets)
        return [{"name": r.name, "type": r.type, "value": r.value, "now": list(r.now)} for r in records]


class AcceptedCertificateSerializer(AcceptedSerializer):
    certificate = CertificateSerializer()


class OwnCertificateSerializer(serializers.Serializer[Any]):
    """A certificate of one's own. Its key is kept encrypted and never read back."""

    chain = serializers.CharField(
        max_length=LONGEST_CHAIN, help_text="PEM: the certificate of the site first, then its issuers; no root."
    )
    key = serializers.CharField(
        max_length=LONGEST_KEY, write_only=True, help_text="PEM, RSA of 2048 to 4096 bits, P-256 or P-384, no password."
    )
    names = serializers.ListField(
        child=serializers.CharField(max_length=300),
        max_length=1000,
        default=list,
        help_text="Names of the site. Left out: all that the certificate covers.",
    )


class AcceptedCertificatesSerializer(AcceptedSerializer):
    certificates = CertificateSerializer(many=True)


class OwnCertificateActions(Rows):
    """Bringing one along for a site's names."""

    @extend_schema(
        summary="Serve names of it with a certificate of your own",
        request=OwnCertificateSerializer,
        responses={202: AcceptedCertificatesSerializer},
        parameters=WRITE_PARAMETERS,
    )
    @action(detail=True, methods=["post"], url_path="certificates")
    def certificates(self, request: Request, pk: str) -> Response:
        """All edges offer it when the operation has succeeded; nothing is started again for it. It is not renewed: its
        owners are written to before it ends. Back: ``POST certificates/{id}/automatic/``."""
        site, fields = self.get_object(), self.fields_of(OwnCertificateSerializer)

        def work() -> Outcome:
            _site, operation = services.use_own_certificate(
                self.actor,
                site,
                **fields,
                idempotency_key=idempotency_key(request),
                requested_from=request.META.get("REMOTE_ADDR"),
            )
            rows = selectors.certificates_for(self.actor).filter(route__name__in=operation.params["names"])
            read = CertificateSerializer(rows.defer("key_pem", "order_key_pem"), many=True)
            return operation, {"certificates": read.data}

        return carry_out(request, work)


class CertificateFilter(django_filters.FilterSet):
    name = django_filters.CharFilter("route__name", max_length=253)
    site = django_filters.NumberFilter("route__backend__site_id", min_value=1, max_value=BIGGEST_ID)
    state = django_filters.MultipleChoiceFilter(choices=CertificateState.choices)
    source = django_filters.MultipleChoiceFilter(choices=CertificateSource.choices)

    class Meta:
        model = Certificate
        fields: tuple[str, ...] = ()


@extend_schema_view(
    list=extend_schema(summary="Certificates of the names of sites that you administer"),
    retrieve=extend_schema(summary="One certificate"),
)
class CertificateViewSet(Collection):
    """One for each public name. Keys are never shown."""

    serializer_class = CertificateSerializer
    filterset_class = CertificateFilter
    ordering_fields = ("id", "state", "not_after", "retry_at")
    queryset = Certificate.objects.none()

    def rows(self) -> QuerySet[Certificate]:
        return selectors.certificates_for(self.actor).defer("key_pem", "order_key_pem")

    @extend_schema(
        summary="Try again now",
        request=None,
        responses={202: AcceptedCertificateSerializer},
        parameters=WRITE_PARAMETERS,
    )
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """After the DNS was set right. A name that has a valid certificate needs no try: 409."""
        return self._ask(services.retry_certificate)

    @extend_schema(
        summary="Back to automatic certificates",
        request=None,
        responses={202: AcceptedCertificateSerializer},
        parameters=WRITE_PARAMETERS,
    )
    @action(detail=True, methods=["post"])
    def automatic(self, request: Request, pk: str) -> Response:
        """For a name that is served with a certificate of your own, which is offered until the other is there. A name
        that has none of its own, or has asked already: 409."""
        return self._ask(services.automatic_certificate)

    def _ask(self, ask: Callable[..., tuple[Certificate, Operation]]) -> Response:
        row, request = self.get_object(), self.request

        def work() -> Outcome:
            certificate, operation = ask(
                self.actor,
                row,
                idempotency_key=idempotency_key(request),
                requested_from=request.META.get("REMOTE_ADDR"),
            )
            return operation, {
                "certificate": CertificateSerializer(certificate, context=self.get_serializer_context()).data
            }

        return carry_out(request, work)
