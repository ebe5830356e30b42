import { HeadraceError } from "../../domain/errors.ts";
import { isName } from "../../domain/name.ts";
import {
  type ConnectorAccount,
  type EndpointName,
  findEndpointsOfAccounts,
  findReceivingConnector,
  findReceivingEndpoints,
  type ReceivingEndpoint,
  type TenantLimits,
} from "../../postgres/access/receiving-endpoints.ts";
import type { Queryable } from "../../postgres/core/database.ts";
import type { KeyRing } from "../../postgres/core/key-ring.ts";
import { Batcher } from "../../runtime/batcher.ts";
import { comparedAccount, storedAccounts } from "./account-name.ts";
import { presetScheme } from "./presets/index.ts";
import type { ParamValue } from "./presets/preset.ts";
import { checkScheme } from "./schemes/check-scheme.ts";
import type { Scheme } from "./schemes/scheme.ts";
import { createVerifier, type Verifier } from "./schemes/verify.ts";
import { createSigner } from "./schemes/verify-key.ts";
import { createVersionedCache, type Versioned } from "./versioned-cache.ts";

/** An endpoint with everything that is needed to verify its deliveries. */
export interface KnownEndpoint extends Versioned {
  name: EndpointName;
  scheme: Scheme;
  verify: Verifier;
  /** Returns the HMAC of a text under one of the secrets, hex. Undefined if the scheme has no shared secret. */
  hmacHex(secretIndex: number, text: string): string | undefined;
  /** The reason for which every delivery is rejected, valid or not. */
  closed: "unknown_endpoint" | "disabled" | undefined;
  /** Set if some secrets cannot be decrypted now. A delivery that the others do not verify may still be valid. */
  decryptionError: HeadraceError | undefined;
  /** True while the endpoint has no secret: a handshake may bring one. */
  pending: boolean;
  /** The account at the provider whose deliveries the endpoint takes, as accounts are compared. Undefined if it takes any. */
  account: string | undefined;
  /** Undefined if there is no such tenant. */
  tenant: TenantLimits | undefined;
}

/** A connector with everything that is needed to verify deliveries to its single URL. */
export interface KnownConnector extends Versioned {
  scheme: Scheme;
  isKnown: boolean;
  /** Endpoints whose secrets are tried for a delivery that names no account. */
  endpoints: EndpointName[];
}

/** Returns the AAD with which a secret of an endpoint is encrypted. */
export function endpointSecretAad(name: EndpointName, secretId: string): string {
  return `${name.tenantId}/endpoints/${name.connector}/${name.endpoint}/${secretId}`;
}

/**
 * Endpoints and connectors at the newest receive counter. Methods return a promise only if a value has to be loaded.
 */
export interface EndpointCache {
  endpoint(name: EndpointName): KnownEndpoint | Promise<KnownEndpoint>;
  connector(connector: string): KnownConnector | Promise<KnownConnector>;
  /**
   * Returns the endpoints of the connector that name this account. The one whose secret verifies takes the delivery.
   */
  ofAccount(connector: string, account: string): NamedByAccount | Promise<NamedByAccount>;
  /** Raises the receive counter. Values loaded at an older one are stale. */
  advance(counter: number): void;
}

type NamedByAccount = Versioned & { names: EndpointName[] };

/** Bounds of batched lookups. */
export interface LookUpBounds {
  /** Names per statement. */
  maxItems: number;
  /** Concurrent statements, for endpoints and for accounts each. */
  inFlight: number;
  /** Waiting names. Further ones are refused with `store_unavailable`. */
  maxWaiting: number;
}

