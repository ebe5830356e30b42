import { availableParallelism } from "node:os";
import ipaddr from "ipaddr.js";
import { HeadraceError } from "../domain/errors.ts";
import { isPostgresUrl } from "../postgres/core/connection-options.ts";
import { createKeyRing } from "../postgres/core/key-ring.ts";
import { parseRedisUrl } from "../redis/redis-url.ts";
import { type AllowPrivate, parseAllowPrivate } from "../runtime/outgoing/index.ts";

/** The roles of a process. Any number of processes may have each. */
export const ROLES = ["api", "receive", "relay", "route", "execute", "poll", "schedule", "maintain"] as const;
export type Role = (typeof ROLES)[number];

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** One setting. */
interface Setting<Value> {
  description: string;
  /** A description of valid values, for the error about an invalid one. */
  expected: string;
  /** Parses the text. Returns undefined for an invalid one, or throws `invalid_setting` with a reason that does not quote it. */
  read: (text: string) => Value | undefined;
}

const POSTGRES_URL =
  "postgres://user:password@host:5432/database, or postgres:///database?host=/folder/of/the/socket, with one host and a valid sslmode";

/** Every setting, by the name of its environment variable. */
export const SETTINGS = {
  PORT: setting("The port to serve on.", "a port from 0 to 65535", readPort),
  HOST: setting("The address to serve on.", "an address or a host name", readText),
  DATABASE_URL: setting("PostgreSQL 15 or newer; embedded when unset.", POSTGRES_URL, readPostgresUrl),
  HEADRACE_MIGRATION_DATABASE_URL: setting(
    "The connection of the owner, for migrations and LISTEN, if DATABASE_URL goes through a pooler.",
    POSTGRES_URL,
    readPostgresUrl,
  ),
  HEADRACE_PREPARED_STATEMENTS: setting(
    "0 disables prepared statements, for poolers without support: PgBouncer before 1.21, or max_prepared_statements = 0.",
    "0 or 1",
    readFlag,
  ),
  REDIS_URL: setting(
    "Redis 7.0 or newer, or Valkey 8: a server, a cluster (one or several nodes, comma-separated), or Sentinels; embedded when unset.",
    "redis://…, rediss://… or redis+sentinel://host1,host2/name",
    readRedisUrl,
  ),
  HEADRACE_ADMIN_KEY: setting(
    "An admin key, which replaces the earlier one of this setting; generated and printed once with the embedded stores.",
    "32 or more printable characters",
    (text) => (/^[\x21-\x7e]{32,}$/.test(text) ? text : undefined),
  ),
  HEADRACE_ENCRYPTION_KEYS: setting(
    "Keys for secrets at rest: the first encrypts, all decrypt; generated and kept with the embedded stores.",
    "id:base64(32 bytes), comma-separated",
    readEncryptionKeys,
  ),
  HEADRACE_ROLES: setting(
    "The roles of this process; all by default.",
    `some of ${ROLES.join(",")}`,
    readRoles,
  ),
  HEADRACE_DATA_DIR: setting("The folder with the data of the embedded stores.", "a folder", readText),
  HEADRACE_PUBLIC_URL: setting(
    "The URL that providers call; signatures that cover the URL use it, never the Host header.",
    "http://… or https://…, without a user, a query or a fragment",
    readPublicUrl,
  ),
  HEADRACE_FLOWS_DIR: setting("The folder of code flows.", "a folder", readText),
  HEADRACE_FLOWS_RELOAD: setting(
    "1 reloads code flows when their files change; the default unless NODE_ENV is production.",
    "0 or 1",
    readFlag,
  ),
  HEADRACE_FLOW_ENV: setting(
    "The variables that handlers of code flows see; none by default.",
    "names of environment variables, comma-separated, without those of Headrace that contain secrets",
    readVariableNames,
  ),
  HEADRACE_FLOW_HOSTS: setting(
    "The number of processes for the handlers of code flows.",
    "a whole number from 1 to 64",
    readWhole(1, 64),
  ),
  HEADRACE_FLOW_MEMORY_MB: setting(
    "The heap of each process for handlers, MiB.",
    "a whole number from 64 to 65536",
    readWhole(64, 65_536),
  ),
  HEADRACE_LOCAL_RUNS: setting(
    "1 starts runs in the process that routed their event, without a BullMQ job, while it has capacity.",
    "0 or 1",
    readFlag,
  ),
  HEADRACE_ALLOW_PRIVATE_TARGETS: setting(
    "Non-public addresses that outgoing calls may reach.",
    "CIDRs, comma-separated, or all",
    parseAllowPrivate,
  ),
  HEADRACE_TRUSTED_PROXIES: setting(
    "The proxies whose X-Forwarded-For and X-Forwarded-Prefix are trusted.",
    "CIDRs, comma-separated",
    readNetworks,
  ),
  HEADRACE_DRAIN_NOTICE_MS: setting(
    "How long a process serves with red readiness after SIGTERM before it drains, ms; SIGINT does not wait.",
    "a whole number from 0 to 600000",
    (text) => (/^\d{1,6}$/.test(text) && Number(text) <= 600_000 ? Number(text) : undefined),
  ),
  HEADRACE_METRICS_KEY: setting(
    "The bearer token of /metrics; if unset, only direct requests from this machine are answered.",
    "16 to 500 printable characters",
    (text) => (/^[\x21-\x7e]{16,500}$/.test(text) ? text : undefined),
  ),
  HEADRACE_METRICS_PORT: setting(
    "An additional port that serves /metrics, /healthz and /readyz.",
    "a port from 0 to 65535",
    readPort,
  ),
  HEADRACE_DEMO: setting("1 seeds the demo into an empty external database.", "0 or 1", readFlag),
  LOG_LEVEL: setting("The least severe level that is logged.", `one of ${LOG_LEVELS.join(", ")}`, (text) =>
    LOG_LEVELS.find((level) => level === text),
  ),
} as const;

