-- A dead letter has its own copy of the event, so that the event's partition can be dropped.
CREATE TABLE dead_letters (
  id uuid PRIMARY KEY DEFAULT uuid7(clock_us()),
  tenant_id text NOT NULL,
  connector text NOT NULL,
  endpoint text NOT NULL,
  event_id uuid NOT NULL,
  event_type text,
  source text,
  subject text,
  occurred_at timestamptz,
  delivery_key text,
  item integer,
  headers json NOT NULL DEFAULT '{}',
  content_type text,
  event_payload bytea,
  -- JSON that replays use instead of event_payload, which stays unchanged.
  edited_payload bytea,
  flow_id text,
  run_id uuid UNIQUE,
  stage text NOT NULL CHECK (stage IN ('normalize', 'route', 'execute')),
  error_message text NOT NULL,
  error_context jsonb NOT NULL,
  fingerprint text NOT NULL,
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'replayed', 'expired')),
  retry_count integer NOT NULL DEFAULT 0,
  -- Replays that a policy started on its schedule, and after the cause was fixed. Both are part of retry_count.
  auto_replays integer NOT NULL DEFAULT 0,
  cleared_replays integer NOT NULL DEFAULT 0,
  -- The event written for replays, if the original is gone or its payload was edited.
  replay_event_id uuid,
  -- The unfinished replay. A dead letter has at most one.
  replay_run_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  -- The last failure. Backoff counts from it, and a fix must be newer to start a replay.
  failed_at timestamptz NOT NULL DEFAULT now(),
  expired_at timestamptz
);
CREATE INDEX dead_letters_of_tenant ON dead_letters (tenant_id, id);
-- Candidates of a policy's replays: on schedule, after a deployment of the flow, after the target's breaker closed.
CREATE INDEX dead_letters_auto ON dead_letters (tenant_id, auto_replays, failed_at)
  WHERE status = 'pending' AND replay_run_id IS NULL AND stage = 'execute';
CREATE INDEX dead_letters_of_flow ON dead_letters (tenant_id, flow_id, failed_at)
  WHERE status = 'pending' AND replay_run_id IS NULL;
CREATE INDEX dead_letters_of_target ON dead_letters (tenant_id, (error_context ->> 'target'), failed_at)
  WHERE status = 'pending' AND replay_run_id IS NULL AND error_context ->> 'target' IS NOT NULL;
CREATE INDEX dead_letters_in_flight ON dead_letters (tenant_id) WHERE replay_run_id IS NOT NULL;
-- Retention: first payloads are emptied, then the emptied rows are deleted.
CREATE INDEX dead_letters_kept ON dead_letters (tenant_id, created_at) WHERE status <> 'expired';
CREATE INDEX dead_letters_emptied ON dead_letters (expired_at) WHERE status = 'expired';
-- The oldest pending dead letter of a tenant and stage.
CREATE INDEX dead_letters_waiting ON dead_letters (tenant_id, stage, created_at) WHERE status = 'pending';
-- Groups are counted by index-only scans.
CREATE INDEX dead_letters_of_group ON dead_letters (tenant_id, fingerprint, created_at)
  INCLUDE (status, stage, flow_id, connector);
SELECT protect_tenant_table('dead_letters');
GRANT SELECT, INSERT, UPDATE, DELETE ON dead_letters TO headrace_api, headrace_pipeline;

-- A tenant's policy. Tenant '*' is the default of tenants without one.
CREATE TABLE dlq_policies (
  tenant_id text PRIMARY KEY,
  unmatched text NOT NULL CHECK (unmatched IN ('dlq', 'drop')),
  definition jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);
SELECT protect_tenant_table('dlq_policies');
GRANT SELECT, INSERT, UPDATE, DELETE ON dlq_policies TO headrace_api, headrace_pipeline;

-- Bulk replays of the dead letters that match a filter.
CREATE TABLE dlq_replays (
  id uuid PRIMARY KEY DEFAULT uuid7(clock_us()),
  tenant_id text NOT NULL REFERENCES tenants,
  filter jsonb NOT NULL,
  rate_per_second integer NOT NULL,
  -- canary: a few replays have started, and their results decide whether the others do.
  state text NOT NULL DEFAULT 'canary' CHECK (state IN ('canary', 'running', 'stopped', 'aborted', 'done')),
  -- Why it was aborted.
  reason text,
  -- Number of matching dead letters at the start.
  count integer NOT NULL,
  started integer NOT NULL DEFAULT 0,
  succeeded integer NOT NULL DEFAULT 0,
  failed integer NOT NULL DEFAULT 0,
  -- Replays that ended recently, and the failures among them, which decide about an abort.
  recent_ended integer NOT NULL DEFAULT 0,
  recent_failed integer NOT NULL DEFAULT 0,
  -- Replays continue after last_id and stop before until_id.
  last_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  until_id uuid NOT NULL DEFAULT uuid7(clock_us()),
  -- No matching dead letter is left.
  exhausted boolean NOT NULL DEFAULT false,
  visible_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  -- When the canary succeeded.
  ramp_from timestamptz,
  -- When no more replays start and all that started have ended.
  finished_at timestamptz
);
CREATE INDEX dlq_replays_of_tenant ON dlq_replays (tenant_id, id);
CREATE INDEX dlq_replays_due ON dlq_replays (visible_at) WHERE finished_at IS NULL;
SELECT protect_tenant_table('dlq_replays');
GRANT SELECT, INSERT, UPDATE, DELETE ON dlq_replays TO headrace_api, headrace_pipeline;

