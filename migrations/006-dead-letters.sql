-- Owns a copy of its event, so that the event's day may be dropped.
CREATE TABLE dead_letters (
  id uuid PRIMARY KEY DEFAULT uuid7(clock_us()),
  tenant_id text NOT NULL,
  connector text NOT NULL,
  endpoint text NOT NULL,
  event_id uuid NOT NULL,
  event_type text,
  flow_id text,
  run_id uuid UNIQUE,
  stage text NOT NULL CHECK (stage IN ('normalize', 'route', 'execute')),
  event_payload bytea,
  content_type text,
  headers json NOT NULL DEFAULT '{}',
  error_message text NOT NULL,
  error_context jsonb NOT NULL,
  fingerprint text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  retry_count integer NOT NULL DEFAULT 0,
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'replayed', 'expired'))
);
CREATE INDEX dead_letters_of_tenant ON dead_letters (tenant_id, id);
