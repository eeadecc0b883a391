"""``/api/v1/sites/{id}/edge-rules/``: redirects, HTTPS, addresses, passwords, the page of a site being worked on."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.api.views import Rows
from controlpanel.operations.api.answers import WRITE_PARAMETERS, Outcome, carry_out, idempotency_key, wants_preview
from controlpanel.operations.api.serializers import AcceptedSerializer
from routing import edge_rules
from routing.choices import HttpsPolicy
from routing.edge_rules import LONGEST_AGE, STATUSES
from routing.models import EdgeRules

from .. import services
from .shields import ListField

_MATCHES, _ACTIONS = ("exact", "prefix"), ("allow", "deny")


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": LONGEST_AGE, "nullable": True})
class AgeField(serializers.IntegerField):
    """The service knows the range; the schema tells it."""


class HttpsSerializer(serializers.Serializer[Any]):
    """Only names that have a certificate are led to HTTPS: ``names``."""

    policy = serializers.ChoiceField(HttpsPolicy.choices)
    max_age = AgeField(
        required=False,
        allow_null=True,
        min_value=-(2**31),
        max_value=2**31 - 1,
        help_text="With hsts: seconds that browsers remember it; 0 makes them forget.",
    )
    subdomains = serializers.BooleanField(default=False, help_text="With hsts: for all subdomains of its names too.")
    names = serializers.ListField(child=serializers.CharField(), read_only=True)


class RedirectSerializer(serializers.Serializer[Any]):
    """The longest path wins, and exact wins over prefix."""

    path = serializers.CharField(max_length=700)
    match = serializers.ChoiceField(_MATCHES, default="exact", help_text="exact: this path; prefix: and all below it.")
    target = serializers.CharField(max_length=1100, help_text="A path of the site, or a web address.")
    status = serializers.ChoiceField(STATUSES, default=301)
    keep_path = serializers.BooleanField(default=False, help_text="With prefix: append the rest of the path.")
    keep_query = serializers.BooleanField(default=False, help_text="Append the query.")


class AddressRuleSerializer(serializers.Serializer[Any]):
    """A visitor must satisfy all rules that cover a path."""

    path = serializers.CharField(max_length=700)
    action = serializers.ChoiceField(_ACTIONS, help_text="allow: nobody else; deny: everybody else.")
    networks = ListField()


class VisitorSerializer(serializers.Serializer[Any]):
    """Somebody who may open a protected path."""

    name = serializers.CharField(max_length=100)
    password = serializers.CharField(
        max_length=300,
        required=False,
        write_only=True,
        allow_blank=True,
        trim_whitespace=False,
        help_text="Left out: the one that the user has; for a new user one is made, and answered once.",
    )
    renew = serializers.BooleanField(
        required=False, write_only=True, help_text="Without a password: a new one is made for this user, too."
    )


class ProtectedSerializer(serializers.Serializer[Any]):
    """A path that asks for a name and a password, and all below it."""

    lock = serializers.CharField(
        max_length=12, required=False, help_text="Which protected path this is; users keep their passwords with it."
    )
    path = serializers.CharField(max_length=700)
    realm = serializers.CharField(max_length=300, required=False, help_text="What visitors are told it is.")
    open_paths = ListField(required=False, help_text="Exceptions below it.")
    users = VisitorSerializer(many=True)


class NoticeSerializer(serializers.Serializer[Any]):
    """What visitors read while the site is being worked on, and who sees the site meanwhile."""

    en = serializers.CharField(max_length=2000, allow_blank=True, default="")
    es = serializers.CharField(max_length=2000, allow_blank=True, default="")
    until = serializers.DateTimeField(allow_null=True, default=None, help_text="When it is expected back.")
    networks = ListField(default=list)


class EdgeRulesSerializer(serializers.Serializer[Any]):
    """All of them. What is left out of a PUT is none; what is left out of a PATCH stays."""

    https = HttpsSerializer(required=False)
    redirects = RedirectSerializer(many=True, required=False)
    addresses = AddressRuleSerializer(many=True, required=False)
    protected = ProtectedSerializer(many=True, required=False)
    notice = NoticeSerializer(required=False)
    revision = serializers.IntegerField(
        required=False, min_value=0, max_value=2**53, help_text="In a write: what it was made from."
    )


class NewPasswordSerializer(serializers.Serializer[Any]):
    """Of a user of a protected path; kept nowhere."""

    path = serializers.CharField()
    user = serializers.CharField()
    password = serializers.CharField()


class AcceptedEdgeRulesSerializer(AcceptedSerializer):
    """The rules as they are to be, and the passwords that were made for new users: this once."""

    edge_rules = EdgeRulesSerializer()
    passwords = NewPasswordSerializer(many=True)


#: What a PUT without a section means.
_NONE: dict[str, Any] = {
    "https": {"policy": HttpsPolicy.OFF},
    "redirects": [],
    "addresses": [],
    "protected": [],
    "notice": {},
}


def as_json(rules: EdgeRules) -> dict[str, Any]:
    """As they are read back; nothing of a password."""
    return {
        "https": {
            "policy": str(rules.https),
            "max_age": rules.hsts_max_age,
            "subdomains": rules.hsts_subdomains,
            "names": rules.https_names,
        },
        "redirects": rules.redirects,
        "addresses": rules.addresses,
        "protected": [
            {**door, "users": [{"name": name} for name in sorted(door["users"])]} for door in rules.protected
        ],
        "notice": {
            "en": rules.notice_en,
            "es": rules.notice_es,
            "until": rules.notice_until,
            "networks": rules.notice_networks,
        },
        "revision": rules.revision,
    }


class EdgeRulesActions(Rows):
    """What edges do with a site's visitors on its members' behalf."""

    @extend_schema(summary="Its redirects, HTTPS, addresses and passwords", responses=EdgeRulesSerializer)
    @action(detail=True, methods=["get"], url_path="edge-rules")
    def edge_rules(self, request: Request, pk: str) -> Response:
        """Users of protected paths by their names; passwords are kept nowhere."""
        site = self.get_object()
        return Response(EdgeRulesSerializer(as_json(edge_rules.rules_of(site.pk))).data)

    @extend_schema(
        summary="All of its edge rules",
        request=EdgeRulesSerializer,
        responses={202: AcceptedEdgeRulesSerializer},
        parameters=WRITE_PARAMETERS,
    )
    @edge_rules.mapping.put
    def put_edge_rules(self, request: Request, pk: str) -> Response:
        """In force on all edges when the operation has succeeded; nothing is stopped or started again for it."""
        return self._set_edge_rules({**_NONE, **self.fields_of(EdgeRulesSerializer)})

    @extend_schema(
        summary="Some of its edge rules",
        request=EdgeRulesSerializer,
        responses={202: AcceptedEdgeRulesSerializer},
        parameters=WRITE_PARAMETERS,
    )
    @edge_rules.mapping.patch
    def patch_edge_rules(self, request: Request, pk: str) -> Response:
        """The sections that are given, each as a whole."""
        return self._set_edge_rules(self.fields_of(EdgeRulesSerializer))

    def _set_edge_rules(self, fields: dict[str, Any]) -> Response:
        site = self.get_object()

        def work() -> Outcome:
            _site, operation, fresh = services.set_edge_rules(
                self.actor,
                site,
                **fields,
                idempotency_key=idempotency_key(self.request),
                requested_from=self.request.META.get("REMOTE_ADDR"),
            )
            shown = [] if wants_preview(self.request) else [one for one in fresh if one.made]
            return operation, {
                "edge_rules": EdgeRulesSerializer(as_json(edge_rules.rules_of(site.pk))).data,
                "passwords": [{"path": one.path, "user": one.user, "password": one.password} for one in shown],
            }

        return carry_out(self.request, work)