-- Runs of bulk replays that have not ended, or whose end is not counted yet.
CREATE TABLE dlq_replay_runs (
  run_id uuid PRIMARY KEY,
  replay_id uuid NOT NULL REFERENCES dlq_replays ON DELETE CASCADE,
  tenant_id text NOT NULL
);
CREATE INDEX dlq_replay_runs_of_replay ON dlq_replay_runs (replay_id);
SELECT protect_tenant_table('dlq_replay_runs');
GRANT SELECT, INSERT, UPDATE, DELETE ON dlq_replay_runs TO headrace_api, headrace_pipeline;

-- Lease of the process that starts the policies' replays. Only one does at a time, so that the rates hold in total.
CREATE TABLE dlq_auto_turn (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  visible_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO dlq_auto_turn DEFAULT VALUES;
GRANT SELECT, UPDATE ON dlq_auto_turn TO headrace_pipeline;

-- Counts of dead letters, without a row that all writers update: each statement appends its changes here, and a loop
-- adds them to the two tables below. A count is the sum of both.
CREATE TABLE dead_letter_changes (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id text NOT NULL,
  stage text NOT NULL,
  -- UTC day of the dead letter's creation.
  day date NOT NULL,
  pending bigint NOT NULL,
  -- Dead letters that have their payload, and the payloads' bytes.
  kept bigint NOT NULL,
  bytes bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
SELECT protect_tenant_table('dead_letter_changes');
-- INSERT is for the trigger, when a request of the API changes dead letters.
GRANT SELECT, INSERT ON dead_letter_changes TO headrace_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON dead_letter_changes TO headrace_pipeline;

CREATE TABLE dead_letter_depths (
  tenant_id text NOT NULL,
  stage text NOT NULL,
  pending bigint NOT NULL,
  kept bigint NOT NULL,
  bytes bigint NOT NULL,
  PRIMARY KEY (tenant_id, stage)
) WITH (fillfactor = 50);
SELECT protect_tenant_table('dead_letter_depths');
GRANT SELECT ON dead_letter_depths TO headrace_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON dead_letter_depths TO headrace_pipeline;

CREATE TABLE dead_letter_days (
  tenant_id text NOT NULL,
  day date NOT NULL,
  kept bigint NOT NULL,
  bytes bigint NOT NULL,
  PRIMARY KEY (tenant_id, day)
) WITH (fillfactor = 50);
SELECT protect_tenant_table('dead_letter_days');
GRANT SELECT ON dead_letter_days TO headrace_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON dead_letter_days TO headrace_pipeline;

CREATE FUNCTION bytes_of_dead_letter(event_payload bytea, edited_payload bytea) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (coalesce(octet_length(event_payload), 0) + coalesce(octet_length(edited_payload), 0))::bigint
$$;

CREATE FUNCTION record_dead_letter_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  CASE TG_OP
  WHEN 'INSERT' THEN
    INSERT INTO dead_letter_changes (tenant_id, stage, day, pending, kept, bytes)
    SELECT tenant_id, stage, (created_at AT TIME ZONE 'UTC')::date, count(*) FILTER (WHERE status = 'pending'),
      count(*) FILTER (WHERE status <> 'expired'), sum(bytes_of_dead_letter(event_payload, edited_payload))
    FROM after GROUP BY 1, 2, 3;
  WHEN 'DELETE' THEN
    INSERT INTO dead_letter_changes (tenant_id, stage, day, pending, kept, bytes)
    SELECT tenant_id, stage, (created_at AT TIME ZONE 'UTC')::date, -count(*) FILTER (WHERE status = 'pending'),
      -count(*) FILTER (WHERE status <> 'expired'), -sum(bytes_of_dead_letter(event_payload, edited_payload))
    FROM before GROUP BY 1, 2, 3;
  ELSE
    INSERT INTO dead_letter_changes (tenant_id, stage, day, pending, kept, bytes)
    SELECT tenant_id, stage, (created_at AT TIME ZONE 'UTC')::date, coalesce(sum(one) FILTER (WHERE status = 'pending'), 0),
      coalesce(sum(one) FILTER (WHERE status <> 'expired'), 0), sum(one * bytes_of_dead_letter(event_payload, edited_payload))
    FROM (SELECT 1 AS one, tenant_id, stage, created_at, status, event_payload, edited_payload FROM after
      UNION ALL SELECT -1, tenant_id, stage, created_at, status, event_payload, edited_payload FROM before) AS both_sides
    GROUP BY 1, 2, 3
    -- Many updates change no count, for example those of a replay that failed again.
    HAVING coalesce(sum(one) FILTER (WHERE status = 'pending'), 0) <> 0
      OR coalesce(sum(one) FILTER (WHERE status <> 'expired'), 0) <> 0
      OR sum(one * bytes_of_dead_letter(event_payload, edited_payload)) <> 0;
  END CASE;
  RETURN NULL;
END
$$;
CREATE TRIGGER record_new_dead_letters AFTER INSERT ON dead_letters
  REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION record_dead_letter_changes();
CREATE TRIGGER record_changed_dead_letters AFTER UPDATE ON dead_letters
  REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION record_dead_letter_changes();
CREATE TRIGGER record_deleted_dead_letters AFTER DELETE ON dead_letters
  REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION record_dead_letter_changes();
