from controlpanel.operations.redaction import MASK, redact


def test_secrets_are_masked_by_key_and_by_shape() -> None:
    secret = {
        "password": "a", "bind_password": "b", "key": "c", "key_pem": "d", "token": "e", "credentials": {"web1": "f"},
        "nested": [{"client_secret": "g"}],
        "output": "-----BEGIN PRIVATE KEY-----\nh\n-----END PRIVATE KEY----- cp_" + "i" * 43,
    }  # fmt: skip
    clean = redact(secret)
    assert clean["password"] == clean["credentials"] == clean["nested"][0]["client_secret"] == MASK
    assert clean["output"] == f"{MASK} {MASK}"
    assert "h\n" not in str(clean)


def test_the_rest_stays() -> None:
    plain = {"host": "web1", "keyboard": "us", "idempotency_key": "x", "monkey": 1, "password": "", "list": [1, None]}
    assert redact(plain) == plain