/** Creates the cache. Entries are loaded in batches and never expire: the receive counter makes them stale. */
export function createEndpointCache(deps: {
  database: Queryable;
  keyRing: KeyRing;
  /** Cached endpoints. As many accounts are cached, and as many missing names. */
  maxEndpoints: number;
  /** Endpoints tried per account of a delivery, or per delivery that names no account. */
  maxTried: number;
  lookUps: LookUpBounds;
}): EndpointCache {
  const { database, keyRing, maxEndpoints: maxEntries, maxTried, lookUps } = deps;
  const newest = { value: 0 };
  const lookUpEndpoint = inBatches(lookUps, (names: EndpointName[]) =>
    findReceivingEndpoints(database, names),
  );
  const lookUpAccount = inBatches(lookUps, (accounts: ConnectorAccount[]) =>
    findEndpointsOfAccounts(database, accounts, maxTried),
  );
  const endpoints = createVersionedCache({
    newest,
    maxEntries,
    exists: (endpoint: KnownEndpoint) => endpoint.closed !== "unknown_endpoint",
    read: async (key) => {
      const [tenantId = "", connector = "", endpoint = ""] = key.split("/");
      const name = { tenantId, connector, endpoint };
      return openEndpoint(keyRing, name, await lookUpEndpoint(name));
    },
  });
  const connectors = createVersionedCache({
    newest,
    maxEntries,
    exists: (connector: KnownConnector) => connector.isKnown,
    async read(id) {
      const { counter, webhook, endpoints } = await findReceivingConnector(database, id, maxTried);
      const isKnown = receivesWebhooks(webhook);
      return { counter, isKnown, endpoints, scheme: isKnown ? schemeOf(webhook, {}) : DECOY };
    },
  });
  const accounts = createVersionedCache({
    newest,
    maxEntries,
    exists: ({ names }: NamedByAccount) => names.length > 0,
    async read(key) {
      const { connector, account } = JSON.parse(key) as ConnectorAccount;
      const [first, ...others] = await Promise.all(
        storedAccounts(account).map((stored) => lookUpAccount({ connector, account: stored })),
      );
      const found = first as NamedByAccount;
      if (others.length === 0) return found;
      return {
        counter: Math.min(found.counter, ...others.map(({ counter }) => counter)),
        names: [found, ...others].flatMap(({ names }) => names),
      };
    },
  });
  return {
    endpoint({ tenantId, connector, endpoint }) {
      if (!isName(tenantId) || !isName(connector) || !isName(endpoint)) {
        const name = { tenantId, connector, endpoint };
        return openEndpoint(keyRing, name, { counter: newest.value, ...NOTHING });
      }
      // A name contains no slash.
      const key = `${tenantId}/${connector}/${endpoint}`;
      return endpoints.get(key) ?? endpoints.load(key);
    },
    connector(id) {
      if (!isName(id)) return { counter: newest.value, isKnown: false, endpoints: [], scheme: DECOY };
      return connectors.get(id) ?? connectors.load(id);
    },
    ofAccount(connector, account) {
      const key = JSON.stringify({ connector, account });
      return accounts.get(key) ?? accounts.load(key);
    },
    advance(counter) {
      newest.value = Math.max(newest.value, counter);
    },
  };
}

/** The look-up result for a name that cannot exist. */
const NOTHING = { tenant: undefined, webhook: undefined, endpoint: undefined };

/** Batches single look-ups into few statements. */
function inBatches<Key, Found>(
  bounds: LookUpBounds,
  find: (keys: Key[]) => Promise<Found[]>,
): (key: Key) => Promise<Found> {
  const batcher = new Batcher<Key, Found>(find, {
    ...bounds,
    full: () => new HeadraceError("store_unavailable", "Too many deliveries wait to be looked up"),
  });
  return (key) => batcher.add(key);
}

/** The scheme that verifies deliveries to a missing connector, so that they take as long. */
const DECOY = presetScheme("standard-webhooks", {});

function openEndpoint(keyRing: KeyRing, name: EndpointName, found: ReceivingEndpoint): KnownEndpoint {
  const { counter, tenant, webhook, endpoint } = found;
  if (endpoint === undefined || !receivesWebhooks(webhook)) {
    const scheme = receivesWebhooks(webhook) ? schemeOf(webhook, {}) : DECOY;
    return {
      counter,
      name,
      scheme,
      // Verifies with the connector's scheme and no secret, so that response times do not reveal which tenants exist.
      verify: createVerifier(scheme, []),
      hmacHex: () => undefined,
      closed: "unknown_endpoint",
      decryptionError: undefined,
      pending: false,
      account: undefined,
      tenant,
    };
  }
  const scheme = schemeOf(webhook, endpoint.params);
  let decryptionError: HeadraceError | undefined;
  const secrets = endpoint.secrets.flatMap(({ id, notAfterMs, ...sealed }) => {
    try {
      const value = keyRing.open(sealed, endpointSecretAad(name, id));
      return [{ value, ...(notAfterMs === undefined ? {} : { notAfterMs }) }];
    } catch (error) {
      if (!(error instanceof HeadraceError)) throw error;
      decryptionError = error;
      return [];
    }
  });
  const signers = secrets.map(({ value }) => createSigner(scheme, value));
  return {
    counter,
    name,
    scheme,
    verify: createVerifier(scheme, secrets),
    hmacHex: (secretIndex, text) => signers[secretIndex]?.([Buffer.from(text)]).toString("hex"),
    closed: endpoint.enabled ? undefined : "disabled",
    decryptionError,
    pending: endpoint.enabled && endpoint.secrets.length === 0,
    account: endpoint.account === undefined ? undefined : comparedAccount(endpoint.account),
    tenant,
  };
}

function receivesWebhooks(webhook: unknown): boolean {
  return webhook !== undefined && webhook !== null;
}

/**
 * Returns the scheme of a connector's `webhook`: its own, or its preset with the connector's params and then the
 * endpoint's. Throws `invalid_request`.
 */
export function schemeOf(webhook: unknown, params: Readonly<Record<string, ParamValue>>): Scheme {
  const { preset, params: own, scheme } = (webhook ?? {}) as Record<string, unknown>;
  if (scheme !== undefined) return checkScheme(scheme);
  if (typeof preset !== "string") {
    throw new HeadraceError(
      "invalid_request",
      "The connector receives no webhooks: it has neither a preset nor a scheme",
    );
  }
  return presetScheme(preset, { ...(own as Record<string, ParamValue> | undefined), ...params });
}
