"""What both engines can do, behind one face each."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List

from ..errors import Failed
from .mariadb import accounts as mariadb_accounts
from .mariadb import comparing as mariadb_comparing
from .mariadb import service as mariadb_service
from .mariadb import source as mariadb_source
from .mariadb import target as mariadb_target
from .mariadb.connection import quote
from .mariadb.connection import session as mariadb_session
from .names import Database
from .postgresql import comparing as postgresql_comparing
from .postgresql import roles
from .postgresql import service as postgresql_service
from .postgresql import source as postgresql_source
from .postgresql import target as postgresql_target
from .postgresql.connection import session as postgresql_session

Progress = Callable[[Dict[str, Any]], None]
Compare = Callable[[], Dict[str, Any]]


class Engine:
    """The verbs. Each may be repeated; each raises Failed with what the server said."""

    name = ""

    def version(self) -> str:
        """The version of the server; empty when it does not answer."""
        try:
            return self._version()
        except Failed:
            return ""

    def _version(self) -> str:
        raise NotImplementedError

    def exists(self, name: str) -> bool:
        raise NotImplementedError

    def bring_about(self, database: Database, closed: bool, inside: bool = True) -> None:
        """The database, its users and their rights. With ``closed`` nobody may connect, whatever its state is; without
        ``inside`` only the users, for somebody is making the database itself."""
        raise NotImplementedError

    def problems(self, databases: Iterable[Database], closed: Callable[[str], bool]) -> Dict[str, str]:
        """What is not as it should be, by name."""
        raise NotImplementedError

    def empty(self, database: Database) -> None:
        """Throw away all that is in it, and let nobody connect."""
        raise NotImplementedError

    def is_empty(self, name: str) -> bool:
        """Whether there is no table in it."""
        return self.precheck(name)["tables"] == 0

    def unlock(self, name: str) -> None:
        """Let its users in, with the rights that they have."""
        raise NotImplementedError

    def drop(self, name: str) -> None:
        """The database, its users, and what a move left of it."""
        raise NotImplementedError

    def compact(self, name: str, limit: float) -> None:
        """Give the room that deleted rows left back to the disk."""
        raise NotImplementedError

    # --- dumps -----------------------------------------------------------------------------------------------

    def dump_command(self, name: str, source: str = "") -> List[str]:
        """Dumps a database of this host, or of that at the address ``source``."""
        raise NotImplementedError

    def load_command(self, name: str) -> List[str]:
        raise NotImplementedError

    # --- looking ---------------------------------------------------------------------------------------------

    def sizes(self) -> Dict[str, int]:
        """Bytes on disk, by database."""
        raise NotImplementedError

    def connections(self) -> Dict[str, int]:
        """Live connections, by user."""
        raise NotImplementedError

    def snapshot(self, name: str) -> Compare:
        """A comparison that sees the rows as they are now, whenever it is made."""
        raise NotImplementedError

    # --- the source of a move --------------------------------------------------------------------------------

    def precheck(self, name: str) -> Dict[str, Any]:
        raise NotImplementedError

    def publish(self, name: str) -> None:
        raise NotImplementedError

    def lock(self, name: str, grace: float) -> Dict[str, Any]:
        raise NotImplementedError

    def forget(self, name: str) -> None:
        raise NotImplementedError

    # --- its target ------------------------------------------------------------------------------------------

    def life(self) -> str:
        """Another one when the server was restarted, where replication does not survive that."""
        return ""

    def check_position(self, raw: Any) -> Dict[str, Any]:
        raise NotImplementedError

    def seed(
        self, database: Database, address: str, locked: bool, limit: float, lock_fd: int, progress: Progress
    ) -> Dict[str, Any]:
        raise NotImplementedError

    def follow(self, name: str, address: str, position: Dict[str, Any]) -> Dict[str, Any]:
        """Take what happens on the source from now on; notes for ``catch_up``."""
        raise NotImplementedError

    def lag(self, name: str, address: str) -> Dict[str, Any]:
        raise NotImplementedError

    def catch_up(
        self, name: str, address: str, position: Dict[str, Any], limit: float, notes: Dict[str, Any]
    ) -> Compare:
        """Return when everything up to the position is here: with the comparison of what is here then."""
        raise NotImplementedError

    def stop(self, name: str) -> None:
        raise NotImplementedError


class MariaDB(Engine):
    name = "mariadb"

    def _version(self) -> str:
        return mariadb_service.session_answers(10)

    def exists(self, name: str) -> bool:
        with mariadb_session() as server:
            return mariadb_accounts.exists(server, name)

    def bring_about(self, database: Database, closed: bool, inside: bool = True) -> None:
        with mariadb_session() as server:
            mariadb_accounts.bring_about(server, database, closed, inside)

    def problems(self, databases: Iterable[Database], closed: Callable[[str], bool]) -> Dict[str, str]:
        with mariadb_session() as server:
            found = {each.name: mariadb_accounts.problem(server, each, closed(each.name)) for each in databases}
        return {name: problem for name, problem in found.items() if problem}

    def empty(self, database: Database) -> None:
        with mariadb_session(600) as server:
            server.do(f"DROP DATABASE IF EXISTS {quote(database.name)}")
            mariadb_accounts.bring_about(server, database, closed=True)

    def unlock(self, name: str) -> None:
        with mariadb_session() as server:
            mariadb_accounts.set_lock(server, name, False)

    def drop(self, name: str) -> None:
        mariadb_target.stop(name)
        mariadb_source.forget(name)
        with mariadb_session(600) as server:
            mariadb_accounts.drop(server, name)

    def compact(self, name: str, limit: float) -> None:
        mariadb_source.compact(name, limit)

    def dump_command(self, name: str, source: str = "") -> List[str]:
        return mariadb_target.dump_command(name, source) if source else mariadb_source.dump_command(name)

    def load_command(self, name: str) -> List[str]:
        return mariadb_target.load_command(name)

    def sizes(self) -> Dict[str, int]:
        return mariadb_source.sizes()

    def connections(self) -> Dict[str, int]:
        return mariadb_source.connections()

    def snapshot(self, name: str) -> Compare:
        return mariadb_comparing.hold(name)

    def precheck(self, name: str) -> Dict[str, Any]:
        return mariadb_source.precheck(name)

    def publish(self, name: str) -> None:
        mariadb_source.publish(name)

    def lock(self, name: str, grace: float) -> Dict[str, Any]:
        return mariadb_source.lock(name, grace)

    def forget(self, name: str) -> None:
        mariadb_source.forget(name)

    def life(self) -> str:
        return mariadb_target.life()

    def check_position(self, raw: Any) -> Dict[str, Any]:
        return mariadb_target.check_position(raw)

    def seed(
        self, database: Database, address: str, locked: bool, limit: float, lock_fd: int, progress: Progress
    ) -> Dict[str, Any]:
        return mariadb_target.seed(database, address, locked, limit, lock_fd, progress)

    def follow(self, name: str, address: str, position: Dict[str, Any]) -> Dict[str, Any]:
        mariadb_target.follow(name, address, position)
        return {}

    def lag(self, name: str, address: str) -> Dict[str, Any]:
        return mariadb_target.lag(name)

    def catch_up(
        self, name: str, address: str, position: Dict[str, Any], limit: float, notes: Dict[str, Any]
    ) -> Compare:
        mariadb_target.catch_up(name, position, limit)
        return mariadb_comparing.hold(name)

    def stop(self, name: str) -> None:
        mariadb_target.stop(name)


class PostgreSQL(Engine):
    name = "postgresql"

    def _version(self) -> str:
        return postgresql_service.session_answers(10)

    def exists(self, name: str) -> bool:
        with postgresql_session() as server:
            return roles.exists(server, name)

    def bring_about(self, database: Database, closed: bool, inside: bool = True) -> None:
        roles.bring_about(database, closed, inside)

    def problems(self, databases: Iterable[Database], closed: Callable[[str], bool]) -> Dict[str, str]:
        with postgresql_session() as server:
            found = {each.name: roles.problem(server, each, closed(each.name)) for each in databases}
        return {name: problem for name, problem in found.items() if problem}

    def empty(self, database: Database) -> None:
        with postgresql_session(timeout=600) as server:
            roles.end_connections(server, roles.set_login(server, database.name, False))
            roles.drop_database(server, database.name)
        roles.bring_about(database, closed=True)

    def unlock(self, name: str) -> None:
        with postgresql_session() as server:
            roles.set_login(server, name, True)

    def drop(self, name: str) -> None:
        postgresql_target.stop(name)
        postgresql_source.forget(name)
        roles.drop(name)

    def compact(self, name: str, limit: float) -> None:
        postgresql_source.compact(name, limit)

    def dump_command(self, name: str, source: str = "") -> List[str]:
        return postgresql_target.dump_command(name, source) if source else postgresql_source.dump_command(name)

    def load_command(self, name: str) -> List[str]:
        # Without its grants: users that it speaks of may be gone since. What users should have is in the spec.
        return postgresql_target.load_command(name, ("--no-acl",))

    def sizes(self) -> Dict[str, int]:
        return postgresql_source.sizes()

    def connections(self) -> Dict[str, int]:
        return postgresql_source.connections()

    def snapshot(self, name: str) -> Compare:
        return postgresql_comparing.hold(postgresql_comparing.reader(name))

    def precheck(self, name: str) -> Dict[str, Any]:
        return postgresql_source.precheck(name)

    def publish(self, name: str) -> None:
        postgresql_source.publish(name)

    def lock(self, name: str, grace: float) -> Dict[str, Any]:
        return postgresql_source.lock(name, grace)

    def forget(self, name: str) -> None:
        postgresql_source.forget(name)

    def check_position(self, raw: Any) -> Dict[str, Any]:
        return postgresql_target.check_position(raw)

    def seed(
        self, database: Database, address: str, locked: bool, limit: float, lock_fd: int, progress: Progress
    ) -> Dict[str, Any]:
        return postgresql_target.seed(database, address, locked, limit, lock_fd, progress)

    def follow(self, name: str, address: str, position: Dict[str, Any]) -> Dict[str, Any]:
        return postgresql_target.follow(name)

    def lag(self, name: str, address: str) -> Dict[str, Any]:
        return postgresql_target.lag(name, address)

    def catch_up(
        self, name: str, address: str, position: Dict[str, Any], limit: float, notes: Dict[str, Any]
    ) -> Compare:
        return postgresql_target.catch_up(name, address, position, limit, notes)

    def stop(self, name: str) -> None:
        postgresql_target.stop(name)


ENGINES: Dict[str, Engine] = {engine.name: engine for engine in (MariaDB(), PostgreSQL())}
