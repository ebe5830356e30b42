-- Every table that holds a tenant's rows: the API's role sees the tenant of its transaction and no other, the
-- pipeline's role sees all. FORCE, so that the owner is bound as well.
DO $$
DECLARE
  table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['endpoints', 'endpoint_secrets', 'flows', 'flow_versions', 'deployments',
      'events', 'event_keys', 'outbox', 'verdicts', 'runs', 'attempts', 'dead_letters'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format('CREATE POLICY own_tenant ON %I TO headrace_api
      USING (tenant_id = current_setting(''app.tenant'', true))
      WITH CHECK (tenant_id = current_setting(''app.tenant'', true))', table_name);
    EXECUTE format('CREATE POLICY every_tenant ON %I TO headrace_pipeline USING (true) WITH CHECK (true)', table_name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO headrace_api, headrace_pipeline', table_name);
  END LOOP;
  -- Not a tenant's rows, but the transactions of the API read them, and a change raises a counter.
  GRANT SELECT ON tenants, connectors TO headrace_api;
  GRANT SELECT, UPDATE ON change_counters TO headrace_api;
  GRANT SELECT, INSERT, UPDATE, DELETE ON tenants, api_keys, connectors, change_counters TO headrace_pipeline;
  GRANT SELECT ON installation TO headrace_pipeline;
END
$$;
