"""What models and their fields are called in the admin, in the reader's language.

Each app says so in its ``labels.py``; columns that the record of changes names (``trails.py``) are called the same
here, and need not be said twice. It is said beside the models and not in them: staff alone read it, and Django
compares only what a field was made with, so that another word is never a migration.
"""

from typing import TYPE_CHECKING

from django.db import models
from django.utils.module_loading import autodiscover_modules

from controlpanel.audit.trail import trails

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    Text = str | _StrPromise

_said: set[tuple[type[models.Model], str]] = set()


def name(model: type[models.Model], one: "Text", many: "Text", **fields: "Text") -> None:
    """How one and several of a model are called, and its fields or properties. FieldDoesNotExist: it has none such."""
    model._meta.verbose_name = one
    model._meta.verbose_name_plural = many
    for field, text in fields.items():
        if isinstance(was := vars(model).get(field), property):
            was.fget.short_description = text  # type: ignore[union-attr]  # where the admin looks for it
        else:
            model._meta.get_field(field).verbose_name = text  # type: ignore[union-attr]
        _said.add((model, field))


def discover() -> None:
    """Call all by their names. Before any form of the admin is defined: forms keep what they find."""
    autodiscover_modules("trails", "labels")
    for trail in trails.by_kind.values():
        for field in trail.model._meta.concrete_fields:
            text = trail.fields.get(field.column or "")
            if text is not None and (trail.model, field.name) not in _said:
                field.verbose_name = text
