"""What is audited: every app says so of its models in its ``trails.py``, or why one of them is not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import models

from controlpanel.encryption import EncryptedTextField

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from .models import Entry

    Text = str | _StrPromise

#: Columns that are secret wherever they occur, besides encrypted ones. Entries say only that they changed.
SECRET = frozenset({"digest", "password", "secret", "session_salt", "verifier", "key_pem"})


@dataclass(frozen=True)
class Trail:
    """How the changes of one model are written down.

    SQL expressions are about the row ``r``, the new one, or the old one when it is deleted.
    """

    model: type[models.Model]
    #: As a sentence names it: _("the site %(name)s").
    what: "Text"
    #: SQL: what people call it.
    label: str = "''"
    #: Who may see it: pairs of a kind (``trails.scope``) and SQL for its id, or SQL for the array itself.
    scopes: Sequence[tuple[str, str] | str] = ()
    #: What it is part of: a kind whose name is known (``trails.call``), SQL for its id.
    about: tuple[str, str] | None = None
    #: Columns of observation and bookkeeping: their changes alone make no entry.
    ignored: frozenset[str] = frozenset()
    secret: frozenset[str] = frozenset()
    #: Columns that hold an id: entries hold the name of what it is, by its kind (``trails.call``).
    named: Mapping[str, str] = field(default_factory=dict)
    #: The column that is set while the row is deleted but kept: what it is set to reads as "deleted".
    buried: str = ""
    #: What columns are called.
    fields: Mapping[str, "Text"] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return self.model._meta.label_lower

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def pk(self) -> str:
        """The column of its id."""
        return str(self.model._meta.pk.column)

    @property
    def secret_columns(self) -> list[str]:
        """Those named, and those that are secret by their type or name."""
        return sorted(
            column.column
            for column in self.model._meta.concrete_fields
            if column.column
            and (isinstance(column, EncryptedTextField) or column.column in SECRET or column.column in self.secret)
        )


class Trails:
    """All of them. One instance, ``trails``."""

    def __init__(self) -> None:
        self.by_kind: dict[str, Trail] = {}
        self.tables: set[str] = set()
        self.exempt: dict[str, str] = {}
        self.scopes: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.things: dict[str, Text] = {}
        #: What the record can be narrowed to: "order", "person"; those that a login may choose from, as (id, name).
        self.choices: dict[str, Callable[[Any], list[tuple[int, str]]]] = {}
        #: Which of these operations a login may see.
        self.visible_operations: Callable[[Any, set[int]], set[int]] = lambda _login, _ids: set()
        self.describers: dict[str, Callable[[Entry], str]] = {}

    def add(self, trail: Trail) -> None:
        """From now on (after the next ``migrate``) the model's changes are written down."""
        if trail.kind in self.by_kind or trail.kind in self.exempt:
            raise ValueError(f"{trail.kind} is there already")
        self.by_kind[trail.kind] = trail
        self.tables.add(trail.table)

    def leave_out(self, reason: str, *kinds: type[models.Model]) -> None:
        """These models are not audited, because …"""
        for model in kinds:
            if model._meta.label_lower in self.by_kind:
                raise ValueError(f"{model._meta.label_lower} is audited")
            self.exempt[model._meta.label_lower] = reason

    def scope(self, kind: str, sql: str) -> None:
        """How the id of a thing of that kind (``{id}`` in it) becomes the array of those who may see its changes."""
        self.scopes[kind] = sql

    def call(self, kind: str, sql: str) -> None:
        """What people call a thing of that kind ("hosting.site"), from its ``{id}``."""
        self.names[kind] = sql

    def name(self, kind: str, what: "Text") -> None:
        """How sentences name a thing of a kind that has no trail (what ``services.note`` is about)."""
        self.things[kind] = what

    def describe(self, kind: str, describer: "Callable[[Entry], str]") -> None:
        """How an entry's thing of that kind is called, where a label in one language will not do."""
        self.describers[kind] = describer

    def offer(self, name: str, choices: "Callable[[Any], list[tuple[int, str]]]") -> None:
        """What pages let a login choose for the filter of that name."""
        self.choices[name] = choices

    def what(self, kind: str) -> "Text":
        """The phrase for a thing of that kind, with %(name)s in it."""
        if trail := self.by_kind.get(kind):
            return trail.what
        return self.things.get(kind, "%(name)s")


trails = Trails()
