"""A valid resource of every kind that a host may hold. A new kind has to be added here: the walk fails and says so."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SCRAM = "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$" + "A" * 43 + "=:" + "B" * 43 + "="


@cache
def pem() -> tuple[str, str]:
    """A certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a.test")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256())
    return (
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )


def samples() -> dict[str, tuple[str, dict[str, Any]]]:
    """Kind to (id, spec)."""
    chain, key = pem()
    return {
        "acme_challenge": ("route-12", {"token": "t" * 43, "answer": "t" * 43 + "." + "f" * 43}),
        "edge_rules": (
            "12",
            {
                "https": {"names": ["a.test"], "max_age": 3600, "subdomains": False},
                "redirects": [
                    {
                        "path": "/old", "match": "exact", "target": "https://b.test/new", "status": 301,
                        "keep_path": False, "keep_query": True,
                    }
                ],
                "addresses": [{"path": "/admin", "action": "allow", "networks": ["192.0.2.0/24"]}],
                "protected": [
                    {
                        "lock": "0" * 12, "path": "/secret", "realm": "Members", "open_paths": ["/secret/open"],
                        "users": {"anna": "0" * 64},
                    }
                ],
                "notice": {"en": "Back soon", "es": "Ya volvemos", "until": 0, "networks": ["192.0.2.0/24"]},
            },
        ),
        "edge_rules_key": ("base", {"key": "A" * 43 + "="}),
        "attachment": (
            "v12",
            {
                "driver": "cephfs", "path": "/srv/sites/12", "epoch": 1, "uid": 200012, "gid": 200012,
                "client": "v12.web1", "key": "A" * 38 + "==", "monitors": ["10.77.0.31"], "fs": "sites",
                "subvolume_path": "/volumes/sites/v12/data",
            },
        ),
        "certificate": ("site-12", {"names": ["a.test"], "pem": chain + key}),
        "database": (
            "db12",
            {
                "engine": "postgresql", "charset": "", "connections": 10, "state": "serving",
                "clients": ["10.77.0.21"], "quota_full": False,
                "users": [{"name": "db12", "verifier": SCRAM, "access": "owner", "connections": 10}],
            },
        ),
        "database_gate": ("base", {"ca_pem": chain}),
        "database_route": ("db12", {"address": "127.77.0.12", "port": 3306, "host": "10.77.0.41", "hold": 0}),
        "database_server": (
            "base",
            {
                "address": "10.77.0.41", "certificate_pem": chain + key, "ca_pem": chain, "clients": ["10.77.0.21"],
                "peers": [{"name": "db2", "address": "10.77.0.42"}], "memory_mb": 256,
            },
        ),
        "edge": ("base", {"backends": [{"name": "web1", "address": "10.77.0.21"}]}),
        "nginx": ("base", {"edges": ["10.77.0.11"]}),
        "nss": (
            "directory",
            {
                "uris": ["ldaps://10.77.0.6"], "base": "dc=panel,dc=internal", "bind_password": "x" * 20,
                "bind_dn": "cn=reader,dc=panel,dc=internal", "ca_pem": chain,
            },
        ),
        "packet_filter": (
            "base",
            {
                "addresses": ["10.77.0.101"], "rate": 10, "burst": 20, "connections": 30,
                "blocked": [{"network": "192.0.2.0/24", "until": 2_000_000_000}],
            },
        ),
        "room": ("12", {"digest": "0" * 64, "until": 2_000_000_000}),
        "route": ("a.test", {"site": 12, "redirect_to": "b.test"}),
        "shield": (
            "12",
            {
                "level": "limit", "requests": 100, "connections": 10, "blocked": ["192.0.2.0/24"],
                "trusted": ["198.51.100.0/24"], "open_paths": ["/api/"],
            },
        ),
        "shield_key": ("base", {"key": "A" * 43 + "="}),
        "site": (
            "12",
            {
                "kind": "php", "domains": ["a.test", "www.a.test"], "uid": 200012, "gid": 200012, "enabled": True,
                "php_workers": 4, "php_settings": {"timezone": "Europe/Madrid", "memory_limit_mb": 128},
            },
        ),
        "site_route": ("12", {"backend": "web1", "mode": "normal", "more": ["web2"]}),
        "volume": (
            "v12",
            {"size": 10**9, "uid": 200012, "gid": 200012, "access": ["web1"], "epoch": 1, "trashed": False},
        ),
    }  # fmt: skip
