-- A run's id is a UUIDv7 with its event's milliseconds and a hash of (event, flow, replay_seq): the primary key
-- is thus the UNIQUE over those three, which no other key of a partitioned table could be.
-- State failed means: an attempt failed, and the next one is due at visible_at.
CREATE TABLE runs (
  id uuid NOT NULL,
  tenant_id text NOT NULL,
  flow_id text NOT NULL,
  flow_version integer NOT NULL,
  event_id uuid NOT NULL,
  replay_seq integer NOT NULL DEFAULT 0,
  lane smallint NOT NULL,
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
  PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX runs_of_tenant ON runs (tenant_id, id);
CREATE INDEX runs_due ON runs (visible_at) WHERE state IN ('queued', 'running', 'failed');
CREATE INDEX runs_of_replayed_event ON runs (event_id) WHERE replay_seq > 0;

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
