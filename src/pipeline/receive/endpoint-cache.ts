import { HeadraceError } from "../../domain/errors.ts";
import type { Queryable } from "../../postgres/database.ts";
import type { KeyRing } from "../../postgres/key-ring.ts";
import {
  type EndpointName,
  findReceivingEndpoint,
  type ReceivingEndpoint,
} from "../../postgres/receiving-endpoints.ts";
import { checkScheme } from "./check-scheme.ts";
import { presetScheme } from "./presets/index.ts";
import type { Scheme } from "./scheme.ts";
import { createVerifier, type Verifier } from "./verify.ts";

/** An endpoint as deliveries are judged by it, right at one value of the receive counter. */
export interface KnownEndpoint {
  counter: number;
  scheme: Scheme;
  verify: Verifier;
  /** Why every delivery to it is rejected, whatever its signature says. */
  closed: "unknown_endpoint" | "disabled" | undefined;
}

/** Where a secret of an endpoint lives, which is sealed with it. */
export function endpointSecretPlace(name: EndpointName, secretId: string): string {
  return `${name.tenantId}/endpoints/${name.connector}/${name.endpoint}/${secretId}`;
}

/** Endpoints by name, each loaded once for each value of the receive counter that this process has seen. */
export interface EndpointCache {
  /** The endpoint if it is held and current: no promise, for every delivery asks. */
  held(name: EndpointName): KnownEndpoint | undefined;
  /** Loads the endpoint; concurrent calls share one look. */
  load(name: EndpointName): Promise<KnownEndpoint>;
  /** Says that the counter has this value: what was loaded before it no longer counts. */
  advance(counter: number): void;
}

export function createEndpointCache(deps: {
  database: Queryable;
  keyRing: KeyRing;
  /** Endpoints kept, unknown ones among them. */
  maxEndpoints: number;
}): EndpointCache {
  const { database, keyRing, maxEndpoints } = deps;
  const known = new Map<string, KnownEndpoint>();
  const loading = new Map<string, Promise<KnownEndpoint>>();
  let newest = 0;

  async function load(key: string, name: EndpointName): Promise<KnownEndpoint> {
    try {
      const endpoint = openEndpoint(keyRing, name, await findReceivingEndpoint(database, name));
      newest = Math.max(newest, endpoint.counter);
      if (known.size >= maxEndpoints) known.delete(known.keys().next().value as string);
      known.set(key, endpoint);
      return endpoint;
    } finally {
      loading.delete(key);
    }
  }

  return {
    held(name) {
      const endpoint = known.get(keyOf(name));
      return endpoint !== undefined && endpoint.counter >= newest ? endpoint : undefined;
    },
    load(name) {
      const key = keyOf(name);
      const shared = loading.get(key) ?? load(key, name);
      loading.set(key, shared);
      return shared;
    },
    advance(counter) {
      newest = Math.max(newest, counter);
    },
  };
}

function keyOf({ connector, tenantId, endpoint }: EndpointName): string {
  return `${connector}\n${tenantId}\n${endpoint}`;
}

/** Unknown endpoints are verified against this, so that they take as long as known ones. */
const DECOY = presetScheme("standard-webhooks", {});

function openEndpoint(keyRing: KeyRing, name: EndpointName, found: ReceivingEndpoint): KnownEndpoint {
  const { counter, endpoint } = found;
  if (endpoint === undefined) {
    return { counter, scheme: DECOY, verify: createVerifier(DECOY, []), closed: "unknown_endpoint" };
  }
  const scheme = schemeOf(endpoint.webhook, endpoint.params);
  const secrets = endpoint.secrets.map(({ id, notAfterMs, ...sealed }) => ({
    value: keyRing.open(sealed, endpointSecretPlace(name, id)),
    ...(notAfterMs === undefined ? {} : { notAfterMs }),
  }));
  return {
    counter,
    scheme,
    verify: createVerifier(scheme, secrets),
    closed: endpoint.enabled ? undefined : "disabled",
  };
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
