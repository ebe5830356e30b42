-- A run's id is a UUIDv7 of its event's milliseconds and a hash of (event, flow, replay_seq). So the primary key is
-- UNIQUE over those three, which a partitioned table could not be by another key.
CREATE TABLE runs (
  id uuid NOT NULL,
  tenant_id text NOT NULL,
  flow_id text NOT NULL,
  flow_version integer NOT NULL,
  event_id uuid NOT NULL,
  replay_seq integer NOT NULL DEFAULT 0,
  lane smallint NOT NULL,
  -- failed: an attempt failed and the next one is due at visible_at.
  state text NOT NULL CHECK (state IN ('queued', 'running', 'failed', 'succeeded', 'dead', 'cancelled')),
  visible_at timestamptz NOT NULL,
  fence bigint NOT NULL DEFAULT 0,
  generation integer NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0,
  error_code text,
  error_message text,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  finished_at timestamptz,
  -- Null for a flow without limits. Otherwise '', or the hash of the event's ordering key: the key itself may be
  -- personal data, which must not outlive the event's erasure.
  gate text,
  -- Why a queued run waits until visible_at: order, concurrency, rate_limit, tenant_concurrency, tenant_slots,
  -- encryption_key, target_concurrency <origin>, circuit_open <origin>.
  held_reason text,
  -- The dead letter that this run replays.
  dead_letter_id uuid,
  -- How often in a row a worker disappeared before its attempt ended.
  lost integer NOT NULL DEFAULT 0,
  PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX runs_of_tenant ON runs (tenant_id, id);
CREATE INDEX runs_due ON runs (visible_at) WHERE state IN ('queued', 'running', 'failed');
CREATE INDEX runs_of_replayed_event ON runs (event_id) WHERE replay_seq > 0;
CREATE INDEX runs_held ON runs (tenant_id, held_reason, flow_id, event_id) WHERE state = 'queued' AND held_reason IS NOT NULL;
CREATE INDEX runs_keyed ON runs (tenant_id, flow_id, gate, event_id)
  WHERE gate <> '' AND state IN ('queued', 'running', 'failed', 'dead');
CREATE INDEX runs_gated ON runs (tenant_id, flow_id) WHERE gate IS NOT NULL AND state = 'running';
-- Runs that lost their worker more than once are executed one at a time.
CREATE INDEX runs_suspect ON runs (visible_at) WHERE lost > 1 AND state IN ('queued', 'running', 'failed');
-- Runs whose tenant uses all of its slots, in the order in which they get one.
CREATE INDEX runs_put_off ON runs (tenant_id, lane, event_id) WHERE state = 'queued' AND held_reason = 'tenant_slots';
SELECT protect_tenant_table('runs');
GRANT SELECT, INSERT, UPDATE, DELETE ON runs TO headrace_api, headrace_pipeline;

CREATE TABLE attempts (
  run_id uuid NOT NULL,
  attempt integer NOT NULL,
  tenant_id text NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('done', 'retry', 'dead', 'lost')),
  error_code text,
  error_message text,
  response_status integer,
  started_at timestamptz NOT NULL,
  finished_at timestamptz NOT NULL,
  PRIMARY KEY (run_id, attempt)
) PARTITION BY RANGE (run_id);
SELECT protect_tenant_table('attempts');
GRANT SELECT, INSERT, UPDATE, DELETE ON attempts TO headrace_api, headrace_pipeline;

-- Results of a code flow's finished steps, which a retry returns without running them again.
CREATE TABLE run_steps (
  run_id uuid NOT NULL,
  name text NOT NULL,
  tenant_id text NOT NULL,
  -- JSON; null for a step that returned undefined.
  result json,
  finished_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run_id, name)
) PARTITION BY RANGE (run_id);
SELECT protect_tenant_table('run_steps');
GRANT SELECT, INSERT, UPDATE, DELETE ON run_steps TO headrace_api, headrace_pipeline;

-- A code flow's log, one row per claim of the run: a late worker never overwrites the lines of the next one.
CREATE TABLE run_logs (
  run_id uuid NOT NULL,
  fence bigint NOT NULL,
  tenant_id text NOT NULL,
  attempt integer NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  lines json NOT NULL,
  -- Number of lines beyond the limit, which are not stored.
  dropped integer NOT NULL,
  PRIMARY KEY (run_id, fence)
) PARTITION BY RANGE (run_id);
SELECT protect_tenant_table('run_logs');
GRANT SELECT, INSERT, UPDATE, DELETE ON run_logs TO headrace_api, headrace_pipeline;

