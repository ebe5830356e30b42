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
GRANT SELECT ON tenants TO headrace_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON tenants TO headrace_pipeline;

CREATE TABLE api_keys (
  id uuid PRIMARY KEY DEFAULT uuid7(clock_us()),
  name text NOT NULL,
  tenant_id text REFERENCES tenants (id),
  scope text NOT NULL CHECK (scope IN ('admin', 'write', 'read')),
  key_hash bytea NOT NULL UNIQUE,
  expires_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- Id of the key that created this one, or 'setting' for the only key of HEADRACE_ADMIN_KEY.
  created_by text,
  -- Name of the creating key at that time.
  created_by_name text,
  -- Accurate to about a minute.
  last_used_at timestamptz,
  revoked_at timestamptz
);
GRANT SELECT, INSERT, UPDATE, DELETE ON api_keys TO headrace_pipeline;

-- Secrets that a tenant's flows send. They are encrypted with AES-256-GCM under the key named by key_id, and the API
-- never returns them.
CREATE TABLE tenant_secrets (
  tenant_id text NOT NULL REFERENCES tenants (id),
  name text NOT NULL,
  sealed bytea NOT NULL,
  key_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, name)
);
SELECT protect_tenant_table('tenant_secrets');
GRANT SELECT, INSERT, UPDATE, DELETE ON tenant_secrets TO headrace_api, headrace_pipeline;
