-- When a key was last used, to about a minute, and which key made it: an id, or 'setting' for the key of
-- HEADRACE_ADMIN_KEY, of which there is one. The name is the maker's at that time.
ALTER TABLE api_keys
  ADD COLUMN last_used_at timestamptz,
  ADD COLUMN created_by text,
  ADD COLUMN created_by_name text;
UPDATE api_keys SET created_by = 'setting'
  WHERE name = 'HEADRACE_ADMIN_KEY' AND scope = 'admin' AND tenant_id IS NULL;
