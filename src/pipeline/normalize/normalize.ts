import { LARGE_BODY_BYTES, type ParsedBody, parseBody, parseBodySlices } from "../../domain/event/body.ts";
import type { NormalizedEvent } from "../../domain/event/event.ts";
import { idempotencyKey } from "../../domain/event/idempotency-key.ts";
import type { FlowAction } from "../../domain/flow/flow.ts";
import type { Wanted } from "../../domain/json/wanted.ts";
import type { Slices } from "../../domain/slices.ts";
import { wantedByAction } from "../../domain/template/wanted-by-action.ts";
import type { StoredEvent } from "../../postgres/events/events.ts";
import { inTurns } from "../../runtime/turns.ts";

export type Normalized =
  | { kind: "normalized"; event: NormalizedEvent }
  /** The body cannot be read; the reason names what was expected. */
  | { kind: "unreadable"; reason: string };

/** The stage where an event is routed and executed in one process. */
export interface Normalizer {
  /** Normalizes an event that was loaded to be routed. What is read of a large one in slices is not kept for its runs. */
  readonly toRoute: ((stored: StoredEvent) => Normalized) & {
    inSlices: typeof normalizeInSlices;
    isLarge: typeof isLarge;
  };
  /**
   * Normalizes it for a run. The first run of an event that was routed here is given what the router read, the others
   * read it anew: a flow's handler may change its event.
   */
  toRun(stored: StoredEvent, action: FlowAction): Normalized | Promise<Normalized>;
}

export function createNormalizer(): Normalizer {
  // For as long as the event itself is kept, which has a bound.
  const routed = new WeakMap<StoredEvent, Normalized>();
  return {
    toRoute: Object.assign(
      (stored: StoredEvent) => {
        const normalized = normalize(stored);
        routed.set(stored, normalized);
        return normalized;
      },
      { inSlices: normalizeInSlices, isLarge },
    ),
    toRun(stored, action) {
      if (isLarge(stored)) return inTurns(normalizeForRun(stored, action));
      const normalized = routed.get(stored);
      routed.delete(stored);
      return normalized ?? normalize(stored);
    },
  };
}

/** A large event for a run. What an HTTP action does not name stays text, which it sends as it is. */
function* normalizeForRun(stored: StoredEvent, action: FlowAction): Slices<Normalized> {
  const wanted = action.type === "http" && isJson(stored) ? wantedByAction(action) : undefined;
  const normalized = yield* normalizeInSlices(stored, wanted);
  if (wanted === undefined || normalized.kind === "unreadable") return normalized;
  return { kind: "normalized", event: { ...normalized.event, dataText: stored.payload } };
}

function isJson({ contentType = "" }: StoredEvent): boolean {
  return !contentType.toLowerCase().includes("x-www-form-urlencoded");
}

/** Makes the one shape that every event has from the bytes that were accepted. Pure: twice gives the same. */
export function normalize(stored: StoredEvent): Normalized {
  return asNormalized(stored, parseBody({ contentType: stored.contentType, body: stored.payload }));
}

/** As `normalize`, in slices of some milliseconds; of a large body only what is `wanted` is kept. */
export function* normalizeInSlices(stored: StoredEvent, wanted?: Wanted): Slices<Normalized> {
  const { contentType, payload: body } = stored;
  return asNormalized(stored, yield* parseBodySlices({ contentType, body, wanted }));
}

/** Whether an event is normalised in slices where others wait. */
export function isLarge({ payload }: { payload: Buffer }): boolean {
  return payload.length > LARGE_BODY_BYTES;
}

function asNormalized(stored: StoredEvent, body: ParsedBody): Normalized {
  if (body.kind === "unreadable") return body;
  return {
    kind: "normalized",
    event: {
      id: stored.id,
      tenantId: stored.tenantId,
      connector: stored.connector,
      endpoint: stored.endpoint,
      type: stored.type ?? "",
      source: stored.source,
      priority: stored.priority,
      subject: stored.subject,
      occurredAt: new Date(stored.occurredAtMs ?? stored.receivedAtMs).toISOString(),
      receivedAt: new Date(stored.receivedAtMs).toISOString(),
      idempotencyKey: idempotencyKey(stored),
      headers: stored.headers,
      data: body.data,
      ...stored.synthetic,
    },
  };
}
