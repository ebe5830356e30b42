import { HeadraceError } from "../../domain/errors.ts";
import { digestOf } from "../../domain/event/idempotency-key.ts";
import type { EndpointName, TenantLimits } from "../../postgres/access/receiving-endpoints.ts";
import type { NewEvent } from "../../postgres/events/accept.ts";
import { inTurns } from "../../runtime/turns.ts";
import type { Acceptor, Delivery } from "./acceptor.ts";
import { receiveForApp } from "./app-delivery.ts";
import { DeferredWork } from "./deferred-work.ts";
import { readDelivery } from "./delivery.ts";
import type { EndpointCache, KnownEndpoint } from "./endpoint-cache.ts";
import { eventsOfEndpoint } from "./endpoint-events.ts";
import { otherTenantsAccounts } from "./other-accounts.ts";
import type { ChallengeAnswer } from "./schemes/challenge.ts";
import type { InboundRequest } from "./schemes/inbound-request.ts";
import { checkItemCount } from "./schemes/items.ts";
import { type Judgement, judge } from "./schemes/judge.ts";
import type { Scheme } from "./schemes/scheme.ts";

/** The outcome of a request to a webhook URL. */
export type ReceiveAnswer =
  /** Committed now or earlier. The ids are those of the first delivery, in the order of the items. */
  | {
      kind: "accepted" | "duplicate";
      eventIds: string[];
      ack: Scheme["ack"];
      /** Items that belong to none of the endpoints. */
      leftOut: number;
      /** True if the secret that signed it has been replaced by a newer one. */
      byOldSecret: boolean;
    }
  /** The response is the same for every reason. */
  | { kind: "rejected"; reason: Reason; known: KnownNames }
  | { kind: "method_not_allowed"; allowed: string[] }
  /** Authentic, but over the limits of the tenant. */
  | { kind: "rate_limited"; retryAfterMs: number }
  /** An authentic handshake or ping. It is answered, and no event results. */
  | ({ kind: "challenge" } & ChallengeAnswer);

/** The reason for a rejection. */
export type Reason = Extract<Judgement, { kind: "rejected" }>["reason"] | "wrong_account";

/** The existing tenant, connector and endpoint of a rejected delivery. Names that do not exist are left out. */
export interface KnownNames {
  tenantId?: string;
  connector?: string;
  endpoint?: string;
}

/** The target of a delivery: an endpoint, or the single URL of a connector where accounts select the endpoint. */
export type Target = EndpointName | { connector: string };

/** Takes `events` from the tenant's quota. Returns the wait before the tenant may send them, ms; 0 if it may now. */
export type TakeQuota = (tenantId: string, limits: TenantLimits, events: number) => Promise<number>;

/** Dependencies of a receiver. */
export interface ReceiverDeps {
  endpoints: EndpointCache;
  acceptor: Acceptor;
  /** The dedupe hint: returns the event id of a delivery if the hint has it. */
  findSeen: (digest: string) => Promise<string | undefined>;
  /** Lifetime of a hint, ms. A key that expires sooner gets none. */
  seenMs: number;
  /** Reads the receive counter after the call. Concurrent calls share one read. */
  readCounter: () => Promise<number>;
  /** Stores the secret of a handshake. Returns false if the endpoint has a secret by now. */
  captureSecret: (name: EndpointName, secret: { value: string; show: boolean }) => Promise<boolean>;
  takeQuota: TakeQuota;
  now: () => number;
}

/** Receives requests to webhook URLs. */
export interface Receiver {
  /**
   * Verifies a delivery and commits its events. Resolves with `accepted` or `duplicate` only after the commit. Throws
   * `store_unavailable` if PostgreSQL cannot take the events now. Cached endpoints are compared with the receive
   * counter before every answer, so that a change is effective in every process once the call that made it has
   * returned.
   */
  receive(target: Target, request: InboundRequest): Promise<ReceiveAnswer>;
  /** Returns the largest body that the target takes, bytes. */
  bodyLimitBytes(target: Target): number | Promise<number>;
}

/** `undefined` if an endpoint changed meanwhile: the request has to be received again. */
export type MaybeAnswer = Promise<ReceiveAnswer | undefined>;

