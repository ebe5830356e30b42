/**
 * Explains in one line a connection failure that waiting cannot fix, and the remedy. Returns undefined if Redis may still
 * come up. `setting` is the name of the setting with the URL. The result never contains the password.
 */
export function permanentRedisFault(error: unknown, setting: string): string | undefined {
  if (!(error instanceof Error)) return undefined;
  // The error of a cluster only says that no node could be reached.
  const own = (error as { lastNodeError?: Error }).lastNodeError ?? error;
  const code = (own as { code?: string }).code ?? "";
  const cause = causeOf(code, own.message);
  return cause === undefined ? undefined : `${setting}: ${cause}`;
}

function causeOf(code: string, message: string): string | undefined {
  if (/^WRONGPASS|invalid password/i.test(message))
    return "Redis refuses the user or the password: correct them in the URL";
  if (/^NOAUTH/.test(message))
    return "Redis requires a password and the URL has none: redis://:password@host:6379";
  if (/^NOPERM|ACL failure|has no permissions|executing the script can't/i.test(message)) {
    const denied = message.replace(/ script: .*$/s, "").replace(/^NOPERM /, "");
    return `the Redis user lacks rights that Headrace needs (${denied}): give it ~headrace:* &* +@all -@admin -@dangerous +info`;
  }
  if (/DB index is out of range|invalid DB index|SELECT is not allowed in cluster/i.test(message))
    return `Redis has no database with this number (${message}): correct the end of the URL`;
  if (/CERT|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/.test(code))
    return `the certificate of Redis is not trusted (${message}): set its authority with NODE_EXTRA_CA_CERTS`;
  if (/^(ERR_SSL|ERR_TLS|ERR_OSSL|EPROTO)/.test(code))
    return `TLS with Redis failed (${message.trim()}): use redis:// if Redis has no TLS`;
  return undefined;
}
