-- What an event that a poll found says beside its data: the field diff, and what is not known of the record.
ALTER TABLE events ADD COLUMN synthetic json;

-- What the polls of a source have come to: the authority, where Redis holds the digests. No foreign key to the
-- source: its rows are many, and are deleted in parts after it is gone.
CREATE TABLE source_states (
  tenant_id text NOT NULL,
  source text NOT NULL,
  -- The newest claim; every write checks it.
  fence bigint NOT NULL,
  -- Raised by every commit that changes digests.
  generation bigint NOT NULL DEFAULT 0,
  hash_version text NOT NULL DEFAULT '',
  -- Records tracked, without deleted ones.
  records bigint NOT NULL DEFAULT 0,
  -- Whether a poll was complete.
  baselined boolean NOT NULL DEFAULT false,
  -- SHA-256, hex, of what the last reading to the end was made with: another may see other records.
  access text,
  last_complete_at timestamptz,
  -- The newest time of change that the provider told of.
  cursor_at timestamptz,
  -- What the first records looked like, by which kept values are packed. Never changed while any are.
  dictionary bytea,
  -- In how many polls each field changed.
  field_counts json NOT NULL DEFAULT '{"polls":0,"fields":{}}',
  -- Up to which webhook events were taken note of, and which of the newest were, as they may commit out of order.
  webhooks_after uuid,
  webhooks_noted uuid[] NOT NULL DEFAULT '{}',
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, source)
);

-- What each generation changed of the digests, until it is known to be in Redis.
CREATE TABLE source_changes (
  tenant_id text NOT NULL,
  source text NOT NULL,
  generation bigint NOT NULL,
  -- All that was before is gone: the digests begin with this one.
  reset boolean NOT NULL,
  -- The poll was complete: what is not tracked now is new.
  complete boolean NOT NULL,
  entries bytea NOT NULL,
  PRIMARY KEY (tenant_id, source, generation)
);

-- What is kept of a record for its next diff, packed with the source's dictionary.
CREATE TABLE record_values (
  tenant_id text NOT NULL,
  source text NOT NULL,
  -- The first half of the SHA-256 of the record's key.
  record bytea NOT NULL,
  content bytea NOT NULL,
  PRIMARY KEY (tenant_id, source, record)
);

-- The polls of a source, its newest.
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
  -- Changes that the connector's webhooks did not tell of.
  missed_by_webhook integer NOT NULL DEFAULT 0,
  pages integer NOT NULL DEFAULT 0,
  unchanged_pages integer NOT NULL DEFAULT 0,
  requests integer NOT NULL DEFAULT 0,
  hold_id uuid,
  held_count integer,
  error_code text,
  error_message text,
  -- Fields that appeared in most records, and such as change in nearly every poll.
  suggestions json,
  not_before timestamptz,
  rate_limit json,
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  PRIMARY KEY (tenant_id, source, id)
);

-- Deletions that wait for a decision. An approval is the ceiling of one poll.
CREATE TABLE poll_holds (
  id uuid PRIMARY KEY DEFAULT uuid7(clock_us()),
  tenant_id text NOT NULL,
  source text NOT NULL,
  -- lapsed: so many are no longer absent; applied: the approval was used.
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'rejected', 'lapsed', 'applied')),
  count integer NOT NULL,
  -- How many would have gone through without a decision.
  ceiling integer NOT NULL,
  tracked integer NOT NULL,
  -- Subjects of some of the records.
  sample text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  decided_at timestamptz
);
CREATE INDEX poll_holds_of_source ON poll_holds (tenant_id, source, id);
CREATE UNIQUE INDEX poll_holds_open ON poll_holds (tenant_id, source) WHERE state IN ('pending', 'approved', 'rejected');

DO $$
DECLARE
  table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['source_states', 'source_changes', 'record_values', 'polls', 'poll_holds'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format('CREATE POLICY own_tenant ON %I TO headrace_api
      USING (tenant_id = current_setting(''app.tenant'', true))
      WITH CHECK (tenant_id = current_setting(''app.tenant'', true))', table_name);
    EXECUTE format('CREATE POLICY every_tenant ON %I TO headrace_pipeline USING (true) WITH CHECK (true)', table_name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO headrace_api, headrace_pipeline', table_name);
  END LOOP;
END
$$;
