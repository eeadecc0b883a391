"""The form for a certificate of one's own: pasted, or as files. A key that was sent is never shown again."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from ..forms import ServiceForm
from ..models import Site
from ..validators import readable
from .checks import LONGEST_CHAIN, LONGEST_KEY


class SecretTextarea(forms.Textarea):
    """Like a password's field: empty when the page comes back."""

    def format_value(self, value: Any) -> None:
        return None


def _pem(placeholder: str) -> dict[str, Any]:
    plain = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}
    return {"rows": 6, "placeholder": f"-----BEGIN {placeholder}-----", **plain}


class OwnCertificateForm(ServiceForm):
    """Of each, either the text or the file; the file counts when there are both."""

    chain = forms.CharField(
        label=_("Certificate and chain (PEM)"),
        help_text=_("The certificate of your site first, then those of its issuers. The root is not needed."),
        required=False,
        widget=forms.Textarea(attrs=_pem("CERTIFICATE")),
    )
    chain_file = forms.FileField(label=_("… or the certificate as a file"), required=False)
    key = forms.CharField(
        label=_("Private key (PEM, without a password)"),
        help_text=_("It is kept encrypted, given to the edges only, and never shown again."),
        required=False,
        widget=SecretTextarea(attrs=_pem("PRIVATE KEY")),
    )
    key_file = forms.FileField(label=_("… or the key as a file"), required=False)
    names = forms.MultipleChoiceField(
        label=_("For which names?"),
        help_text=_("None chosen: all names of the site that the certificate covers."),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [*site.served_names, *site.redirect_names]
        self.fields["names"].choices = [(name, readable(name)) for name in names]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """``chain``, ``key`` and ``names`` as the service takes them."""
        data = super().clean() or {}
        for name, limit in (("chain", LONGEST_CHAIN), ("key", LONGEST_KEY)):
            if file := data.pop(f"{name}_file", None):
                data[name] = _text(file, limit)
        return data


def _text(file: UploadedFile, limit: int) -> str:
    """Just more than could be right, so that what is too long is told to be; what is no text is no PEM."""
    return file.read(limit + 1).decode("utf-8-sig", "replace")
