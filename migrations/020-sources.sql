-- A tenant's polled sources. The credentials are JSON, sealed with AES-256-GCM; the key id names the key that sealed them.
CREATE TABLE sources (
  tenant_id text NOT NULL REFERENCES tenants (id),
  id text NOT NULL,
  connector text NOT NULL REFERENCES connectors (id),
  entity text NOT NULL,
  definition jsonb NOT NULL,
  credentials_sealed bytea,
  credentials_key_id text,
  enabled boolean NOT NULL,
  -- The value of the sources counter that its last PUT raised: also a source that was deleted and made again has a new one.
  version bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CHECK ((credentials_sealed IS NULL) = (credentials_key_id IS NULL))
);
CREATE INDEX sources_of_connector ON sources (connector);

-- The value of the sources counter at the last change of its source.
ALTER TABLE connectors ADD COLUMN source_version bigint NOT NULL DEFAULT 0;

INSERT INTO change_counters (name, value) VALUES ('sources', 1);

ALTER TABLE sources ENABLE ROW LEVEL SECURITY;
ALTER TABLE sources FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON sources TO headrace_api
  USING (tenant_id = current_setting('app.tenant', true)) WITH CHECK (tenant_id = current_setting('app.tenant', true));
CREATE POLICY every_tenant ON sources TO headrace_pipeline USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON sources TO headrace_api, headrace_pipeline;
