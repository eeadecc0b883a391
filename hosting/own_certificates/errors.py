"""What can be wrong with a certificate and its key. See ``hosting/errors.py`` for the manner.

Texts are about what was sent, and never hold any of the key.
"""

from django.utils.translation import gettext_lazy as _

from ..errors import HostingError


class NoCertificate(HostingError):
    code = "no_certificate"
    message = _(
        "There is no certificate in PEM form. It begins with “-----BEGIN CERTIFICATE-----”; open the file in a text "
        "editor to see. A .pfx or .p12 file has to be converted first: openssl pkcs12 -in FILE -nokeys"
    )


class NoKey(HostingError):
    code = "no_key"
    message = _(
        "There is no private key in PEM form. It begins with “-----BEGIN PRIVATE KEY-----”, perhaps with RSA or EC "
        "before PRIVATE."
    )


class TooLong(HostingError):
    code = "too_long"
    message = _("This is too long for what it is to be: at most %(limit)d characters.")


class TooManyCertificates(HostingError):
    code = "too_many_certificates"
    message = _(
        "There are more than %(limit)d certificates in it. Send the site's own and those that lead to its issuer."
    )


class TooLarge(HostingError):
    code = "too_large"
    message = _(
        "The certificate and its chain are too large for the edges. Leave out what is not needed, or ask your "
        "authority for an ECDSA certificate or one with fewer names."
    )


class KeyInChain(HostingError):
    code = "key_in_chain"
    message = _("There is a private key among the certificates. Put it into the field for the key, and only there.")


class Unreadable(HostingError):
    code = "unreadable"
    message = _("The certificate number %(number)d is damaged: copy it again, with its first and last line.")


class UnreadableKey(HostingError):
    code = "unreadable_key"
    message = _("The key is damaged, or of a kind that is not known: copy it again, with its first and last line.")


class EncryptedKey(HostingError):
    code = "encrypted_key"
    message = _(
        "The key is protected with a password, and the edges have nobody to ask for it. Take the password off, where "
        "the key is safe, and send the result: openssl pkey -in KEY.pem -out PLAIN.pem"
    )


class SeveralKeys(HostingError):
    code = "several_keys"
    message = _("There is more than one key. Send only that of the certificate.")


class WeakKey(HostingError):
    code = "weak_key"
    message = _("The key has to be RSA of 2048 to 4096 bits, or EC on the curve P-256 or P-384.")


class KeyOfAnother(HostingError):
    code = "key_of_another"
    message = _("The key does not belong to the certificate. Look whether it is the one that it was requested with.")


class NotInChain(HostingError):
    code = "not_in_chain"
    message = _("“%(subject)s” does not belong to the chain of this certificate. Leave it out.")


class WeakSignature(HostingError):
    code = "weak_signature"
    message = _("“%(subject)s” is signed in a way that browsers no longer take. Ask your authority for a new one.")


class Ended(HostingError):
    code = "ended"
    message = _("“%(subject)s” ended on %(day)s.")


class NotYetValid(HostingError):
    code = "not_yet_valid"
    message = _("“%(subject)s” is valid only from %(day)s on. Upload it then.")


class NotForServers(HostingError):
    code = "not_for_servers"
    message = _("The certificate is not for web servers.")


class NamesNothing(HostingError):
    code = "names_nothing"
    message = _("The certificate names no domain that browsers would look at (subject alternative names).")


class NotCovered(HostingError):
    code = "not_covered"
    message = _("The certificate does not cover %(missing)s. It covers: %(covered)s.")


class NotOfThisSite(HostingError):
    code = "not_of_this_site"
    message = _("“%(name)s” is no name of this site.")
