import { HeadraceError } from "../../domain/errors.ts";
import { digestOf } from "../../domain/event/idempotency-key.ts";
import type { EndpointName, TenantLimits } from "../../postgres/access/receiving-endpoints.ts";
import type { NewEvent } from "../../postgres/events/accept.ts";
import { inTurns } from "../../runtime/turns.ts";
import type { Acceptor, Delivery } from "./acceptor.ts";
import { receiveForApp } from "./app-delivery.ts";
import { readDelivery } from "./delivery.ts";
import type { EndpointCache, KnownEndpoint } from "./endpoint-cache.ts";
import { otherTenantsAccounts } from "./other-accounts.ts";
import { placedEvents } from "./placed-events.ts";
import { PutOff } from "./put-off.ts";
import type { ChallengeAnswer } from "./schemes/challenge.ts";
import type { InboundRequest } from "./schemes/inbound-request.ts";
import { checkItemCount } from "./schemes/items.ts";
import { type Judgement, judge } from "./schemes/judge.ts";
import type { Scheme } from "./schemes/scheme.ts";

export type ReceiveAnswer =
  /** Committed, now or earlier; the ids are those of the first time, in the order of the items. */
  | {
      kind: "accepted" | "duplicate";
      eventIds: string[];
      ack: Scheme["ack"];
      /** Items that belong to no endpoint it came to. */
      leftOut: number;
      /** Signed with a secret that a newer one replaces. */
      byOldSecret: boolean;
    }
  /** The sender sees the same answer whatever the reason. */
  | { kind: "rejected"; reason: Reason; known: KnownPlace }
  | { kind: "method_not_allowed"; allowed: string[] }
  /** Authentic, and more than the tenant may send now. */
  | { kind: "rate_limited"; retryAfterMs: number }
  /** An authentic handshake or ping: answered, and nothing is routed. */
  | ({ kind: "challenge" } & ChallengeAnswer);

export type Reason = Extract<Judgement, { kind: "rejected" }>["reason"] | "wrong_account";

/** What there is of the place that a rejected delivery was for: names that nobody made are not kept. */
export interface KnownPlace {
  tenantId?: string;
  connector?: string;
  endpoint?: string;
}

/** Where a delivery came to: an endpoint, or the one URL of a connector whose accounts pick the endpoint. */
export type Target = EndpointName | { connector: string };

/** How long a tenant has to wait before it may send so many events, ms; 0 when it may now. */
export type TakeQuota = (tenantId: string, limits: TenantLimits, events: number) => Promise<number>;

export interface ReceiverDeps {
  endpoints: EndpointCache;
  acceptor: Acceptor;
  /** The dedupe hint: which event a delivery became, as far as a fast store knows. */
  findSeen: (digest: string) => Promise<string | undefined>;
  /** How long the hint holds, ms: a key that ends sooner has none. */
  seenMs: number;
  /** The value of the receive counter at a moment after the call; concurrent calls share one look. */
  readCounter: () => Promise<number>;
  /** Stores the secret that a handshake brought; false when the endpoint has one by now. */
  captureSecret: (name: EndpointName, secret: { value: string; show: boolean }) => Promise<boolean>;
  takeQuota: TakeQuota;
  now: () => number;
}

export interface Receiver {
  /**
   * Judges a delivery and commits its events. Resolves with `accepted` or `duplicate` only when they are committed;
   * throws `store_unavailable` when PostgreSQL cannot take them now. What is known of endpoints is compared with the
   * receive counter before any answer, so that a change holds on every copy once the call that made it returned.
   */
  receive(target: Target, request: InboundRequest): Promise<ReceiveAnswer>;
  /** No body to this target is larger, bytes. */
  bodyLimitBytes(target: Target): number | Promise<number>;
}

/** A try to answer: `undefined` when an endpoint changed meanwhile. */
export type Attempt = Promise<ReceiveAnswer | undefined>;

/** What a try can do with a request that was judged. */
export interface Answering {
  endpoints: EndpointCache;
  now: () => number;
  /** Answers what is no delivery, unless what was known of the endpoint is no longer right. */
  decline(endpoint: Pick<KnownEndpoint, "counter">, answer: ReceiveAnswer): Attempt;
  /** Throws why a secret does not open, unless what was known of the endpoint is no longer right. */
  refuse(endpoint: Pick<KnownEndpoint, "counter">, error: HeadraceError): Promise<undefined>;
  handshake(endpoint: KnownEndpoint, challenge: Extract<Judgement, { kind: "challenge" }>): Attempt;
  commit(
    placed: { endpoint: KnownEndpoint; events: NewEvent[]; bySecret: number }[],
    leftOut: number,
  ): Attempt;
}