type SettingName = keyof typeof SETTINGS;
type SettingValue<Name extends SettingName> = NonNullable<ReturnType<(typeof SETTINGS)[Name]["read"]>>;

/** The validated settings of one process. Unset settings without a default are undefined. */
export interface Config {
  port: number;
  host: string;
  databaseUrl: string | undefined;
  migrationDatabaseUrl: string | undefined;
  /** Whether prepared statements are used. */
  preparedStatements: boolean;
  redisUrl: string | undefined;
  adminKey: string | undefined;
  encryptionKeys: string | undefined;
  roles: ReadonlySet<Role>;
  dataDir: string;
  publicUrl: string;
  flowsDir: string;
  /** Whether code flows are reloaded when their files change. */
  reloadFlows: boolean;
  /** The names of the environment variables that handlers see. */
  flowEnv: readonly string[];
  /** The number of processes for handlers. */
  flowHosts: number;
  /** The heap of each process for handlers, MiB. */
  flowMemoryMb: number;
  /** Whether runs may start without a BullMQ job. */
  localRuns: boolean;
  allowPrivateTargets: AllowPrivate | undefined;
  trustedProxies: readonly string[];
  /** How long a process serves with red readiness after SIGTERM before it drains, ms. */
  drainNoticeMs: number;
  /** The bearer token of `/metrics`. */
  metricsKey: string | undefined;
  /** The additional port of `/metrics` and health. */
  metricsPort: number | undefined;
  demo: boolean;
  logLevel: string;
}

