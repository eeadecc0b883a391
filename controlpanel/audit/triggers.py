"""The triggers that write entries, made from the trails, and put into the database by ``migrate``.

They stand in no migration: they follow from the models of today, whichever app those belong to, and compare rows as
JSON, so that a column that comes or goes breaks none of them. ``migrate`` brings them up to date at its end.
"""

from typing import Any

import pgtrigger
from django.db import connections

from .choices import Verb
from .trail import Trail, trails


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _array(items: list[str]) -> str:
    return f"ARRAY[{', '.join(map(_quoted, items))}]::text[]"


def _scopes(trail: Trail) -> str:
    """SQL: all its scopes, without gaps."""
    parts = []
    for scope in trail.scopes:
        if isinstance(scope, str):
            parts.append(f"COALESCE({scope}, '{{}}'::text[])")
        else:
            kind, ident = scope
            sql = trails.scopes[kind].replace("{id}", f"({ident})")
            parts.append(f"COALESCE(({sql}), '{{}}'::text[])")
    joined = " || ".join(parts) or "'{}'::text[]"
    return f"ARRAY(SELECT DISTINCT one FROM unnest({joined}) AS one WHERE one IS NOT NULL ORDER BY one)"  # noqa: S608


def function(trail: Trail) -> str:
    """The body of the trigger's function, in PL/pgSQL."""
    pk = f'r."{trail.pk}"'
    me = f"{_quoted(trail.kind + ':')} || {pk}"
    about, about_label = me, trail.label
    if trail.about:
        kind, ident = trail.about
        name = trails.names[kind].replace("{id}", f"({ident})")
        about = f"COALESCE({_quoted(kind + ':')} || ({ident}), {me})"
        about_label = f"CASE WHEN ({ident}) IS NULL THEN {trail.label} ELSE ({name}) END"
    ignored = _array(sorted({trail.pk, *trail.ignored}))
    return f"""
        IF TG_OP = 'DELETE' THEN r := OLD; ELSE r := NEW; END IF;
        IF TG_OP <> 'INSERT' THEN was := to_jsonb(OLD) - {ignored}; END IF;
        IF TG_OP <> 'DELETE' THEN is_now := to_jsonb(NEW) - {ignored}; END IF;
        IF was = is_now THEN RETURN NULL; END IF;
        {_named(trail)}
        PERFORM audit_write(
            COALESCE(NULLIF(current_setting('audit.context', true), ''), '{{}}')::jsonb,
            CASE TG_OP
                WHEN 'INSERT' THEN '{Verb.CREATED}' WHEN 'UPDATE' THEN '{Verb.CHANGED}' ELSE '{Verb.DELETED}'
            END,
            {me}, ({trail.label})::text, {about}, ({about_label})::text,
            {_scopes(trail)}, was, is_now, {_array(trail.secret_columns)}
        );
        RETURN NULL;
    """


def _named(trail: Trail) -> str:
    """Statements that put names in the place of ids."""
    lines = []
    for column, kind in trail.named.items():
        for variable, row in (("was", "OLD"), ("is_now", "NEW")):
            name = trails.names[kind].replace("{id}", f'({row}."{column}")')
            value = f"jsonb_build_object('{column}', COALESCE(({name})::text, {row}.\"{column}\"::text))"
            lines.append(f"IF {variable} IS NOT NULL THEN {variable} := {variable} || {value}; END IF;")
    return "\n        ".join(lines)


def trigger(trail: Trail) -> pgtrigger.Trigger:
    """A model's trigger."""
    return pgtrigger.Trigger(
        name="audit",
        when=pgtrigger.After,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        declare=[("r", "record"), ("was", "jsonb"), ("is_now", "jsonb")],
        func=function(trail),
    )


def install(using: str) -> None:
    """Make every audited table's trigger the one of today, and take away those of tables no longer audited."""
    tables = set(connections[using].introspection.table_names())
    wanted = set()
    model: Any
    for trail in trails.by_kind.values():
        if trail.table not in tables:
            continue  # a `migrate` of one app only
        one, model = trigger(trail), trail.model
        wanted.add((trail.table, one.get_pgid(model)))
        if one.get_installation_status(model, database=using)[0] != "INSTALLED":
            one.install(model, database=using)
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE t.tgname LIKE 'pgtrigger\\_audit\\_%' AND pg_table_is_visible(c.oid)"
        )
        for table, name in set(cursor.fetchall()) - wanted:
            cursor.execute(f'DROP TRIGGER "{name}" ON "{table}"')
