-- Alerts of a tenant, or of the installation under tenant '*'.
CREATE TABLE alerts (
  id uuid PRIMARY KEY DEFAULT uuid7(clock_us()),
  tenant_id text NOT NULL,
  kind text NOT NULL,
  -- The source, flow or other object of a kind that has several, otherwise ''.
  subject text NOT NULL,
  message text NOT NULL,
  -- The measured value when the alert opened, the threshold it crossed, and the value when the alert was resolved.
  value double precision,
  threshold double precision,
  resolved_value double precision,
  details jsonb NOT NULL,
  opened_at timestamptz NOT NULL DEFAULT now(),
  resolved_at timestamptz
);
CREATE UNIQUE INDEX alerts_open ON alerts (tenant_id, kind, subject) WHERE resolved_at IS NULL;
CREATE INDEX alerts_of_tenant ON alerts (tenant_id, id);
CREATE INDEX alerts_resolved ON alerts (resolved_at) WHERE resolved_at IS NOT NULL;
SELECT protect_tenant_table('alerts');
GRANT SELECT ON alerts TO headrace_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON alerts TO headrace_pipeline;

-- Opening and resolving an alert is each reported once: in the log, the metrics, and to the policy's webhook.
CREATE TABLE alert_notices (
  alert_id uuid NOT NULL REFERENCES alerts ON DELETE CASCADE,
  change text NOT NULL CHECK (change IN ('opened', 'resolved')),
  tenant_id text NOT NULL,
  -- untold: the policy has no webhook.
  state text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'delivered', 'untold', 'failed')),
  attempts integer NOT NULL DEFAULT 0,
  visible_at timestamptz NOT NULL DEFAULT now(),
  last_error text,
  settled_at timestamptz,
  PRIMARY KEY (alert_id, change)
);
CREATE INDEX alert_notices_due ON alert_notices (visible_at) WHERE state = 'due';
SELECT protect_tenant_table('alert_notices');
GRANT SELECT ON alert_notices TO headrace_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON alert_notices TO headrace_pipeline;

-- Changes made through the API and by commands, each written in the transaction of the change. A tenant's rows stay
-- when it is deleted, and are hidden from a later tenant with the same id. Rows are never updated; the pipeline deletes
-- old ones.
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
SELECT protect_tenant_table('audit');
-- A restrictive policy would also hide the installation's rows from a login role that belongs to both roles.
ALTER POLICY own_tenant ON audit USING (tenant_id = current_setting('app.tenant', true)
  AND at >= (SELECT created_at FROM tenants t WHERE t.id = audit.tenant_id));
GRANT SELECT, INSERT ON audit TO headrace_api;
GRANT SELECT, INSERT, DELETE ON audit TO headrace_pipeline;

-- Appends a changed row to the transaction's setting app.changes, from which its audit row is made. Only transactions
-- of the API initialise the setting.
CREATE FUNCTION record_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  changes text := coalesce(current_setting('app.changes', true), '');
  before jsonb;
BEGIN
  -- An audit row needs no more than this length.
  IF changes = '' OR length(changes) > 262144 THEN
    RETURN NULL;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    before := to_jsonb(OLD);
  ELSIF TG_TABLE_NAME = 'flow_versions' THEN
    -- Versions are never updated: a new one is compared with the previous one.
    SELECT to_jsonb(v) INTO before FROM flow_versions v
      WHERE v.tenant_id = NEW.tenant_id AND v.flow_id = NEW.flow_id AND v.version < NEW.version
      ORDER BY v.version DESC LIMIT 1;
  END IF;
  PERFORM set_config('app.changes', (changes::jsonb || jsonb_build_array(jsonb_build_object(
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
    EXECUTE format('CREATE TRIGGER record_change AFTER INSERT OR UPDATE OR DELETE ON %I
      FOR EACH ROW EXECUTE FUNCTION record_change()', table_name);
  END LOOP;
END
$$;