/** Reads the settings. Throws `invalid_setting` with one line that names an invalid setting without its value. */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const get = <Name extends SettingName>(name: Name): SettingValue<Name> | undefined =>
    readSetting(environment, name);
  const port = get("PORT") ?? 8080;
  const host = get("HOST") ?? "127.0.0.1";
  const databaseUrl = get("DATABASE_URL");
  const redisUrl = get("REDIS_URL");
  if ((databaseUrl === undefined) !== (redisUrl === undefined)) {
    const [set, unset] =
      databaseUrl === undefined ? ["REDIS_URL", "DATABASE_URL"] : ["DATABASE_URL", "REDIS_URL"];
    throw new HeadraceError("invalid_setting", `${set} is set and ${unset} is not: set both, or neither`);
  }
  return {
    port,
    host,
    databaseUrl,
    migrationDatabaseUrl: get("HEADRACE_MIGRATION_DATABASE_URL"),
    preparedStatements: get("HEADRACE_PREPARED_STATEMENTS") ?? true,
    redisUrl,
    adminKey: get("HEADRACE_ADMIN_KEY"),
    encryptionKeys: get("HEADRACE_ENCRYPTION_KEYS"),
    roles: get("HEADRACE_ROLES") ?? new Set(ROLES),
    dataDir: get("HEADRACE_DATA_DIR") ?? ".headrace",
    publicUrl: get("HEADRACE_PUBLIC_URL") ?? `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    flowsDir: get("HEADRACE_FLOWS_DIR") ?? "flows",
    reloadFlows: get("HEADRACE_FLOWS_RELOAD") ?? environment["NODE_ENV"] !== "production",
    flowEnv: get("HEADRACE_FLOW_ENV") ?? [],
    flowHosts: get("HEADRACE_FLOW_HOSTS") ?? Math.min(2, availableParallelism()),
    flowMemoryMb: get("HEADRACE_FLOW_MEMORY_MB") ?? 256,
    localRuns: get("HEADRACE_LOCAL_RUNS") ?? false,
    allowPrivateTargets: get("HEADRACE_ALLOW_PRIVATE_TARGETS"),
    trustedProxies: get("HEADRACE_TRUSTED_PROXIES") ?? [],
    drainNoticeMs: get("HEADRACE_DRAIN_NOTICE_MS") ?? 3_000,
    metricsKey: get("HEADRACE_METRICS_KEY"),
    metricsPort: get("HEADRACE_METRICS_PORT"),
    demo: get("HEADRACE_DEMO") ?? false,
    logLevel: get("LOG_LEVEL") ?? "info",
  };
}

function readSetting<Name extends SettingName>(
  environment: NodeJS.ProcessEnv,
  name: Name,
): SettingValue<Name> | undefined {
  const text = environment[name]?.trim();
  if (text === undefined || text === "") return undefined;
  const { read, expected } = SETTINGS[name];
  let reason = `expected ${expected}`;
  try {
    const value = read(text) as SettingValue<Name> | undefined;
    if (value !== undefined) return value;
  } catch (error) {
    if (!(error instanceof HeadraceError)) throw error;
    reason = error.message;
  }
  throw new HeadraceError("invalid_setting", `${name} is not valid: ${reason}`);
}

function setting<Value>(
  description: string,
  expected: string,
  read: (text: string) => Value | undefined,
): Setting<Value> {
  return { description, expected, read };
}

function readText(text: string): string | undefined {
  return text;
}

function readPort(text: string): number | undefined {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port <= 65_535 ? port : undefined;
}

function readFlag(text: string): boolean | undefined {
  return text === "1" ? true : text === "0" ? false : undefined;
}

function readWhole(from: number, to: number): (text: string) => number | undefined {
  return (text) =>
    /^\d{1,9}$/.test(text) && Number(text) >= from && Number(text) <= to ? Number(text) : undefined;
}

/** Settings with secrets, which handlers never see. */
const SECRET_SETTINGS = [
  "DATABASE_URL",
  "REDIS_URL",
  "HEADRACE_MIGRATION_DATABASE_URL",
  "HEADRACE_ADMIN_KEY",
  "HEADRACE_ENCRYPTION_KEYS",
  "HEADRACE_METRICS_KEY",
];

function readVariableNames(text: string): string[] | undefined {
  const names = text.split(",").map((name) => name.trim());
  const isGood = (name: string) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !SECRET_SETTINGS.includes(name);
  return names.every(isGood) ? names : undefined;
}

function readUrl(...protocols: string[]): (text: string) => string | undefined {
  return (text) =>
    URL.canParse(text) && protocols.includes(new URL(text).protocol) ? text.replace(/\/$/, "") : undefined;
}

function readPostgresUrl(text: string): string | undefined {
  return isPostgresUrl(text) ? text : undefined;
}

function readRedisUrl(text: string): string {
  parseRedisUrl(text);
  return text;
}

/** Reads the base URL that routes are appended to. */
function readPublicUrl(text: string): string | undefined {
  if (readUrl("http:", "https:")(text) === undefined || /[?#]/.test(text)) return undefined;
  const { username, password } = new URL(text);
  return username === "" && password === "" ? text.replace(/\/+$/, "") : undefined;
}

function readEncryptionKeys(text: string): string | undefined {
  try {
    createKeyRing(text);
    return text;
  } catch {
    return undefined;
  }
}

function readNetworks(text: string): string[] | undefined {
  const networks = text.split(",").map((network) => network.trim());
  return networks.every((network) => ipaddr.isValid(network) || ipaddr.isValidCIDR(network))
    ? networks
    : undefined;
}

function readRoles(text: string): Set<Role> | undefined {
  const names = text.split(",").map((name) => name.trim());
  const roles = ROLES.filter((role) => names.includes(role));
  return names.every((name) => (ROLES as readonly string[]).includes(name)) ? new Set(roles) : undefined;
}
