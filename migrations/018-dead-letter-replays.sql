-- The dead letter whose replay a run is; null for every other run. And how often its worker was gone before an
-- attempt ended, since the last one that did.
ALTER TABLE runs ADD COLUMN dead_letter_id uuid, ADD COLUMN lost integer NOT NULL DEFAULT 0;
-- Those that lost their worker more than once: they go on one after the other.
CREATE INDEX runs_suspect ON runs (visible_at) WHERE lost > 1 AND state IN ('queued', 'running', 'failed');

-- How often a router began with an event that had been published before and was not routed then.
ALTER TABLE outbox ADD COLUMN receipts integer NOT NULL DEFAULT 0;

-- Null for deployments from before this migration: when they began is not known.
ALTER TABLE deployments ADD COLUMN deployed_at timestamptz;
ALTER TABLE deployments ALTER COLUMN deployed_at SET DEFAULT clock_timestamp();

ALTER TABLE dead_letters
  -- The rest of the event's copy, so that it can be made again when its day is gone.
  ADD COLUMN source text,
  ADD COLUMN subject text,
  ADD COLUMN occurred_at timestamptz,
  ADD COLUMN delivery_key text,
  ADD COLUMN item integer,
  -- The payload that somebody gave for the replays, as JSON; the original stays as it came.
  ADD COLUMN edited_payload bytea,
  -- The event that was made for the replays, where the original is gone or was edited.
  ADD COLUMN replay_event_id uuid,
  -- The replay that has not ended; while it is set there is no other.
  ADD COLUMN replay_run_id uuid,
  -- When it failed last: what backoff counts from, and what a cleared cause is newer than.
  ADD COLUMN failed_at timestamptz NOT NULL DEFAULT now(),
  -- Of retry_count, those that a policy made: in their time, and because the cause was cleared.
  ADD COLUMN auto_replays integer NOT NULL DEFAULT 0,
  ADD COLUMN cleared_replays integer NOT NULL DEFAULT 0;
-- What a policy's replays look for: in their time, and by the flow that was deployed again.
CREATE INDEX dead_letters_auto ON dead_letters (tenant_id, auto_replays, failed_at)
  WHERE status = 'pending' AND replay_run_id IS NULL AND stage = 'execute';
CREATE INDEX dead_letters_of_flow ON dead_letters (tenant_id, flow_id, failed_at)
  WHERE status = 'pending' AND replay_run_id IS NULL;
-- By the target whose breaker closed.
CREATE INDEX dead_letters_of_target ON dead_letters (tenant_id, (error_context ->> 'target'), failed_at)
  WHERE status = 'pending' AND replay_run_id IS NULL AND error_context ->> 'target' IS NOT NULL;
CREATE INDEX dead_letters_in_flight ON dead_letters (tenant_id) WHERE replay_run_id IS NOT NULL;

-- Replays of all dead letters that a filter finds.
CREATE TABLE dlq_replays (
  id uuid PRIMARY KEY DEFAULT uuid7(clock_us()),
  tenant_id text NOT NULL REFERENCES tenants,
  filter jsonb NOT NULL,
  rate_per_second integer NOT NULL,
  -- Canary: a few are out, and what becomes of them decides.
  state text NOT NULL DEFAULT 'canary' CHECK (state IN ('canary', 'running', 'stopped', 'aborted', 'done')),
  -- Why it was aborted.
  reason text,
  -- How many the filter found when it began, and how many were taken, and ended how.
  count integer NOT NULL,
  started integer NOT NULL DEFAULT 0,
  succeeded integer NOT NULL DEFAULT 0,
  failed integer NOT NULL DEFAULT 0,
  -- Of those that ended lately, how many, and how many failed: what an abort is decided by.
  recent_ended integer NOT NULL DEFAULT 0,
  recent_failed integer NOT NULL DEFAULT 0,
  -- The last dead letter that was taken, and the first that is too new.
  last_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  until_id uuid NOT NULL DEFAULT uuid7(clock_us()),
  -- Nothing is left to take.
  exhausted boolean NOT NULL DEFAULT false,
  visible_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  -- When the canary had ended well.
  ramp_from timestamptz,
  -- When nothing more begins and all that began has ended.
  finished_at timestamptz
);
CREATE INDEX dlq_replays_of_tenant ON dlq_replays (tenant_id, id);
CREATE INDEX dlq_replays_due ON dlq_replays (visible_at) WHERE finished_at IS NULL;

-- The runs of such a replay that have not ended, or whose end was not counted yet.
CREATE TABLE dlq_replay_runs (
  run_id uuid PRIMARY KEY,
  replay_id uuid NOT NULL REFERENCES dlq_replays ON DELETE CASCADE,
  tenant_id text NOT NULL
);
CREATE INDEX dlq_replay_runs_of_replay ON dlq_replay_runs (replay_id);

-- Whose turn it is to replay by policies: one process at a time, so that the rates hold for all together.
CREATE TABLE dlq_auto_turn (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  visible_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO dlq_auto_turn DEFAULT VALUES;
GRANT SELECT, UPDATE ON dlq_auto_turn TO headrace_pipeline;

DO $$
DECLARE
  table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['dlq_replays', 'dlq_replay_runs'] LOOP
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
