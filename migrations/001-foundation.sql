-- The two roles of row-level security. Neither logs in. The login role of the pipeline is a member of
-- headrace_pipeline, whose policies let every tenant through; a request of the API becomes headrace_api, which
-- sees the one tenant named in app.tenant. Roles belong to the whole cluster, so another database's
-- installation may have made them already, or be making them now.
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

-- A UUIDv7 (RFC 9562) from microseconds since the epoch: the milliseconds, their fraction in the 12 bits after
-- the version, 62 random bits. One expression, so that the planner can inline it.
CREATE FUNCTION uuid7(us bigint) RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT encode(
    int8send(((us / 1000) << 16) | 28672 | ((us % 1000) * 4096 / 1000))
      || substring(uuid_send(gen_random_uuid()) FROM 9),
    'hex')::uuid
$$;

-- Microseconds since the epoch by this server's clock: the only clock that ids and leases know.
CREATE FUNCTION clock_us() RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint
$$;

-- One row: which installation this database is. Every Redis key carries it, so that two installations on one
-- Redis never meet.
CREATE TABLE installation (
  id text PRIMARY KEY DEFAULT substr(replace(gen_random_uuid()::text, '-', ''), 1, 8),
  only_one boolean NOT NULL DEFAULT true UNIQUE CHECK (only_one),
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO installation DEFAULT VALUES;

-- What caches compare themselves with: each change of what they hold raises its counter in the same
-- transaction, and every use reads the counter in the statement that commits the use.
CREATE TABLE change_counters (
  name text PRIMARY KEY,
  value bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO change_counters (name, value) VALUES ('receive', 1), ('flows', 1);

CREATE TABLE tenants (
  id text PRIMARY KEY,
  name text,
  weight integer NOT NULL DEFAULT 1,
  events_per_second integer,
  max_backlog integer,
  retention_days integer,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz
);

CREATE TABLE api_keys (
  id uuid PRIMARY KEY DEFAULT uuid7(clock_us()),
  name text NOT NULL,
  tenant_id text REFERENCES tenants (id),
  scope text NOT NULL CHECK (scope IN ('admin', 'write', 'read')),
  key_hash bytea NOT NULL UNIQUE,
  expires_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz
);
