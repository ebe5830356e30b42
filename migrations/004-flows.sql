CREATE TABLE flows (
  tenant_id text NOT NULL REFERENCES tenants (id),
  id text NOT NULL,
  version integer NOT NULL,
  deployed_version integer,
  signing_sealed bytea NOT NULL,
  signing_key_id text NOT NULL,
  -- The previous signing secret, which signs beside the current one until old_signing_until.
  old_signing_sealed bytea,
  old_signing_key_id text,
  old_signing_until timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  PRIMARY KEY (tenant_id, id)
);
SELECT protect_tenant_table('flows');
GRANT SELECT, INSERT, UPDATE, DELETE ON flows TO headrace_api, headrace_pipeline;

-- Never changed, and never deleted while a run refers to it: a run keeps the version that was deployed when its event
-- was accepted.
CREATE TABLE flow_versions (
  tenant_id text NOT NULL,
  flow_id text NOT NULL,
  version integer NOT NULL,
  definition jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, flow_id, version),
  FOREIGN KEY (tenant_id, flow_id) REFERENCES flows
);
SELECT protect_tenant_table('flow_versions');
GRANT SELECT, INSERT, UPDATE, DELETE ON flow_versions TO headrace_api, headrace_pipeline;

-- Periods in which a version was deployed, in values of the flows counter. A deployment is live at counter c if
-- deployed_from <= c and (deployed_until is null or deployed_until > c). A router loads the changes since its own
-- counter.
CREATE TABLE deployments (
  tenant_id text NOT NULL,
  flow_id text NOT NULL,
  version integer NOT NULL,
  deployed_from bigint NOT NULL,
  deployed_until bigint,
  -- Next tick of the live deployment's schedule, null if there is none. The transaction that writes the event of a tick
  -- advances it, so that each tick makes one event.
  next_tick_at timestamptz,
  deployed_at timestamptz DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, flow_id, deployed_from),
  FOREIGN KEY (tenant_id, flow_id, version) REFERENCES flow_versions
);
CREATE UNIQUE INDEX deployments_live ON deployments (tenant_id, flow_id) WHERE deployed_until IS NULL;
CREATE INDEX deployments_from ON deployments (deployed_from);
CREATE INDEX deployments_until ON deployments (deployed_until);
CREATE INDEX deployments_ticks ON deployments (next_tick_at) WHERE deployed_until IS NULL AND next_tick_at IS NOT NULL;
SELECT protect_tenant_table('deployments');
GRANT SELECT, INSERT, UPDATE, DELETE ON deployments TO headrace_api, headrace_pipeline;

-- Past events that a deployment processes, from a point in time on. At most one row per flow, of its newest deployment.
CREATE TABLE backfills (
  tenant_id text NOT NULL,
  flow_id text NOT NULL,
  version integer NOT NULL,
  -- Events accepted at a smaller value of the flows counter are past; the router handles the others.
  deployed_from bigint NOT NULL,
  from_time timestamptz NOT NULL,
  -- Id of the last scanned event.
  last_id uuid NOT NULL,
  scanned bigint NOT NULL DEFAULT 0,
  matched bigint NOT NULL DEFAULT 0,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'stopped')),
  visible_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  PRIMARY KEY (tenant_id, flow_id),
  FOREIGN KEY (tenant_id, flow_id, version) REFERENCES flow_versions
);
CREATE INDEX backfills_running ON backfills (visible_at) WHERE state = 'running';
SELECT protect_tenant_table('backfills');
GRANT SELECT, INSERT, UPDATE, DELETE ON backfills TO headrace_api, headrace_pipeline;
