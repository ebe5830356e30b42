-- Written from the catalogue by test/migrations.test.ts; the migrations beside it make it.

table alert_notices row level security forced
  alert_id uuid not null
  change text not null
  tenant_id text not null
  state text not null default 'due'::text
  attempts integer not null default 0
  visible_at timestamp with time zone not null default now()
  last_error text
  settled_at timestamp with time zone
  constraint alert_notices_alert_id_fkey FOREIGN KEY (alert_id) REFERENCES alerts(id) ON DELETE CASCADE
  constraint alert_notices_change_check CHECK ((change = ANY (ARRAY['opened'::text, 'resolved'::text])))
  constraint alert_notices_pkey PRIMARY KEY (alert_id, change)
  constraint alert_notices_state_check CHECK ((state = ANY (ARRAY['due'::text, 'delivered'::text, 'untold'::text, 'failed'::text])))
  CREATE INDEX alert_notices_due ON public.alert_notices USING btree (visible_at) WHERE (state = 'due'::text)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant select to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table alerts row level security forced
  id uuid not null default uuid7(clock_us())
  tenant_id text not null
  kind text not null
  subject text not null
  message text not null
  value double precision
  threshold double precision
  resolved_value double precision
  details jsonb not null
  opened_at timestamp with time zone not null default now()
  resolved_at timestamp with time zone
  constraint alerts_pkey PRIMARY KEY (id)
  CREATE INDEX alerts_of_tenant ON public.alerts USING btree (tenant_id, id)
  CREATE UNIQUE INDEX alerts_open ON public.alerts USING btree (tenant_id, kind, subject) WHERE (resolved_at IS NULL)
  CREATE INDEX alerts_resolved ON public.alerts USING btree (resolved_at) WHERE (resolved_at IS NOT NULL)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant select to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table api_keys
  id uuid not null default uuid7(clock_us())
  name text not null
  tenant_id text
  scope text not null
  key_hash bytea not null
  expires_at timestamp with time zone
  created_at timestamp with time zone not null default now()
  revoked_at timestamp with time zone
  last_used_at timestamp with time zone
  created_by text
  created_by_name text
  constraint api_keys_key_hash_key UNIQUE (key_hash)
  constraint api_keys_pkey PRIMARY KEY (id)
  constraint api_keys_scope_check CHECK ((scope = ANY (ARRAY['admin'::text, 'write'::text, 'read'::text])))
  constraint api_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id)
  CREATE UNIQUE INDEX api_keys_key_hash_key ON public.api_keys USING btree (key_hash)
  grant delete, insert, select, update to headrace_pipeline

table attempts partitioned by RANGE (run_id) row level security forced
  run_id uuid not null
  attempt integer not null
  tenant_id text not null
  outcome text not null
  error_code text
  error_message text
  response_status integer
  started_at timestamp with time zone not null
  finished_at timestamp with time zone not null
  constraint attempts_outcome_check CHECK ((outcome = ANY (ARRAY['done'::text, 'retry'::text, 'dead'::text, 'lost'::text])))
  constraint attempts_pkey PRIMARY KEY (run_id, attempt)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table audit row level security forced
  id uuid not null default uuid7(clock_us())
  at timestamp with time zone not null default clock_timestamp()
  tenant_id text
  key_id text
  key_name text
  route text not null
  object text not null
  difference jsonb not null
  request_id text
  constraint audit_pkey PRIMARY KEY (id)
  CREATE INDEX audit_of_tenant ON public.audit USING btree (tenant_id, id)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using ((tenant_id = current_setting('app.tenant'::text, true)) AND (at >= ( SELECT t.created_at
   FROM tenants t
  WHERE (t.id = audit.tenant_id)))) check (tenant_id = current_setting('app.tenant'::text, true))
  grant insert, select to headrace_api
  grant delete, insert, select to headrace_pipeline

