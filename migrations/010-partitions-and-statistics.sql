-- Functions for maintenance. Every process calls them, and its login role need not own the tables, so those that need
-- the owner's rights are SECURITY DEFINER. Any number of processes may call them at the same time.

-- The tables that are partitioned by the day in a UUIDv7.
CREATE FUNCTION partitioned_tables() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ARRAY['events', 'verdicts', 'runs', 'attempts', 'run_steps', 'run_logs']
$$;

-- Returns the partitions that should exist and do not: from yesterday to days_ahead days after today by the server's
-- clock, and of every day that another table has a partition for. A detached partition counts as missing.
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
  FROM days d, unnest(partitioned_tables()) WITH ORDINALITY AS t (parent, position)
  WHERE NOT EXISTS (SELECT FROM attached a
    WHERE a.parent = t.parent AND a.partition = t.parent || to_char(d.day, '_YYYYMMDD'))
  ORDER BY t.position, d.day
$$;

-- Creates all missing partitions, or none, and returns their names. Each is created as a table and then attached, which
-- blocks no reads or writes of its parent. An existing table of that name is attached as it is. Partitions have no
-- policies and no grants: all access is by the parent's name.
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

-- Drops all partitions of a day, given by its suffix (_YYYYMMDD). drop_day calls it after its checks.
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

-- Returns whether unfinished work refers to events or runs with ids from low to before high.
CREATE FUNCTION is_day_unfinished(low uuid, high uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM outbox WHERE event_id >= low AND event_id < high)
    OR EXISTS (SELECT FROM runs WHERE state IN ('queued', 'running', 'failed')
      AND (id >= low AND id < high OR event_id >= low AND event_id < high))
    OR EXISTS (SELECT FROM backfills WHERE state = 'running' AND last_id < high)
$$;

-- Drops the partitions of a day, given by their suffix and the bounds of its ids. Returns 'dropped'; 'unfinished' if
-- unfinished work refers to the day; or 'busy' if a lock was not granted within wait_ms, because waiting for it blocks
-- all later users of the table. The check and the locks run as the caller, whose policies show every tenant's rows;
-- only the drop runs as the owner. The locks keep out new references to the day between the check and the drop, and
-- the advisory lock keeps out make_partitions.
CREATE FUNCTION drop_day(parents text[], suffix text, low uuid, high uuid, wait_ms integer) RETURNS text
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET jit = off
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

-- Analyses tables that were analysed while empty and have at least min_rows rows now, and returns their names. Plans
-- made in between would scan such a table until autovacuum visits it a minute later; ANALYZE invalidates them. Returns
-- nothing while another call is running.
CREATE FUNCTION analyze_filled_tables(min_rows integer) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
DECLARE
  filled regclass;
BEGIN
  IF NOT pg_try_advisory_xact_lock(7232735) THEN
    RETURN;
  END IF;
  FOR filled IN
    SELECT c.oid FROM pg_class c JOIN pg_stat_user_tables s ON s.relid = c.oid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.reltuples = 0
      AND s.n_live_tup >= min_rows AND coalesce(greatest(s.last_analyze, s.last_autoanalyze), '-infinity')
        < now() - interval '5 seconds'
  LOOP
    EXECUTE format('ANALYZE %s', filled);
    RETURN NEXT filled::text;
  END LOOP;
END
$$;

-- A function with its owner's rights must only find tables of this schema, whatever the caller's search_path is.
DO $$
DECLARE
  signature text;
BEGIN
  FOREACH signature IN ARRAY ARRAY['make_partitions(integer)', 'drop_partitions(text)',
      'analyze_filled_tables(integer)'] LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema());
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', signature);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO headrace_pipeline', signature);
  END LOOP;
END
$$;
