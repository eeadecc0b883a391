"""Every model of ours is audited, or stands on the list of those that are not, with the reason."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import connection, models, transaction

from controlpanel.audit.models import Entry
from controlpanel.audit.trail import Trail, trails
from controlpanel.encryption import EncryptedTextField
from hosting.models import Application, DatabaseUser, Placement
from members.link_models import Invitation
from members.models import Block, Login
from members.visit_models import Impersonation
from routing.models import EdgeRules
from tests import factories as make
from tests.admin.rows import MAKERS

OURS = [model for model in apps.get_models() if model.__module__.split(".")[0] in {
    "controlpanel", "members", "storage", "routing", "hosting", "webhooks",
}]  # fmt: skip
AUDITED = sorted(trails.by_kind.values(), key=lambda trail: trail.kind)

#: How to make a row of models that the admin shows no page of.
MORE: dict[Any, Callable[[], Any]] = {
    Application: lambda: Application.objects.create(
        site=make.SiteFactory(kind="wordpress"), title="Blog", username="anna", email="a@example.org",
        password_hash="never-shown", database_password="never-shown",
    ),
    Invitation: lambda: Invitation.objects.create(
        member=make.MemberFactory(), email="new@example.org", role="member_admin", digest="never-shown",
        ends="2030-01-01T00:00:00Z",
    ),
    Impersonation: lambda: Impersonation.objects.create(
        staff=make.StaffFactory(), login=make.LoginFactory(), reason="asked", until="2030-01-01T00:00:00Z"
    ),
    EdgeRules: lambda: EdgeRules.objects.create(site_id=make.SiteFactory().pk, protected=[{"users": "never-shown"}]),
    Authenticator: lambda: Authenticator.objects.create(
        user=make.LoginFactory(), type="totp", data={"secret": "never-shown"}
    ),
    Block: lambda: Block.objects.create(login=make.LoginFactory(), cause="quarantine:1"),
    DatabaseUser: lambda: DatabaseUser.objects.create(
        database=make.DatabaseFactory(), name="somebody", verifier="never-shown"
    ),
    Placement: lambda: Placement.objects.create(site=make.SiteFactory(), host=make.HostFactory()),
}  # fmt: skip

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_a_model_is_audited_or_exempt(model: type[models.Model]) -> None:
    """A new model: say in its app's ``trails.py`` how it is audited, or why not."""
    kind = model._meta.label_lower
    assert (kind in trails.by_kind) != (kind in trails.exempt), kind
    assert trails.exempt.get(kind, "a reason").strip()


@pytest.mark.parametrize("trail", AUDITED, ids=lambda trail: trail.kind)
def test_every_audited_model_leaves_its_trail(trail: Trail) -> None:
    """Made, changed by a bare UPDATE, and deleted: each is written down, with nothing secret."""
    row = {**MAKERS, **MORE}[trail.model]()
    kind = f"{trail.kind}:{row.pk}"
    assert [entry.verb for entry in Entry.objects.filter(object=kind, verb="created")] == ["created"]

    column = _some_column(trail)
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT "{column.column}" FROM "{trail.table}" WHERE id = %s', [row.pk])  # noqa: S608
        other = _other(column, cursor.fetchone()[0])
        cursor.execute(f'UPDATE "{trail.table}" SET "{column.column}" = %s WHERE id = %s', [other, row.pk])  # noqa: S608
    changed = Entry.objects.filter(object=kind, verb="changed").first()
    assert changed is not None and set(changed.after) == {column.column}

    with transaction.atomic():
        trail.model._base_manager.filter(pk=row.pk)._raw_delete("default")
        deleted = Entry.objects.filter(object=kind, verb="deleted").get()
        transaction.set_rollback(True)  # others still point at it
    assert deleted.after is None
    assert "never-shown" not in str([vars(entry) for entry in Entry.objects.all()])


@pytest.mark.parametrize("trail", AUDITED, ids=lambda trail: trail.kind)
def test_what_a_trail_names_is_there(trail: Trail) -> None:
    columns = {field.column for field in trail.model._meta.concrete_fields}
    named = {*trail.ignored, *trail.secret, *trail.fields, *trail.named, *filter(None, [trail.buried])}
    assert named <= columns, named - columns
    encrypted = {f.column for f in trail.model._meta.concrete_fields if isinstance(f, EncryptedTextField)}
    assert encrypted <= set(trail.secret_columns)


def test_what_is_only_observed_makes_no_entry() -> None:
    site = make.SiteFactory()
    before = Entry.objects.count()

    type(site).objects.filter(pk=site.pk).update(revision=99, placed=False)
    type(site.volume).objects.filter(pk=site.volume_id).update(used_bytes=12345)
    Login.objects.update(session_salt="x")

    assert Entry.objects.count() == before


def _some_column(trail: Trail) -> models.Field:
    """One whose change is written down, and can be made without breaking a rule of the table."""
    for field in trail.model._meta.concrete_fields:
        plain = isinstance(
            field, (models.CharField, models.TextField, models.IntegerField, models.BooleanField, models.JSONField)
        )
        if not plain or field.primary_key or field.column in trail.ignored or field.is_relation:
            continue
        if field.choices or field.column in {"scope", "owner", "site_id", "order_id"}:
            continue
        return field
    return next(
        f
        for f in trail.model._meta.concrete_fields
        if isinstance(f, (models.GenericIPAddressField, models.DateTimeField)) and f.column not in trail.ignored
    )


def _other(field: models.Field, value: Any) -> Any:
    if isinstance(field, models.BooleanField):
        return not value
    if isinstance(field, models.IntegerField):
        return (value or 0) + 1
    if isinstance(field, models.JSONField):
        return '["other"]'
    if isinstance(field, models.GenericIPAddressField):
        return "198.51.100.99"
    if isinstance(field, models.DateTimeField):
        return "2030-01-01T00:00:00Z"
    return f"{value}x"[-4:]