table backfills row level security forced
  tenant_id text not null
  flow_id text not null
  version integer not null
  deployed_from bigint not null
  from_time timestamp with time zone not null
  last_id uuid not null
  scanned bigint not null default 0
  matched bigint not null default 0
  state text not null default 'running'::text
  visible_at timestamp with time zone not null default now()
  started_at timestamp with time zone not null default now()
  finished_at timestamp with time zone
  constraint backfills_pkey PRIMARY KEY (tenant_id, flow_id)
  constraint backfills_state_check CHECK ((state = ANY (ARRAY['running'::text, 'done'::text, 'stopped'::text])))
  constraint backfills_tenant_id_flow_id_version_fkey FOREIGN KEY (tenant_id, flow_id, version) REFERENCES flow_versions(tenant_id, flow_id, version)
  CREATE INDEX backfills_running ON public.backfills USING btree (visible_at) WHERE (state = 'running'::text)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table change_counters with fillfactor=50
  name text not null
  value bigint not null
  constraint change_counters_pkey PRIMARY KEY (name)
  grant select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table circuit_breakers row level security forced
  tenant_id text not null
  target text not null
  state text not null default 'closed'::text
  failures integer not null default 0
  failing_since timestamp with time zone
  opened integer not null default 0
  last_error text
  failed_at timestamp with time zone
  opened_at timestamp with time zone
  probe_at timestamp with time zone
  closed_at timestamp with time zone
  noted_at timestamp with time zone not null default now()
  timeouts integer not null default 0
  constraint circuit_breakers_pkey PRIMARY KEY (tenant_id, target)
  constraint circuit_breakers_state_check CHECK ((state = ANY (ARRAY['closed'::text, 'open'::text, 'half_open'::text])))
  CREATE INDEX circuit_breakers_of_note ON public.circuit_breakers USING btree (failed_at) WHERE (failed_at IS NOT NULL)
  CREATE INDEX circuit_breakers_open ON public.circuit_breakers USING btree (probe_at) WHERE (state <> 'closed'::text)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table connectors
  id text not null
  name text
  webhook jsonb
  source jsonb
  created_at timestamp with time zone not null default now()
  updated_at timestamp with time zone not null default now()
  source_version bigint not null default 0
  constraint connectors_pkey PRIMARY KEY (id)
  grant select to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table dead_letter_changes with autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000 row level security forced
  id bigint not null
  tenant_id text not null
  stage text not null
  day date not null
  pending bigint not null
  kept bigint not null
  bytes bigint not null
  constraint dead_letter_changes_pkey PRIMARY KEY (id)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant insert, select to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table dead_letter_days with fillfactor=50 row level security forced
  tenant_id text not null
  day date not null
  kept bigint not null
  bytes bigint not null
  constraint dead_letter_days_pkey PRIMARY KEY (tenant_id, day)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant select to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table dead_letter_depths with fillfactor=50 row level security forced
  tenant_id text not null
  stage text not null
  pending bigint not null
  kept bigint not null
  bytes bigint not null
  constraint dead_letter_depths_pkey PRIMARY KEY (tenant_id, stage)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant select to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table dead_letters row level security forced
  id uuid not null default uuid7(clock_us())
  tenant_id text not null
  connector text not null
  endpoint text not null
  event_id uuid not null
  event_type text
  flow_id text
  run_id uuid
  stage text not null
  event_payload bytea
  content_type text
  headers json not null default '{}'::json
  error_message text not null
  error_context jsonb not null
  fingerprint text not null
  created_at timestamp with time zone not null default now()
  updated_at timestamp with time zone not null default now()
  retry_count integer not null default 0
  status text not null default 'pending'::text
  source text
  subject text
  occurred_at timestamp with time zone
  delivery_key text
  item integer
  edited_payload bytea
  replay_event_id uuid
  replay_run_id uuid
  failed_at timestamp with time zone not null default now()
  auto_replays integer not null default 0
  cleared_replays integer not null default 0
  expired_at timestamp with time zone
  constraint dead_letters_pkey PRIMARY KEY (id)
  constraint dead_letters_run_id_key UNIQUE (run_id)
  constraint dead_letters_stage_check CHECK ((stage = ANY (ARRAY['normalize'::text, 'route'::text, 'execute'::text])))
  constraint dead_letters_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'replayed'::text, 'expired'::text])))
  CREATE INDEX dead_letters_auto ON public.dead_letters USING btree (tenant_id, auto_replays, failed_at) WHERE ((status = 'pending'::text) AND (replay_run_id IS NULL) AND (stage = 'execute'::text))
  CREATE INDEX dead_letters_emptied ON public.dead_letters USING btree (expired_at) WHERE (status = 'expired'::text)
  CREATE INDEX dead_letters_in_flight ON public.dead_letters USING btree (tenant_id) WHERE (replay_run_id IS NOT NULL)
  CREATE INDEX dead_letters_kept ON public.dead_letters USING btree (tenant_id, created_at) WHERE (status <> 'expired'::text)
  CREATE INDEX dead_letters_of_flow ON public.dead_letters USING btree (tenant_id, flow_id, failed_at) WHERE ((status = 'pending'::text) AND (replay_run_id IS NULL))
  CREATE INDEX dead_letters_of_group ON public.dead_letters USING btree (tenant_id, fingerprint, created_at) INCLUDE (status, stage, flow_id, connector)
  CREATE INDEX dead_letters_of_target ON public.dead_letters USING btree (tenant_id, ((error_context ->> 'target'::text)), failed_at) WHERE ((status = 'pending'::text) AND (replay_run_id IS NULL) AND ((error_context ->> 'target'::text) IS NOT NULL))
  CREATE INDEX dead_letters_of_tenant ON public.dead_letters USING btree (tenant_id, id)
  CREATE UNIQUE INDEX dead_letters_run_id_key ON public.dead_letters USING btree (run_id)
  CREATE INDEX dead_letters_waiting ON public.dead_letters USING btree (tenant_id, stage, created_at) WHERE (status = 'pending'::text)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table deployments row level security forced
  tenant_id text not null
  flow_id text not null
  version integer not null
  deployed_from bigint not null
  deployed_until bigint
  next_tick_at timestamp with time zone
  deployed_at timestamp with time zone default clock_timestamp()
  constraint deployments_pkey PRIMARY KEY (tenant_id, flow_id, deployed_from)
  constraint deployments_tenant_id_flow_id_version_fkey FOREIGN KEY (tenant_id, flow_id, version) REFERENCES flow_versions(tenant_id, flow_id, version)
  CREATE INDEX deployments_from ON public.deployments USING btree (deployed_from)
  CREATE UNIQUE INDEX deployments_live ON public.deployments USING btree (tenant_id, flow_id) WHERE (deployed_until IS NULL)
  CREATE INDEX deployments_ticks ON public.deployments USING btree (next_tick_at) WHERE ((deployed_until IS NULL) AND (next_tick_at IS NOT NULL))
  CREATE INDEX deployments_until ON public.deployments USING btree (deployed_until)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table dlq_auto_turn
  only_one boolean not null default true
  visible_at timestamp with time zone not null default now()
  constraint dlq_auto_turn_only_one_check CHECK (only_one)
  constraint dlq_auto_turn_pkey PRIMARY KEY (only_one)
  grant select, update to headrace_pipeline

