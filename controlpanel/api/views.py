"""What the collections are made of."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import mixins
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from controlpanel.operations.api.answers import idempotency_key
from controlpanel.operations.api.repeats import once


class StableOrdering(OrderingFilter):
    """``?ordering=-created,name``: unknown names are an error, and ties are broken, so that pages never overlap."""

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: APIView) -> list[str]:
        asked = [term.strip() for term in request.query_params.get(self.ordering_param, "").split(",") if term.strip()]
        allowed = [name for name, _label in self.get_valid_fields(queryset, view, {"request": request})]
        unknown = [term for term in asked if term.removeprefix("-") not in allowed]
        if unknown:
            raise ValidationError(
                {self.ordering_param: [_("Choose from: %(names)s.") % {"names": ", ".join(sorted(allowed))}]}
            )
        ordering = asked or list(self.get_default_ordering(view) or queryset.model._meta.ordering)
        return ordering if {"id", "-id"} & set(ordering) else [*ordering, "id"]


class Rows(GenericViewSet):
    """Rows that the asker may see. ``rows`` comes from the app's selectors, which answer nothing to nobody.

    What is not in ``rows`` is not found, whatever the action: whether it exists is nobody's business.
    """

    #: Ids are integers, short enough for the database; anything else is a 404 before any query.
    lookup_value_regex = r"[0-9]{1,18}"
    filter_backends = [DjangoFilterBackend, StableOrdering]
    ordering_fields: Sequence[str] = ("id",)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authentication and permissions come first; then a write with an Idempotency-Key is done once only."""
        if int(request.META.get("CONTENT_LENGTH") or 0) > (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0):
            raise RequestDataTooBig
        super().initial(request, *args, **kwargs)
        method = (request.method or "").lower()
        handler = getattr(self, method, None)
        if handler is not None and request.method not in SAFE_METHODS and (key := idempotency_key(request)):
            setattr(self, method, partial(once, key, handler))

    @property
    def actor(self) -> Any:
        """Who asks: a login, permissions have seen to that. Apps below ``members`` do not know its type."""
        return self.request.user

    def rows(self) -> QuerySet[Any]:
        """What ``self.request.user`` may see, with all that the serializer reads."""
        raise NotImplementedError

    def fields_of(self, serializer_class: Any) -> dict[str, Any]:
        """The request's body, checked for its form; raises ValidationError."""
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def get_queryset(self) -> QuerySet[Any]:
        return self.rows()

    def get_object(self) -> Any:
        # Filters are for lists: `PATCH /sites/5/?state=failed` is about site 5 whatever its state.
        row = self.get_queryset().filter(pk=self.kwargs[self.lookup_url_kwarg or self.lookup_field]).first()
        if row is None:
            raise NotFound
        self.check_object_permissions(self.request, row)
        return row


class Collection(mixins.ListModelMixin, mixins.RetrieveModelMixin, Rows):
    """Rows to list and to read; ``?fields=id,name`` for some of their fields only."""

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        serializer = super().get_serializer(*args, **kwargs)
        if self.action in ("list", "retrieve"):
            self._keep_asked(getattr(serializer, "child", serializer).fields)
        return serializer

    def _keep_asked(self, fields: Any) -> None:
        """Take out of a serializer's fields what was not asked for: it costs nothing then. Raises ValidationError."""
        asked = {name.strip() for name in self.request.query_params.get("fields", "").split(",")} - {""}
        if asked - set(fields):
            raise ValidationError({"fields": [_("Choose from: %(names)s.") % {"names": ", ".join(sorted(fields))}]})
        for name in set(fields) - asked if asked else ():
            del fields[name]


class StaffMay(BasePermission):
    """For actions that only staff may take. First the row must be one that the asker sees: others' are a 404."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user and request.user.is_authenticated)

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        return bool(request.user.is_staff)


class StaffWrite(BasePermission):
    """For collections that all may read, each their own, and only staff may change."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not (request.user and request.user.is_authenticated):
            return False
        # A row's writes wait for the row: others' are a 404 (has_object_permission).
        return bool(request.method in SAFE_METHODS or request.user.is_staff or getattr(view, "detail", False))

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        return bool(request.method in SAFE_METHODS or request.user.is_staff)


class Nothing(APIView):
    """Any path that is no endpoint."""

    authentication_classes = ()
    permission_classes = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound(_("There is no such endpoint. Paths end with a slash; see /api/v1/docs/."))