-- One row per flow with limits. Claims of its runs lock the row, so that they run one after the other.
CREATE TABLE flow_gates (
  tenant_id text NOT NULL,
  flow_id text NOT NULL,
  -- Of a flow with a rate limit: starts of slices of 50 ms, and the number of runs started in each. Slices
  -- outside the limit's window are dropped.
  started_from timestamptz[] NOT NULL DEFAULT '{}',
  started_runs integer[] NOT NULL DEFAULT '{}',
  PRIMARY KEY (tenant_id, flow_id)
) WITH (fillfactor = 50);
SELECT protect_tenant_table('flow_gates');
GRANT SELECT, INSERT, UPDATE, DELETE ON flow_gates TO headrace_api, headrace_pipeline;

-- One row per tenant and origin that has failed.
CREATE TABLE circuit_breakers (
  tenant_id text NOT NULL,
  target text NOT NULL,
  state text NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'open', 'half_open')),
  -- Consecutive failures.
  failures integer NOT NULL DEFAULT 0,
  -- Timeouts among them. Fewer timeouts than other failures open the breaker.
  timeouts integer NOT NULL DEFAULT 0,
  failing_since timestamptz,
  -- How often it opened since the last success.
  opened integer NOT NULL DEFAULT 0,
  last_error text,
  failed_at timestamptz,
  opened_at timestamptz,
  -- Open: when the next run may try the target. Half open: when the trying run is given up as lost.
  probe_at timestamptz,
  closed_at timestamptz,
  -- When the workers were last told to watch the target.
  noted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, target)
);
-- The targets that workers keep in memory: those that fail, or did recently.
CREATE INDEX circuit_breakers_of_note ON circuit_breakers (failed_at) WHERE failed_at IS NOT NULL;
CREATE INDEX circuit_breakers_open ON circuit_breakers (probe_at) WHERE state <> 'closed';
SELECT protect_tenant_table('circuit_breakers');
GRANT SELECT, INSERT, UPDATE, DELETE ON circuit_breakers TO headrace_api, headrace_pipeline;

-- Claims runs of flows with limits and returns them, running under a new fence. Candidates are the given queued runs
-- and the runs of the same flows that are held for concurrency or their rate; those with the earliest events that the
-- limits of the deployed version admit are claimed. Given runs that are not admitted are held, with the reason. A run
-- that waits for another one's end is held for hold_ms, and longer the further back it is in the queue, in case its
-- wake-up is lost.
CREATE FUNCTION claim_gated_runs(run_ids uuid[], low uuid, high uuid, lease_ms integer, hold_ms integer)
RETURNS SETOF runs
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  SLICE_LENGTH CONSTANT interval := interval '50 milliseconds';
  flow record;
  run record;
  rules jsonb;
  moment timestamptz;
  slots integer;
  tokens integer;
  per_window integer;
  rate_window interval;
  slices timestamptz[];
  counts integer[];
  freed integer;
  started integer;
  waiting integer;
  blocked text;
  ahead integer;
  event_lane smallint;
  first_unrouted uuid[];
  unrouted uuid;
  keys text[];
  reason text;
  until timestamptz;
  admitted uuid[] := '{}';
  held uuid[] := '{}';
  held_for text[] := '{}';
  held_until timestamptz[] := '{}';
