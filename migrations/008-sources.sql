-- Polled sources. The credentials are JSON, encrypted with AES-256-GCM under the key named by credentials_key_id.
CREATE TABLE sources (
  tenant_id text NOT NULL REFERENCES tenants (id),
  id text NOT NULL,
  connector text NOT NULL REFERENCES connectors (id),
  entity text NOT NULL,
  definition jsonb NOT NULL,
  credentials_sealed bytea,
  credentials_key_id text,
  enabled boolean NOT NULL,
  -- The sources counter at the last PUT. A source that was deleted and created again has a new version too.
  version bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CHECK ((credentials_sealed IS NULL) = (credentials_key_id IS NULL))
);
CREATE INDEX sources_of_connector ON sources (connector);
CREATE INDEX sources_by_version ON sources (version);
SELECT protect_tenant_table('sources');
GRANT SELECT, INSERT, UPDATE, DELETE ON sources TO headrace_api, headrace_pipeline;

-- The result of a source's polls so far; Redis caches the digests. No foreign key: after a source is deleted, its many
-- rows here and below are deleted in batches.
CREATE TABLE source_states (
  tenant_id text NOT NULL,
  source text NOT NULL,
  -- Fence of the newest claim, which every write checks.
  fence bigint NOT NULL,
  -- Incremented by every commit that changes digests.
  generation bigint NOT NULL DEFAULT 0,
  hash_version text NOT NULL DEFAULT '',
  -- Number of tracked records, without deleted ones.
  records bigint NOT NULL DEFAULT 0,
  -- True once a poll was complete.
  baselined boolean NOT NULL DEFAULT false,
  -- SHA-256, hex, of the request and account of the last complete poll: others may see other records.
  access text,
  last_complete_at timestamptz,
  -- The latest modification time that the provider reported.
  cursor_at timestamptz,
  -- Compression dictionary of record_values, made of the first records. Never changed while there are values.
  dictionary bytea,
  -- Number of polls in which each field changed.
  field_counts json NOT NULL DEFAULT '{"polls":0,"fields":{}}',
  -- Webhook events are processed up to webhooks_after. webhooks_noted are processed later ones, since events may commit
  -- out of order.
  webhooks_after uuid,
  webhooks_noted uuid[] NOT NULL DEFAULT '{}',
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, source)
);
SELECT protect_tenant_table('source_states');
GRANT SELECT, INSERT, UPDATE, DELETE ON source_states TO headrace_api, headrace_pipeline;

-- Changes of the digests by each generation, until Redis has them.
CREATE TABLE source_changes (
  tenant_id text NOT NULL,
  source text NOT NULL,
  generation bigint NOT NULL,
  -- Earlier digests are void.
  reset boolean NOT NULL,
  -- The poll was complete: records that are not tracked after it are new.
  complete boolean NOT NULL,
  entries bytea NOT NULL,
  PRIMARY KEY (tenant_id, source, generation)
);
SELECT protect_tenant_table('source_changes');
GRANT SELECT, INSERT, UPDATE, DELETE ON source_changes TO headrace_api, headrace_pipeline;

-- Values of a record for its next diff, compressed with the source's dictionary.
CREATE TABLE record_values (
  tenant_id text NOT NULL,
  source text NOT NULL,
  -- First half of the SHA-256 of the record's key.
  record bytea NOT NULL,
  content bytea NOT NULL,
  PRIMARY KEY (tenant_id, source, record)
);
SELECT protect_tenant_table('record_values');
GRANT SELECT, INSERT, UPDATE, DELETE ON record_values TO headrace_api, headrace_pipeline;

