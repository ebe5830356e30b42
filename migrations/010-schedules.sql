-- When a live deployment's schedule ticks next; null where it has none, or none comes. Whoever makes the event of a
-- tick moves this on in the same transaction, so that each tick is made once.
ALTER TABLE deployments ADD COLUMN next_tick_at timestamptz;
CREATE INDEX deployments_ticks ON deployments (next_tick_at) WHERE deployed_until IS NULL AND next_tick_at IS NOT NULL;