export function createReceiver(deps: ReceiverDeps): Receiver {
  const { endpoints, acceptor, findSeen, seenMs, readCounter, captureSecret, takeQuota, now } = deps;

  /** An answer that commits nothing could not compare the counter: it is read. */
  async function isCurrent(counter: number): Promise<boolean> {
    const current = await readCounter();
    endpoints.advance(current);
    return current === counter;
  }

  const answering: Answering = {
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
    async commit(placed, leftOut) {
      const [first] = placed;
      if (first === undefined) return undefined;
      // Nearly every delivery is for one endpoint: nothing is joined for it.
      const events = placed.length === 1 ? first.events : placed.flatMap((part) => part.events);
      let verifiedAt = first.endpoint.counter;
      let byOldSecret = false;
      for (const { endpoint, bySecret } of placed) {
        verifiedAt = Math.min(verifiedAt, endpoint.counter);
        if (bySecret > 0) byOldSecret = true;
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
      for (const { endpoint, events } of placed) {
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

  /** What the hint knows a delivery by; nothing where it holds several events, or its key ends before the hint does. */
  function digestFor(events: readonly NewEvent[]): string | undefined {
    const [only] = events;
    if (only === undefined || events.length > 1 || (only.keys[0]?.windowMs ?? 0) <= seenMs) return undefined;
    return digestOf(only.tenantId, only.connector, only.endpoint, only.deliveryKey);
  }

  /** Asked only of a delivery that waits long in any case, so that a first delivery never waits for Redis. */
  async function seenBefore(delivery: Delivery): Promise<{ kind: "seen"; eventId: string } | undefined> {
    const eventId = delivery.digest === undefined ? undefined : await findSeen(delivery.digest);
    return eventId !== undefined && acceptor.withdraw(delivery) ? { kind: "seen", eventId } : undefined;
  }

  return {
    async receive(target, request) {
      for (let tries = 1; tries <= MAX_TRIES; ) {
        try {
          const answer = await ("tenantId" in target
            ? receiveForEndpoint(answering, target, request)
            : receiveForApp(answering, target.connector, request));
          if (answer !== undefined) return answer;
          tries += 1;
        } catch (error) {
          if (!(error instanceof PutOff)) throw error;
          const known =
            "tenantId" in target ? endpoints.endpoint(target) : endpoints.connector(target.connector);
          await inTurns(error.work({ pointers: pointersOf((await known).scheme) }));
        }
      }
      throw new HeadraceError(
        "store_unavailable",
        `The endpoint changed ${MAX_TRIES} times while one delivery was judged`,
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

/** The places in the body that a scheme reads; all of it where its items become events of their own. */
function pointersOf(scheme: Scheme): "all" | string[] {
  if (scheme.items !== undefined) return "all";
  const pointers: string[] = [];
  JSON.stringify(scheme, (name, value) => {
    if (name === "body" && typeof value === "string") pointers.push(value);
    return value;
  });
  return pointers;
}

/** No promise where nothing has to be looked up, which is nearly always. */
function receiveForEndpoint(answering: Answering, name: EndpointName, request: InboundRequest): Attempt {
  const known = answering.endpoints.endpoint(name);
  return known instanceof Promise
    ? known.then((endpoint) => attempt(answering, endpoint, request))
    : attempt(answering, known, request);
}

function attempt(answering: Answering, endpoint: KnownEndpoint, request: InboundRequest): Attempt {
  const nowMs = answering.now();
  const judgement = judge(endpoint, request, nowMs);
  if (judgement.kind === "rejected") {
    return answering.decline(endpoint, { ...judgement, known: placeOf(endpoint) });
  }
  if (judgement.kind === "unopened") return answering.refuse(endpoint, judgement.error);
  if (judgement.kind === "method_not_allowed") return answering.decline(endpoint, judgement);
  if (judgement.kind === "challenge") return answering.handshake(endpoint, judgement);
  checkItemCount(endpoint.scheme, request);
  const delivery = readDelivery(endpoint.scheme, request);
  const commit = (others: ReadonlySet<string>) => {
    const { events, leftOut } = placedEvents(endpoint, request, { delivery, others });
    if (events.length === 0 && leftOut > 0) {
      const known = placeOf(endpoint);
      return answering.decline(endpoint, { kind: "rejected", reason: "wrong_account", known });
    }
    request.forgetParsed();
    return answering.commit([{ endpoint, events, bySecret: judgement.bySecret }], leftOut);
  };
  const others = otherTenantsAccounts({ answering, endpoint, delivery, request, nowMs });
  if (!(others instanceof Promise)) return commit(others);
  return others.then((found) => (found === undefined ? undefined : commit(found)));
}

function placeOf({ name, tenant, closed }: KnownEndpoint): KnownPlace {
  if (tenant === undefined) return {};
  return closed === "unknown_endpoint" ? { tenantId: name.tenantId } : { ...name };
}

/** The first answer; a hint that knows nothing decides nothing. */
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
