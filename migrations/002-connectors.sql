CREATE TABLE connectors (
  id text PRIMARY KEY,
  name text,
  webhook jsonb,
  source jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE endpoints (
  tenant_id text NOT NULL REFERENCES tenants (id),
  connector text NOT NULL REFERENCES connectors (id),
  endpoint text NOT NULL,
  account text,
  params jsonb NOT NULL DEFAULT '{}',
  enabled boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, connector, endpoint)
);

-- The value is sealed with AES-256-GCM; key_id names the key that sealed it.
CREATE TABLE endpoint_secrets (
  id uuid PRIMARY KEY,
  tenant_id text NOT NULL,
  connector text NOT NULL,
  endpoint text NOT NULL,
  position integer NOT NULL,
  sealed bytea NOT NULL,
  key_id text NOT NULL,
  not_after timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (tenant_id, connector, endpoint) REFERENCES endpoints ON DELETE CASCADE
);
CREATE INDEX endpoint_secrets_of_endpoint ON endpoint_secrets (tenant_id, connector, endpoint);
