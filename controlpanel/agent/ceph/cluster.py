"""One connection to the Ceph cluster an agent process: commands, records and a mount of its file system."""

from __future__ import annotations

import contextlib
import errno
import json
import threading
import time
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import AgentError, Failed

CONFIGURATION = "/etc/ceph/ceph.conf"
#: Seconds until a command to the cluster is given up. Its outcome is unknown then, not "failed".
PATIENCE = 30
#: Seconds for which the monitors' addresses are remembered: many volumes are given at once, and each names them.
_REMEMBERED = 10.0
#: RADOS namespace of our records, in the metadata pool (always replicated, and no host's key reaches it).
NAMESPACE = "controlpanel"


#: What an open file system answers once its server has given this process up.
_ENDED = (errno.ESHUTDOWN, errno.ENOTCONN, errno.ETIMEDOUT, errno.EBADF)


class CephError(Failed):
    """The cluster said no; ``number`` is its errno."""

    def __init__(self, what: str, number: int, text: str = "") -> None:
        name = errno.errorcode.get(number, str(number))
        super().__init__(f"{what}: {text.strip().splitlines()[0] if text.strip() else name}"[:300], text)
        self.number = number


class Away(AgentError):
    """The cluster does not answer."""

    code = "storage_away"


class FileSystem(NamedTuple):
    """The CephFS file system that volumes are made in."""

    name: str
    metadata_pool: str
    data_pool: str


class Session(NamedTuple):
    """A client that a metadata server knows. What it may do ends with its eviction, not with the loss of its key."""

    id: int
    rank: int
    #: "v7.web1": what it was authenticated by when it was looked for by that, otherwise what it says of itself.
    name: str
    address: str
    #: ``address:port/nonce``: this very process on the other side.
    instance: str
    state: str
    #: Seconds since it was opened.
    age: float = 0.0

    @property
    def volume(self) -> str:
        return self.name.partition(".")[0]

    @property
    def host(self) -> str:
        return self.name.partition(".")[2]


