"""The panel does not start with settings that would give the house away."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

ROOT = Path(__file__).parents[2]
GOOD = {
    "SECRET_KEY": "k3y-" + "abcdefghij" * 5,
    "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
}


def start_server(**environment: str) -> "subprocess.CompletedProcess[str]":
    """Import the ASGI application as a server does, with nothing but the given environment."""
    return subprocess.run(
        [sys.executable, "-c", "import controlpanel.asgi"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "CONTROLPANEL_ENV_FILE": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_starts_with_good_ones() -> None:
    assert start_server(**GOOD).returncode == 0


@pytest.mark.parametrize("name", ["SECRET_KEY", "FIELD_ENCRYPTION_KEYS"])
def test_it_refuses_a_missing_secret_and_says_what_to_set(name: str) -> None:
    result = start_server(**{key: value for key, value in GOOD.items() if key != name})
    assert result.returncode != 0
    assert name in result.stderr


@pytest.mark.parametrize("weak", ["short", "a" * 80, "django-insecure-" + "abcdefghij" * 5])
def test_it_refuses_a_weak_key(weak: str) -> None:
    result = start_server(**{**GOOD, "SECRET_KEY": weak})
    assert result.returncode != 0 and weak not in result.stderr


def test_debug_is_off_unless_asked_for() -> None:
    code = "from django.conf import settings; print(settings.DEBUG)"
    environment = {"PATH": os.environ["PATH"], "CONTROLPANEL_ENV_FILE": "/nonexistent", **GOOD}
    environment["DJANGO_SETTINGS_MODULE"] = "controlpanel.settings"
    output = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert output.stdout.strip() == "False"
