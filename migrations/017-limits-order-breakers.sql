-- What holds runs back: limits and order of their flow, and the breaker of their target. All of it is null, and in no
-- index, for the runs of flows without limits.
--
-- gate is null where the flow has no limits; '' where it has; and where the flow has an order and the event a key, a
-- hash of that key: it may be personal data, which must not outlive the event's erasure.
ALTER TABLE runs ADD COLUMN gate text;
-- Why a queued run waits until its visible_at: order, concurrency, rate_limit, tenant_concurrency,
-- target_concurrency <origin>, circuit_open <origin>.
ALTER TABLE runs ADD COLUMN held_reason text;
CREATE INDEX runs_held ON runs (tenant_id, held_reason, flow_id, event_id) WHERE state = 'queued' AND held_reason IS NOT NULL;
CREATE INDEX runs_keyed ON runs (tenant_id, flow_id, gate, event_id)
  WHERE gate <> '' AND state IN ('queued', 'running', 'failed', 'dead');
CREATE INDEX runs_gated ON runs (tenant_id, flow_id) WHERE gate IS NOT NULL AND state = 'running';

-- One row a flow with limits: who claims its runs holds it, so that claims of one flow come one after the other.
CREATE TABLE flow_gates (
  tenant_id text NOT NULL,
  flow_id text NOT NULL,
  -- Of a flow with a rate: how many runs started within the twentieth of a second from each of these moments on; those
  -- that are of no account any more are dropped.
  started_from timestamptz[] NOT NULL DEFAULT '{}',
  started_runs integer[] NOT NULL DEFAULT '{}',
  PRIMARY KEY (tenant_id, flow_id)
) WITH (fillfactor = 50);

-- What is known of a target that failed: one row a tenant and origin.
CREATE TABLE circuit_breakers (
  tenant_id text NOT NULL,
  target text NOT NULL,
  state text NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'open', 'half_open')),
  -- Failures in a row, since when, and how often in a row it opened without a success.
  failures integer NOT NULL DEFAULT 0,
  failing_since timestamptz,
  opened integer NOT NULL DEFAULT 0,
  last_error text,
  failed_at timestamptz,
  opened_at timestamptz,
  -- While it is open: when the next run may try the target. Half open: when the one that tries it counts as lost.
  probe_at timestamptz,
  closed_at timestamptz,
  -- When the workers were last told to watch the target.
  noted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, target)
);
-- What the workers keep in memory: the targets that are in trouble, or were a moment ago.
CREATE INDEX circuit_breakers_of_note ON circuit_breakers (failed_at) WHERE failed_at IS NOT NULL;
CREATE INDEX circuit_breakers_open ON circuit_breakers (probe_at) WHERE state <> 'closed';
INSERT INTO change_counters (name, value) VALUES ('breakers', 1);

-- A rotated signing secret signs beside the new one until then.
ALTER TABLE flows ADD COLUMN old_signing_sealed bytea;
ALTER TABLE flows ADD COLUMN old_signing_key_id text;
ALTER TABLE flows ADD COLUMN old_signing_until timestamptz;

DO $$
DECLARE
  table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['flow_gates', 'circuit_breakers'] LOOP
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

-- Claims, of the queued runs given and of those that their flows hold for a slot or their rate, the first by event
-- that the limits of the deployed version admit; the others of those given are held, with the reason. hold_ms is how
-- long a run is held whose turn is announced by the end of another, in case that nobody announces it: the further
-- back it stands the longer. What comes back is running under a new fence.
CREATE FUNCTION claim_gated_runs(run_ids uuid[], low uuid, high uuid, lease_ms integer, hold_ms integer)
RETURNS SETOF runs
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
  PIECE CONSTANT interval := interval '50 milliseconds';
  flow record;
  run record;
  rules jsonb;
  moment timestamptz;
  slots integer;
  tokens integer;
  per_window integer;
  rate_window interval;
  pieces timestamptz[];
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
  -- A claim that a crash takes back only means that the run is claimed again.
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
    -- From here on nobody else claims runs of this flow, and what its ended runs left is seen.
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
      -- So many in any one second, whenever it begins; below one a second, one in any so many seconds. What started
      -- within a piece of a second counts until all of the piece is out of the window.
      per_window := greatest(1, floor((rules #>> '{rate_limit,per_second}')::numeric));
      rate_window := interval '1 second' * greatest(1, 1 / (rules #>> '{rate_limit,per_second}')::float8) + PIECE;
      SELECT coalesce(array_agg(p.start ORDER BY p.start), '{}'), coalesce(array_agg(p.runs ORDER BY p.start), '{}'),
          greatest(0, per_window - coalesce(sum(p.runs), 0))
        INTO pieces, counts, tokens
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
          -- An earlier event that another router has in hand: its run is about to come.
          SELECT e.priority INTO event_lane FROM events e WHERE e.id = run.event_id;
          IF event_lane IS NOT NULL AND first_unrouted[event_lane] IS NULL THEN
            SELECT min(o.event_id::text COLLATE "C")::uuid INTO unrouted FROM outbox o
            WHERE o.lane = event_lane AND o.tenant_id = flow.tenant_id;
            first_unrouted[event_lane] := coalesce(unrouted, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
          END IF;
          IF first_unrouted[event_lane] < run.event_id THEN
            reason := 'order';
            -- To find out takes long where much waits: no more than a tenth of the time goes into it.
            until := clock_timestamp() + greatest(interval '50 milliseconds', 10 * (clock_timestamp() - moment));
          END IF;
        END IF;
        -- What comes after it in this batch waits for it, whether it starts or not.
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
          -- When as many have left the window as are before it, and one more.
          freed := 0;
          until := moment + rate_window;
          FOR piece IN 1 .. cardinality(pieces) LOOP
            freed := freed + counts[piece];
            IF freed > (waiting - 1) % per_window THEN
              until := pieces[piece] + rate_window;
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
      IF moment - pieces[cardinality(pieces)] < PIECE THEN
        counts[cardinality(pieces)] := counts[cardinality(pieces)] + started;
      ELSE
        pieces := pieces || moment;
        counts := counts || started;
      END IF;
      UPDATE flow_gates g SET started_from = pieces, started_runs = counts
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

-- Queues anew, of the flows whose runs gave up their slots, the first that are held for one, and of the keys whose
-- run has ended the first that is held by it. Waits for claims of these flows that are under way: what they hold is
-- seen, and what comes after them sees the free slots.
CREATE FUNCTION wake_gated_runs(tenants text[], flow_ids text[], ended_gates text[], lease_ms integer)
RETURNS SETOF runs
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
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
