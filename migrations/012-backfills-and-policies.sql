-- Past events that a deploy takes in from a moment on, one row a flow: the newest deploy's.
CREATE TABLE backfills (
  tenant_id text NOT NULL,
  flow_id text NOT NULL,
  version integer NOT NULL,
  -- Events accepted at a smaller value of the flows counter are past; the others are the router's.
  deployed_from bigint NOT NULL,
  from_time timestamptz NOT NULL,
  -- The last event that was looked at, and how many were, and met the trigger.
  last_id uuid NOT NULL,
  scanned bigint NOT NULL DEFAULT 0,
  matched bigint NOT NULL DEFAULT 0,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'stopped')),
  visible_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  PRIMARY KEY (tenant_id, flow_id),
  FOREIGN KEY (tenant_id, flow_id, version) REFERENCES flow_versions
);
CREATE INDEX backfills_running ON backfills (visible_at) WHERE state = 'running';

-- What is done with dead letters, a tenant's own or, for tenant '*', everyone's who has none.
CREATE TABLE dlq_policies (
  tenant_id text PRIMARY KEY,
  unmatched text NOT NULL CHECK (unmatched IN ('dlq', 'drop')),
  definition jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

DO $$
DECLARE
  table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['backfills', 'dlq_policies'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format('CREATE POLICY own_tenant ON %I TO headrace_api
      USING (tenant_id = current_setting(''app.tenant'', true))
      WITH CHECK (tenant_id = current_setting(''app.tenant'', true))', table_name);
    EXECUTE format('CREATE POLICY every_tenant ON %I TO headrace_pipeline USING (true) WITH CHECK (true)', table_name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO headrace_api, headrace_pipeline', table_name);
  END LOOP;
END
$$;