-- The latest polls of each source.
CREATE TABLE polls (
  tenant_id text NOT NULL,
  source text NOT NULL,
  id uuid NOT NULL,
  status text NOT NULL DEFAULT 'running'
    CHECK (status IN ('running', 'ok', 'degraded', 'held', 'rate_limited', 'error')),
  complete boolean NOT NULL DEFAULT false,
  first boolean NOT NULL DEFAULT false,
  records integer NOT NULL DEFAULT 0,
  created integer NOT NULL DEFAULT 0,
  updated integer NOT NULL DEFAULT 0,
  deleted integer NOT NULL DEFAULT 0,
  restored integer NOT NULL DEFAULT 0,
  -- Changes that the connector's webhooks did not report.
  missed_by_webhook integer NOT NULL DEFAULT 0,
  pages integer NOT NULL DEFAULT 0,
  unchanged_pages integer NOT NULL DEFAULT 0,
  requests integer NOT NULL DEFAULT 0,
  hold_id uuid,
  held_count integer,
  error_code text,
  error_message text,
  -- Fields that appeared in most records, and fields that change in nearly every poll.
  suggestions json,
  not_before timestamptz,
  rate_limit json,
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  PRIMARY KEY (tenant_id, source, id)
);
SELECT protect_tenant_table('polls');
GRANT SELECT, INSERT, UPDATE, DELETE ON polls TO headrace_api, headrace_pipeline;

-- Deletions that wait for a decision. An approval is the ceiling of one poll.
CREATE TABLE poll_holds (
  id uuid PRIMARY KEY DEFAULT uuid7(clock_us()),
  tenant_id text NOT NULL,
  source text NOT NULL,
  -- lapsed: fewer records are missing now; applied: a poll used the approval.
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'rejected', 'lapsed', 'applied')),
  count integer NOT NULL,
  -- Number of deletions that need no decision.
  ceiling integer NOT NULL,
  tracked integer NOT NULL,
  -- Subjects of some of the records.
  sample text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  decided_at timestamptz
);
CREATE INDEX poll_holds_of_source ON poll_holds (tenant_id, source, id);
CREATE UNIQUE INDEX poll_holds_open ON poll_holds (tenant_id, source) WHERE state IN ('pending', 'approved', 'rejected');
SELECT protect_tenant_table('poll_holds');
GRANT SELECT, INSERT, UPDATE, DELETE ON poll_holds TO headrace_api, headrace_pipeline;

-- When each source is polled next, and the values that the next interval is computed from. Redis finds due sources;
-- this row decides who polls. It is created when the source is first seen.
CREATE TABLE source_schedules (
  tenant_id text NOT NULL,
  source text NOT NULL,
  connector text NOT NULL,
  -- Versions of the source and its connector that the row was made for.
  version text NOT NULL,
  -- The tenant whose rate limit its requests count against, or '*' for a limit that all tenants share.
  limiter text NOT NULL,
  -- The time that the policy chose, and the time of the next try, which limits or the budget may make later.
  due_at timestamptz NOT NULL DEFAULT now(),
  next_poll_at timestamptz NOT NULL DEFAULT now(),
  -- Set by the provider for this source only.
  not_before timestamptz,
  -- The newest claim, from a sequence of the whole database, so that it also increases when a source is created again.
  fence bigint NOT NULL DEFAULT 0,
  leased_until timestamptz,
  poll_id uuid,
  -- The requested poll, which will be the next one.
  requested_poll_id uuid,
  interval_seconds double precision,
  policy_state json,
  -- Share of all sources' demand: sqrt(rate x requests), 0 while it is unknown.
  demand double precision NOT NULL DEFAULT 0,
  -- Explanation of the interval, in sentences.
  reasons text[] NOT NULL DEFAULT '{}',
  last_outcome json,
  last_ok_at timestamptz,
  -- Consecutive failed polls.
  failures integer NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, source),
  FOREIGN KEY (tenant_id, source) REFERENCES sources ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX source_schedules_due ON source_schedules (next_poll_at);
SELECT protect_tenant_table('source_schedules');
GRANT SELECT, INSERT, UPDATE, DELETE ON source_schedules TO headrace_api, headrace_pipeline;

CREATE SEQUENCE poll_fences;
GRANT USAGE ON SEQUENCE poll_fences TO headrace_pipeline;

-- Rate limits as providers report them: no request before not_before, and `remaining` requests until resets_at. Rows of
-- tenant '*' are limits that all tenants share.
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
SELECT protect_tenant_table('source_limits');
CREATE POLICY shared_limits ON source_limits FOR SELECT TO headrace_api USING (tenant_id = '*');
GRANT SELECT ON source_limits TO headrace_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON source_limits TO headrace_pipeline;
