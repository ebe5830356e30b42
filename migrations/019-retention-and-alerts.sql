-- What keeps the tables small, and tells when somebody should look: retention, counters of dead letters, alerts.
ALTER TABLE dead_letters ADD COLUMN expired_at timestamptz;
-- By retention: those that still hold their payload, by tenant and age; then the emptied rows.
CREATE INDEX dead_letters_kept ON dead_letters (tenant_id, created_at) WHERE status <> 'expired';
CREATE INDEX dead_letters_emptied ON dead_letters (expired_at) WHERE status = 'expired';
-- The oldest that waits, of a tenant and stage.
CREATE INDEX dead_letters_waiting ON dead_letters (tenant_id, stage, created_at) WHERE status = 'pending';
-- Groups are counted from this alone.
CREATE INDEX dead_letters_of_group ON dead_letters (tenant_id, fingerprint, created_at)
  INCLUDE (status, stage, flow_id, connector);

-- Counters of dead letters without a row that everyone waits for: each statement that changes dead letters appends
-- what it changed, and a loop folds that into the two tables below. The truth is always both together.
CREATE TABLE dead_letter_changes (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id text NOT NULL,
  stage text NOT NULL,
  -- The day of their arrival, UTC.
  day date NOT NULL,
  -- Those that wait for a replay; those that hold their payload; the bytes of these.
  pending bigint NOT NULL,
  kept bigint NOT NULL,
  bytes bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

CREATE TABLE dead_letter_depths (
  tenant_id text NOT NULL,
  stage text NOT NULL,
  pending bigint NOT NULL,
  kept bigint NOT NULL,
  bytes bigint NOT NULL,
  PRIMARY KEY (tenant_id, stage)
) WITH (fillfactor = 50);

CREATE TABLE dead_letter_days (
  tenant_id text NOT NULL,
  day date NOT NULL,
  kept bigint NOT NULL,
  bytes bigint NOT NULL,
  PRIMARY KEY (tenant_id, day)
) WITH (fillfactor = 50);

CREATE FUNCTION bytes_of_dead_letter(event_payload bytea, edited_payload bytea) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (coalesce(octet_length(event_payload), 0) + coalesce(octet_length(edited_payload), 0))::bigint
$$;

CREATE FUNCTION note_dead_letters() RETURNS trigger LANGUAGE plpgsql AS $$
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
    -- A replay that failed again, for one, changes nothing here.
    HAVING coalesce(sum(one) FILTER (WHERE status = 'pending'), 0) <> 0
      OR coalesce(sum(one) FILTER (WHERE status <> 'expired'), 0) <> 0
      OR sum(one * bytes_of_dead_letter(event_payload, edited_payload)) <> 0;
  END CASE;
  RETURN NULL;
END
$$;
CREATE TRIGGER note_new_dead_letters AFTER INSERT ON dead_letters
  REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION note_dead_letters();
CREATE TRIGGER note_changed_dead_letters AFTER UPDATE ON dead_letters
  REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION note_dead_letters();
CREATE TRIGGER note_deleted_dead_letters AFTER DELETE ON dead_letters
  REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION note_dead_letters();

-- Those that are there already; the triggers keep other writers out until this transaction ends.
INSERT INTO dead_letter_changes (tenant_id, stage, day, pending, kept, bytes)
SELECT tenant_id, stage, (created_at AT TIME ZONE 'UTC')::date, count(*) FILTER (WHERE status = 'pending'),
  count(*) FILTER (WHERE status <> 'expired'), sum(bytes_of_dead_letter(event_payload, edited_payload))
FROM dead_letters GROUP BY 1, 2, 3;

-- What somebody should look at, of a tenant, or of '*' for the installation. Never two open ones of one thing.
CREATE TABLE alerts (
  id uuid PRIMARY KEY DEFAULT uuid7(clock_us()),
  tenant_id text NOT NULL,
  kind text NOT NULL,
  -- Which of several things of this kind: a source, a flow; '' where there is but one.
  subject text NOT NULL,
  message text NOT NULL,
  -- What was measured when it was opened and when it was resolved, and the bound that it passed.
  value double precision,
  threshold double precision,
  resolved_value double precision,
  details jsonb NOT NULL,
  opened_at timestamptz NOT NULL DEFAULT now(),
  resolved_at timestamptz
);
CREATE UNIQUE INDEX alerts_open ON alerts (tenant_id, kind, subject) WHERE resolved_at IS NULL;
CREATE INDEX alerts_of_tenant ON alerts (tenant_id, id);
CREATE INDEX alerts_resolved ON alerts (resolved_at) WHERE resolved_at IS NOT NULL;

-- That an alert was opened or resolved is told once: to the log, the metrics, and the webhook of the policy.
CREATE TABLE alert_notices (
  alert_id uuid NOT NULL REFERENCES alerts ON DELETE CASCADE,
  change text NOT NULL CHECK (change IN ('opened', 'resolved')),
  tenant_id text NOT NULL,
  -- untold means that there is no webhook to tell.
  state text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'delivered', 'untold', 'failed')),
  attempts integer NOT NULL DEFAULT 0,
  visible_at timestamptz NOT NULL DEFAULT now(),
  last_error text,
  settled_at timestamptz,
  PRIMARY KEY (alert_id, change)
);
CREATE INDEX alert_notices_due ON alert_notices (visible_at) WHERE state = 'due';

