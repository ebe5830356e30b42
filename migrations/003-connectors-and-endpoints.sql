CREATE TABLE connectors (
  id text PRIMARY KEY,
  name text,
  webhook jsonb,
  source jsonb,
  -- The sources counter at the last change of the column source.
  source_version bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON connectors TO headrace_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON connectors TO headrace_pipeline;

CREATE TABLE endpoints (
  tenant_id text NOT NULL REFERENCES tenants (id),
  connector text NOT NULL REFERENCES connectors (id),
  endpoint text NOT NULL,
  -- Account in the provider's app, which may send all accounts' deliveries to one URL. Endpoints may share an account:
  -- the one whose secret signed a delivery gets it.
  account text,
  params jsonb NOT NULL DEFAULT '{}',
  enabled boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, connector, endpoint)
);
CREATE INDEX endpoints_of_account ON endpoints (connector, account) WHERE account IS NOT NULL;
SELECT protect_tenant_table('endpoints');
GRANT SELECT, INSERT, UPDATE, DELETE ON endpoints TO headrace_api, headrace_pipeline;

-- Encrypted with AES-256-GCM under the key named by key_id.
CREATE TABLE endpoint_secrets (
  id uuid PRIMARY KEY,
  tenant_id text NOT NULL,
  connector text NOT NULL,
  endpoint text NOT NULL,
  position integer NOT NULL,
  sealed bytea NOT NULL,
  key_id text NOT NULL,
  not_after timestamptz,
  -- Until then the API returns the value, which has to be given back to the provider.
  shown_until timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (tenant_id, connector, endpoint) REFERENCES endpoints ON DELETE CASCADE
);
-- UNIQUE, because a handshake may set the secret of an endpoint without one, and only one handshake may succeed.
CREATE UNIQUE INDEX endpoint_secrets_of_endpoint ON endpoint_secrets (tenant_id, connector, endpoint, position);
SELECT protect_tenant_table('endpoint_secrets');
GRANT SELECT, INSERT, UPDATE, DELETE ON endpoint_secrets TO headrace_api, headrace_pipeline;

-- Refused deliveries. Equal ones of about the same time share a row. Number and age of the rows are bounded.
CREATE TABLE rejections (
  id uuid PRIMARY KEY DEFAULT uuid7(clock_us()),
  -- Null for an unknown tenant, whose name in the URL is not stored.
  tenant_id text,
  connector text,
  endpoint text,
  reason text NOT NULL,
  method text NOT NULL,
  -- Size of the last delivery's body, and its sender.
  body_bytes integer NOT NULL,
  remote_address text NOT NULL,
  count integer NOT NULL,
  rejected_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX rejections_of_tenant ON rejections (tenant_id, id);
SELECT protect_tenant_table('rejections');
GRANT SELECT ON rejections TO headrace_api;
GRANT SELECT, INSERT, DELETE ON rejections TO headrace_pipeline;
