"""What triggers call to write an entry, and what refuses every other change of the record."""

from django.db import migrations

WRITE = """
CREATE FUNCTION audit_write(
    context jsonb, verb text, object text, label text, about text, about_label text, scopes text[],
    was jsonb, is_now jsonb, secret text[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    old jsonb := jsonb_strip_nulls(was);
    new jsonb := jsonb_strip_nulls(is_now);
BEGIN
    IF was IS NOT NULL AND is_now IS NOT NULL THEN
        SELECT jsonb_object_agg(n.key, was->n.key), jsonb_object_agg(n.key, n.value) INTO old, new
        FROM jsonb_each(is_now) AS n WHERE n.value IS DISTINCT FROM was->n.key;
    END IF;
    IF cardinality(secret) > 0 THEN
        SELECT jsonb_object_agg(key, CASE WHEN key = ANY(secret) THEN '"***"'::jsonb ELSE value END) INTO old FROM jsonb_each(old);
        SELECT jsonb_object_agg(key, CASE WHEN key = ANY(secret) THEN '"***"'::jsonb ELSE value END) INTO new FROM jsonb_each(new);
    END IF;
    INSERT INTO audit_entry (
        time, transaction, verb, actor_id, actor, actor_is_staff, impersonator_id, impersonator, token,
        via, address, request, operation, object, label, about, about_label, scopes, before, after
    ) VALUES (
        clock_timestamp(), pg_current_xact_id()::text::bigint, verb,
        (context->>'id')::bigint, left(COALESCE(context->>'who', ''), 200), COALESCE((context->>'staff')::boolean, false),
        (context->>'impersonator_id')::bigint, left(COALESCE(context->>'impersonator', ''), 200),
        left(COALESCE(context->>'token', ''), 80),
        COALESCE(context->>'via', ''), (context->>'from')::inet, left(COALESCE(context->>'request', ''), 64),
        (context->>'operation')::bigint, object, left(COALESCE(label, ''), 300), about,
        left(COALESCE(about_label, ''), 300), scopes, old, new
    );
END $$;

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
"""

BACK = """
DROP TRIGGER audit_no_truncate ON audit_entry;
DROP TRIGGER audit_append_only ON audit_entry;
DROP FUNCTION audit_refuse();
DROP FUNCTION audit_write(jsonb, text, text, text, text, text, text[], jsonb, jsonb, text[]);
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunSQL(WRITE, BACK)]
