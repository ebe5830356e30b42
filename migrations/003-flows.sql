CREATE TABLE flows (
  tenant_id text NOT NULL REFERENCES tenants (id),
  id text NOT NULL,
  version integer NOT NULL,
  deployed_version integer,
  signing_sealed bytea NOT NULL,
  signing_key_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  PRIMARY KEY (tenant_id, id)
);

-- Never changed and never deleted while a run names it: a run keeps the version that was deployed when its
-- event was routed.
CREATE TABLE flow_versions (
  tenant_id text NOT NULL,
  flow_id text NOT NULL,
  version integer NOT NULL,
  definition jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, flow_id, version),
  FOREIGN KEY (tenant_id, flow_id) REFERENCES flows
);

-- When a version was deployed, in values of the flows counter: live at counter c if deployed_from <= c and
-- (deployed_until is null or deployed_until > c). A router loads what changed since the counter that it knows.
CREATE TABLE deployments (
  tenant_id text NOT NULL,
  flow_id text NOT NULL,
  version integer NOT NULL,
  deployed_from bigint NOT NULL,
  deployed_until bigint,
  PRIMARY KEY (tenant_id, flow_id, deployed_from),
  FOREIGN KEY (tenant_id, flow_id, version) REFERENCES flow_versions
);
CREATE UNIQUE INDEX deployments_live ON deployments (tenant_id, flow_id) WHERE deployed_until IS NULL;
CREATE INDEX deployments_from ON deployments (deployed_from);
CREATE INDEX deployments_until ON deployments (deployed_until);
