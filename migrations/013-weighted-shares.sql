-- The same claim, which shares each lane's budget among its tenants by their weights instead of equally.
CREATE OR REPLACE FUNCTION claim_outbox(budgets integer[], after_tenants text[], max_tenants integer, lease_ms integer)
RETURNS TABLE (claimed_lane smallint, claimed_tenant text, claimed_event uuid)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off
AS $$
BEGIN
  -- A lease that a crash takes back only means that the event comes due sooner.
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
    UPDATE outbox SET visible_at = now() + lease_ms * interval '1 millisecond', attempts = attempts + 1
    WHERE event_id = ANY (ARRAY(SELECT event_id FROM due))
    RETURNING lane, tenant_id, event_id
  )
  SELECT c.lane, c.tenant_id, c.event_id FROM claimed c
  UNION ALL
  SELECT w.lane, CASE WHEN bool_or(w.tenant IS NULL) THEN '' ELSE coalesce(max(w.tenant) FILTER (WHERE w.step <= max_tenants), '') END, NULL
  FROM walk w GROUP BY w.lane;
END
$$;