table dlq_policies row level security forced
  tenant_id text not null
  unmatched text not null
  definition jsonb not null
  updated_at timestamp with time zone not null default now()
  constraint dlq_policies_pkey PRIMARY KEY (tenant_id)
  constraint dlq_policies_unmatched_check CHECK ((unmatched = ANY (ARRAY['dlq'::text, 'drop'::text])))
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table dlq_replay_runs row level security forced
  run_id uuid not null
  replay_id uuid not null
  tenant_id text not null
  constraint dlq_replay_runs_pkey PRIMARY KEY (run_id)
  constraint dlq_replay_runs_replay_id_fkey FOREIGN KEY (replay_id) REFERENCES dlq_replays(id) ON DELETE CASCADE
  CREATE INDEX dlq_replay_runs_of_replay ON public.dlq_replay_runs USING btree (replay_id)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table dlq_replays row level security forced
  id uuid not null default uuid7(clock_us())
  tenant_id text not null
  filter jsonb not null
  rate_per_second integer not null
  state text not null default 'canary'::text
  reason text
  count integer not null
  started integer not null default 0
  succeeded integer not null default 0
  failed integer not null default 0
  recent_ended integer not null default 0
  recent_failed integer not null default 0
  last_id uuid not null default '00000000-0000-0000-0000-000000000000'::uuid
  until_id uuid not null default uuid7(clock_us())
  exhausted boolean not null default false
  visible_at timestamp with time zone not null default now()
  created_at timestamp with time zone not null default now()
  ramp_from timestamp with time zone
  finished_at timestamp with time zone
  constraint dlq_replays_pkey PRIMARY KEY (id)
  constraint dlq_replays_state_check CHECK ((state = ANY (ARRAY['canary'::text, 'running'::text, 'stopped'::text, 'aborted'::text, 'done'::text])))
  constraint dlq_replays_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id)
  CREATE INDEX dlq_replays_due ON public.dlq_replays USING btree (visible_at) WHERE (finished_at IS NULL)
  CREATE INDEX dlq_replays_of_tenant ON public.dlq_replays USING btree (tenant_id, id)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table endpoint_secrets row level security forced
  id uuid not null
  tenant_id text not null
  connector text not null
  endpoint text not null
  position integer not null
  sealed bytea not null
  key_id text not null
  not_after timestamp with time zone
  created_at timestamp with time zone not null default now()
  shown_until timestamp with time zone
  constraint endpoint_secrets_pkey PRIMARY KEY (id)
  constraint endpoint_secrets_tenant_id_connector_endpoint_fkey FOREIGN KEY (tenant_id, connector, endpoint) REFERENCES endpoints(tenant_id, connector, endpoint) ON DELETE CASCADE
  CREATE UNIQUE INDEX endpoint_secrets_of_endpoint ON public.endpoint_secrets USING btree (tenant_id, connector, endpoint, "position")
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table endpoints row level security forced
  tenant_id text not null
  connector text not null
  endpoint text not null
  account text
  params jsonb not null default '{}'::jsonb
  enabled boolean not null default true
  created_at timestamp with time zone not null default now()
  updated_at timestamp with time zone not null default now()
  constraint endpoints_connector_fkey FOREIGN KEY (connector) REFERENCES connectors(id)
  constraint endpoints_pkey PRIMARY KEY (tenant_id, connector, endpoint)
  constraint endpoints_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id)
  CREATE INDEX endpoints_of_account ON public.endpoints USING btree (connector, account) WHERE (account IS NOT NULL)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table event_keys row level security forced
  tenant_id text not null
  connector text not null
  endpoint text not null
  key text not null
  event_id uuid not null
  expires_at timestamp with time zone not null
  constraint event_keys_pkey PRIMARY KEY (tenant_id, connector, endpoint, key)
  CREATE INDEX event_keys_expiry ON public.event_keys USING brin (expires_at)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table events partitioned by RANGE (id) row level security forced
  id uuid not null
  tenant_id text not null
  connector text not null
  endpoint text not null
  type text
  source text not null
  priority smallint not null
  subject text
  occurred_at timestamp with time zone
  received_at timestamp with time zone not null
  delivery_key text not null
  item integer not null default 0
  headers json not null default '{}'::json
  content_type text
  flows_counter bigint not null
  payload bytea not null
  synthetic json
  constraint events_pkey PRIMARY KEY (id)
  CREATE INDEX events_of_tenant ON ONLY public.events USING btree (tenant_id, id)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table flow_gates with fillfactor=50 row level security forced
  tenant_id text not null
  flow_id text not null
  started_from timestamp with time zone[] not null default '{}'::timestamp with time zone[]
  started_runs integer[] not null default '{}'::integer[]
  constraint flow_gates_pkey PRIMARY KEY (tenant_id, flow_id)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table flow_versions row level security forced
  tenant_id text not null
  flow_id text not null
  version integer not null
  definition jsonb not null
  created_at timestamp with time zone not null default now()
  constraint flow_versions_pkey PRIMARY KEY (tenant_id, flow_id, version)
  constraint flow_versions_tenant_id_flow_id_fkey FOREIGN KEY (tenant_id, flow_id) REFERENCES flows(tenant_id, id)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table flows row level security forced
  tenant_id text not null
  id text not null
  version integer not null
  deployed_version integer
  signing_sealed bytea not null
  signing_key_id text not null
  created_at timestamp with time zone not null default now()
  updated_at timestamp with time zone not null default now()
  deleted_at timestamp with time zone
  old_signing_sealed bytea
  old_signing_key_id text
  old_signing_until timestamp with time zone
  constraint flows_pkey PRIMARY KEY (tenant_id, id)
  constraint flows_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table installation
  id text not null default substr(replace((gen_random_uuid())::text, '-'::text, ''::text), 1, 8)
  only_one boolean not null default true
  created_at timestamp with time zone not null default now()
  constraint installation_only_one_check CHECK (only_one)
  constraint installation_only_one_key UNIQUE (only_one)
  constraint installation_pkey PRIMARY KEY (id)
  CREATE UNIQUE INDEX installation_only_one_key ON public.installation USING btree (only_one)
  grant select to headrace_pipeline

