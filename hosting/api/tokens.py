"""``/api/v1/tokens/``: keys for this API. It stands here because one may be narrowed to orders and sites."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.api.views import Collection
from members import selectors as people
from members import services
from members.choices import TokenScope
from members.models import Token
from members.tokens import MAX_LIMITS, USUAL_LIFE

from .. import tokens


class IdsField(serializers.ListField):
    """Ids of things that the asker sees."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=serializers.IntegerField(min_value=1, max_value=2**53), max_length=MAX_LIMITS, **kwargs)


class TokenSerializer(serializers.ModelSerializer[Token]):
    """A key for this API. ``token`` is its text: in the answer to its creation, and never again."""

    scope = serializers.ChoiceField(TokenScope.choices, read_only=True)
    narrowed = serializers.SerializerMethodField(help_text="Only for the members, orders and sites that it names.")
    members = serializers.SerializerMethodField()
    orders = serializers.SerializerMethodField()
    sites = serializers.SerializerMethodField()
    token = serializers.SerializerMethodField(help_text="Its text, in the answer to its creation only.")

    class Meta:
        model = Token
        fields = (
            "id", "name", "scope", "narrowed", "members", "orders", "sites", "created", "expires", "last_used", "token",
        )  # fmt: skip
        read_only_fields = fields

    def get_narrowed(self, token: Token) -> bool:
        return token.limits is not None

    def get_members(self, token: Token) -> list[int]:
        return [limit.member for limit in token.narrowed_to if not limit.order]

    def get_orders(self, token: Token) -> list[int]:
        return [limit.order for limit in token.narrowed_to if limit.order and not limit.site]

    def get_sites(self, token: Token) -> list[int]:
        return [limit.site for limit in token.narrowed_to if limit.site]

    def get_token(self, token: Token) -> str | None:
        return getattr(token, "text", None)


class NewTokenSerializer(serializers.Serializer[Any]):
    """What a new token may do. With members, orders or sites it is only for those; without, for all that is yours."""

    name = serializers.CharField(max_length=80)
    scope = serializers.ChoiceField(TokenScope.choices, default=TokenScope.WRITE)
    expires = serializers.DateTimeField(
        required=False, allow_null=True, help_text="A year from now when left out; null: until it is revoked."
    )
    members = IdsField(required=False)
    orders = IdsField(required=False)
    sites = IdsField(required=False)


@extend_schema_view(
    list=extend_schema(summary="Your tokens"),
    retrieve=extend_schema(summary="One token"),
    destroy=extend_schema(summary="Revoke a token: it opens nothing any more"),
)
class TokenViewSet(mixins.DestroyModelMixin, Collection):
    """Keys for this API: your own only, whoever you are. Asked with a narrowed one: itself."""

    serializer_class = TokenSerializer
    ordering_fields = ("id", "name", "created", "last_used", "expires")
    queryset = Token.objects.none()
    own_hands = True

    def rows(self) -> QuerySet[Token]:
        return people.tokens_for(self.actor)

    @extend_schema(
        summary="A new token; its text is shown this once",
        request=NewTokenSerializer,
        responses={201: TokenSerializer},
    )
    def create(self, request: Request) -> Response:
        """A narrowed token makes no others, and none makes one that is valid for longer than itself."""
        fields = self.fields_of(NewTokenSerializer)
        ids = {name: fields.pop(name) for name in ("members", "orders", "sites") if name in fields}
        expires: datetime | None = fields.pop("expires", timezone.now() + USUAL_LIFE)
        limits = tokens.limits_for(self.actor, **ids) if ids else None
        token, text = services.create_token(login=self.actor, expires=expires, limits=limits, **fields)
        token.text = text  # type: ignore[attr-defined]
        return Response(self.get_serializer(token).data, status=status.HTTP_201_CREATED)

    def perform_destroy(self, token: Token) -> None:
        services.revoke_token(token=token)
