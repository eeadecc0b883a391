"""Filters that several collections use."""

from datetime import UTC, datetime
from typing import Any

import django_filters
from django import forms
from django.utils.translation import gettext_lazy as _
from django_filters.fields import IsoDateTimeField


class _TimeField(IsoDateTimeField):
    """A time in UTC: PostgreSQL knows fewer offsets than ISO 8601."""

    def clean(self, value: Any) -> datetime | None:
        time: datetime | None = super().clean(value)
        try:
            return None if time is None else time.astimezone(UTC)
        except OverflowError:
            raise forms.ValidationError(_("Enter a valid date/time.")) from None


class TimeFilter(django_filters.IsoDateTimeFilter):
    """``?created_after=2026-01-31T12:00:00Z``."""

    field_class = _TimeField
