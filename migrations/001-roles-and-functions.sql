-- Neither role logs in. The pipeline's login role is a member of headrace_pipeline, whose policies show every tenant's
-- rows. A request of the API becomes headrace_api, which sees the one tenant named in app.tenant. Roles belong to the
-- whole cluster: another database's installation may have created them, or be creating them now.
DO $$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['headrace_api', 'headrace_pipeline'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', role_name);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;
      END;
    END IF;
  END LOOP;
END
$$;

-- Limits headrace_api to the rows of its transaction's tenant and shows headrace_pipeline all of them. FORCE binds the
-- table's owner too. Every table with a tenant_id needs it, a partitioned one on the parent only: no role may read a
-- partition by its own name. Grants are the caller's.
CREATE FUNCTION protect_tenant_table(tenant_table regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tenant_table);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tenant_table);
  EXECUTE format($policy$
    CREATE POLICY own_tenant ON %s TO headrace_api
    USING (tenant_id = current_setting('app.tenant', true))
    WITH CHECK (tenant_id = current_setting('app.tenant', true))$policy$, tenant_table);
  EXECUTE format('CREATE POLICY every_tenant ON %s TO headrace_pipeline USING (true) WITH CHECK (true)', tenant_table);
END
$$;

-- Returns a UUIDv7 (RFC 9562) of a time in microseconds since the epoch: the milliseconds, their fraction in the 12
-- bits after the version, 62 random bits. A single expression, so that the planner can inline it.
CREATE FUNCTION uuid7(us bigint) RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT encode(
    int8send(((us / 1000) << 16) | 28672 | ((us % 1000) * 4096 / 1000))
      || substring(uuid_send(gen_random_uuid()) FROM 9),
    'hex')::uuid
$$;

-- Returns microseconds since the epoch by the server's clock, the only clock used for ids and leases.
CREATE FUNCTION clock_us() RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint
$$;

-- Exactly one row. Every Redis key contains the id, so that two installations can share a Redis.
CREATE TABLE installation (
  id text PRIMARY KEY DEFAULT substr(replace(gen_random_uuid()::text, '-', ''), 1, 8),
  only_one boolean NOT NULL DEFAULT true UNIQUE CHECK (only_one),
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO installation DEFAULT VALUES;
GRANT SELECT ON installation TO headrace_pipeline;

-- Versions of the data that processes cache. A change raises its counter in the same transaction, and a statement that
-- relies on cached data reads the counter.
CREATE TABLE change_counters (
  name text PRIMARY KEY,
  value bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO change_counters (name, value) VALUES ('receive', 1), ('flows', 1), ('breakers', 1), ('sources', 1);
GRANT SELECT, UPDATE ON change_counters TO headrace_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON change_counters TO headrace_pipeline;
