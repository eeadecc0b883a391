"""What may be brought along as a certificate, and what is said of what may not."""

import base64
import contextlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from hosting.errors import HostingError
from hosting.own_certificates import checks

from .own_certificates import a_key, house, key_pem, pem, rsa_key, signed

DAY = timedelta(days=1)
MENDED = house().pair()


def test_a_chain_is_put_in_order_without_its_root_and_the_key_is_written_plainly() -> None:
    ours, key = house(), rsa_key()
    leaf = ours.leaf(key, "SHOP.example.org", "*.example.org")
    mixed = "Bag Attributes\r\n" + (pem(ours.root) + pem(ours.middle) + pem(leaf) + pem(leaf)).replace("\n", "\r\n")
    own = checks.read(mixed, "x\n" + key_pem(key, form=serialization.PrivateFormat.TraditionalOpenSSL))
    assert own.chain_pem == pem(leaf) + pem(ours.middle)
    assert own.key_pem == key_pem(key)
    assert own.names == ("*.example.org", "shop.example.org")
    assert "PRIVATE" not in repr(own)


def test_a_wildcard_stands_for_exactly_one_part() -> None:
    own = checks.read(*house().pair("*.example.org"))
    assert own.covers("shop.example.org")
    assert not own.covers("example.org")
    assert not own.covers("a.shop.example.org")


def test_one_that_signs_itself_is_taken() -> None:
    key = a_key()
    own = checks.read(pem(signed("me", key, "me", key, names=("shop.example.org",))), key_pem(key))
    assert own.covers("shop.example.org")


def wrong(*, leaf: Callable[..., str] = lambda key: pem(house().leaf(key)), tail: str | None = None) -> tuple[str, str]:
    key = a_key()
    return leaf(key) + (pem(house().middle) if tail is None else tail), key_pem(key)


def of_leaf(**how: object) -> tuple[str, str]:
    return wrong(leaf=lambda key: pem(house().leaf(key, **how)))


def with_key(key: object) -> tuple[str, str]:
    return pem(house().leaf(key)) + pem(house().middle), key_pem(key)


def other_middle(**how: object) -> str:
    return pem(signed("Middle", house().key, "Root", house().root_key, **how))  # type: ignore[arg-type]


REFUSED: dict[str, tuple[Callable[[], tuple[str, str]], str, str]] = {
    "nothing": (lambda: ("", ""), "chain", "no_certificate"),
    "no PEM": (lambda: ("\x30\x82\x00", house().pair()[1]), "chain", "no_certificate"),
    "damaged": (lambda: (house().pair()[0].replace("MII", "MIJ", 1), house().pair()[1]), "chain", "unreadable"),
    "too long": (lambda: ("x" * 60_001, house().pair()[1]), "chain", "too_long"),
    "too many": (lambda: (house().pair()[0] * 6, house().pair()[1]), "chain", "too_many_certificates"),
    "key among certificates": (lambda: ("".join(house().pair()), house().pair()[1]), "chain", "key_in_chain"),
    "no key": (lambda: (house().pair()[0], "abc"), "key", "no_key"),
    "long key": (lambda: (house().pair()[0], "x" * 5_001), "key", "too_long"),
    "two keys": (lambda: (house().pair()[0], house().pair()[1] * 2), "key", "several_keys"),
    "damaged key": (lambda: (house().pair()[0], house().pair()[1].replace("MI", "MJ", 1)), "key", "unreadable_key"),
    "password": (lambda: (house().pair()[0], key_pem(a_key(), "secret")), "key", "encrypted_key"),
    "old password": (
        lambda: (house().pair()[0], key_pem(a_key(), "secret", serialization.PrivateFormat.TraditionalOpenSSL)),
        "key",
        "encrypted_key",
    ),
    "short RSA": (lambda: with_key(rsa_key(1024)), "key", "weak_key"),
    "odd curve": (lambda: with_key(ec.generate_private_key(ec.SECP521R1())), "key", "weak_key"),
    "Ed25519": (lambda: with_key(ed25519.Ed25519PrivateKey.generate()), "key", "weak_key"),
    "another's key": (lambda: (house().pair()[0], house().pair()[1]), "key", "key_of_another"),
    "stranger in the chain": (lambda: wrong(tail=pem(house().leaf(a_key()))), "chain", "not_in_chain"),
    "forged issuer": (
        lambda: wrong(tail=pem(signed("Middle", a_key(), "Root", house().root_key))),
        "chain",
        "not_in_chain",
    ),
    "weak digest": (lambda: of_leaf(how=hashes.SHA224()), "chain", "weak_signature"),
    "ended": (lambda: of_leaf(begins=-3 * DAY, ends=-DAY), "chain", "ended"),
    "issuer ended": (lambda: wrong(tail=other_middle(begins=-3 * DAY, ends=-DAY)), "chain", "ended"),
    "not yet": (lambda: of_leaf(begins=DAY), "chain", "not_yet_valid"),
    "for clients": (lambda: of_leaf(purpose=ExtendedKeyUsageOID.CLIENT_AUTH), "chain", "not_for_servers"),
    "no names": (lambda: wrong(leaf=lambda key: pem(signed("shop.example.org", key, "Middle", house().key))), "chain",
                 "names_nothing"),
    "too large": (lambda: house().pair(*(f"long-name-{n:032}.example.org" for n in range(250))), "chain", "too_large"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_told_beside_its_field(what: str) -> None:
    make, field, code = REFUSED[what]
    chain, key = make()
    with pytest.raises(HostingError) as error:
        checks.read(chain, key)
    problems = error.value.problems
    assert (field, code) in [(one.field, one.code) for one in problems]
    assert all(one.text for one in problems)
    assert not any(len(line) > 20 and line in error.value.text for line in key.splitlines())


@given(st.text(alphabet="-BEGINCRTFAPVKY \nabM=", max_size=400))
def test_no_text_is_too_odd_to_be_refused(text: str) -> None:
    around = f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----"
    with pytest.raises(HostingError):
        checks.read(around, f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----")


@given(st.integers(0, 2000), st.binary(min_size=1, max_size=4), st.booleans())
def test_nor_is_any_byte_of_a_certificate_or_a_key(place: int, bytes_: bytes, of_key: bool) -> None:
    """Whatever is changed in them, they are refused in words or taken."""
    chain, key = MENDED
    block = key if of_key else chain[: chain.index("-----END CERT") + 26]
    der = bytearray(base64.b64decode("".join(line for line in block.splitlines() if "-----" not in line)))
    place %= len(der)
    der[place : place + len(bytes_)] = bytes_
    label = block.splitlines()[0]
    spoilt = "\n".join([label, base64.encodebytes(der).decode().strip(), label.replace("BEGIN", "END")])
    with contextlib.suppress(HostingError):
        checks.read(*((chain, spoilt) if of_key else (spoilt, key)))