class Cluster:
    """The connection. Commands may come from several threads; librados and libcephfs allow that."""

    def __init__(self, configuration: str = CONFIGURATION) -> None:
        try:
            import rados  # Debian's, only on storage hosts
        except ImportError as error:
            raise Away("python3-rados is not installed on this host") from error
        self._rados_module = rados
        self._lock = threading.Lock()
        self._file_system: Optional[FileSystem] = None
        self._mounted: Any = None
        self._records: Any = None
        self._monitors: Tuple[float, List[str]] = (-_REMEMBERED, [])
        timeout = str(PATIENCE)
        self._rados = rados.Rados(
            name="client.admin",
            conffile=configuration,
            conf={"rados_mon_op_timeout": timeout, "rados_osd_op_timeout": timeout, "client_mount_timeout": "15"},
        )
        try:
            self._rados.connect(timeout=10)
        except rados.Error as error:
            raise Away("the Ceph cluster does not answer", str(error)) from error

    # --- commands ------------------------------------------------------------------------------------------------

    def mon(self, prefix: str, **arguments: Any) -> Any:
        """A command to the monitors; its JSON answer. Raises CephError, Away."""
        return self._answer(prefix, *self._sent(prefix, arguments, self._rados.mon_command))

    def mgr(self, prefix: str, **arguments: Any) -> Any:
        """A command to the manager ("fs subvolume …"); its JSON (or bare text) answer. Raises CephError, Away."""
        return self._answer(prefix, *self._sent(prefix, arguments, self._rados.mgr_command))

    def mds(self, rank: int, prefix: str, **arguments: Any) -> Any:
        """A command to the metadata server of that rank; its JSON answer. Raises CephError, Away."""
        spec = f"{self.file_system.name}:{rank}"
        command = json.dumps({"prefix": prefix, "format": "json", **arguments})
        try:
            result, out, text = self.mount.mds_command(spec, command, "")
        except Exception as error:  # cephfs.Error, or a server that has just gone
            self._mounted = None
            raise Away(f"metadata server {spec} does not answer", str(error)) from error
        return self._answer(prefix, result, out, text)

    def _sent(self, prefix: str, arguments: Dict[str, Any], send: Any) -> Any:
        try:
            return send(json.dumps({"prefix": prefix, "format": "json", **arguments}), b"")
        except self._rados_module.Error as error:
            raise Away(f"{prefix}: the cluster does not answer", str(error)) from error

    @staticmethod
    def _answer(prefix: str, result: int, out: Any, text: Any) -> Any:
        text = text.decode(errors="replace") if isinstance(text, bytes) else (text or "")
        if abs(result) == errno.ETIMEDOUT:
            raise Away(f"{prefix}: the cluster does not answer", text)
        if result != 0:
            raise CephError(prefix, abs(result), text)
        body = out.decode(errors="replace") if isinstance(out, bytes) else (out or "")
        try:
            return json.JSONDecoder().raw_decode(body)[0]  # "osd blocklist ls" appends a second, empty list
        except ValueError:
            return body.strip()

    # --- what there is -------------------------------------------------------------------------------------------

    @property
    def file_system(self) -> FileSystem:
        """The first file system of the cluster: one pool of ours is one file system."""
        if self._file_system is None:
            found = self.mon("fs ls")
            if not found:
                raise Failed("the Ceph cluster has no file system")
            first = found[0]
            self._file_system = FileSystem(first["name"], first["metadata_pool"], first["data_pools"][0])
        return self._file_system

    def monitors(self) -> List[str]:
        """Addresses of the monitors, as hosts reach them."""
        at, known = self._monitors
        if time.monotonic() - at < _REMEMBERED:
            return known
        addresses = set()
        for monitor in self.mon("mon dump")["mons"]:
            for address in monitor["public_addrs"]["addrvec"]:
                addresses.add(address["addr"].rpartition(":")[0].strip("[]"))
        self._monitors = (time.monotonic(), sorted(addresses))
        return self._monitors[1]

    def ranks(self) -> List[int]:
        """The metadata servers in charge. Raises Away when one of them is missing: its sessions could not be seen."""
        for system in self.mon("fs dump")["filesystems"]:
            mds = system["mdsmap"]
            if mds["fs_name"] == self.file_system.name:
                if len(mds["up"]) < len(mds["in"]):
                    raise Away("a metadata server is missing")
                return sorted(int(rank) for rank in mds["in"])
        raise Failed("the file system has gone")

    def sessions(self, name: str = "") -> List[Session]:
        """Every client of the file system, at all metadata servers.

        With ``name``: those that have been *authenticated* by it. Without, ``Session.name`` is what the client claims.
        """
        filters = {"filters": [f"auth_name={name}"]} if name else {}
        found = []
        for rank in self.ranks():
            for client in self.mds(rank, "client ls", **filters):
                metadata = client.get("client_metadata", {})
                address = client["entity"]["addr"]
                found.append(
                    Session(
                        id=int(client["id"]),
                        rank=rank,
                        name=name or str(metadata.get("entity_id", "")),
                        address=address["addr"].rpartition(":")[0].strip("[]"),
                        instance=f"{address['addr']}/{address['nonce']}",
                        state=str(client.get("state", "")),
                        age=float(client.get("uptime", 0.0)),
                    )
                )
        return found

    # --- the file system itself ----------------------------------------------------------------------------------

    @property
    def mount(self) -> Any:
        """The file system, opened in this process and kept open (closing it takes the server up to 5 s)."""
        with self._lock:
            if self._mounted is None:
                try:
                    import cephfs
                except ImportError as error:
                    raise Away("python3-cephfs is not installed on this host") from error
                mounted = cephfs.LibCephFS(rados_inst=self._rados)
                try:
                    # Without a session timeout of its own: sessions that have one are kept for five minutes after a
                    # metadata server was restarted, "to be reclaimed", and the file system serves nobody meanwhile.
                    mounted.init()
                    mounted.mount(filesystem_name=self.file_system.name.encode())
                except cephfs.Error as error:
                    raise Away("the file system cannot be opened", str(error)) from error
                self._mounted = mounted
            return self._mounted

    @contextlib.contextmanager
    def files(self) -> "Iterator[Any]":
        """The open file system, with its own exceptions turned into ours."""
        import cephfs

        try:
            yield self.mount
        except cephfs.Error as error:
            if getattr(error, "errno", 0) in _ENDED:
                self._mounted = None  # the next one opens it anew
                raise Away("the file system has closed this session", str(error)) from error
            raise CephError("the file system", getattr(error, "errno", 0) or errno.EIO, str(error)) from error

    # --- our records ---------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _io(self) -> "Iterator[Any]":
        try:
            with self._lock:
                if self._records is None:
                    self._records = self._rados.open_ioctx(self.file_system.metadata_pool)
                    self._records.set_namespace(NAMESPACE)
            yield self._records
        except self._rados_module.Error as error:
            raise Away("our records in the cluster cannot be read or written", str(error)) from error

    def read_records(self, name: str, keys: Optional[Sequence[str]] = None) -> Dict[str, str]:
        """Keys and values of one record object; all of them when no keys are given."""
        with self._io() as io, self._rados_module.ReadOpCtx() as operation:
            found: Dict[str, str] = {}
            if keys is None:
                after = ""
                while True:
                    values, _ = io.get_omap_vals(operation, after, "", 1000)
                    try:
                        io.operate_read_op(operation, name)
                    except self._rados_module.ObjectNotFound:
                        return found
                    page = {_text(key): _text(value) for key, value in values}
                    found.update(page)
                    if len(page) < 1000:
                        return found
                    after = max(page)
            values, _ = io.get_omap_vals_by_keys(operation, tuple(keys))
            try:
                io.operate_read_op(operation, name)
            except self._rados_module.ObjectNotFound:
                return found
            return {_text(key): _text(value) for key, value in values}

    def write_records(self, name: str, values: Dict[str, str], drop: Sequence[str] = ()) -> None:
        """Set and drop keys of one record object in one atomic write."""
        with self._io() as io, self._rados_module.WriteOpCtx() as operation:
            operation.new(0)
            if values:
                io.set_omap(operation, tuple(values), tuple(value.encode() for value in values.values()))
            if drop:
                io.remove_omap_keys(operation, tuple(drop))
            io.operate_write_op(operation, name)

    def alive(self) -> bool:
        """Whether the connection still works (the cluster may have blocklisted or forgotten this process)."""
        try:
            self.mon("fs ls")
        except AgentError:
            return False
        return True


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


_cluster: Optional[Cluster] = None
_connecting = threading.Lock()
_checked = 0.0


def connection() -> Cluster:
    """The process's connection, made at its first use, and made anew when it has died. Raises Away."""
    global _cluster, _checked
    with _connecting:
        now = time.monotonic()
        if _cluster is not None and now - _checked > 30 and not _cluster.alive():
            _cluster = None
        if _cluster is None:
            _cluster = Cluster()
        _checked = now
        return _cluster
