-- Partitioned by the day in the UUIDv7 id. There is no default partition: a row without a partition is an error.
CREATE TABLE events (
  id uuid NOT NULL,
  tenant_id text NOT NULL,
  connector text NOT NULL,
  endpoint text NOT NULL,
  type text,
  source text NOT NULL,
  priority smallint NOT NULL,
  subject text,
  occurred_at timestamptz,
  received_at timestamptz NOT NULL,
  -- Identifies the event when it is delivered again. The idempotency key is a hash over it.
  delivery_key text NOT NULL,
  item integer NOT NULL DEFAULT 0,
  headers json NOT NULL DEFAULT '{}',
  content_type text,
  -- The flows counter when the event was accepted. The deployments that were live then route it.
  flows_counter bigint NOT NULL,
  -- The exact bytes, which the database never parses.
  payload bytea NOT NULL,
  -- Details of a polled event, such as its changed fields.
  synthetic json,
  PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX events_of_tenant ON events (tenant_id, id);
SELECT protect_tenant_table('events');
GRANT SELECT, INSERT, UPDATE, DELETE ON events TO headrace_api, headrace_pipeline;

-- Finds duplicates. Not partitioned: a UNIQUE with a partition key would miss a duplicate in the next partition. A key
-- is valid until expires_at, even if its row is deleted later.
CREATE TABLE event_keys (
  tenant_id text NOT NULL,
  connector text NOT NULL,
  endpoint text NOT NULL,
  key text NOT NULL,
  event_id uuid NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, connector, endpoint, key)
);
CREATE INDEX event_keys_expiry ON event_keys USING brin (expires_at);
SELECT protect_tenant_table('event_keys');
GRANT SELECT, INSERT, UPDATE, DELETE ON event_keys TO headrace_api, headrace_pipeline;

-- One narrow row per event that is not routed yet. A claim is a lease: it moves visible_at into the future. The
-- transaction that routes the event deletes the row.
CREATE TABLE outbox (
  event_id uuid PRIMARY KEY,
  tenant_id text NOT NULL,
  lane smallint NOT NULL,
  claims integer NOT NULL DEFAULT 0,
  visible_at timestamptz NOT NULL DEFAULT now(),
  -- How often a router started on the event after it had been published before and not been routed.
  starts integer NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_insert_scale_factor = 0.5, autovacuum_analyze_scale_factor = 0.2);
CREATE INDEX outbox_due ON outbox (lane, tenant_id, visible_at);
SELECT protect_tenant_table('outbox');
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO headrace_api, headrace_pipeline;

-- The result of routing, one row per event.
CREATE TABLE verdicts (
  event_id uuid NOT NULL,
  tenant_id text NOT NULL,
  status text NOT NULL CHECK (status IN ('routed', 'unmatched', 'dead')),
  routed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (event_id)
) PARTITION BY RANGE (event_id);
SELECT protect_tenant_table('verdicts');
GRANT SELECT, INSERT, UPDATE, DELETE ON verdicts TO headrace_api, headrace_pipeline;

-- Functions of hot statements set planner options. A plan made while a table was empty would scan the whole table once
-- a backlog has filled it, and session settings do not survive a pooler. JIT is off because, up to version 17,
-- PostgreSQL adds 1e10 to the cost of a plan that still needs a disabled node, which exceeds every JIT threshold, and
-- then spends a second compiling it. Plans are generic because planning over all partitions takes longer than
-- the rows themselves.

