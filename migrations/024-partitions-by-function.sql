-- Partitions are made and dropped by functions that run as the owner of the tables: every process needs them, and the
-- login role of a process need not be the owner. Both are safe to run at any time by any number of processes.

-- The tables that are partitioned by the day in a UUIDv7.
CREATE FUNCTION partitioned_tables() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ARRAY['events', 'verdicts', 'runs', 'attempts', 'run_steps', 'run_logs']
$$;

-- The partitions that should be there and are not: of yesterday to days_ahead days after today, by this server's
-- clock, and of every day that some of the tables have. A table that was detached is not there.
CREATE FUNCTION missing_partitions(days_ahead integer) RETURNS TABLE (parent text, partition text, day date)
LANGUAGE sql VOLATILE AS $$
  WITH attached AS MATERIALIZED (
    SELECT t.parent, c.relname::text AS partition
    FROM unnest(partitioned_tables()) AS t (parent)
    JOIN pg_inherits i ON i.inhparent = to_regclass(t.parent) JOIN pg_class c ON c.oid = i.inhrelid
  ),
  days AS (
    SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date + n AS day
    FROM generate_series(-1, least(days_ahead, 31)) AS n
    UNION
    SELECT to_date(right(partition, 8), 'YYYYMMDD') FROM attached WHERE partition ~ '_[0-9]{8}$'
  )
  SELECT t.parent, t.parent || to_char(d.day, '_YYYYMMDD'), d.day
  FROM days d, unnest(partitioned_tables()) WITH ORDINALITY AS t (parent, place)
  WHERE NOT EXISTS (SELECT FROM attached a
    WHERE a.parent = t.parent AND a.partition = t.parent || to_char(d.day, '_YYYYMMDD'))
  ORDER BY t.place, d.day
$$;

-- Makes the missing partitions, all or none, and returns their names. Each is made on its own and then attached,
-- which locks out no reads or writes of its parent. A table of that name that is there already is attached as it is.
CREATE FUNCTION make_partitions(days_ahead integer) RETURNS text[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET lock_timeout = '3s'
AS $$
DECLARE
  missing record;
  made text[] := '{}';
  start_ms bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM missing_partitions(days_ahead)) THEN
    RETURN made;
  END IF;
  PERFORM pg_advisory_xact_lock(7232734);
  FOR missing IN SELECT * FROM missing_partitions(days_ahead) LOOP
    start_ms := extract(epoch FROM missing.day)::bigint * 1000;
    IF to_regclass(missing.partition) IS NULL THEN
      EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', missing.partition,
        missing.parent);
    END IF;
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', missing.parent,
      missing.partition, (lpad(to_hex(start_ms), 12, '0') || repeat('0', 20))::uuid,
      (lpad(to_hex(start_ms + 86400000), 12, '0') || repeat('0', 20))::uuid);
    made := made || missing.partition;
  END LOOP;
  RETURN made;
END
$$;

-- Drops what the tables have of one day, named by its suffix (_YYYYMMDD). drop_day calls it, which looks first.
CREATE FUNCTION drop_partitions(suffix text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  parent text;
BEGIN
  IF suffix !~ '^_[0-9]{8}$' THEN
    RAISE EXCEPTION 'the suffix % is not that of a partition', suffix;
  END IF;
  FOREACH parent IN ARRAY partitioned_tables() LOOP
    EXECUTE format('DROP TABLE IF EXISTS %I', parent || suffix);
  END LOOP;
END
$$;

-- As before, but whoever calls it need not own the tables: it looks and locks as the caller, whom the policies let see
-- every tenant's rows, and only the drop itself is the owner's. Partitions of the day are not made meanwhile.
CREATE OR REPLACE FUNCTION drop_day(parents text[], suffix text, low uuid, high uuid, wait_ms integer) RETURNS text
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
    PERFORM pg_advisory_xact_lock(7232734);
    FOREACH parent IN ARRAY parents LOOP
      EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', parent);
    END LOOP;
    IF is_day_unfinished(low, high) THEN
      RETURN 'unfinished';
    END IF;
    PERFORM drop_partitions(suffix);
    RETURN 'dropped';
  EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RETURN 'busy';
  END;
END
$$;

-- Writes an event as a delivery does, of so many payload bytes that do not compress, and takes it back: what it
-- raises is what a delivery would meet. Its transaction is committed, with nothing in it, as a delivery's is.
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
  RAISE EXCEPTION USING ERRCODE = 'HR000', MESSAGE = 'the probe is taken back';
EXCEPTION WHEN SQLSTATE 'HR000' THEN
  NULL;
END
$$;

DO $$
DECLARE
  name text;
BEGIN
  -- What runs as its owner finds no tables but the installation's, whatever the caller's search_path is.
  FOREACH name IN ARRAY ARRAY['make_partitions(integer)', 'drop_partitions(text)'] LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', name, current_schema());
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', name);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO headrace_pipeline', name);
  END LOOP;
END
$$;
