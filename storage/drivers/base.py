"""What a kind of storage can be asked.

Two sides. On the *storage side*, what a volume should be and who may use it is one resource (``volume``: create or
fix, size, and the full list of hosts under an epoch), and the other verbs are calls. On the *host side*, ``attachment``
is the resource: present attaches, absent detaches. Resources and calls go through operations' steps, in batches;
``ask`` is for reads, and for whoever waits for the answer himself.

Every verb is idempotent, and answers per item ``ok``, ``pending``, ``refused`` (by which holder) or ``failed``. An
answer that was lost is ``pending``, never "failed": look (``who_has``) before acting on it.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from controlpanel.fleet import channel
from controlpanel.fleet.actions import Call
from controlpanel.fleet.desired import Resource
from controlpanel.fleet.models import Host
from controlpanel.operations.errors import NotNow, StepError

from ..errors import StorageAway
from ..models import Attachment, Pool, Snapshot, Volume

#: Codes by which an agent says that the storage behind it does not answer: the same may work later.
AWAY = frozenset({"storage_away"})


class Outcome(StrEnum):
    OK = "ok"
    #: Not known yet: the storage or its host is away, or the answer was lost.
    PENDING = "pending"
    #: Understood, and no: somebody holds it, or it is older than what was done before.
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class Answer:
    """What became of a verb."""

    outcome: Outcome
    data: dict[str, Any] = field(default_factory=dict)
    #: Who holds it, where that is why it was refused.
    holder: str = ""
    code: str = ""
    reason: str = ""

    @property
    def ok(self) -> bool:
        return self.outcome == Outcome.OK

    @classmethod
    def of_error(cls, error: StepError) -> "Answer":
        reason = str(error.params.get("reason", ""))
        if isinstance(error, NotNow) or error.code in AWAY:
            return cls(Outcome.PENDING, code=error.code, reason=reason)
        if error.code in ("busy", "stale_revision", "host_fenced", "not_ready", "not_detached"):
            return cls(Outcome.REFUSED, code=error.code, reason=reason, holder=reason if error.code == "busy" else "")
        return cls(Outcome.FAILED, code=error.code, reason=reason or error.output)


def not_now(error: StepError) -> StepError:
    """The error, as one that lets a step wait when the storage is away."""
    return StorageAway(error.params, error.output) if error.code in AWAY else error


class Driver(ABC):
    """One pool, as its storage is spoken to."""

    name: ClassVar[str]

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    # --- resources -----------------------------------------------------------------------------------------------

    @abstractmethod
    def volume(self, volume: Volume, access: Collection[str], *, epoch: int, trashed: bool) -> Resource:
        """``ensure_volume``, ``resize`` and ``set_access`` (the full list of hosts) for the storage side."""

    @abstractmethod
    def attachment(self, attachment: Attachment, *, present: bool = True) -> Resource:
        """``attach`` or ``detach`` for the host side. Raises ValueError when there is no credential to attach with."""

    # --- verbs of the storage side -------------------------------------------------------------------------------

    @abstractmethod
    def probe(self) -> Call:
        """Is it well, how much room has it (bytes), which hosts are fenced."""

    @abstractmethod
    def usage(self) -> Call:
        """Bytes used by each volume."""

    @abstractmethod
    def list(self) -> Call:
        """Every volume that the storage knows."""

    @abstractmethod
    def who_has(self, volumes: Sequence[Volume]) -> Call:
        """Who may use each, and who has it open."""

    @abstractmethod
    def fence_volume(self, volume: Volume, host: Host) -> Call:
        """Cut one host off from one volume."""

    @abstractmethod
    def fence_host(self, host: Host) -> Call:
        """Cut a host off from all volumes."""

    @abstractmethod
    def sessions(self, host: Host) -> Call:
        """What a host has open, or left open when it died: ids, and ages in seconds."""

    @abstractmethod
    def reap(self, host: Host, sessions: Sequence[int]) -> Call:
        """End those that it left open."""

    @abstractmethod
    def unfence_host(self, host: Host, *, boot_id: str, mounts: Sequence[str]) -> Call:
        """Let a host in again, on proof."""

    @abstractmethod
    def snapshot(self, volume: Volume, name: str) -> Call: ...

    @abstractmethod
    def rotate_snapshots(self, take: Sequence[Snapshot], drop: Sequence[Snapshot]) -> Call:
        """Take and drop many at once; the answer says which were done, and why others were not."""

    @abstractmethod
    def list_snapshots(self, volume: Volume) -> Call: ...

    @abstractmethod
    def drop_snapshot(self, volume: Volume, name: str) -> Call: ...

    @abstractmethod
    def clone(self, volume: Volume, snapshot: str, target: Volume) -> Call:
        """Begin, or ask after, the making of ``target`` from a snapshot."""

    @abstractmethod
    def purge(self, volume: Volume) -> Call:
        """Delete a trashed volume for good."""

    # --- verbs of the host side ----------------------------------------------------------------------------------

    @abstractmethod
    def mounts(self) -> Call:
        """To a web host: its boot, and everything on it that can write to network storage."""

    # --- asking --------------------------------------------------------------------------------------------------

    def send(self, call: Call, host: Host | None = None) -> "Future[dict[str, Any]]":
        """Hand it to the pool's host (or the given one)."""
        return channel.call(host or self.pool.host, call.name, call.args, timeout=call.timeout)

    def ask(self, call: Call, host: Host | None = None) -> Answer:
        """Ask and wait for the answer, at most the call's time-out."""
        try:
            return Answer(Outcome.OK, self.send(call, host).result(call.timeout + 5))
        except StepError as error:
            return Answer.of_error(error)
        except TimeoutError:
            return Answer(Outcome.PENDING, code="answer_lost")
