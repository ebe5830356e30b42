-- Length of the key of a shared secret, in bytes. Null for a public key, a captured secret and one stored by an earlier
-- version.
ALTER TABLE endpoint_secrets ADD COLUMN key_bytes integer;
