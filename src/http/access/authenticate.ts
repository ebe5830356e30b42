import type { RateLimitOptions } from "@fastify/rate-limit";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { hashApiKey, refusal, type Scope } from "../../domain/api-key.ts";
import { HeadraceError } from "../../domain/errors.ts";
import { findAccess } from "../../postgres/access/api-keys.ts";
import type { Database } from "../../postgres/core/database.ts";
import { delay } from "../../runtime/delay.ts";
import { createKeyLookUps, type KeyLookUpBounds } from "./key-lookups.ts";
import type { KeyUse } from "./key-use.ts";

/** Bounds that protect the API from callers without a key, and the keys from each other. */
export interface AccessBounds {
  lookUps: KeyLookUpBounds;
  /**
   * Bounds on calls with an unknown key, per address (per /64 in IPv6). The first `max` calls per `windowMs` are
   * answered 401. Further ones are answered 429 after `delayMs` to twice that, at most `maxDelayed` of them waiting at
   * once, so that a persistent caller uses little CPU. Calls with a valid key are never refused for them.
   * `maxAddresses` are counted.
   */
  failures: { max: number; windowMs: number; maxAddresses: number; delayMs: number; maxDelayed: number };
  /** Calls per second and key in this process, and the number of keys that are counted. */
  callsPerSecond: { max: number; maxKeys: number };
}

/** The bound that refused a call: the values of a metric's label. */
export type RefusedCall = "failed_keys" | "key_rate" | "key_share" | "tenant_share";

/** An `onRequest` hook of a route. Throws `unauthorized`, `forbidden`, `not_found` or `rate_limited`. */
export type Guard = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

declare module "fastify" {
  interface FastifyRequest {
    /** The API key that a guard admitted. */
    apiKey: { id: string; name: string; scope: Scope } | null;
  }
}

/** Creates guards that check the key in `Authorization: Bearer <key>` before the body is read. */
export interface Guards {
  /** Requires the scope over the tenant in the path, which must exist. */
  tenant(scope: Scope): Guard;
  /** Requires the scope from a key that is bound to no tenant. */
  installation(scope: Scope): Guard;
  /** Requires the same as `installation` from a key that was sent in another way. */
  key(key: string, scope: Scope): Guard;
}

/** Creates the guards of a server with `@fastify/rate-limit`. Call it once: the guards share their counters. */
export function createGuards(
  server: FastifyInstance,
  deps: {
    database: Database;
    bounds: AccessBounds;
    onRefused: (reason: RefusedCall) => void;
    /** Called with each key that a guard admits. */
    keyUse: Pick<KeyUse, "note">;
  },
): Guards {
  const { database, bounds, onRefused, keyUse } = deps;
  const { failures, callsPerSecond } = bounds;
  const lookUp = createKeyLookUps(
    (requested) => findAccess(database.access, requested),
    bounds.lookUps,
    Date.now,
  );
  const failing: RateLimitOptions = {
    max: failures.max,
    timeWindow: failures.windowMs,
    cache: failures.maxAddresses,
  };
  const calling: RateLimitOptions = {
    max: callsPerSecond.max,
    timeWindow: 1_000,
    cache: callsPerSecond.maxKeys,
    keyGenerator: (request) => request.apiKey?.id ?? "",
  };
  const countFailure = server.createRateLimit(failing);
  const countCall = server.createRateLimit(calling);
  let delayed = 0;
  let turn = 0;

  async function admit(
    call: { request: FastifyRequest; reply: FastifyReply; key: string },
    need: { scope: Scope; tenantId: string | undefined },
  ): Promise<void> {
    const { request, reply, key } = call;
    const access = await lookUp({ keyHash: hashApiKey(key), tenantId: need.tenantId });
    if (access === undefined) {
      await refuseExceeded(reply, "failed_keys", countFailure(request));
      throw new HeadraceError("unauthorized", "The API key is unknown, has expired or was revoked");
    }
    request.apiKey = { id: access.keyId, name: access.keyName, scope: access.scope };
    await refuseExceeded(reply, "key_rate", countCall(request));
    const reason = refusal(access, need);
    if (reason !== undefined) throw new HeadraceError("forbidden", reason);
    if (need.tenantId !== undefined && !access.tenantExists) {
      throw new HeadraceError("not_found", `There is no tenant ${need.tenantId}`);
    }
    keyUse.note(access.keyId);
  }

  async function refuseExceeded(
    reply: FastifyReply,
    reason: "failed_keys" | "key_rate",
    counted: ReturnType<typeof countCall>,
  ): Promise<void> {
    const count = await counted;
    if (count.isAllowed || !count.isExceeded) return;
    onRefused(reason);
    if (reason === "failed_keys" && delayed < failures.maxDelayed) {
      delayed += 1;
      turn = (turn + 1) % DELAY_TURNS;
      await delay(failures.delayMs * (1 + turn / DELAY_TURNS));
      delayed -= 1;
    }
    reply.header("retry-after", count.ttlInSeconds);
    throw new HeadraceError("rate_limited", MESSAGES[reason]);
  }

  return {
    tenant: (scope) => async (request, reply) =>
      admit({ request, reply, key: bearerKey(request) }, { scope, tenantId: tenantIdOf(request) }),
    installation: (scope) => async (request, reply) =>
      admit({ request, reply, key: bearerKey(request) }, { scope, tenantId: undefined }),
    key: (key, scope) => async (request, reply) =>
      admit({ request, reply, key }, { scope, tenantId: undefined }),
  };
}

/** Delays vary, so that callers who were refused together do not return together. */
const DELAY_TURNS = 100;

const MESSAGES = {
  failed_keys: "Too many calls from this address had an unknown API key, including this one",
  key_rate: "Too many calls per second with this API key",
} as const;

function bearerKey({ headers }: FastifyRequest): string {
  const key = /^Bearer +([\x21-\x7e]{1,500})$/i.exec(headers.authorization ?? "")?.[1];
  if (key !== undefined) return key;
  throw new HeadraceError("unauthorized", "An API key is required, as Authorization: Bearer <key>");
}

function tenantIdOf(request: FastifyRequest): string {
  return (request.params as { tenant_id: string }).tenant_id;
}
