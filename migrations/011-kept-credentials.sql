-- The sources counter at the last PUT that gave or cleared the credentials: a PUT without any keeps them, and keeps a
-- token that a poll of an earlier version renews.
ALTER TABLE sources ADD COLUMN credentials_version bigint NOT NULL DEFAULT 0;