table outbox with autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_insert_scale_factor=0.5, autovacuum_analyze_scale_factor=0.2 row level security forced
  event_id uuid not null
  tenant_id text not null
  lane smallint not null
  attempts integer not null default 0
  visible_at timestamp with time zone not null default now()
  receipts integer not null default 0
  constraint outbox_pkey PRIMARY KEY (event_id)
  CREATE INDEX outbox_due ON public.outbox USING btree (lane, tenant_id, visible_at)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table poll_holds row level security forced
  id uuid not null default uuid7(clock_us())
  tenant_id text not null
  source text not null
  state text not null default 'pending'::text
  count integer not null
  ceiling integer not null
  tracked integer not null
  sample text[] not null
  created_at timestamp with time zone not null default now()
  decided_at timestamp with time zone
  constraint poll_holds_pkey PRIMARY KEY (id)
  constraint poll_holds_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'approved'::text, 'rejected'::text, 'lapsed'::text, 'applied'::text])))
  CREATE INDEX poll_holds_of_source ON public.poll_holds USING btree (tenant_id, source, id)
  CREATE UNIQUE INDEX poll_holds_open ON public.poll_holds USING btree (tenant_id, source) WHERE (state = ANY (ARRAY['pending'::text, 'approved'::text, 'rejected'::text]))
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table polls row level security forced
  tenant_id text not null
  source text not null
  id uuid not null
  status text not null default 'running'::text
  complete boolean not null default false
  first boolean not null default false
  records integer not null default 0
  created integer not null default 0
  updated integer not null default 0
  deleted integer not null default 0
  restored integer not null default 0
  missed_by_webhook integer not null default 0
  pages integer not null default 0
  unchanged_pages integer not null default 0
  requests integer not null default 0
  hold_id uuid
  held_count integer
  error_code text
  error_message text
  suggestions json
  not_before timestamp with time zone
  rate_limit json
  started_at timestamp with time zone not null default now()
  finished_at timestamp with time zone
  constraint polls_pkey PRIMARY KEY (tenant_id, source, id)
  constraint polls_status_check CHECK ((status = ANY (ARRAY['running'::text, 'ok'::text, 'degraded'::text, 'held'::text, 'rate_limited'::text, 'error'::text])))
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table record_values row level security forced
  tenant_id text not null
  source text not null
  record bytea not null
  content bytea not null
  constraint record_values_pkey PRIMARY KEY (tenant_id, source, record)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table rejections row level security forced
  id uuid not null default uuid7(clock_us())
  tenant_id text
  connector text
  endpoint text
  reason text not null
  method text not null
  body_bytes integer not null
  remote_address text not null
  count integer not null
  rejected_at timestamp with time zone not null default now()
  constraint rejections_pkey PRIMARY KEY (id)
  CREATE INDEX rejections_of_tenant ON public.rejections USING btree (tenant_id, id)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant select to headrace_api
  grant delete, insert, select to headrace_pipeline

