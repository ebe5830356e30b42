import { readFileSync } from "node:fs";
import pg from "pg";
import { parse } from "pg-connection-string";
import { HeadraceError } from "../../domain/errors.ts";

/** How a connection is encrypted, with libpq's meaning of the words. */
const SSL_MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;
type SslMode = (typeof SSL_MODES)[number];

/**
 * Session settings that results depend on. They are startup parameters that PgBouncer tracks per client: they
 * override the settings of the role, the database and the server, and never reach another client.
 */
const STARTUP_SETTINGS = { DateStyle: "ISO", TimeZone: "UTC", standard_conforming_strings: "on" } as const;

/** Startup parameters by name, as node-postgres sends them. */
type WithStartupParameters = { getStartupConf(): Record<string, string> };

/** A connection that reads dates, times and strings the same way whatever the server's settings are. */
export class SessionClient extends pg.Client {
  getStartupConf(): Record<string, string> {
    const given = (pg.Client.prototype as unknown as WithStartupParameters).getStartupConf.call(this);
    return Object.assign(given, STARTUP_SETTINGS);
  }
}

/**
 * Options of a connection from a libpq URL: `postgres://user:password@host:5432/database`, a Unix socket as
 * `postgres:///database?host=/var/run/postgresql` or `postgres://%2Ftmp/database`, and `sslmode`, `sslrootcert`,
 * `sslcert`, `sslkey`, `options` with libpq's meaning. Throws `invalid_setting`, whose message names the parameter
 * and never the password.
 */
export function connectionOptions(url: string): pg.ClientConfig {
  const { parameters } = splitUrl(url);
  const get = (name: string) => parameters.get(name) || undefined;
  return Object.assign(
    addressOf(url),
    withoutUndefined({
      options: get("options"),
      ssl: sslOptions(parameters),
      sslnegotiation: get("sslnegotiation"),
      enableChannelBinding: get("channel_binding") === "require" || undefined,
    }),
  );
}

/** The address and user of a URL; reads no file. */
function addressOf(url: string): pg.ClientConfig {
  const { base, parameters } = splitUrl(url);
  const { user, password, host, port, database } = parse(base);
  const get = (name: string) => parameters.get(name) || undefined;
  return withoutUndefined({
    user: get("user") ?? (user || undefined),
    password: get("password") ?? (password || undefined),
    host: get("host") ?? (host || undefined),
    port: readPort(get("port") ?? port),
    database: get("dbname") ?? (database || undefined),
  });
}

/** Whether a text is a URL that `connectionOptions` can read, apart from the files that it names. */
export function isPostgresUrl(text: string): boolean {
  try {
    const { base, parameters } = splitUrl(text);
    parse(base);
    readPort(parameters.get("port"));
    readSslMode(parameters);
    return true;
  } catch {
    return false;
  }
}

/** The SSL modes to try in turn; several if the URL leaves the choice to the server. */
export function sslModesOf(url: string): readonly SslMode[] {
  const mode = readSslMode(splitUrl(url).parameters);
  return mode === "prefer" ? ["require", "disable"] : mode === "allow" ? ["disable", "require"] : [mode];
}

/** The same URL with another `sslmode`. */
export function withSslMode(url: string, mode: SslMode): string {
  const [before = "", query = ""] = url.split(/\?(.*)/s);
  const parameters = new URLSearchParams(query);
  parameters.delete("ssl");
  parameters.set("sslmode", mode);
  return `${before}?${parameters}`;
}

/** The address and user of a connection, without the password. */
export function describeConnection(url: string): { user: string; database: string; at: string } {
  const { user, host, port, database } = new pg.Client(Object.assign(addressOf(url), { ssl: false }));
  const at = host.startsWith("/") ? `${host}/.s.PGSQL.${port}` : `${host}:${port}`;
  return { user: user ?? "", database: database ?? "", at };
}

function splitUrl(url: string): { base: string; parameters: URLSearchParams } {
  if (!/^postgres(ql)?:\/\//.test(url)) throw invalid("it does not begin with postgres://");
  const [before = "", query = ""] = url.split(/\?(.*)/s);
  const authority = before.split("/")[2] ?? "";
  if (authority.slice(authority.lastIndexOf("@") + 1).includes(","))
    throw invalid("it names several hosts: name one");
  const parameters = new URLSearchParams(query);
  // A port without a host, `postgres://user@:5433/database?host=/tmp`, is good for libpq and no URL for WHATWG.
  const base = before.replace(/^([^/]+\/\/(?:[^/]*@)?):(\d+)(?=\/|$)/, (_, start: string, port: string) => {
    if (!parameters.has("port")) parameters.set("port", port);
    return start;
  });
  return { base: base.endsWith("@") ? `${base}/` : base, parameters };
}

function readPort(text: string | null | undefined): number | undefined {
  if (text === undefined || text === null || text === "") return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw invalid("its port is not one from 1 to 65535");
  return port;
}

function readSslMode(parameters: URLSearchParams): SslMode {
  const given = parameters.get("sslmode") || process.env["PGSSLMODE"];
  if (given === "no-verify") return "require";
  if (given) {
    const mode = SSL_MODES.find((known) => known === given);
    if (mode === undefined) throw invalid(`its sslmode is none of ${SSL_MODES.join(", ")}`);
    return mode;
  }
  const ssl = parameters.get("ssl");
  if (ssl === "no-verify") return "require";
  const asked = ssl === "true" || ssl === "1" || parameters.has("sslrootcert") || parameters.has("sslcert");
  return asked ? "verify-full" : "disable";
}

function sslOptions(parameters: URLSearchParams): pg.ClientConfig["ssl"] {
  const mode = readSslMode(parameters);
  if (mode === "disable") return false;
  const rootFile = parameters.get("sslrootcert") || process.env["PGSSLROOTCERT"];
  // libpq's name for the system's certificate authorities, which Node.js ships.
  const ownRoot = rootFile === "system" ? undefined : rootFile;
  if (mode === "verify-ca" && !rootFile)
    throw invalid("its sslmode=verify-ca needs sslrootcert, the file of the certificate authority");
  const identity = {
    ca: readFile("sslrootcert", ownRoot),
    cert: readFile("sslcert", parameters.get("sslcert") || process.env["PGSSLCERT"]),
    key: readFile("sslkey", parameters.get("sslkey") || process.env["PGSSLKEY"]),
    passphrase: parameters.get("sslpassword") ?? undefined,
  };
  if (mode === "verify-full" || rootFile === "system") return withoutUndefined(identity);
  // With a certificate authority of one's own, `require` means verify-ca, as in libpq.
  if (ownRoot) return withoutUndefined(Object.assign(identity, { checkServerIdentity: () => undefined }));
  return withoutUndefined(Object.assign(identity, { rejectUnauthorized: false }));
}

function readFile(parameter: string, path: string | undefined): string | undefined {
  if (!path) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw invalid(`its ${parameter} cannot be read: ${(error as Error).message}`);
  }
}

function invalid(reason: string): HeadraceError {
  return new HeadraceError("invalid_setting", `The URL of PostgreSQL is not valid: ${reason}`);
}

function withoutUndefined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