/** Completes a request that was judged. */
export interface Responder {
  endpoints: EndpointCache;
  now: () => number;
  /** Returns the answer unless the endpoint was stale. */
  decline(endpoint: Pick<KnownEndpoint, "counter">, answer: ReceiveAnswer): MaybeAnswer;
  /** Throws the decryption error unless the endpoint was stale. */
  refuse(endpoint: Pick<KnownEndpoint, "counter">, error: HeadraceError): Promise<undefined>;
  /** Answers a handshake and stores its secret. */
  handshake(endpoint: KnownEndpoint, challenge: Extract<Judgement, { kind: "challenge" }>): MaybeAnswer;
  /** Commits the events of all endpoints in one transaction. */
  commit(
    parts: { endpoint: KnownEndpoint; events: NewEvent[]; secretIndex: number }[],
    leftOut: number,
  ): MaybeAnswer;
}

/** Creates the receiver of all webhook endpoints. */
export function createReceiver(deps: ReceiverDeps): Receiver {
  const { endpoints, acceptor, findSeen, seenMs, readCounter, captureSecret, takeQuota, now } = deps;

  /** Reads the counter: answers without a commit have not compared it yet. */
  async function isCurrent(counter: number): Promise<boolean> {
    const current = await readCounter();
    endpoints.advance(current);
    return current === counter;
  }

  const responder: Responder = {
    endpoints,
    now,
    async decline({ counter }, answer) {
      return (await isCurrent(counter)) ? answer : undefined;
    },
    async refuse({ counter }, error) {
      if (await isCurrent(counter)) throw error;
      return undefined;
    },
    async handshake(endpoint, challenge) {
      if (!(await isCurrent(endpoint.counter))) return undefined;
      if (challenge.capture === undefined || (await captureSecret(endpoint.name, challenge.capture)))
        return challenge;
      return undefined;
    },
    async commit(parts, leftOut) {
      const [first] = parts;
      if (first === undefined) return undefined;
      // Nearly every delivery has one part, for which no array is built.
      const events = parts.length === 1 ? first.events : parts.flatMap((part) => part.events);
      let verifiedAt = first.endpoint.counter;
      let byOldSecret = false;
      for (const { endpoint, secretIndex } of parts) {
        verifiedAt = Math.min(verifiedAt, endpoint.counter);
        if (secretIndex > 0) byOldSecret = true;
      }
      const { ack } = first.endpoint.scheme;
      const accepted = (kind: "accepted" | "duplicate", eventIds: string[]): ReceiveAnswer => ({
        kind,
        eventIds,
        ack,
        leftOut,
        byOldSecret,
      });
      if (events.length === 0) return (await isCurrent(verifiedAt)) ? accepted("accepted", []) : undefined;
      for (const { endpoint, events } of parts) {
        const { name, tenant } = endpoint;
        if (tenant?.eventsPerSecond === undefined && tenant?.maxBacklog === undefined) continue;
        const retryAfterMs = await takeQuota(name.tenantId, tenant, events.length);
        if (retryAfterMs > 0) {
          return (await isCurrent(verifiedAt)) ? { kind: "rate_limited", retryAfterMs } : undefined;
        }
      }
      const delivery: Delivery = { events, verifiedAt, digest: digestFor(events) };
      const accepting = acceptor.accept(delivery);
      const answer = await (acceptor.backlogged ? firstOf(accepting, seenBefore(delivery)) : accepting);
      if (answer.kind === "stale") {
        endpoints.advance(answer.counter);
        return undefined;
      }
      if (answer.kind === "seen") {
        return (await isCurrent(verifiedAt)) ? accepted("duplicate", [answer.eventId]) : undefined;
      }
      const kind = answer.events.every((event) => event.duplicate) ? "duplicate" : "accepted";
      return accepted(
        kind,
        answer.events.map((event) => event.eventId),
      );
    },
  };

  /**
   * Returns the digest for the dedupe hint. Undefined for several events, or for a key that expires before the hint.
   */
  function digestFor(events: readonly NewEvent[]): string | undefined {
    const [only] = events;
    if (only === undefined || events.length > 1 || (only.keys[0]?.windowMs ?? 0) <= seenMs) return undefined;
    return digestOf(only.tenantId, only.connector, only.endpoint, only.deliveryKey);
  }

  /** Queried only for a delivery that waits anyway, so that no first delivery waits for Redis. */
  async function seenBefore(delivery: Delivery): Promise<{ kind: "seen"; eventId: string } | undefined> {
    const eventId = delivery.digest === undefined ? undefined : await findSeen(delivery.digest);
    return eventId !== undefined && acceptor.withdraw(delivery) ? { kind: "seen", eventId } : undefined;
  }

  return {
    async receive(target, request) {
      for (let tries = 1; tries <= MAX_TRIES; ) {
        try {
          const answer = await ("tenantId" in target
            ? receiveForEndpoint(responder, target, request)
            : receiveForApp(responder, target.connector, request));
          if (answer !== undefined) return answer;
          tries += 1;
        } catch (error) {
          if (!(error instanceof DeferredWork)) throw error;
          const known =
            "tenantId" in target ? endpoints.endpoint(target) : endpoints.connector(target.connector);
          await inTurns(error.work({ pointers: pointersOf((await known).scheme) }));
        }
      }
      throw new HeadraceError(
        "store_unavailable",
        `The endpoint changed ${MAX_TRIES} times while a delivery to it was verified`,
      );
    },
    bodyLimitBytes(target) {
      const known = "tenantId" in target ? endpoints.endpoint(target) : endpoints.connector(target.connector);
      return known instanceof Promise
        ? known.then(({ scheme }) => scheme.body_limit_bytes)
        : known.scheme.body_limit_bytes;
    },
  };
}

