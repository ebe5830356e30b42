import { HeadraceError } from "../../domain/errors.ts";
import { isUnavailable, type Queryable } from "../../postgres/core/database.ts";
import { type AcceptedEvent, acceptEvents, type NewEvent } from "../../postgres/events/accept.ts";
import { Batcher } from "../../runtime/batcher.ts";
import { failpoint } from "../../runtime/failpoint.ts";
import type { CommittedEvent, FastPath } from "../fast-path/fast-path.ts";

/** The events of one delivery or API call, accepted together or not at all. */
export interface Delivery {
  events: NewEvent[];
  /** The receive counter of the cached data that verified the delivery; absent if none was cached. */
  verifiedAt?: number;
  /** A hash of its key for the dedupe hint; absent with no key, several events, or a key that expires too soon. */
  digest?: string | undefined;
}

export type AcceptAnswer =
  | { kind: "accepted"; events: AcceptedEvent[] }
  /** Connectors, endpoints or secrets changed since `verifiedAt`: the caller must verify again. */
  | { kind: "stale"; counter: number };

export interface AcceptorBounds {
  /** Deliveries per transaction. */
  maxDeliveries: number;
  /** Transactions of more deliveries than this are kept at one size. */
  evenAbove: number;
  /** Payload bytes per transaction; a larger delivery has one of its own. */
  maxBytes: number;
  /** Concurrent transactions. */
  inFlight: number;
  /** Waiting deliveries; one more fails with `store_unavailable`. */
  maxWaiting: number;
}

export interface Acceptor {
  /** Resolves when the events are committed in PostgreSQL. */
  accept(delivery: Delivery): Promise<AcceptAnswer>;
  /** Withdraws a waiting delivery; its `accept` never settles. False if its transaction has begun. */
  withdraw(delivery: Delivery): boolean;
  /** True if more deliveries wait than the next transaction takes. */
  readonly backlogged: boolean;
  /** How long the first delivery has waited for its transaction, ms. */
  readonly waitedMs: number;
}

export interface AcceptorDeps {
  database: Queryable;
  bounds: AcceptorBounds;
  fastPath?: Pick<FastPath, "acceptClaims"> | undefined;
  /** Called with the number of new events after each commit that has some. */
  onCommitted: (events: number) => void;
  /** Called after a commit of new events that a relay has to claim. */
  onDue: () => void;
  /** Called with the event of each new delivery that has a digest. */
  onSeen: (seen: { digest: string; eventId: string }[]) => void;
}

/**
 * Commits deliveries in groups: while `inFlight` transactions are under way, deliveries gather for the next one.
 */
export function createAcceptor(deps: AcceptorDeps): Acceptor {
  const { bounds } = deps;
  const batcher = new Batcher<Delivery, AcceptAnswer>(
    async (deliveries) => {
      const answers = await commit(deps, deliveries);
      deps.onSeen(seenAs(deliveries, answers));
      return answers;
    },
    {
      maxItems: bounds.maxDeliveries,
      evenAbove: bounds.evenAbove,
      maxWeight: bounds.maxBytes,
      weigh: (delivery) => delivery.events.reduce((sum, event) => sum + event.payload.length, 0),
      inFlight: bounds.inFlight,
      maxWaiting: bounds.maxWaiting,
      full: () =>
        new HeadraceError("store_unavailable", `${bounds.maxWaiting} deliveries already wait for PostgreSQL`),
    },
  );
  return {
    accept: (delivery) => batcher.add(delivery),
    withdraw: (delivery) => batcher.withdraw(delivery),
    get backlogged() {
      return batcher.waiting > bounds.maxDeliveries;
    },
    get waitedMs() {
      return batcher.waitedMs;
    },
  };
}

/** Commits the deliveries in one transaction. If PostgreSQL rejects it, retries in halves, so that only a bad row fails. */
async function commit(deps: AcceptorDeps, deliveries: Delivery[]): Promise<(AcceptAnswer | Error)[]> {
  const verifiedAt = commonCounter(deliveries);
  if (verifiedAt.kind === "mixed") return inHalves(deps, deliveries);
  try {
    const result = await write(
      deps,
      deliveries.flatMap((delivery) => delivery.events),
      verifiedAt.counter,
    );
    if (result.kind === "stale") return deliveries.map(() => result);
    let start = 0;
    return deliveries.map((delivery) => {
      const events = result.events.slice(start, start + delivery.events.length);
      start += delivery.events.length;
      return { kind: "accepted", events };
    });
  } catch (error) {
    if (deliveries.length > 1 && !isUnavailable(error)) return inHalves(deps, deliveries);
    return deliveries.map(() => (error instanceof Error ? error : new Error(String(error))));
  }
}

/** Writes the events, as claimed where the fast path reserves room for them. */
async function write(
  deps: AcceptorDeps,
  events: readonly NewEvent[],
  expectedCounter: number | undefined,
): Promise<AcceptAnswer> {
  const claim = deps.fastPath?.acceptClaims?.reserve(events.map((event) => event.priority));
  let result: AcceptAnswer;
  try {
    result = await acceptEvents(deps.database, events, { expectedCounter, leaseMs: claim?.leaseMs ?? 0 });
  } catch (error) {
    claim?.cancel();
    throw error;
  }
  if (result.kind === "stale") {
    claim?.cancel();
    return result;
  }
  failpoint("accept.committed");
  const committed: CommittedEvent[] = [];
  for (const [index, { eventId, duplicate }] of result.events.entries()) {
    if (!duplicate) committed.push({ eventId, lane: (events[index] as NewEvent).priority });
  }
  if (committed.length > 0) deps.onCommitted(committed.length);
  if (claim !== undefined) claim.commit(committed);
  else if (committed.length > 0) deps.onDue();
  return result;
}

async function inHalves(deps: AcceptorDeps, deliveries: Delivery[]): Promise<(AcceptAnswer | Error)[]> {
  const middle = deliveries.length >> 1;
  const first = await commit(deps, deliveries.slice(0, middle));
  return [...first, ...(await commit(deps, deliveries.slice(middle)))];
}

/** Returns the counter at which all were verified. Deliveries without a counter go with any; different ones do not mix. */
function commonCounter(
  deliveries: readonly Delivery[],
): { kind: "common"; counter: number | undefined } | { kind: "mixed" } {
  let counter: number | undefined;
  for (const { verifiedAt } of deliveries) {
    if (verifiedAt === undefined || verifiedAt === counter) continue;
    if (counter !== undefined) return { kind: "mixed" };
    counter = verifiedAt;
  }
  return { kind: "common", counter };
}

function seenAs(
  deliveries: readonly Delivery[],
  answers: readonly (AcceptAnswer | Error)[],
): { digest: string; eventId: string }[] {
  const seen: { digest: string; eventId: string }[] = [];
  for (const [index, { digest }] of deliveries.entries()) {
    const answer = answers[index];
    if (digest === undefined || answer === undefined || answer instanceof Error || answer.kind === "stale")
      continue;
    const [event] = answer.events;
    // No hint for a duplicate: it would outlive the key of the first delivery.
    if (event !== undefined && !event.duplicate) seen.push({ digest, eventId: event.eventId });
  }
  return seen;
}