BEGIN
  -- If a crash loses the claim, the run is only claimed again.
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO flow_gates (tenant_id, flow_id)
  SELECT DISTINCT r.tenant_id, r.flow_id FROM runs r
  WHERE r.id = ANY (run_ids) AND r.id BETWEEN low AND high AND r.state = 'queued' AND r.gate IS NOT NULL
  ORDER BY 1, 2
  ON CONFLICT DO NOTHING;

  FOR flow IN
    SELECT g.* FROM flow_gates g WHERE (g.tenant_id, g.flow_id) IN (
      SELECT r.tenant_id, r.flow_id FROM runs r
      WHERE r.id = ANY (run_ids) AND r.id BETWEEN low AND high AND r.state = 'queued' AND r.gate IS NOT NULL)
    ORDER BY 1, 2 FOR UPDATE
  LOOP
    -- The row's lock keeps out other claims of this flow. The queries below see all runs that ended before it was taken.
    moment := clock_timestamp();
    SELECT v.definition INTO rules FROM flows f JOIN flow_versions v
      ON (v.tenant_id, v.flow_id, v.version) = (f.tenant_id, f.id, coalesce(f.deployed_version, f.version))
    WHERE f.tenant_id = flow.tenant_id AND f.id = flow.flow_id;

    slots := 1000;
    IF rules ? 'concurrency' THEN
      slots := greatest(0, (rules ->> 'concurrency')::integer - (SELECT count(*) FROM runs r
        WHERE r.tenant_id = flow.tenant_id AND r.flow_id = flow.flow_id AND r.gate IS NOT NULL AND r.state = 'running'));
    END IF;
    tokens := 1000;
    IF rules ? 'rate_limit' THEN
      -- The limit holds for every window of one second, wherever it starts; a limit below one per second becomes one run
      -- per longer window. Runs of a slice count until the whole slice has left the window.
      per_window := greatest(1, floor((rules #>> '{rate_limit,per_second}')::numeric));
      rate_window := interval '1 second' * greatest(1, 1 / (rules #>> '{rate_limit,per_second}')::float8) + SLICE_LENGTH;
      SELECT coalesce(array_agg(p.start ORDER BY p.start), '{}'), coalesce(array_agg(p.runs ORDER BY p.start), '{}'),
          greatest(0, per_window - coalesce(sum(p.runs), 0))
        INTO slices, counts, tokens
      FROM unnest(flow.started_from, flow.started_runs) AS p (start, runs) WHERE p.start > moment - rate_window;
    END IF;

    started := 0;
    waiting := NULL;
    keys := '{}';
    first_unrouted := '{}';
    FOR run IN
      SELECT * FROM (
        SELECT r.id, r.event_id, r.replay_seq, r.gate FROM runs r
        WHERE r.id = ANY (run_ids) AND r.id BETWEEN low AND high AND r.state = 'queued'
          AND r.tenant_id = flow.tenant_id AND r.flow_id = flow.flow_id AND r.gate IS NOT NULL
        UNION
        SELECT h.* FROM unnest(ARRAY['concurrency', 'rate_limit']) AS why (reason), LATERAL (
          SELECT r.id, r.event_id, r.replay_seq, r.gate FROM runs r
          WHERE r.tenant_id = flow.tenant_id AND r.held_reason = why.reason AND r.flow_id = flow.flow_id
            AND r.state = 'queued'
          ORDER BY r.event_id LIMIT greatest(0, least(slots, tokens, 128))) h
      ) candidates
      ORDER BY event_id, replay_seq
    LOOP
      reason := NULL;
      IF run.gate <> '' AND rules ? 'order_by' THEN
        IF run.gate = ANY (keys) THEN
          blocked := 'queued';
        ELSE
          SELECT r.state INTO blocked FROM runs r
          WHERE r.tenant_id = flow.tenant_id AND r.flow_id = flow.flow_id AND r.gate = run.gate AND r.gate <> ''
            AND r.state IN ('queued', 'running', 'failed', 'dead') AND r.id <> run.id
            AND (r.state = 'running' OR (r.event_id, r.replay_seq) < (run.event_id, run.replay_seq))
            AND (r.state <> 'dead' OR (rules ->> 'on_order_failure' IS DISTINCT FROM 'skip' AND r.event_id <> run.event_id
              AND EXISTS (SELECT FROM dead_letters d WHERE d.run_id = r.id AND d.status = 'pending')
              AND NOT EXISTS (SELECT FROM runs n WHERE n.event_id = r.event_id AND n.replay_seq > 0
                AND n.replay_seq > r.replay_seq AND n.flow_id = r.flow_id AND n.state IN ('succeeded', 'cancelled'))))
          LIMIT 1;
        END IF;
        IF blocked IS NOT NULL THEN
          SELECT count(*) INTO ahead FROM (SELECT FROM runs r
            WHERE r.tenant_id = flow.tenant_id AND r.flow_id = flow.flow_id AND r.gate = run.gate AND r.gate <> ''
              AND r.state IN ('queued', 'running', 'failed', 'dead') AND r.event_id < run.event_id LIMIT 200) q;
          reason := 'order';
          until := moment + hold_ms * (1 + ahead / 10) * interval '1 millisecond';
        ELSIF run.replay_seq = 0 THEN
          -- An earlier event that is still being routed may have a run of the same key.
          SELECT e.priority INTO event_lane FROM events e WHERE e.id = run.event_id;
          IF event_lane IS NOT NULL AND first_unrouted[event_lane] IS NULL THEN
            SELECT min(o.event_id::text COLLATE "C")::uuid INTO unrouted FROM outbox o
            WHERE o.lane = event_lane AND o.tenant_id = flow.tenant_id;
            first_unrouted[event_lane] := coalesce(unrouted, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
          END IF;
          IF first_unrouted[event_lane] < run.event_id THEN
            reason := 'order';
            -- With a large backlog the query above is slow: repeat it so rarely that it takes at most a tenth of the time.
            until := clock_timestamp() + greatest(interval '50 milliseconds', 10 * (clock_timestamp() - moment));
          END IF;
        END IF;
        -- Later runs of the key in this batch wait for this one, whether it starts or not.
        keys := keys || run.gate;
      END IF;

      IF reason IS NULL AND (started >= slots OR started >= tokens) THEN
        IF waiting IS NULL THEN
          SELECT count(*) INTO waiting FROM (SELECT FROM runs r
            WHERE r.tenant_id = flow.tenant_id AND r.flow_id = flow.flow_id AND r.state = 'queued'
              AND r.held_reason IN ('concurrency', 'rate_limit') AND r.visible_at > moment LIMIT 1000) q;
        END IF;
        waiting := waiting + 1;
        IF started >= slots THEN
          reason := 'concurrency';
          until := moment + hold_ms * (1 + waiting / 50) * interval '1 millisecond';
        ELSE
          reason := 'rate_limit';
          -- It is due when one more run has left the window than wait before it.
          freed := 0;
          until := moment + rate_window;
          FOR i IN 1 .. cardinality(slices) LOOP
            freed := freed + counts[i];
            IF freed > (waiting - 1) % per_window THEN
              until := slices[i] + rate_window;
              EXIT;
            END IF;
          END LOOP;
          until := until + ((waiting - 1) / per_window) * rate_window;
        END IF;
      END IF;

      IF reason IS NULL THEN
        started := started + 1;
        admitted := admitted || run.id;
      ELSE
        held := held || run.id;
        held_for := held_for || reason;
        held_until := held_until || until;
      END IF;
    END LOOP;
    IF started > 0 AND rules ? 'rate_limit' THEN
      IF moment - slices[cardinality(slices)] < SLICE_LENGTH THEN
        counts[cardinality(slices)] := counts[cardinality(slices)] + started;
      ELSE
        slices := slices || moment;
        counts := counts || started;
      END IF;
      UPDATE flow_gates g SET started_from = slices, started_runs = counts
      WHERE g.tenant_id = flow.tenant_id AND g.flow_id = flow.flow_id;
    END IF;
  END LOOP;

  UPDATE runs r SET held_reason = h.reason, visible_at = h.until
  FROM unnest(held, held_for, held_until) AS h (id, reason, until)
  WHERE r.id = ANY (held) AND r.id = h.id AND r.state = 'queued';
  RETURN QUERY
  UPDATE runs r SET state = 'running', held_reason = NULL, fence = fence + 1 + floor(random() * 1000000)::bigint,
    started_at = coalesce(started_at, now()), visible_at = now() + lease_ms * interval '1 millisecond'
  WHERE r.id = ANY (admitted) AND r.state = 'queued'
  RETURNING r.*;
END
$$;

-- Queues held runs again under a new generation and returns them: for each ended run of a flow (a triple of the three
-- arrays) the first run held for concurrency, and the first run held for order by the same gate. It waits for
-- concurrent claims of the flows, so that it sees the runs that they hold; later claims see the freed slots.
CREATE FUNCTION wake_gated_runs(tenants text[], flow_ids text[], ended_gates text[], lease_ms integer)
RETURNS SETOF runs
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  woken uuid[];
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  PERFORM FROM flow_gates g WHERE (g.tenant_id, g.flow_id) IN (SELECT * FROM unnest(tenants, flow_ids))
    ORDER BY g.tenant_id, g.flow_id FOR UPDATE;
  woken := ARRAY(
    SELECT h.id FROM (SELECT t, f, count(*) AS slots FROM unnest(tenants, flow_ids) AS u (t, f) GROUP BY t, f) freed,
      LATERAL (
        SELECT r.id FROM runs r WHERE r.tenant_id = freed.t AND r.held_reason = 'concurrency' AND r.flow_id = freed.f
          AND r.state = 'queued'
        ORDER BY r.event_id LIMIT freed.slots) h
    UNION
    SELECT h.id FROM unnest(tenants, flow_ids, ended_gates) AS u (t, f, gate), LATERAL (
      SELECT r.id FROM runs r WHERE r.tenant_id = u.t AND r.flow_id = u.f AND r.gate = u.gate AND r.gate <> ''
        AND r.state IN ('queued', 'running', 'failed', 'dead') AND r.state = 'queued' AND r.held_reason = 'order'
      ORDER BY r.event_id, r.replay_seq LIMIT 1) h
    WHERE u.gate <> '');
  RETURN QUERY
  UPDATE runs r SET generation = generation + 1, visible_at = now() + lease_ms * interval '1 millisecond'
  WHERE r.id = ANY (woken) AND r.state = 'queued'
  RETURNING r.*;
END
$$;