table run_logs partitioned by RANGE (run_id) row level security forced
  run_id uuid not null
  fence bigint not null
  tenant_id text not null
  attempt integer not null
  started_at timestamp with time zone not null default now()
  lines json not null
  dropped integer not null
  constraint run_logs_pkey PRIMARY KEY (run_id, fence)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table run_steps partitioned by RANGE (run_id) row level security forced
  run_id uuid not null
  name text not null
  tenant_id text not null
  result json
  finished_at timestamp with time zone not null default now()
  constraint run_steps_pkey PRIMARY KEY (run_id, name)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table runs partitioned by RANGE (id) row level security forced
  id uuid not null
  tenant_id text not null
  flow_id text not null
  flow_version integer not null
  event_id uuid not null
  replay_seq integer not null default 0
  lane smallint not null
  state text not null
  visible_at timestamp with time zone not null
  fence bigint not null default 0
  generation integer not null default 0
  attempts integer not null default 0
  error_code text
  error_message text
  created_at timestamp with time zone not null default now()
  started_at timestamp with time zone
  finished_at timestamp with time zone
  gate text
  held_reason text
  dead_letter_id uuid
  lost integer not null default 0
  constraint runs_pkey PRIMARY KEY (id)
  constraint runs_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'failed'::text, 'succeeded'::text, 'dead'::text, 'cancelled'::text])))
  CREATE INDEX runs_due ON ONLY public.runs USING btree (visible_at) WHERE (state = ANY (ARRAY['queued'::text, 'running'::text, 'failed'::text]))
  CREATE INDEX runs_gated ON ONLY public.runs USING btree (tenant_id, flow_id) WHERE ((gate IS NOT NULL) AND (state = 'running'::text))
  CREATE INDEX runs_held ON ONLY public.runs USING btree (tenant_id, held_reason, flow_id, event_id) WHERE ((state = 'queued'::text) AND (held_reason IS NOT NULL))
  CREATE INDEX runs_keyed ON ONLY public.runs USING btree (tenant_id, flow_id, gate, event_id) WHERE ((gate <> ''::text) AND (state = ANY (ARRAY['queued'::text, 'running'::text, 'failed'::text, 'dead'::text])))
  CREATE INDEX runs_of_replayed_event ON ONLY public.runs USING btree (event_id) WHERE (replay_seq > 0)
  CREATE INDEX runs_of_tenant ON ONLY public.runs USING btree (tenant_id, id)
  CREATE INDEX runs_put_off ON ONLY public.runs USING btree (tenant_id, lane, event_id) WHERE ((state = 'queued'::text) AND (held_reason = 'tenant_slots'::text))
  CREATE INDEX runs_suspect ON ONLY public.runs USING btree (visible_at) WHERE ((lost > 1) AND (state = ANY (ARRAY['queued'::text, 'running'::text, 'failed'::text])))
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table schema_migrations
  name text not null
  checksum text not null
  applied_at timestamp with time zone not null default now()
  constraint schema_migrations_pkey PRIMARY KEY (name)

table source_changes row level security forced
  tenant_id text not null
  source text not null
  generation bigint not null
  reset boolean not null
  complete boolean not null
  entries bytea not null
  constraint source_changes_pkey PRIMARY KEY (tenant_id, source, generation)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table source_limits row level security forced
  tenant_id text not null
  connector text not null
  not_before timestamp with time zone
  quota integer
  remaining integer
  resets_at timestamp with time zone
  updated_at timestamp with time zone not null default now()
  constraint source_limits_pkey PRIMARY KEY (tenant_id, connector)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = ANY (ARRAY[current_setting('app.tenant'::text, true), '*'::text]))
  grant select to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table source_schedules with fillfactor=70 row level security forced
  tenant_id text not null
  source text not null
  connector text not null
  version text not null
  limiter text not null
  due_at timestamp with time zone not null default now()
  next_poll_at timestamp with time zone not null default now()
  not_before timestamp with time zone
  fence bigint not null default 0
  leased_until timestamp with time zone
  poll_id uuid
  requested_poll_id uuid
  interval_seconds double precision
  policy_state json
  demand double precision not null default 0
  reasons text[] not null default '{}'::text[]
  last_outcome json
  last_ok_at timestamp with time zone
  failures integer not null default 0
  updated_at timestamp with time zone not null default now()
  constraint source_schedules_pkey PRIMARY KEY (tenant_id, source)
  constraint source_schedules_tenant_id_source_fkey FOREIGN KEY (tenant_id, source) REFERENCES sources(tenant_id, id) ON DELETE CASCADE
  CREATE INDEX source_schedules_due ON public.source_schedules USING btree (next_poll_at)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table source_states row level security forced
  tenant_id text not null
  source text not null
  fence bigint not null
  generation bigint not null default 0
  hash_version text not null default ''::text
  records bigint not null default 0
  baselined boolean not null default false
  access text
  last_complete_at timestamp with time zone
  cursor_at timestamp with time zone
  dictionary bytea
  field_counts json not null default '{"polls":0,"fields":{}}'::json
  webhooks_after uuid
  webhooks_noted uuid[] not null default '{}'::uuid[]
  updated_at timestamp with time zone not null default now()
  constraint source_states_pkey PRIMARY KEY (tenant_id, source)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table sources row level security forced
  tenant_id text not null
  id text not null
  connector text not null
  entity text not null
  definition jsonb not null
  credentials_sealed bytea
  credentials_key_id text
  enabled boolean not null
  version bigint not null
  created_at timestamp with time zone not null default now()
  updated_at timestamp with time zone not null default now()
  constraint sources_check CHECK (((credentials_sealed IS NULL) = (credentials_key_id IS NULL)))
  constraint sources_connector_fkey FOREIGN KEY (connector) REFERENCES connectors(id)
  constraint sources_pkey PRIMARY KEY (tenant_id, id)
  constraint sources_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id)
  CREATE INDEX sources_by_version ON public.sources USING btree (version)
  CREATE INDEX sources_of_connector ON public.sources USING btree (connector)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table tenant_secrets row level security forced
  tenant_id text not null
  name text not null
  sealed bytea not null
  key_id text not null
  created_at timestamp with time zone not null default now()
  updated_at timestamp with time zone not null default now()
  constraint tenant_secrets_pkey PRIMARY KEY (tenant_id, name)
  constraint tenant_secrets_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id)
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table tenants
  id text not null
  name text
  weight integer not null default 1
  events_per_second integer
  max_backlog integer
  retention_days integer
  created_at timestamp with time zone not null default now()
  updated_at timestamp with time zone not null default now()
  deleted_at timestamp with time zone
  constraint tenants_pkey PRIMARY KEY (id)
  grant select to headrace_api
  grant delete, insert, select, update to headrace_pipeline

