import { HeadraceError } from "../../domain/errors.ts";
import type { Priority } from "../../domain/priority.ts";
import { isUnavailable, type Queryable } from "../../postgres/core/database.ts";
import { type AcceptedEvent, acceptEvents, type NewEvent } from "../../postgres/events/accept.ts";
import { Batcher } from "../../runtime/batcher.ts";
import { failpoint } from "../../runtime/failpoint.ts";

/** The events of one delivery or one API call: accepted together or not at all. */
export interface Delivery {
  events: NewEvent[];
  /** What the delivery was verified with, as the receive counter tells; absent where nothing was cached. */
  verifiedAt?: number;
  /** A hash of its key, for the dedupe hint; absent where it has none, several events, or a key that ends too soon. */
  digest?: string | undefined;
}

export type AcceptAnswer =
  | { kind: "accepted"; events: AcceptedEvent[] }
  /** Connectors, endpoints or secrets changed since `verifiedAt`: verify again. */
  | { kind: "stale"; counter: number };

export interface AcceptorBounds {
  /** Deliveries in one transaction. */
  maxDeliveries: number;
  /** Transactions of more deliveries are kept to one size. */
  evenAbove: number;
  /** Payload bytes in one transaction; a larger delivery goes alone. */
  maxBytes: number;
  /** Transactions under way at once. */
  inFlight: number;
  /** Deliveries that wait; one more is answered `store_unavailable`. */
  maxWaiting: number;
}

export interface Acceptor {
  /** Resolves when the events are committed in PostgreSQL. */
  accept(delivery: Delivery): Promise<AcceptAnswer>;
  /** Takes a delivery back that waits for its transaction; false when it is too late. `accept` then never settles. */
  withdraw(delivery: Delivery): boolean;
  /** True when a delivery has to wait for more than the next transaction. */
  readonly backlogged: boolean;
  /** For how long the first delivery has waited for its transaction, ms. */
  readonly waitedMs: number;
}

export interface AcceptorDeps {
  database: Queryable;
  bounds: AcceptorBounds;
  /** For how long events of these lanes are written as claimed by this process, ms; 0 where they are not. */
  leaseMs: (lanes: readonly Priority[]) => number;
  /** Told of the new events of a transaction once it is committed; those that are claimed wait to be published. */
  onCommitted: (events: CommittedEvent[], claimed: boolean) => void;
  /** Told which event each new delivery with a digest became. */
  onSeen: (seen: { digest: string; eventId: string }[]) => void;
}

export interface CommittedEvent {
  eventId: string;
  lane: Priority;
}

/**
 * Commits deliveries in groups: `inFlight` transactions are under way, and the next one takes what arrived meanwhile.
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
        new HeadraceError("store_unavailable", `${bounds.maxWaiting} deliveries wait for PostgreSQL already`),
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

/** One transaction for all; when PostgreSQL refuses it, halves, so that one bad row costs only itself. */
async function commit(deps: AcceptorDeps, deliveries: Delivery[]): Promise<(AcceptAnswer | Error)[]> {
  const verifiedAt = commonCounter(deliveries);
  if (verifiedAt.kind === "mixed") return inHalves(deps, deliveries);
  try {
    const events: NewEvent[] = [];
    for (const delivery of deliveries) for (const event of delivery.events) events.push(event);
    const leaseMs = deps.leaseMs(events.map((event) => event.priority));
    const result = await acceptEvents(deps.database, events, {
      expectedCounter: verifiedAt.counter,
      leaseMs,
    });
    if (result.kind === "stale") return deliveries.map(() => result);
    failpoint("accept.committed");
    const fresh: CommittedEvent[] = [];
    for (const [index, { eventId, duplicate }] of result.events.entries()) {
      if (!duplicate) fresh.push({ eventId, lane: (events[index] as NewEvent).priority });
    }
    if (fresh.length > 0) deps.onCommitted(fresh, leaseMs > 0);
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

async function inHalves(deps: AcceptorDeps, deliveries: Delivery[]): Promise<(AcceptAnswer | Error)[]> {
  const middle = deliveries.length >> 1;
  const first = await commit(deps, deliveries.slice(0, middle));
  return [...first, ...(await commit(deps, deliveries.slice(middle)))];
}

/** Deliveries verified at different counters cannot share one comparison; those verified at none go with any. */
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
    // A duplicate's key ends when it would have: a hint that was given anew would outlive it.
    if (event !== undefined && !event.duplicate) seen.push({ digest, eventId: event.eventId });
  }
  return seen;
}
