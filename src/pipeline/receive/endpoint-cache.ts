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
import { type Counted, createCountedCache } from "./counted-cache.ts";
import { presetScheme } from "./presets/index.ts";
import { checkScheme } from "./schemes/check-scheme.ts";
import type { Scheme } from "./schemes/scheme.ts";
import { createVerifier, type Verifier } from "./schemes/verify.ts";
import { createSigner } from "./schemes/verify-key.ts";

/** An endpoint as deliveries are judged by it. */
export interface KnownEndpoint extends Counted {
  name: EndpointName;
  scheme: Scheme;
  verify: Verifier;
  /** HMAC in hex of a text under one of the secrets; undefined where the scheme signs with no shared secret. */
  hmacHex(secretIndex: number, text: string): string | undefined;
  /** Why every delivery to it is rejected, whatever its signature says. */
  closed: "unknown_endpoint" | "disabled" | undefined;
  /** Why some of its secrets cannot be opened now: what the others do not verify is not judged. */
  unopened: HeadraceError | undefined;
  /** It has no secret yet: a handshake may bring one. */
  pending: boolean;
  /** The account at the provider whose deliveries it takes; undefined: it does not look. */
  account: string | undefined;
  /** Undefined when there is no such tenant. */
  tenant: TenantLimits | undefined;
}

/** A connector as deliveries to its one URL are judged by it. */
export interface KnownConnector extends Counted {
  scheme: Scheme;
  isKnown: boolean;
  /** Whose secrets are tried on what names no account. */
  endpoints: EndpointName[];
}

/** Where a secret of an endpoint lives, which is sealed with it. */
export function endpointSecretPlace(name: EndpointName, secretId: string): string {
  return `${name.tenantId}/endpoints/${name.connector}/${name.endpoint}/${secretId}`;
}

/** What the receiver knows, each right at one value of the receive counter: a promise only where it has to be loaded. */
export interface EndpointCache {
  endpoint(name: EndpointName): KnownEndpoint | Promise<KnownEndpoint>;
  connector(connector: string): KnownConnector | Promise<KnownConnector>;
  /** The endpoints of the connector that name this account: the one whose secret verifies takes its deliveries. */
  ofAccount(connector: string, account: string): NamedByAccount | Promise<NamedByAccount>;
  /** Says that the counter has this value: what was loaded before it no longer counts. */
  advance(counter: number): void;
}

type NamedByAccount = Counted & { names: EndpointName[] };

export interface LookUpBounds {
  /** Names in one statement. */
  maxItems: number;
  /** Statements under way at once, of endpoints and of accounts each. */
  inFlight: number;
  /** Names that wait; one more is answered `store_unavailable`. */
  maxWaiting: number;
}

export function createEndpointCache(deps: {
  database: Queryable;
  keyRing: KeyRing;
  /** Endpoints kept; as many accounts, and as many again of names that do not exist. */
  maxEndpoints: number;
  /** Endpoints whose secrets are tried on a delivery, of each account that it names, or where it names none. */
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
  const endpoints = createCountedCache({
    newest,
    maxEntries,
    exists: (endpoint: KnownEndpoint) => endpoint.closed !== "unknown_endpoint",
    read: async (key) => {
      const [tenantId = "", connector = "", endpoint = ""] = key.split("/");
      const name = { tenantId, connector, endpoint };
      return openEndpoint(keyRing, name, await lookUpEndpoint(name));
    },
  });
  const connectors = createCountedCache({
    newest,
    maxEntries,
    exists: (connector: KnownConnector) => connector.isKnown,
    async read(id) {
      const { counter, webhook, endpoints } = await findReceivingConnector(database, id, maxTried);
      const isKnown = receivesWebhooks(webhook);
      return { counter, isKnown, endpoints, scheme: isKnown ? schemeOf(webhook, {}) : DECOY };
    },
  });
  const accounts = createCountedCache({
    newest,
    maxEntries,
    exists: ({ names }: NamedByAccount) => names.length > 0,
    read: (key) => lookUpAccount(JSON.parse(key) as ConnectorAccount),
  });
  return {
    endpoint({ tenantId, connector, endpoint }) {
      if (!isName(tenantId) || !isName(connector) || !isName(endpoint)) {
        const name = { tenantId, connector, endpoint };
        return openEndpoint(keyRing, name, { counter: newest.value, ...NOTHING });
      }
      // No name holds a slash.
      const key = `${tenantId}/${connector}/${endpoint}`;
      return endpoints.held(key) ?? endpoints.load(key);
    },
    connector(id) {
      if (!isName(id)) return { counter: newest.value, isKnown: false, endpoints: [], scheme: DECOY };
      return connectors.held(id) ?? connectors.load(id);
    },
    ofAccount(connector, account) {
      const key = JSON.stringify({ connector, account });
      return accounts.held(key) ?? accounts.load(key);
    },
    advance(counter) {
      newest.value = Math.max(newest.value, counter);
    },
  };
}

/** What there is of a place whose name nothing can have. */
const NOTHING = { tenant: undefined, webhook: undefined, endpoint: undefined };

/** Looks things up one by one in as few statements as they arrive together for. */
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

/** What is sent to a connector that does not exist is verified against this, to take as long. */
const DECOY = presetScheme("standard-webhooks", {});

function openEndpoint(keyRing: KeyRing, name: EndpointName, found: ReceivingEndpoint): KnownEndpoint {
  const { counter, tenant, webhook, endpoint } = found;
  if (endpoint === undefined || !receivesWebhooks(webhook)) {
    const scheme = receivesWebhooks(webhook) ? schemeOf(webhook, {}) : DECOY;
    return {
      counter,
      name,
      scheme,
      // The connector's own scheme, with a key that nobody has: who may not send cannot tell which tenants there are.
      verify: createVerifier(scheme, []),
      hmacHex: () => undefined,
      closed: "unknown_endpoint",
      unopened: undefined,
      pending: false,
      account: undefined,
      tenant,
    };
  }
  const scheme = schemeOf(webhook, endpoint.params);
  let unopened: HeadraceError | undefined;
  const secrets = endpoint.secrets.flatMap(({ id, notAfterMs, ...sealed }) => {
    try {
      const value = keyRing.open(sealed, endpointSecretPlace(name, id));
      return [{ value, ...(notAfterMs === undefined ? {} : { notAfterMs }) }];
    } catch (error) {
      if (!(error instanceof HeadraceError)) throw error;
      unopened = error;
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
    unopened,
    pending: endpoint.enabled && endpoint.secrets.length === 0,
    account: endpoint.account,
    tenant,
  };
}

function receivesWebhooks(webhook: unknown): boolean {
  return webhook !== undefined && webhook !== null;
}

/** The scheme of a connector's `webhook`: its own, or a preset's under the connector's params and the endpoint's. */
export function schemeOf(webhook: unknown, params: Readonly<Record<string, string>>): Scheme {
  const { preset, params: own, scheme } = (webhook ?? {}) as Record<string, unknown>;
  if (scheme !== undefined) return checkScheme(scheme);
  if (typeof preset !== "string") {
    throw new HeadraceError(
      "invalid_request",
      "The connector receives no webhooks: it has neither preset nor scheme",
    );
  }
  return presetScheme(preset, { ...(own as Record<string, string> | undefined), ...params });
}
