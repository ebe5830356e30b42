import { HeadraceError } from "../../domain/errors.ts";
import { digestOf } from "../../domain/idempotency-key.ts";
import { priorityOf } from "../../domain/priority.ts";
import type { NewEvent } from "../../postgres/accept.ts";
import type { EndpointName } from "../../postgres/receiving-endpoints.ts";
import type { Acceptor, Delivery } from "./acceptor.ts";
import { answerSignedChallenge, type ChallengeAnswer } from "./challenge.ts";
import { readDelivery } from "./delivery.ts";
import type { EndpointCache, KnownEndpoint } from "./endpoint-cache.ts";
import type { InboundRequest } from "./inbound-request.ts";
import { keptHeaders } from "./kept-headers.ts";
import type { Scheme } from "./scheme.ts";
import type { RejectionReason } from "./verify.ts";

export type ReceiveAnswer =
  /** Committed, now or earlier; the ids are those of the first time, in the order of the items. */
  | { kind: "accepted" | "duplicate"; eventIds: string[]; ack: Scheme["ack"] }
  /** The sender sees the same answer whatever the reason. */
  | { kind: "rejected"; reason: RejectionReason | "unknown_endpoint" | "disabled" }
  | { kind: "too_large"; limitBytes: number }
  /** An authentic handshake or ping: answered, and nothing is routed. */
  | ({ kind: "challenge" } & ChallengeAnswer);

/**
 * Judges a delivery and commits its events. Resolves with `accepted` or `duplicate` only when they are committed;
 * throws `store_unavailable` when PostgreSQL cannot take them now. What is known of endpoints is compared with the
 * receive counter before any answer, so that a change holds on every copy once the call that made it returned.
 */
export function createReceiver(deps: {
  endpoints: EndpointCache;
  acceptor: Acceptor;
  /** The dedupe hint: which event a delivery became, as far as a fast store knows. */
  findSeen: (digest: string) => Promise<string | undefined>;
  /** The value of the receive counter at a moment after the call; concurrent calls share one look. */
  readCounter: () => Promise<number>;
  now: () => number;
}): (name: EndpointName, request: InboundRequest) => Promise<ReceiveAnswer> {
  const { endpoints, acceptor, findSeen, readCounter, now } = deps;

  /** An answer, or undefined when the endpoint changed meanwhile. */
  async function tryOnce(name: EndpointName, request: InboundRequest): Promise<ReceiveAnswer | undefined> {
    const endpoint = endpoints.held(name) ?? (await endpoints.load(name));
    const early = judge(endpoint, request, now());
    if (early !== undefined) return (await isCurrent(endpoint)) ? early : undefined;
    const events = readEvents(name, endpoint.scheme, request);
    const { ack } = endpoint.scheme;
    if (events.length === 0)
      return (await isCurrent(endpoint)) ? { kind: "accepted", eventIds: [], ack } : undefined;
    const delivery: Delivery = { events, verifiedAt: endpoint.counter };
    const [only] = events;
    if (only !== undefined && events.length === 1) {
      delivery.digest = digestOf(name.tenantId, name.connector, name.endpoint, only.deliveryKey);
    }
    const accepting = acceptor.accept(delivery);
    const answer = await (acceptor.backlogged ? firstOf(accepting, seenBefore(delivery)) : accepting);
    if (answer.kind === "stale") {
      endpoints.advance(answer.counter);
      return undefined;
    }
    if (answer.kind === "seen") {
      return (await isCurrent(endpoint)) ? { kind: "duplicate", eventIds: [answer.eventId], ack } : undefined;
    }
    const eventIds = answer.events.map((event) => event.eventId);
    return {
      kind: answer.events.every((event) => event.duplicate) ? "duplicate" : "accepted",
      eventIds,
      ack,
    };
  }

  /** An early answer, or one from the hint, commits nothing that could compare the counter: it is read. */
  async function isCurrent(endpoint: KnownEndpoint): Promise<boolean> {
    const counter = await readCounter();
    endpoints.advance(counter);
    return counter === endpoint.counter;
  }

  /** Asked only of a delivery that waits long in any case, so that a first delivery never waits for Redis. */
  async function seenBefore(delivery: Delivery): Promise<{ kind: "seen"; eventId: string } | undefined> {
    const eventId = delivery.digest === undefined ? undefined : await findSeen(delivery.digest);
    return eventId !== undefined && acceptor.withdraw(delivery) ? { kind: "seen", eventId } : undefined;
  }

  return async (name, request) => {
    for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
      const answer = await tryOnce(name, request);
      if (answer !== undefined) return answer;
    }
    throw new HeadraceError(
      "store_unavailable",
      `The endpoint changed ${MAX_TRIES} times while one delivery was judged`,
    );
  };
}

const MAX_TRIES = 5;

/** The answer to what is no delivery to be committed; undefined when it is one. */
function judge(endpoint: KnownEndpoint, request: InboundRequest, nowMs: number): ReceiveAnswer | undefined {
  // Also for an endpoint that takes nothing: how long the answer takes must not tell which it is.
  const verdict = endpoint.verify(request, nowMs);
  if (endpoint.closed !== undefined) return { kind: "rejected", reason: endpoint.closed };
  const limitBytes = endpoint.scheme.body_limit_bytes;
  if (request.body.length > limitBytes) return { kind: "too_large", limitBytes };
  if (verdict.kind === "rejected") return verdict;
  const challenge = answerSignedChallenge(endpoint.scheme, request);
  return challenge === undefined ? undefined : { kind: "challenge", ...challenge };
}

function readEvents(name: EndpointName, scheme: Scheme, request: InboundRequest): NewEvent[] {
  const delivery = readDelivery(scheme, request);
  const headers = keptHeaders(scheme, request);
  // An item of a batch is cut out of its delivery, and is JSON whatever the delivery was.
  const isCutOut = scheme.items !== undefined && delivery.body.kind === "parsed";
  // Field by field: this is made for every delivery, and spreading objects into it takes longer than verifying it.
  return delivery.events.map((event) => ({
    tenantId: name.tenantId,
    connector: name.connector,
    endpoint: name.endpoint,
    type: event.type,
    source: "webhook",
    priority: priorityOf("webhook"),
    subject: undefined,
    occurredAtMs: event.occurredAtMs,
    deliveryKey: event.keys[0].key,
    item: event.item,
    headers,
    contentType: isCutOut ? "application/json" : delivery.contentType,
    payload: isCutOut ? Buffer.from(JSON.stringify(event.data)) : request.body,
    keys: event.keys,
  }));
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