const MAX_TRIES = 5;

/** Returns the pointers that a scheme reads in the body. All of the body is needed if its items become events. */
function pointersOf(scheme: Scheme): "all" | string[] {
  if (scheme.items !== undefined) return "all";
  const pointers: string[] = [];
  JSON.stringify(scheme, (name, value) => {
    if (name === "body" && typeof value === "string") pointers.push(value);
    return value;
  });
  return pointers;
}

/** Returns without an extra promise if the endpoint is cached, which is nearly always. */
function receiveForEndpoint(responder: Responder, name: EndpointName, request: InboundRequest): MaybeAnswer {
  const known = responder.endpoints.endpoint(name);
  return known instanceof Promise
    ? known.then((endpoint) => tryReceive(responder, endpoint, request))
    : tryReceive(responder, known, request);
}

function tryReceive(responder: Responder, endpoint: KnownEndpoint, request: InboundRequest): MaybeAnswer {
  const nowMs = responder.now();
  const judgement = judge(endpoint, request, nowMs);
  if (judgement.kind === "rejected") {
    return responder.decline(endpoint, { ...judgement, known: knownNames(endpoint) });
  }
  if (judgement.kind === "undecryptable") return responder.refuse(endpoint, judgement.error);
  if (judgement.kind === "method_not_allowed") return responder.decline(endpoint, judgement);
  if (judgement.kind === "challenge") return responder.handshake(endpoint, judgement);
  checkItemCount(endpoint.scheme, request);
  const delivery = readDelivery(endpoint.scheme, request);
  const commit = (others: ReadonlySet<string>) => {
    const { events, leftOut } = eventsOfEndpoint(endpoint, request, { delivery, others });
    if (events.length === 0 && leftOut > 0) {
      const known = knownNames(endpoint);
      return responder.decline(endpoint, { kind: "rejected", reason: "wrong_account", known });
    }
    request.forgetParsed();
    return responder.commit([{ endpoint, events, secretIndex: judgement.secretIndex }], leftOut);
  };
  const others = otherTenantsAccounts({ responder, endpoint, delivery, request, nowMs });
  if (!(others instanceof Promise)) return commit(others);
  return others.then((found) => (found === undefined ? undefined : commit(found)));
}

function knownNames({ name, tenant, closed }: KnownEndpoint): KnownNames {
  if (tenant === undefined) return {};
  return closed === "unknown_endpoint" ? { tenantId: name.tenantId } : { ...name };
}

/** Resolves with the first answer. A hint that has no event id is ignored. */
function firstOf<Answer, Seen>(
  answer: Promise<Answer>,
  seen: Promise<Seen | undefined>,
): Promise<Answer | Seen> {
  return new Promise((resolve, reject) => {
    answer.then(resolve, reject);
    seen.then(
      (found) => {
        if (found !== undefined) resolve(found);
      },
      () => {},
    );
  });
}
