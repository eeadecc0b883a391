"""Which user names exist: one global namespace, shared with the unix accounts of every host."""

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

#: Safe for POSIX and LDAP. "site1", "site2", … are the sites' own identities.
_form = RegexValidator(
    r"\A(?!site\d)[a-z][a-z0-9_-]{1,30}\Z",
    _("Use 2 to 31 lower-case letters, digits, hyphens and underscores, beginning with a letter."),
)

#: Accounts that Debian and our packages have on hosts: a login with such a name would be taken for the machine's own.
RESERVED_NAMES = frozenset(
    """
    root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody nogroup adm admin
    administrator tty disk dialout fax voice cdrom floppy tape sudo audio dip operator src shadow utmp video plugdev
    staff users input sgx kvm render crontab netdev messagebus sshd ssh ceph haproxy nginx apache mysql mariadb postgres
    redis openldap nslcd nscd sssd postfix postdrop dovecot dovenull vmail opendkim rspamd bind knot chrony polkitd
    systemd systemd-network systemd-resolve systemd-timesync systemd-coredump systemd-journal controlpanel panel reader
    directory postmaster hostmaster webmaster abuse security support info
    """.split()  # noqa: SIM905  # a list of this length would be a column of words
)


def validate_username(value: str) -> None:
    """Raise ValidationError unless ``value`` may be somebody's user name."""
    _form(value)
    if value in RESERVED_NAMES or value.startswith("systemd-"):
        raise ValidationError(_("This name is reserved."), code="reserved")
