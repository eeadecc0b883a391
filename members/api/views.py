"""``/api/v1/members/`` and ``logins/``."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.api.views import Collection, StaffWrite
from controlpanel.operations.api.answers import WRITE_PARAMETERS, Once, Outcome, carry_out, wants_preview
from controlpanel.operations.api.serializers import AcceptedSerializer

from .. import factors, selectors, services
from ..models import Login, Member
from .filters import LoginFilter, MemberFilter
from .serializers import (
    LoginChangesSerializer,
    LoginSerializer,
    MemberSerializer,
    NewLoginSerializer,
    PasswordSerializer,
    SecondFactorSerializer,
)
from .standing import StandingActions


class AcceptedLoginSerializer(AcceptedSerializer):
    """A login on its way to the directory."""

    login = LoginSerializer(read_only=True)


@extend_schema_view(
    list=extend_schema(summary="Members that you administer"), retrieve=extend_schema(summary="One member")
)
class MemberViewSet(StandingActions, Collection):
    """Organizations and persons."""

    serializer_class = MemberSerializer
    filterset_class = MemberFilter
    ordering_fields = ("id", "name", "created", "state", "paid_until")
    permission_classes = (StaffWrite,)
    queryset = Member.objects.none()

    def rows(self) -> QuerySet[Member]:
        return selectors.members_for(self.actor)

    @extend_schema(summary="A new member (staff)")
    def create(self, request: Request) -> Response:
        fields = self.fields_of(self.get_serializer_class())
        member = services.create_member(**fields, actor=self.actor)
        return Response(self.get_serializer(member).data, status=status.HTTP_201_CREATED)


@extend_schema_view(
    list=extend_schema(summary="Your own login, and those of members that you administer"),
    retrieve=extend_schema(summary="One login"),
)
class LoginViewSet(Collection):
    """Persons and automation identities. They live in the directory, so a change is an operation."""

    serializer_class = LoginSerializer
    filterset_class = LoginFilter
    ordering_fields = ("id", "username", "created")
    queryset = Login.objects.none()

    def rows(self) -> QuerySet[Login]:
        accesses: Any = "accesses"
        if self.actor.is_narrowed:  # what its login may do elsewhere is not for this token
            accesses = Prefetch("accesses", selectors.accesses_for(self.actor))
        return selectors.logins_for(self.actor).prefetch_related(accesses)

    @extend_schema(summary="Who am I?", responses=LoginSerializer)
    @action(detail=False, filterset_class=None, pagination_class=None, filter_backends=[])
    def me(self, request: Request) -> Response:
        return Response(LoginSerializer(self.rows().get(pk=self.actor.pk)).data)

    @extend_schema(summary="Your own second factors", responses=SecondFactorSerializer)
    @action(
        detail=False,
        url_path="me/second-factor",
        filterset_class=None,
        pagination_class=None,
        filter_backends=[],
    )
    def second_factor(self, request: Request) -> Response:
        """They are set up and taken away in a browser only."""
        if self.actor.is_narrowed:
            raise PermissionDenied
        state = factors.state_of(self.actor)
        body = {
            "on": state.on,
            "required": state.required,
            "app": state.app is not None,
            "keys": len(state.keys),
            "recovery_codes": state.codes_left,
        }
        return Response(SecondFactorSerializer(body).data)

    @extend_schema(
        summary="A new login",
        request=NewLoginSerializer,
        responses={202: AcceptedLoginSerializer},
        parameters=WRITE_PARAMETERS,
    )
    def create(self, request: Request) -> Response:
        fields = self.fields_of(NewLoginSerializer)
        member_id = fields.pop("member", None)
        member = None if member_id is None else selectors.members_for(self.actor).get(pk=member_id)
        if wants_preview(request):
            fields.pop("password", None)  # it would be written to the directory, which no rollback takes back

        def work() -> Outcome:
            login, operation = services.create_login(
                **fields, member=member, actor=self.actor, requested_from=request.META.get("REMOTE_ADDR")
            )
            return operation, self._body(login)

        return carry_out(
            request,
            work,
            Once(
                "members.ensure_login",
                {"username": fields["username"]},
                lambda operation: self._body(self.rows().get(pk=operation.params["login"])),
            ),
        )

    @extend_schema(
        summary="Another name, address, or other SSH keys",
        request=LoginChangesSerializer,
        responses={202: AcceptedLoginSerializer},
        parameters=WRITE_PARAMETERS,
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        login = self.get_object()
        changes = self.fields_of(LoginChangesSerializer)

        def work() -> Outcome:
            operation = None
            if "language" in changes:
                services.set_language(login=login, language=changes["language"], actor=self.actor)
            address = {"actor": self.actor, "requested_from": request.META.get("REMOTE_ADDR")}
            if "ssh_keys" in changes:
                operation = services.set_ssh_keys(login=login, keys="\n".join(changes["ssh_keys"]), **address)
            if changes.keys() & {"name", "email"}:
                name, email = changes.get("name", login.name), changes.get("email", login.email)
                operation = services.update_login(login=login, name=name, email=email, **address)
            return operation, self._body(login)

        return carry_out(request, work, self._once(login))

    @extend_schema(summary="Let it log in again", request=None, responses={202: AcceptedLoginSerializer})
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, pk: str) -> Response:
        return self._switch(services.activate_login)

    @extend_schema(
        summary="Lock it out: its sessions end and its tokens are refused, at once",
        request=None,
        responses={202: AcceptedLoginSerializer},
    )
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, pk: str) -> Response:
        return self._switch(services.deactivate_login)

    @extend_schema(summary="Another password", request=PasswordSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def password(self, request: Request, pk: str) -> Response:
        """Written to the directory while you wait. Your own needs the old one too."""
        login = self.get_object()
        fields = self.fields_of(PasswordSerializer)
        if login.pk != self.actor.pk:
            services.set_password(login=login, password=fields["password"], actor=self.actor)
        elif "old_password" not in fields:
            raise ValidationError({"old_password": [_("This field is required.")]})
        else:
            self._change_own(login, fields["old_password"], fields["password"])
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="End all its sessions", request=None, responses={204: None})
    @action(detail=True, methods=["post"], url_path="sign-out")
    def sign_out(self, request: Request, pk: str) -> Response:
        services.sign_out_everywhere(login=self.get_object(), actor=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _change_own(self, login: Login, old: str, new: str) -> None:
        if self.actor.is_narrowed:
            raise PermissionDenied
        try:
            services.change_own_password(login=login, old=old, new=new, request=self.request._request)
        except services.WrongPassword:
            raise ValidationError({"old_password": [_("This is not your password.")]}) from None

    def _switch(self, service: Any) -> Response:
        login = self.get_object()
        address = self.request.META.get("REMOTE_ADDR")

        def work() -> Outcome:
            return service(login=login, actor=self.actor, requested_from=address), self._body(login)

        return carry_out(self.request, work, self._once(login))

    def _once(self, login: Login) -> Once:
        return Once("members.ensure_login", {"login": login.pk}, lambda _operation: self._body(login))

    def _body(self, login: Login) -> dict[str, Any]:
        data = LoginSerializer(login).data
        return {**data, "login": data}