table verdicts partitioned by RANGE (event_id) row level security forced
  event_id uuid not null
  tenant_id text not null
  status text not null
  routed_at timestamp with time zone not null default now()
  constraint verdicts_pkey PRIMARY KEY (event_id)
  constraint verdicts_status_check CHECK ((status = ANY (ARRAY['routed'::text, 'unmatched'::text, 'dead'::text])))
  policy every_tenant to headrace_pipeline using true check true
  policy own_tenant to headrace_api using (tenant_id = current_setting('app.tenant'::text, true)) check (tenant_id = current_setting('app.tenant'::text, true))
  grant delete, insert, select, update to headrace_api
  grant delete, insert, select, update to headrace_pipeline

function analyze_filled_tables(min_rows integer) returns SETOF text set search_path=public, pg_temp
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

function bytes_of_dead_letter(event_payload bytea, edited_payload bytea) returns bigint
  SELECT (coalesce(octet_length(event_payload), 0) + coalesce(octet_length(edited_payload), 0))::bigint

function claim_gated_runs(run_ids uuid[], low uuid, high uuid, lease_ms integer, hold_ms integer) returns SETOF runs set enable_seqscan=off, enable_hashjoin=off, enable_mergejoin=off, jit=off, plan_cache_mode=force_generic_plan
DECLARE
  PIECE CONSTANT interval := interval '50 milliseconds';
  flow record;
  run record;
  rules jsonb;
  moment timestamptz;
  slots integer;
  tokens integer;
  per_window integer;
  rate_window interval;
  pieces timestamptz[];
  counts integer[];
  freed integer;
  started integer;
  waiting integer;
  blocked text;
  ahead integer;
  event_lane smallint;
  first_unrouted uuid[];
  unrouted uuid;
  keys text[];
  reason text;
  until timestamptz;
  admitted uuid[] := '{}';
  held uuid[] := '{}';
  held_for text[] := '{}';
  held_until timestamptz[] := '{}';
