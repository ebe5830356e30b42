import { HeadraceError } from "../../domain/errors.ts";
import { loadSecrets, secretAad } from "../../postgres/access/secrets.ts";
import type { Queryable } from "../../postgres/core/database.ts";
import type { KeyRing } from "../../postgres/core/key-ring.ts";
import {
  credentialsAad,
  loadPollableSource,
  type PollableSource,
  type SourceName,
} from "../../postgres/sources/sources.ts";
import {
  type ConnectorSource,
  DEFAULT_ID,
  paramsOf,
  readAuth,
  readPagination,
} from "../sources/connector-source.ts";
import { fillText, fillUrl, secretNames } from "../sources/placeholders.ts";
import type {
  Credentials,
  FetchPlan,
  HttpSourceRequest,
  PolledSource,
  SourceAuth,
} from "../sources/polled-source.ts";

/**
 * Loads a source with everything a poll needs; undefined if it does not exist or may not be polled (disabled, or its
 * tenant deleted). Throws `unprocessable` if a param or secret is missing because the connector changed or the secret
 * was deleted. The message contains no value.
 */
export async function readPolledSource(
  database: Queryable,
  keyRing: KeyRing,
  name: SourceName,
): Promise<PolledSource | undefined> {
  const stored = await loadPollableSource(database, name);
  if (stored === undefined) return undefined;
  const { tenantId, source, connector, entity, version, definition } = stored;
  const { deletions, diff, baseline } = definition;
  const from = stored.connectorSource as ConnectorSource;
  return {
    tenantId,
    source,
    connector,
    entity,
    version,
    diff,
    baseline,
    fetch: await readPlan(database, keyRing, stored, from),
    ...readRecords(from),
    maxIntervalSeconds: definition.max_interval_seconds,
    deletions: {
      enabled: deletions.enabled,
      confirmPolls: deletions.confirm_polls,
      graceMs: deletions.grace_seconds * 1_000,
      maxFraction: deletions.max_fraction,
      maxCount: deletions.max_count,
    },
  };
}

/** Returns how a connector's records are identified, compared and reported. */
export function readRecords(from: ConnectorSource): Pick<PolledSource, "records" | "updatedAt" | "webhook"> {
  return {
    records: {
      id: from.id ?? DEFAULT_ID,
      ...(from.ignore !== undefined && { ignore: from.ignore }),
      ...(from.sets !== undefined && { sets: from.sets }),
      ...(from.keyed !== undefined && { keyed: from.keyed }),
      ...(from.null_equals_missing !== undefined && { nullEqualsMissing: from.null_equals_missing }),
    },
    updatedAt: from.updated_at,
    webhook: from.webhook && { record: from.webhook.record ?? "", types: from.webhook.types },
  };
}

async function readPlan(
  database: Queryable,
  keyRing: KeyRing,
  stored: PollableSource,
  source: ConnectorSource,
): Promise<FetchPlan> {
  const { params } = stored.definition;
  const credentials: Credentials =
    stored.credentials === undefined
      ? {}
      : JSON.parse(keyRing.open(stored.credentials, credentialsAad(stored)));
  const secrets = await openSecrets(database, keyRing, stored.tenantId, neededSecrets(source));
  return fillPlan(source, { params, credentials, secrets });
}

/** Returns the names of the tenant's secrets that a source's request takes. */
export function neededSecrets({ request }: ConnectorSource): string[] {
  const { url = "", headers = {}, query = {} } = request ?? {};
  const taking = [url, ...Object.values(query), ...Object.values(headers)];
  return [...new Set(taking.flatMap(secretNames))];
}

/** Returns the plan of a connector's source for a tenant's params, credentials and secrets. Throws `unprocessable`. */
export function fillPlan(
  source: ConnectorSource,
  of: {
    params: Readonly<Record<string, string>>;
    credentials: Credentials;
    secrets: ReadonlyMap<string, string>;
  },
): FetchPlan {
  const { credentials, secrets } = of;
  const params = paramsOf(source, of.params);
  if (source.handler !== undefined) return { kind: "code", handler: source.handler, params, credentials };
  const { url = "", method = "GET", headers = {}, query = {} } = source.request ?? {};
  const inUrl = [url, ...Object.values(query)];
  const fill = (texts: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(texts).map(([name, text]) => [
        name,
        fillText(text, (placeholder) => valueFor(placeholder, params, secrets)),
      ]),
    );
  const request: HttpSourceRequest = {
    url: filledUrl(url, params, secrets),
    urlSecrets: inUrl.flatMap(secretNames).map((name) => ({ name, value: secrets.get(name) ?? "" })),
    method,
    headers: fill(headers),
    query: fill(query),
    auth: filledAuth(readAuth(source.auth), params),
    pagination: readPagination(source.pagination),
    recordsPath: source.records ?? "",
    totalPath: source.total,
    ...(source.columns !== undefined && { columns: source.columns }),
    ...(source.empty !== undefined && { empty: source.empty }),
    credentials,
  };
  return { kind: "http", request };
}

async function openSecrets(
  database: Queryable,
  keyRing: KeyRing,
  tenantId: string,
  names: readonly string[],
): Promise<Map<string, string>> {
  if (names.length === 0) return new Map();
  const sealed = await loadSecrets(
    database,
    names.map((name) => ({ tenantId, name })),
  );
  return new Map(sealed.map((secret) => [secret.name, keyRing.open(secret, secretAad(secret))]));
}

function valueFor(
  { kind, name }: { kind: "param" | "secret"; name: string },
  params: Readonly<Record<string, string>>,
  secrets: ReadonlyMap<string, string>,
): string {
  const value =
    kind === "secret" ? secrets.get(name) : Object.hasOwn(params, name) ? params[name] : undefined;
  if (value === undefined) throw lacking(kind, name);
  return value;
}

function filledUrl(
  template: string,
  params: Readonly<Record<string, string>>,
  secrets: ReadonlyMap<string, string> = new Map(),
): string {
  const filled = fillUrl(template, params, (name) => valueFor({ kind: "secret", name }, params, secrets));
  if (filled.kind === "url") return filled.url;
  throw new HeadraceError("unprocessable", `The param ${filled.param} must be ${filled.expected}`);
}

function filledAuth(
  auth: SourceAuth | undefined,
  params: Readonly<Record<string, string>>,
): SourceAuth | undefined {
  return auth?.type === "oauth2" ? { ...auth, token_url: filledUrl(auth.token_url, params) } : auth;
}

function lacking(kind: "param" | "secret", name: string): HeadraceError {
  return new HeadraceError("unprocessable", `The source needs the ${kind} ${name}, which does not exist`);
}
