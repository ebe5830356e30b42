-- What a code flow keeps of a run: the results of its finished steps, which a retry takes instead of running them
-- again, and its log. Partitioned as runs are, so that they go with the day of their run.
CREATE TABLE run_steps (
  run_id uuid NOT NULL,
  name text NOT NULL,
  tenant_id text NOT NULL,
  -- JSON; null for a step that gave undefined.
  result json,
  finished_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run_id, name)
) PARTITION BY RANGE (run_id);

-- One row each time that a worker took the run: a worker that is late writes beside the next one's lines.
CREATE TABLE run_logs (
  run_id uuid NOT NULL,
  fence bigint NOT NULL,
  tenant_id text NOT NULL,
  attempt integer NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  lines json NOT NULL,
  -- Lines that were too many to keep.
  dropped integer NOT NULL,
  PRIMARY KEY (run_id, fence)
) PARTITION BY RANGE (run_id);

DO $$
DECLARE
  table_name text;
  part record;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['run_steps', 'run_logs'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format('CREATE POLICY own_tenant ON %I TO headrace_api
      USING (tenant_id = current_setting(''app.tenant'', true))
      WITH CHECK (tenant_id = current_setting(''app.tenant'', true))', table_name);
    EXECUTE format('CREATE POLICY every_tenant ON %I TO headrace_pipeline USING (true) WITH CHECK (true)', table_name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO headrace_api, headrace_pipeline', table_name);
    -- For the days whose runs are there already.
    FOR part IN
      SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bounds
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'runs'::regclass
    LOOP
      EXECUTE format('CREATE TABLE %I PARTITION OF %I %s', replace(part.relname, 'runs_', table_name || '_'),
        table_name, part.bounds);
    END LOOP;
  END LOOP;
END
$$;
