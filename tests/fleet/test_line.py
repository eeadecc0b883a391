"""A host that is away keeps nobody waiting but those who want to know for sure."""

import socket
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from controlpanel.fleet import contacts
from controlpanel.fleet.connection import Target
from controlpanel.fleet.line import Line, Pending
from controlpanel.fleet.models import Host
from controlpanel.operations.errors import HostAway
from controlpanel.operations.models import Operation, Step

#: Of `ssh-keygen -t ed25519`, for nobody.
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIpM99PSNF6XgDIgUs34x4oMuvJxHbJw0xa6jofkq6eb"


@pytest.fixture
def silent(panel_key: str) -> Iterator[Line]:
    """The line to a host that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = Line(Target("web9", "127.0.0.1", server.getsockname()[1], KEY, ("web",)))
        yield line
        line.stop()


def call(line: Line, quick: bool) -> float:
    """Seconds until the call was refused."""
    pending = Pending("ping", b'"args":{}}\n', time.monotonic() + 30, quick=quick)
    begun = time.monotonic()
    line.put(pending)
    with pytest.raises(HostAway):
        pending.future.result(30)
    return time.monotonic() - begun


def test_quick_calls_do_not_wait_for_a_host_that_was_away(silent: Line) -> None:
    assert call(silent, quick=True) > 1  # the first finds it out
    assert max(call(silent, quick=True) for _ in range(10)) < 0.5
    assert call(silent, quick=False) > 1  # who wants to know gets a real try


@pytest.mark.django_db
def test_what_waits_for_a_host_is_tried_as_soon_as_it_is_back() -> None:
    Host.objects.create(name="web9", address="192.0.2.9", roles=["web"], host_key=KEY, reachable=False)
    later = timezone.now() + timedelta(hours=1)
    mine, other = (Operation.objects.create(kind="x", state="waiting", wake_at=later) for _ in range(2))
    Step.objects.create(operation=mine, stage=0, position=0, action="x", host="web9", state="waiting")
    Step.objects.create(operation=other, stage=0, position=0, action="x", host="web8", state="waiting")
    contacts.note_contact("web9", {})
    mine.refresh_from_db()
    other.refresh_from_db()
    assert mine.wake_at is not None and mine.wake_at <= timezone.now()
    assert other.wake_at == later
    assert Host.objects.get(name="web9").reachable
