"""People and organizations as JSON. No password, no token digest, no session salt is ever a field here."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from ..choices import MemberKind, MemberState, Role
from ..models import Access, Login, Member

PASSWORD: dict[str, Any] = {
    "write_only": True,
    "trim_whitespace": False,
    "max_length": 256,
    "style": {"input_type": "password"},
}


class MemberSerializer(serializers.ModelSerializer[Member]):
    """An organization or a person who is a member of the cooperative."""

    kind = serializers.ChoiceField(MemberKind.choices, default=MemberKind.ORGANIZATION)
    state = serializers.ChoiceField(MemberState.choices, read_only=True)

    class Meta:
        model = Member
        fields = ("id", "name", "kind", "state", "state_since", "paid_until", "grace_until", "created")
        read_only_fields = ("state", "state_since", "paid_until", "grace_until", "created")


class OwnAccessSerializer(serializers.ModelSerializer[Access]):
    """What a login may do, seen from the login."""

    role = serializers.ChoiceField(Role.choices, read_only=True)
    member = serializers.IntegerField(source="member_id", read_only=True, allow_null=True)
    order = serializers.IntegerField(source="order_id", read_only=True, allow_null=True)

    class Meta:
        model = Access
        fields = ("id", "role", "member", "order", "granted")
        read_only_fields = fields


class LoginSerializer(serializers.ModelSerializer[Login]):
    """A person or an automation identity."""

    email = serializers.CharField(read_only=True, help_text="Empty when it has none.")
    member = serializers.IntegerField(source="member_id", read_only=True, allow_null=True)
    active = serializers.BooleanField(source="is_active", read_only=True)
    staff = serializers.BooleanField(source="is_staff", read_only=True)
    ssh_keys = serializers.SerializerMethodField(help_text="OpenSSH public keys.")
    accesses = OwnAccessSerializer(many=True, read_only=True)

    class Meta:
        model = Login
        fields = (
            "id", "username", "name", "email", "member", "active", "staff", "language", "ssh_keys", "accesses",
            "created",
        )  # fmt: skip
        read_only_fields = fields

    def get_ssh_keys(self, login: Login) -> list[str]:
        return login.ssh_keys.splitlines()


class NewLoginSerializer(serializers.Serializer[Any]):
    """What a new login is made of. Rules for names and passwords are the service's."""

    username = serializers.CharField(max_length=31)
    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    email = serializers.EmailField(required=False, allow_blank=True)
    member = serializers.IntegerField(
        min_value=1, required=False, allow_null=True, help_text="Whose login it is; only staff may leave it out."
    )
    password = serializers.CharField(
        required=False, help_text="Kept in the directory only. Without one it cannot log in yet.", **PASSWORD
    )


class LoginChangesSerializer(serializers.Serializer[Any]):
    """What may be changed of a login, each field by itself."""

    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    email = serializers.EmailField(required=False, allow_blank=True)
    language = serializers.ChoiceField(settings.LANGUAGES, required=False, help_text="In which mail is written to it.")
    ssh_keys = serializers.ListField(child=serializers.CharField(max_length=8192), required=False, max_length=100)


class PasswordSerializer(serializers.Serializer[Any]):
    """A new password; the old one too when it is one's own."""

    password = serializers.CharField(**PASSWORD)
    old_password = serializers.CharField(required=False, **PASSWORD)


class SecondFactorSerializer(serializers.Serializer[Any]):
    """What logging in takes besides the password."""

    on = serializers.BooleanField(help_text="The password alone does not open the panel.")
    required = serializers.BooleanField(help_text="This login must have one.")  # type: ignore[assignment]
    app = serializers.BooleanField(help_text="An app with one-time codes (TOTP).")
    keys = serializers.IntegerField(help_text="Keys and passkeys (WebAuthn).")
    recovery_codes = serializers.IntegerField(help_text="Recovery codes that are not used yet.")
