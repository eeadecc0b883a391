"""Databases as JSON. Field names are a contract with scripts outside: only ever add."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from controlpanel.operations.api.serializers import AcceptedSerializer

from ..choices import DatabaseAccess, DatabaseEngine, DatabaseState
from ..databases.errors import InvalidEngine
from ..databases.intents import LEAST_CONNECTIONS, LEAST_QUOTA, MOST_CONNECTIONS, MOST_QUOTA
from ..models import Database, DatabaseDump, DatabaseUser

#: Where applications find the authority that database servers' certificates are signed by, on every web host.
CA_FILE = "/etc/controlpanel/ca.pem"


class DatabaseUserSerializer(serializers.ModelSerializer[DatabaseUser]):
    """Who may log in. Passwords are shown once, when they are made."""

    access = serializers.ChoiceField(DatabaseAccess.choices, read_only=True)

    class Meta:
        model = DatabaseUser
        fields = ("name", "access", "changed")
        read_only_fields = fields


class DatabaseSerializer(serializers.ModelSerializer[Database]):
    """A database. ``host_name`` and ``port`` are how applications reach it, wherever it is."""

    name = serializers.CharField(read_only=True)
    engine = serializers.ChoiceField(DatabaseEngine.choices, read_only=True)
    state = serializers.ChoiceField(DatabaseState.choices, read_only=True)
    order = serializers.IntegerField(source="order_id", read_only=True)
    site = serializers.IntegerField(source="site_id", read_only=True, allow_null=True)
    host_name = serializers.CharField(read_only=True, help_text="Its stable name, for applications.")
    port = serializers.IntegerField(read_only=True)
    ca_file = serializers.SerializerMethodField(help_text="On web hosts: what to check the server's certificate by.")
    host = serializers.CharField(
        source="host.name", read_only=True, allow_null=True, help_text="The database host that it is on at the moment."
    )
    users = DatabaseUserSerializer(many=True, read_only=True)
    copy_host = serializers.CharField(
        source="copy_host.name", read_only=True, allow_null=True, help_text="Keeps what was there before a move."
    )
    dumped = serializers.SerializerMethodField(help_text="When its newest dump was made.")

    class Meta:
        model = Database
        fields: tuple[str, ...] = (
            "id", "name", "engine", "state", "order", "site", "host_name", "port", "ca_file", "host", "users",
            "quota_bytes", "size_bytes", "full", "connections", "open_connections", "used_at", "revision", "created",
            "copy_host", "copy_until", "dumped", "purge_after",
        )  # fmt: skip
        read_only_fields: tuple[str, ...] = fields

    @extend_schema_field({"type": "string"})
    def get_ca_file(self, database: Database) -> str:
        return CA_FILE

    @extend_schema_field({"type": "string", "format": "date-time", "nullable": True})
    def get_dumped(self, database: Database) -> Any:
        return max((dump.made for dump in database.dumps.all()), default=None)


class NewDatabaseSerializer(serializers.Serializer[Any]):
    """What a new database is made of; its host is chosen by placement."""

    order = serializers.IntegerField(min_value=1)
    engine = serializers.ChoiceField(DatabaseEngine.choices, error_messages={"invalid_choice": InvalidEngine.message})
    site = serializers.IntegerField(min_value=1, required=False, allow_null=True)
    quota_bytes = serializers.IntegerField(min_value=LEAST_QUOTA, max_value=MOST_QUOTA, required=False)
    connections = serializers.IntegerField(min_value=LEAST_CONNECTIONS, max_value=MOST_CONNECTIONS, required=False)


class DatabaseChangesSerializer(serializers.Serializer[Any]):
    """Limits; staff only. What is left out stays."""

    quota_bytes = serializers.IntegerField(min_value=LEAST_QUOTA, max_value=MOST_QUOTA, required=False)
    connections = serializers.IntegerField(min_value=LEAST_CONNECTIONS, max_value=MOST_CONNECTIONS, required=False)
    revision = serializers.IntegerField(required=False, min_value=0)


class DatabaseUserNameSerializer(serializers.Serializer[Any]):
    """The part of a further user's name behind ``db12_``."""

    name = serializers.CharField(max_length=40)


class RotateSerializer(serializers.Serializer[Any]):
    """Which user gets a new password; the owner when none is named."""

    user = serializers.CharField(max_length=40, required=False, allow_blank=True)


class RestoreSerializer(serializers.Serializer[Any]):
    """Which dump; the newest when none is named."""

    dump = serializers.IntegerField(min_value=1, required=False)


class DumpSerializer(serializers.ModelSerializer[DatabaseDump]):
    """All of a database at one moment. ``label``: regular, asked (for), before (a return to a dump), last (deleted)."""

    host = serializers.CharField(source="host.name", read_only=True)

    class Meta:
        model = DatabaseDump
        fields = ("id", "label", "made", "size_bytes", "sha256", "host")
        read_only_fields = fields


class MoveDatabaseSerializer(serializers.Serializer[Any]):
    """Where it goes; the host that placement chooses when none is named. ``held``: connections wait while all of it is
    copied, for what no copy can follow."""

    host = serializers.CharField(max_length=63, required=False, allow_blank=True)
    held = serializers.BooleanField(default=False)


class AcceptedDatabaseSerializer(AcceptedSerializer, DatabaseSerializer):
    """The database's fields, the same again as ``database``, and the operation that brings it about."""

    database = DatabaseSerializer(source="*", read_only=True)

    class Meta(DatabaseSerializer.Meta):
        fields = (*DatabaseSerializer.Meta.fields, "database", "operation")
        read_only_fields = fields


class AcceptedSecretSerializer(AcceptedDatabaseSerializer):
    """The same with a password, which is shown this once and stored nowhere."""

    user = serializers.CharField(read_only=True)
    password = serializers.CharField(
        read_only=True, allow_null=True, help_text="Only in this answer; null when the request was repeated."
    )

    class Meta(AcceptedDatabaseSerializer.Meta):
        fields = (*AcceptedDatabaseSerializer.Meta.fields, "user", "password")
        read_only_fields = fields
