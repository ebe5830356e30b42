-- When each source is polled next, and what its next interval is made of: Redis finds who is due, this row decides. It
-- is made when the source is found to be new, and goes with it.
CREATE TABLE source_schedules (
  tenant_id text NOT NULL,
  source text NOT NULL,
  connector text NOT NULL,
  -- Of the source and its connector, as the row was made for.
  version text NOT NULL,
  -- Whose limit its requests count against: its tenant's, or '*' for one that all tenants share.
  limiter text NOT NULL,
  -- When the policy wants the poll, and when it is tried: later, where a limit or the budget stands in the way.
  due_at timestamptz NOT NULL DEFAULT now(),
  next_poll_at timestamptz NOT NULL DEFAULT now(),
  -- The provider said of this source alone that nothing may be sent before.
  not_before timestamptz,
  -- The newest claim. From a sequence of the whole database, so that it rises also over a source that was made again.
  fence bigint NOT NULL DEFAULT 0,
  leased_until timestamptz,
  poll_id uuid,
  -- The poll that somebody waits for; it is this source's next one.
  requested_poll_id uuid,
  interval_seconds double precision,
  -- The policy's own, and its share of all sources' demand: sqrt(rate x requests), 0 while it is unknown.
  policy_state json,
  demand double precision NOT NULL DEFAULT 0,
  -- Why the interval is what it is, in sentences.
  reasons text[] NOT NULL DEFAULT '{}',
  last_outcome json,
  last_ok_at timestamptz,
  -- Polls in a row that failed.
  failures integer NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, source),
  FOREIGN KEY (tenant_id, source) REFERENCES sources ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX source_schedules_due ON source_schedules (next_poll_at);
CREATE SEQUENCE poll_fences;

-- Which sources changed since a value of the counter.
CREATE INDEX sources_by_version ON sources (version);

-- What a provider said of a limit: nothing is sent before the one time, and so much is left until the other. For
-- tenant '*' it is one that all tenants share.
CREATE TABLE source_limits (
  tenant_id text NOT NULL,
  connector text NOT NULL,
  not_before timestamptz,
  quota integer,
  remaining integer,
  resets_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, connector)
);

ALTER TABLE source_schedules ENABLE ROW LEVEL SECURITY;
ALTER TABLE source_schedules FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON source_schedules TO headrace_api
  USING (tenant_id = current_setting('app.tenant', true)) WITH CHECK (tenant_id = current_setting('app.tenant', true));
CREATE POLICY every_tenant ON source_schedules TO headrace_pipeline USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON source_schedules TO headrace_api, headrace_pipeline;
GRANT USAGE ON SEQUENCE poll_fences TO headrace_pipeline;

ALTER TABLE source_limits ENABLE ROW LEVEL SECURITY;
ALTER TABLE source_limits FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON source_limits TO headrace_api USING (tenant_id IN (current_setting('app.tenant', true), '*'));
CREATE POLICY every_tenant ON source_limits TO headrace_pipeline USING (true) WITH CHECK (true);
GRANT SELECT ON source_limits TO headrace_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON source_limits TO headrace_pipeline;
