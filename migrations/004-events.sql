-- Partitioned by the day in the UUIDv7 id. No default partition: a row that fits none fails loudly.
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
  -- What makes it the same event when it comes again; the idempotency key is a hash over it.
  delivery_key text NOT NULL,
  item integer NOT NULL DEFAULT 0,
  headers json NOT NULL DEFAULT '{}',
  content_type text,
  -- The flows counter when it was accepted: the deployments of that moment are the ones that it is routed by.
  flows_counter bigint NOT NULL,
  -- The exact bytes, never parsed by the database.
  payload bytea NOT NULL,
  PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX events_of_tenant ON events (tenant_id, id);

-- The authority on duplicates. Not partitioned: a UNIQUE that holds a partition key stops deduplicating at the
-- partition's edge. A key counts until expires_at, whenever its row is cleaned away.
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

-- One narrow row an event that is not routed yet: a lease. Whoever takes it pushes visible_at ahead, and it is
-- deleted by the transaction that routes the event. Nothing is ever marked as published.
CREATE TABLE outbox (
  event_id uuid PRIMARY KEY,
  tenant_id text NOT NULL,
  lane smallint NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  visible_at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_insert_scale_factor = 0.5, autovacuum_analyze_scale_factor = 0.2);
CREATE INDEX outbox_due ON outbox (lane, tenant_id, visible_at);

-- What routing decided, one row an event.
CREATE TABLE verdicts (
  event_id uuid NOT NULL,
  tenant_id text NOT NULL,
  status text NOT NULL CHECK (status IN ('routed', 'unmatched', 'dead')),
  routed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (event_id)
) PARTITION BY RANGE (event_id);
