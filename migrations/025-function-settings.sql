-- Functions that turn off a kind of plan also turn off JIT: up to version 17 PostgreSQL adds 1e10 to the cost of a
-- plan that still scans a table, which is above every JIT threshold, and then compiles it for a second. Their plans
-- are generic, since planning over every partition takes longer than the rows that they touch.
ALTER FUNCTION claim_outbox(integer[], text[], integer, integer) SET jit = off;
ALTER FUNCTION claim_outbox(integer[], text[], integer, integer) SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION take_outbox(uuid[]) SET jit = off;
ALTER FUNCTION take_outbox(uuid[]) SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION claim_gated_runs(uuid[], uuid, uuid, integer, integer) SET jit = off;
ALTER FUNCTION claim_gated_runs(uuid[], uuid, uuid, integer, integer) SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION wake_gated_runs(text[], text[], text[], integer) SET jit = off;
ALTER FUNCTION wake_gated_runs(text[], text[], text[], integer) SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION drop_day(text[], text, uuid, uuid, integer) SET jit = off;

-- Analyses the tables that were analysed while they were empty and have filled since, and returns their names. A plan
-- made in between reads such a table whole until autovacuum comes by, which takes a minute; an ANALYZE ends the plan.
-- It runs with the owner's rights, which ANALYZE asks for. Two calls never analyse at once.
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
DO $$
BEGIN
  -- A function with its owner's rights looks for tables in the schema of the migration alone.
  EXECUTE format('ALTER FUNCTION analyze_filled_tables(integer) SET search_path = %I, pg_temp', current_schema());
END
$$;
REVOKE ALL ON FUNCTION analyze_filled_tables(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION analyze_filled_tables(integer) TO headrace_pipeline;
