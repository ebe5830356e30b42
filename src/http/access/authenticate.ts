import { setTimeout } from "node:timers/promises";
import type { RateLimitOptions } from "@fastify/rate-limit";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { hashApiKey, refusal, type Scope } from "../../domain/api-key.ts";
import { HeadraceError } from "../../domain/errors.ts";
import { findAccess } from "../../postgres/access/api-keys.ts";
import type { Database } from "../../postgres/core/database.ts";
import { createKeyLookUps, type KeyLookUpBounds } from "./key-lookups.ts";
import type { KeyUse } from "./key-use.ts";

/** Bounds that protect the management API from those who have no key, and keys from one another. */
export interface AccessBounds {
  lookUps: KeyLookUpBounds;
  /**
   * Calls with an unknown key of one address (of IPv6, of one /64) that are answered 401 in `windowMs`; more are
   * answered 429 after `delayMs` to twice that, so that one who asks on and on takes no processor from others; `maxDelayed` calls wait
   * for that at once. A call with a good key is never refused for them. Addresses that are counted at once.
   */
  failures: { max: number; windowMs: number; maxAddresses: number; delayMs: number; maxDelayed: number };
  /** Calls of one key in a second, per process; keys that are counted at once. */
  callsPerSecond: { max: number; maxKeys: number };
}

/** Why a call was refused by a bound: the values of a metric's label. */
export type RefusedCall = "failed_keys" | "key_rate" | "key_share" | "tenant_share";

/** An `onRequest` hook of one route: it passes, or throws `unauthorized`, `forbidden`, `not_found` or `rate_limited`. */
export type Guard = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

declare module "fastify" {
  interface FastifyRequest {
    /** The API key that a guard let in. */
    apiKey: { id: string; name: string; scope: Scope } | null;
  }
}

/** What each route demands of the key in `Authorization: Bearer <key>`, before its body is read. */
export interface Guards {
  /** A key with the scope over the tenant in the path, which must exist. */
  tenant(scope: Scope): Guard;
  /** A key with the scope that is bound to no tenant. */
  installation(scope: Scope): Guard;
  /** The same of a key that came in some other way. */
  key(key: string, scope: Scope): Guard;
}

/** Makes the guards of a server that has `@fastify/rate-limit`; once, so that they share what they count. */
export function createGuards(
  server: FastifyInstance,
  deps: {
    database: Database;
    bounds: AccessBounds;
    onRefused: (reason: RefusedCall) => void;
    /** Told of each key that a guard let in. */
    keyUse: Pick<KeyUse, "note">;
  },
): Guards {
  const { database, bounds, onRefused, keyUse } = deps;
  const { failures, callsPerSecond } = bounds;
  const lookUp = createKeyLookUps((asked) => findAccess(database.access, asked), bounds.lookUps, Date.now);
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
      await setTimeout(failures.delayMs * (1 + turn / DELAY_TURNS));
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

/** Delays differ, or strangers who were refused together would come back together. */
const DELAY_TURNS = 100;

const MESSAGES = {
  failed_keys: "Too many calls from this address had an unknown API key, as this one has",
  key_rate: "Too many calls with this API key in a second",
} as const;

function bearerKey({ headers }: FastifyRequest): string {
  const key = /^Bearer +([\x21-\x7e]{1,500})$/i.exec(headers.authorization ?? "")?.[1];
  if (key !== undefined) return key;
  throw new HeadraceError("unauthorized", "An API key is needed, as Authorization: Bearer <key>");
}

function tenantIdOf(request: FastifyRequest): string {
  return (request.params as { tenant_id: string }).tenant_id;
}
