import { HeadraceError } from "../../domain/errors.ts";
import { describeConnection } from "./connection-options.ts";

/**
 * Explains in one line why waiting does not help a failed connection, with the remedy; undefined if the store may yet
 * come up. `setting` names the setting that holds the URL. Never contains the password.
 */
export function permanentPostgresFault(error: unknown, url: string, setting: string): string | undefined {
  if (error instanceof HeadraceError) return `${setting}: ${error.message}`;
  if (!(error instanceof Error)) return undefined;
  const code = (error as { code?: string }).code ?? "";
  const cause = causeOf(code, error.message, describeConnection(url));
  return cause === undefined ? undefined : `${setting}: ${cause}`;
}

function causeOf(
  code: string,
  message: string,
  { user, database, at }: { user: string; database: string; at: string },
): string | undefined {
  const server = `PostgreSQL at ${at}`;
  if (/client password must be a (non-empty )?string/.test(message))
    return `${server} wants a password for user "${user}" and the URL has none: add it`;
  if (code === "28P01" || /password authentication failed|SASL authentication failed/.test(message))
    return `${server} refuses user "${user}" with the given password: correct the user or the password in the URL`;
  if (/no such user|unsupported startup parameter/.test(message))
    return `${server} answered: ${message}: correct the URL, or the pooler's settings`;
  if (/no pg_hba\.conf entry.*no encryption/.test(message))
    return `${server} takes no unencrypted connection of user "${user}": add ?sslmode=require to the URL (${message})`;
  if (code === "28000") return `${server} refuses user "${user}": ${message}`;
  if (code === "3D000" || /no such database/.test(message))
    return `${server} has no database "${database}": name another, or make it: CREATE DATABASE "${database}" OWNER "${user}"`;
  if (code === "42501")
    return `user "${user}" may not connect to database "${database}": GRANT CONNECT ON DATABASE "${database}" TO "${user}" (${message})`;
  if (/^(22023|42704|42602|3F000)$/.test(code)) return `${server} refuses an option of the URL: ${message}`;
  if (/does not support SSL/.test(message))
    return `${server} does not offer TLS: enable it there, or use sslmode=disable in the URL`;
  if (isCertificateFault(code))
    return `the certificate of ${server} is not trusted (${message}): name its authority with sslrootcert, or encrypt without a check with sslmode=require and no sslrootcert`;
  if (/^(ERR_SSL|ERR_TLS|ERR_OSSL|EPROTO)/.test(code)) return `TLS with ${server} failed: ${message}`;
  if (code === "EACCES") return `the socket of ${server} may not be opened: ${message}`;
  return undefined;
}

/** Whether a code of Node.js or OpenSSL means an untrusted certificate. */
function isCertificateFault(code: string): boolean {
  return /CERT|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE/.test(code);
}
