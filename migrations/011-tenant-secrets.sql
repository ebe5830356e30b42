-- What a tenant's flows send and never show. The value is sealed with AES-256-GCM; key_id names the key that sealed it.
CREATE TABLE tenant_secrets (
  tenant_id text NOT NULL REFERENCES tenants (id),
  name text NOT NULL,
  sealed bytea NOT NULL,
  key_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, name)
);
ALTER TABLE tenant_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON tenant_secrets TO headrace_api
  USING (tenant_id = current_setting('app.tenant', true)) WITH CHECK (tenant_id = current_setting('app.tenant', true));
CREATE POLICY every_tenant ON tenant_secrets TO headrace_pipeline USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON tenant_secrets TO headrace_api, headrace_pipeline;
