"""Public keys: what is accepted, and that nothing rides along."""

import base64
import struct
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from members.ssh_keys import MAX_KEYS, parse_key, parse_keys


def line_of(private):
    return private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def start_of(line):
    """Keys differ from run to run, and the names of tests must not: several processes run them."""
    return line[:12]


ED25519 = line_of(ed25519.Ed25519PrivateKey.generate())


def packed(*parts):
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def hardware(kind, *parts):
    return f"{kind} {base64.b64encode(packed(kind.encode(), *parts)).decode()}"


@pytest.mark.parametrize(
    "line",
    [
        ED25519,
        line_of(ec.generate_private_key(ec.SECP256R1())),
        line_of(ec.generate_private_key(ec.SECP521R1())),
        line_of(rsa.generate_private_key(65537, 2048)),
        hardware("sk-ssh-ed25519@openssh.com", b"k" * 32, b"ssh:"),
        hardware("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", b"\x04" + b"p" * 64, b"ssh:"),
    ],
    ids=start_of,
)
def test_accepts_and_keeps_the_kinds_that_openssh_recommends(line):
    key = parse_key(f"{line} anna@laptop")
    assert str(key) == f"{line} anna@laptop"


def test_fingerprint_is_that_of_ssh_keygen(tmp_path):
    file = tmp_path / "key.pub"
    file.write_text(ED25519 + "\n")
    shown = subprocess.run(["ssh-keygen", "-lf", str(file)], capture_output=True, text=True, check=True).stdout
    assert shown.split()[1] == parse_key(ED25519).fingerprint


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 " + base64.b64encode(b"\xff" * 40).decode(),
        f'command="sh" {ED25519}',
        f"no-pty,{ED25519}",
        f"restrict {ED25519}",
        ED25519.replace("ssh-ed25519", "ssh-rsa", 1),
        ED25519[:-4],
        ED25519.replace(" ", " !", 1),
        f"{ED25519}\nssh-rsa AAAA",
        f"{ED25519}\x00",
        f"{ED25519}\u2028{ED25519}",
        f"{ED25519} {'c' * 5000}",
        "ssh-dss " + base64.b64encode(packed(b"ssh-dss", b"p", b"q", b"g", b"y")).decode(),
        line_of(rsa.generate_private_key(65537, 1024)),  # noqa: S505  # that is the point
        hardware("sk-ssh-ed25519@openssh.com", b"short", b"ssh:"),
        "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
    ids=start_of,
)
def test_refuses_options_other_types_damage_and_weak_keys(line):
    with pytest.raises(ValidationError):
        parse_key(line)


@given(st.text())
def test_a_comment_holds_only_harmless_characters(comment):
    try:
        line = str(parse_key(f"{ED25519} {comment}"))
    except ValidationError:
        return
    assert line.isascii()
    assert line.isprintable()
    assert not set("\"'`$;|<>\\") & set(line.removeprefix(ED25519))


def test_a_text_of_several_lines_names_the_one_at_fault():
    with pytest.raises(ValidationError, match="Line 3"):
        parse_keys(f"{ED25519}\n\nssh-ed25519 broken")


def test_repetitions_and_empty_lines_are_dropped():
    assert [str(key) for key in parse_keys(f"\n{ED25519} a\r\n{ED25519} b\n")] == [f"{ED25519} a"]


def test_there_is_a_limit():
    lines = [line_of(ed25519.Ed25519PrivateKey.generate()) for _ in range(MAX_KEYS + 1)]
    assert len(parse_keys("\n".join(lines[:-1]))) == MAX_KEYS
    with pytest.raises(ValidationError):
        parse_keys("\n".join(lines))
