"""OpenLDAP as the organization's directory."""

from typing import TYPE_CHECKING

from ..credentials import issue, secrets_of
from ..process import wait_until

if TYPE_CHECKING:
    from ..machine import Machine

_CONFIGURATION = """\
dn: cn=config
objectClass: olcGlobal
cn: config
olcArgsFile: /run/slapd/slapd.args
olcPidFile: /run/slapd/slapd.pid
olcTLSCertificateFile: /etc/ldap/tls/certificate.pem
olcTLSCertificateKeyFile: /etc/ldap/tls/key.pem
olcTLSCACertificateFile: /etc/ldap/tls/ca.pem
olcTLSProtocolMin: 3.3
# Nobody reads without a name, and no password crosses the network in the clear.
olcDisallows: bind_anon
olcRequires: authc
olcSecurity: simple_bind=64

dn: cn=module,cn=config
objectClass: olcModuleList
cn: module
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb
olcModuleLoad: argon2

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file:///etc/ldap/schema/core.ldif

include: file:///etc/ldap/schema/cosine.ldif

include: file:///etc/ldap/schema/nis.ldif

include: file:///etc/ldap/schema/inetorgperson.ldif

# The schema that OpenSSH directories share (openssh-lpk).
dn: cn=openssh-lpk,cn=schema,cn=config
objectClass: olcSchemaConfig
cn: openssh-lpk
olcAttributeTypes: ( 1.3.6.1.4.1.24552.500.1.1.1.13 NAME 'sshPublicKey'
  DESC 'OpenSSH public key' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
olcObjectClasses: ( 1.3.6.1.4.1.24552.500.1.1.2.0 NAME 'ldapPublicKey'
  DESC 'Has OpenSSH public keys' SUP top AUXILIARY MAY ( sshPublicKey $ uid ) )

dn: olcDatabase={-1}frontend,cn=config
objectClass: olcDatabaseConfig
objectClass: olcFrontendConfig
olcDatabase: {-1}frontend
olcPasswordHash: {ARGON2}

dn: olcDatabase={0}config,cn=config
objectClass: olcDatabaseConfig
olcDatabase: {0}config
olcAccess: to * by dn.exact=gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth manage by * none

dn: olcDatabase={1}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {1}mdb
olcSuffix: dc=panel,dc=internal
olcDbDirectory: /var/lib/ldap
olcDbMaxSize: 1073741824
olcDbIndex: objectClass eq
olcDbIndex: entryCSN,entryUUID eq
olcDbIndex: uid,cn eq,sub
olcDbIndex: uidNumber,gidNumber eq
olcDbIndex: member,memberUid eq
olcLimits: dn.exact="cn=panel,dc=panel,dc=internal" size=unlimited time=unlimited
olcLimits: dn.exact="cn=reader,dc=panel,dc=internal" size=unlimited time=unlimited
olcAccess: to attrs=userPassword
  by dn.exact="cn=panel,dc=panel,dc=internal" manage
  by self =xw
  by anonymous auth
  by * none
olcAccess: to *
  by dn.exact="cn=panel,dc=panel,dc=internal" manage
  by dn.exact="cn=reader,dc=panel,dc=internal" read
  by self read
  by * none
"""

_CONTENT = """\
dn: dc=panel,dc=internal
objectClass: domain
dc: panel

dn: cn=panel,dc=panel,dc=internal
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: panel
description: The panel: it writes what it knows of people, groups and sites
userPassword: {writer}

dn: cn=reader,dc=panel,dc=internal
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
description: Hosts: they look up users and groups, and see no password
userPassword: {reader}

dn: ou=people,dc=panel,dc=internal
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=panel,dc=internal
objectClass: organizationalUnit
ou: groups

dn: ou=sites,dc=panel,dc=internal
objectClass: organizationalUnit
ou: sites
"""

_TLS = "/etc/ldap/tls"
_CONFIGURATION_FOLDER = "/etc/ldap/slapd.d"


def provision(machine: "Machine") -> None:
    """The empty directory: TLS, the panel's account that writes, the hosts' account that reads, nobody else."""
    certificate, key = issue(machine.lab, machine.name, machine.address)
    machine.write(f"{_TLS}/ca.pem", (machine.lab.home / "ca.pem").read_text())
    machine.write(f"{_TLS}/certificate.pem", certificate)
    machine.write(f"{_TLS}/key.pem", key, mode=0o640, owner="root:openldap")
    machine.run(["install", "-d", "-o", "openldap", "-g", "openldap", "-m", "750", _CONFIGURATION_FOLDER])
    as_openldap = ["runuser", "-u", "openldap", "--", "slapadd", "-F", _CONFIGURATION_FOLDER]
    machine.run([*as_openldap, "-n", "0"], input=_CONFIGURATION)
    secrets = secrets_of(machine.lab)
    content = _CONTENT.format(
        writer=_hashed(machine, secrets["ldap_writer_password"]),
        reader=_hashed(machine, secrets["ldap_reader_password"]),
    )
    machine.run([*as_openldap, "-n", "1"], input=content)
    machine.run(
        ["sed", "-i", 's|^SLAPD_SERVICES=.*|SLAPD_SERVICES="ldap:/// ldaps:/// ldapi:///"|', "/etc/default/slapd"]
    )
    machine.run(["systemctl", "enable", "--now", "slapd.service"])


def wait_until_ready(machine: "Machine") -> None:
    who_am_i = ["ldapwhoami", "-Q", "-Y", "EXTERNAL", "-H", "ldapi:///"]
    wait_until("slapd answers", lambda: "dn:" in machine.run(who_am_i, check=False), timeout=30)


def _hashed(machine: "Machine", password: str) -> str:
    argv = ["slappasswd", "-h", "{ARGON2}", "-o", "module-load=argon2", "-T", "/dev/stdin"]
    return machine.run(argv, input=password).strip()
