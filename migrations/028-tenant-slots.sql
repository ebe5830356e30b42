-- Runs that wait because their tenant holds all the slots that it may: the first by event are looked for.
CREATE INDEX runs_put_off ON runs (tenant_id, lane, event_id) WHERE state = 'queued' AND held_reason = 'tenant_slots';

-- Time-outs among the failures in a row: a target that hangs is found by fewer of them than one that answers an error.
ALTER TABLE circuit_breakers ADD COLUMN timeouts integer NOT NULL DEFAULT 0;