BEGIN
  -- A claim that a crash takes back only means that the run is claimed again.
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO flow_gates (tenant_id, flow_id)
  SELECT DISTINCT r.tenant_id, r.flow_id FROM runs r
  WHERE r.id = ANY (run_ids) AND r.id BETWEEN low AND high AND r.state = 'queued' AND r.gate IS NOT NULL
  ORDER BY 1, 2
  ON CONFLICT DO NOTHING;

  FOR flow IN
    SELECT g.* FROM flow_gates g WHERE (g.tenant_id, g.flow_id) IN (
      SELECT r.tenant_id, r.flow_id FROM runs r
      WHERE r.id = ANY (run_ids) AND r.id BETWEEN low AND high AND r.state = 'queued' AND r.gate IS NOT NULL)
    ORDER BY 1, 2 FOR UPDATE
  LOOP
    -- From here on nobody else claims runs of this flow, and what its ended runs left is seen.
    moment := clock_timestamp();
    SELECT v.definition INTO rules FROM flows f JOIN flow_versions v
      ON (v.tenant_id, v.flow_id, v.version) = (f.tenant_id, f.id, coalesce(f.deployed_version, f.version))
    WHERE f.tenant_id = flow.tenant_id AND f.id = flow.flow_id;

    slots := 1000;
    IF rules ? 'concurrency' THEN
      slots := greatest(0, (rules ->> 'concurrency')::integer - (SELECT count(*) FROM runs r
        WHERE r.tenant_id = flow.tenant_id AND r.flow_id = flow.flow_id AND r.gate IS NOT NULL AND r.state = 'running'));
    END IF;
    tokens := 1000;
    IF rules ? 'rate_limit' THEN
      -- So many in any one second, whenever it begins; below one a second, one in any so many seconds. What started
      -- within a piece of a second counts until all of the piece is out of the window.
      per_window := greatest(1, floor((rules #>> '{rate_limit,per_second}')::numeric));
      rate_window := interval '1 second' * greatest(1, 1 / (rules #>> '{rate_limit,per_second}')::float8) + PIECE;
      SELECT coalesce(array_agg(p.start ORDER BY p.start), '{}'), coalesce(array_agg(p.runs ORDER BY p.start), '{}'),
          greatest(0, per_window - coalesce(sum(p.runs), 0))
        INTO pieces, counts, tokens
      FROM unnest(flow.started_from, flow.started_runs) AS p (start, runs) WHERE p.start > moment - rate_window;
    END IF;

    started := 0;
    waiting := NULL;
    keys := '{}';
    first_unrouted := '{}';
    FOR run IN
      SELECT * FROM (
        SELECT r.id, r.event_id, r.replay_seq, r.gate FROM runs r
        WHERE r.id = ANY (run_ids) AND r.id BETWEEN low AND high AND r.state = 'queued'
          AND r.tenant_id = flow.tenant_id AND r.flow_id = flow.flow_id AND r.gate IS NOT NULL
        UNION
        SELECT h.* FROM unnest(ARRAY['concurrency', 'rate_limit']) AS why (reason), LATERAL (
          SELECT r.id, r.event_id, r.replay_seq, r.gate FROM runs r
          WHERE r.tenant_id = flow.tenant_id AND r.held_reason = why.reason AND r.flow_id = flow.flow_id
            AND r.state = 'queued'
          ORDER BY r.event_id LIMIT greatest(0, least(slots, tokens, 128))) h
      ) candidates
      ORDER BY event_id, replay_seq
    LOOP
      reason := NULL;
      IF run.gate <> '' AND rules ? 'order_by' THEN
        IF run.gate = ANY (keys) THEN
          blocked := 'queued';
        ELSE
          SELECT r.state INTO blocked FROM runs r
          WHERE r.tenant_id = flow.tenant_id AND r.flow_id = flow.flow_id AND r.gate = run.gate AND r.gate <> ''
            AND r.state IN ('queued', 'running', 'failed', 'dead') AND r.id <> run.id
            AND (r.state = 'running' OR (r.event_id, r.replay_seq) < (run.event_id, run.replay_seq))
            AND (r.state <> 'dead' OR (rules ->> 'on_order_failure' IS DISTINCT FROM 'skip' AND r.event_id <> run.event_id
              AND EXISTS (SELECT FROM dead_letters d WHERE d.run_id = r.id AND d.status = 'pending')
              AND NOT EXISTS (SELECT FROM runs n WHERE n.event_id = r.event_id AND n.replay_seq > 0
                AND n.replay_seq > r.replay_seq AND n.flow_id = r.flow_id AND n.state IN ('succeeded', 'cancelled'))))
          LIMIT 1;
        END IF;
        IF blocked IS NOT NULL THEN
          SELECT count(*) INTO ahead FROM (SELECT FROM runs r
            WHERE r.tenant_id = flow.tenant_id AND r.flow_id = flow.flow_id AND r.gate = run.gate AND r.gate <> ''
              AND r.state IN ('queued', 'running', 'failed', 'dead') AND r.event_id < run.event_id LIMIT 200) q;
          reason := 'order';
          until := moment + hold_ms * (1 + ahead / 10) * interval '1 millisecond';
        ELSIF run.replay_seq = 0 THEN
          -- An earlier event that another router has in hand: its run is about to come.
          SELECT e.priority INTO event_lane FROM events e WHERE e.id = run.event_id;
          IF event_lane IS NOT NULL AND first_unrouted[event_lane] IS NULL THEN
            SELECT min(o.event_id::text COLLATE "C")::uuid INTO unrouted FROM outbox o
            WHERE o.lane = event_lane AND o.tenant_id = flow.tenant_id;
            first_unrouted[event_lane] := coalesce(unrouted, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
          END IF;
          IF first_unrouted[event_lane] < run.event_id THEN
            reason := 'order';
            -- To find out takes long where much waits: no more than a tenth of the time goes into it.
            until := clock_timestamp() + greatest(interval '50 milliseconds', 10 * (clock_timestamp() - moment));
          END IF;
        END IF;
        -- What comes after it in this batch waits for it, whether it starts or not.
        keys := keys || run.gate;
      END IF;

      IF reason IS NULL AND (started >= slots OR started >= tokens) THEN
        IF waiting IS NULL THEN
          SELECT count(*) INTO waiting FROM (SELECT FROM runs r
            WHERE r.tenant_id = flow.tenant_id AND r.flow_id = flow.flow_id AND r.state = 'queued'
              AND r.held_reason IN ('concurrency', 'rate_limit') AND r.visible_at > moment LIMIT 1000) q;
        END IF;
        waiting := waiting + 1;
        IF started >= slots THEN
          reason := 'concurrency';
          until := moment + hold_ms * (1 + waiting / 50) * interval '1 millisecond';
        ELSE
          reason := 'rate_limit';
          -- When as many have left the window as are before it, and one more.
          freed := 0;
          until := moment + rate_window;
          FOR piece IN 1 .. cardinality(pieces) LOOP
            freed := freed + counts[piece];
            IF freed > (waiting - 1) % per_window THEN
              until := pieces[piece] + rate_window;
              EXIT;
            END IF;
          END LOOP;
          until := until + ((waiting - 1) / per_window) * rate_window;
        END IF;
      END IF;

      IF reason IS NULL THEN
        started := started + 1;
        admitted := admitted || run.id;
      ELSE
        held := held || run.id;
        held_for := held_for || reason;
        held_until := held_until || until;
      END IF;
    END LOOP;
    IF started > 0 AND rules ? 'rate_limit' THEN
      IF moment - pieces[cardinality(pieces)] < PIECE THEN
        counts[cardinality(pieces)] := counts[cardinality(pieces)] + started;
      ELSE
        pieces := pieces || moment;
        counts := counts || started;
      END IF;
      UPDATE flow_gates g SET started_from = pieces, started_runs = counts
      WHERE g.tenant_id = flow.tenant_id AND g.flow_id = flow.flow_id;
    END IF;
  END LOOP;

  UPDATE runs r SET held_reason = h.reason, visible_at = h.until
  FROM unnest(held, held_for, held_until) AS h (id, reason, until)
  WHERE r.id = ANY (held) AND r.id = h.id AND r.state = 'queued';
  RETURN QUERY
  UPDATE runs r SET state = 'running', held_reason = NULL, fence = fence + 1 + floor(random() * 1000000)::bigint,
    started_at = coalesce(started_at, now()), visible_at = now() + lease_ms * interval '1 millisecond'
  WHERE r.id = ANY (admitted) AND r.state = 'queued'
  RETURNING r.*;
END

function claim_outbox(budgets integer[], after_tenants text[], max_tenants integer, lease_ms integer) returns TABLE(claimed_lane smallint, claimed_tenant text, claimed_event uuid) set enable_seqscan=off, enable_hashjoin=off, enable_mergejoin=off, enable_bitmapscan=off, jit=off, plan_cache_mode=force_generic_plan
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

function clock_us() returns bigint
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint

function drop_day(parents text[], suffix text, low uuid, high uuid, wait_ms integer) returns text set enable_seqscan=off, jit=off
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

function drop_partitions(suffix text) returns void set search_path=public, pg_temp
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

function is_day_unfinished(low uuid, high uuid) returns boolean
  SELECT EXISTS (SELECT FROM outbox WHERE event_id >= low AND event_id < high)
    OR EXISTS (SELECT FROM runs WHERE state IN ('queued', 'running', 'failed')
      AND (id >= low AND id < high OR event_id >= low AND event_id < high))
    OR EXISTS (SELECT FROM backfills WHERE state = 'running' AND last_id < high)

function make_partitions(days_ahead integer) returns text[] set lock_timeout=3s, search_path=public, pg_temp
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

function missing_partitions(days_ahead integer) returns TABLE(parent text, partition text, day date)
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

function note_change() returns trigger
DECLARE
  noted text := coalesce(current_setting('app.changes', true), '');
  before jsonb;
BEGIN
  -- Other transactions than the API's keep none, and no row needs more than this.
  IF noted = '' OR length(noted) > 262144 THEN
    RETURN NULL;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    before := to_jsonb(OLD);
  ELSIF TG_TABLE_NAME = 'flow_versions' THEN
    -- A version is never changed: it follows the one before.
    SELECT to_jsonb(v) INTO before FROM flow_versions v
      WHERE v.tenant_id = NEW.tenant_id AND v.flow_id = NEW.flow_id AND v.version < NEW.version
      ORDER BY v.version DESC LIMIT 1;
  END IF;
  PERFORM set_config('app.changes', (noted::jsonb || jsonb_build_array(jsonb_build_object(
    'table', TG_TABLE_NAME, 'from', before, 'to', CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END)))::text, true);
  RETURN NULL;
END

function note_dead_letters() returns trigger
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

function partitioned_tables() returns text[]
  SELECT ARRAY['events', 'verdicts', 'runs', 'attempts', 'run_steps', 'run_logs']

function probe_accepting(payload_bytes integer) returns void
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

function take_outbox(event_ids uuid[]) returns SETOF uuid set enable_seqscan=off, jit=off, plan_cache_mode=force_generic_plan
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  RETURN QUERY DELETE FROM outbox WHERE event_id = ANY (event_ids) RETURNING event_id;
END

function uuid7(us bigint) returns uuid
  SELECT encode(
    int8send(((us / 1000) << 16) | 28672 | ((us % 1000) * 4096 / 1000))
      || substring(uuid_send(gen_random_uuid()) FROM 9),
    'hex')::uuid

function wake_gated_runs(tenants text[], flow_ids text[], ended_gates text[], lease_ms integer) returns SETOF runs set enable_seqscan=off, enable_hashjoin=off, enable_mergejoin=off, jit=off, plan_cache_mode=force_generic_plan
DECLARE
  woken uuid[];
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  PERFORM FROM flow_gates g WHERE (g.tenant_id, g.flow_id) IN (SELECT * FROM unnest(tenants, flow_ids))
    ORDER BY g.tenant_id, g.flow_id FOR UPDATE;
  woken := ARRAY(
    SELECT h.id FROM (SELECT t, f, count(*) AS slots FROM unnest(tenants, flow_ids) AS u (t, f) GROUP BY t, f) freed,
      LATERAL (
        SELECT r.id FROM runs r WHERE r.tenant_id = freed.t AND r.held_reason = 'concurrency' AND r.flow_id = freed.f
          AND r.state = 'queued'
        ORDER BY r.event_id LIMIT freed.slots) h
    UNION
    SELECT h.id FROM unnest(tenants, flow_ids, ended_gates) AS u (t, f, gate), LATERAL (
      SELECT r.id FROM runs r WHERE r.tenant_id = u.t AND r.flow_id = u.f AND r.gate = u.gate AND r.gate <> ''
        AND r.state IN ('queued', 'running', 'failed', 'dead') AND r.state = 'queued' AND r.held_reason = 'order'
      ORDER BY r.event_id, r.replay_seq LIMIT 1) h
    WHERE u.gate <> '');
  RETURN QUERY
  UPDATE runs r SET generation = generation + 1, visible_at = now() + lease_ms * interval '1 millisecond'
  WHERE r.id = ANY (woken) AND r.state = 'queued'
  RETURNING r.*;
END
