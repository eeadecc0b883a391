"""How django-allauth's ``mfa`` is to behave here (MFA_ADAPTER)."""

from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from django.utils.translation import gettext

from controlpanel.encryption import decrypt, encrypt


class Adapter(DefaultMFAAdapter):
    """Secrets are encrypted with the panel's keys."""

    def encrypt(self, text: str) -> str:
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text)

    def get_totp_label(self, user: Any) -> str:
        return str(user.username)

    def get_totp_issuer(self) -> str:
        return gettext("Control panel")

    def _get_site_name(self) -> str:
        return gettext("Control panel")

    def get_public_key_credential_user_entity(self, user: Any) -> dict[str, Any]:
        return {
            "id": f"login:{user.pk}".encode(),
            "display_name": user.name or user.username,
            "name": user.username,
        }