-- Claims due rows of several lanes. In each lane it visits at most max_tenants tenants after after_tenants[lane] and
-- divides budgets[lane] among them by their weights; rows locked by other claims are skipped. For each lane the result
-- ends with a row without claimed_event, whose claimed_tenant is the next after_tenants[lane], or '' to start over.
CREATE FUNCTION claim_outbox(budgets integer[], after_tenants text[], max_tenants integer, lease_ms integer)
RETURNS TABLE (claimed_lane smallint, claimed_tenant text, claimed_event uuid)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off
SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  -- If a crash loses the lease, the event only comes due sooner.
  PERFORM set_config('synchronous_commit', 'off', true);
  RETURN QUERY
  WITH RECURSIVE walk AS (
    SELECT l.lane, 1 AS step,
      (SELECT o.tenant_id FROM outbox o WHERE o.lane = l.lane AND o.tenant_id > after_tenants[l.lane]
        ORDER BY o.tenant_id LIMIT 1) AS tenant
    FROM unnest(ARRAY[1, 2, 3, 4]::smallint[]) AS l (lane)
    WHERE budgets[l.lane] > 0
    UNION ALL
    SELECT w.lane, w.step + 1,
      (SELECT o.tenant_id FROM outbox o WHERE o.lane = w.lane AND o.tenant_id > w.tenant
        ORDER BY o.tenant_id LIMIT 1)
    FROM walk w
    WHERE w.tenant IS NOT NULL AND w.step <= max_tenants
  ),
  shares AS (
    SELECT w.lane, w.tenant, ceil(budgets[w.lane]::numeric * coalesce(t.weight, 1)
      / sum(coalesce(t.weight, 1)) OVER (PARTITION BY w.lane))::integer AS share
    FROM walk w LEFT JOIN tenants t ON t.id = w.tenant
    WHERE w.tenant IS NOT NULL AND w.step <= max_tenants
  ),
  due AS (
    SELECT o.event_id FROM shares s, LATERAL (
      SELECT d.event_id FROM outbox d
      WHERE d.lane = s.lane AND d.tenant_id = s.tenant AND d.visible_at <= now()
      ORDER BY d.visible_at LIMIT s.share FOR UPDATE SKIP LOCKED
    ) AS o
  ),
  claimed AS (
    UPDATE outbox SET visible_at = now() + lease_ms * interval '1 millisecond', claims = claims + 1
    WHERE event_id = ANY (ARRAY(SELECT event_id FROM due))
    RETURNING lane, tenant_id, event_id
  )
  SELECT c.lane, c.tenant_id, c.event_id FROM claimed c
  UNION ALL
  SELECT w.lane, CASE WHEN bool_or(w.tenant IS NULL) THEN '' ELSE coalesce(max(w.tenant) FILTER (WHERE w.step <= max_tenants), '') END, NULL
  FROM walk w GROUP BY w.lane;
END
$$;

-- Deletes the outbox rows of the events and returns the ids of the deleted ones. The commit does not wait for the disk:
-- if a crash loses it, the event is routed again, to the same run ids. The result of a run that has finished by then is
-- on disk, and so is this commit, which precedes it in the log.
CREATE FUNCTION take_outbox(event_ids uuid[])
RETURNS SETOF uuid
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  RETURN QUERY DELETE FROM outbox WHERE event_id = ANY (event_ids) RETURNING event_id;
END
$$;

-- Writes an event with payload_bytes of incompressible payload as a delivery does, and rolls it back: it raises the
-- error that a delivery would get. The transaction commits, empty, as a delivery's does.
CREATE FUNCTION probe_accepting(payload_bytes integer) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  new_id uuid := uuid7(clock_us());
BEGIN
  INSERT INTO events (id, tenant_id, connector, endpoint, source, priority, received_at, delivery_key,
    flows_counter, payload)
  SELECT new_id, '', '', '', 'webhook', 4, clock_timestamp(), new_id::text, 0, string_agg(uuid_send(gen_random_uuid()), '')
  FROM generate_series(1, greatest(1, payload_bytes / 16));
  INSERT INTO event_keys (tenant_id, connector, endpoint, key, event_id, expires_at)
  VALUES ('', '', '', new_id::text, new_id, clock_timestamp());
  INSERT INTO outbox (event_id, tenant_id, lane) VALUES (new_id, '', 4);
  RAISE EXCEPTION USING ERRCODE = 'HR000', MESSAGE = 'the probe is rolled back';
EXCEPTION WHEN SQLSTATE 'HR000' THEN
  NULL;
END
$$;
