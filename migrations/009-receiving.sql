-- One URL serves all accounts of an app: the account picks the endpoint, so no two endpoints may share it.
CREATE UNIQUE INDEX endpoints_of_account ON endpoints (connector, account) WHERE account IS NOT NULL;

-- A handshake may hand over the secret of an endpoint that has none, once: the position can be taken by one alone.
DROP INDEX endpoint_secrets_of_endpoint;
CREATE UNIQUE INDEX endpoint_secrets_of_endpoint ON endpoint_secrets (tenant_id, connector, endpoint, position);
-- Until then a person may read it, who has to give it back to the provider.
ALTER TABLE endpoint_secrets ADD COLUMN shown_until timestamptz;

-- Deliveries that were refused, equal ones of one moment folded into a row; bounded in number and age.
CREATE TABLE rejections (
  id uuid PRIMARY KEY DEFAULT uuid7(clock_us()),
  -- Null where there is no such tenant: what the URL said is then not kept.
  tenant_id text,
  connector text,
  endpoint text,
  reason text NOT NULL,
  method text NOT NULL,
  -- Of the body, bytes, and the address of the sender: of the last one folded in.
  body_bytes integer NOT NULL,
  remote_address text NOT NULL,
  count integer NOT NULL,
  rejected_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX rejections_of_tenant ON rejections (tenant_id, id);

ALTER TABLE rejections ENABLE ROW LEVEL SECURITY;
ALTER TABLE rejections FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON rejections TO headrace_api
  USING (tenant_id = current_setting('app.tenant', true)) WITH CHECK (tenant_id = current_setting('app.tenant', true));
CREATE POLICY every_tenant ON rejections TO headrace_pipeline USING (true) WITH CHECK (true);
GRANT SELECT ON rejections TO headrace_api;
GRANT SELECT, INSERT, DELETE ON rejections TO headrace_pipeline;
