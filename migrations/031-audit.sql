-- Every call of the API that changed something, and every command that did, written in the transaction of the change.
-- Rows of a tenant stay when it is deleted, and are no tenant's that gets its id later.
CREATE TABLE audit (
  id uuid PRIMARY KEY DEFAULT uuid7(clock_us()),
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  tenant_id text,
  key_id text,
  key_name text,
  route text NOT NULL,
  object text NOT NULL,
  difference jsonb NOT NULL,
  request_id text
);
CREATE INDEX audit_of_tenant ON audit (tenant_id, id);
ALTER TABLE audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON audit TO headrace_api
  USING (tenant_id = current_setting('app.tenant', true)
    AND at >= (SELECT created_at FROM tenants t WHERE t.id = audit.tenant_id))
  WITH CHECK (tenant_id = current_setting('app.tenant', true));
CREATE POLICY every_tenant ON audit TO headrace_pipeline USING (true) WITH CHECK (true);
-- Nobody changes a row; the pipeline deletes what is old.
GRANT SELECT, INSERT ON audit TO headrace_api;
GRANT SELECT, INSERT, DELETE ON audit TO headrace_pipeline;

-- Notes what a statement changed in the setting app.changes of a transaction that keeps one, for its audit row.
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  noted text := coalesce(current_setting('app.changes', true), '');
  before jsonb;
BEGIN
  -- Other transactions than the API's keep none, and no row needs more than this.
  IF noted = '' OR length(noted) > 262144 THEN
    RETURN NULL;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    before := to_jsonb(OLD);
  ELSIF TG_TABLE_NAME = 'flow_versions' THEN
    -- A version is never changed: it follows the one before.
    SELECT to_jsonb(v) INTO before FROM flow_versions v
      WHERE v.tenant_id = NEW.tenant_id AND v.flow_id = NEW.flow_id AND v.version < NEW.version
      ORDER BY v.version DESC LIMIT 1;
  END IF;
  PERFORM set_config('app.changes', (noted::jsonb || jsonb_build_array(jsonb_build_object(
    'table', TG_TABLE_NAME, 'from', before, 'to', CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END)))::text, true);
  RETURN NULL;
END
$$;

DO $$
DECLARE
  table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['api_keys', 'connectors', 'deployments', 'dlq_policies', 'endpoint_secrets',
      'endpoints', 'flow_versions', 'flows', 'sources', 'tenant_secrets', 'tenants'] LOOP
    EXECUTE format('CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON %I
      FOR EACH ROW EXECUTE FUNCTION note_change()', table_name);
  END LOOP;
END
$$;