DO $$
DECLARE
  table_name text;
BEGIN
  FOREACH table_name IN ARRAY ARRAY['dead_letter_changes', 'dead_letter_depths', 'dead_letter_days', 'alerts',
      'alert_notices'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format('CREATE POLICY own_tenant ON %I TO headrace_api
      USING (tenant_id = current_setting(''app.tenant'', true))
      WITH CHECK (tenant_id = current_setting(''app.tenant'', true))', table_name);
    EXECUTE format('CREATE POLICY every_tenant ON %I TO headrace_pipeline USING (true) WITH CHECK (true)', table_name);
    EXECUTE format('GRANT SELECT ON %I TO headrace_api', table_name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO headrace_pipeline', table_name);
  END LOOP;
  -- By the trigger, when a transaction of the API changes a dead letter.
  GRANT INSERT ON dead_letter_changes TO headrace_api;
END
$$;

-- Whether something that is not done yet refers to the events and runs with these ids.
CREATE FUNCTION is_day_unfinished(low uuid, high uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM outbox WHERE event_id >= low AND event_id < high)
    OR EXISTS (SELECT FROM runs WHERE state IN ('queued', 'running', 'failed')
      AND (id >= low AND id < high OR event_id >= low AND event_id < high))
    OR EXISTS (SELECT FROM backfills WHERE state = 'running' AND last_id < high)
$$;

-- Drops the partitions of a day, by their suffix and the bounds of its ids, and answers dropped, unfinished where
-- something that is not done yet refers to the day, or busy where a table could not be had within wait_ms: who
-- waits for a table holds up everyone behind him. Nothing can begin to refer to the day between the look and the drop.
CREATE FUNCTION drop_day(parents text[], suffix text, low uuid, high uuid, wait_ms integer) RETURNS text
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
  parent text;
BEGIN
  IF is_day_unfinished(low, high) THEN
    RETURN 'unfinished';
  END IF;
  BEGIN
    PERFORM set_config('lock_timeout', wait_ms::text, true);
    FOREACH parent IN ARRAY parents LOOP
      EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', parent);
    END LOOP;
    IF is_day_unfinished(low, high) THEN
      RETURN 'unfinished';
    END IF;
    FOREACH parent IN ARRAY parents LOOP
      EXECUTE format('DROP TABLE IF EXISTS %I', parent || suffix);
    END LOOP;
    RETURN 'dropped';
  EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RETURN 'busy';
  END;
END
$$;
