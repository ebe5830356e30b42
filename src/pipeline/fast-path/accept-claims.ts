import type { Priority } from "../../domain/priority.ts";
import type { AcceptClaims, CommittedEvent } from "./fast-path.ts";

/** Room in the streams, as the relay measures it. */
export interface IdleRoom {
  /** Takes room for one event per entry. Returns undefined if events wait for the relay, or a lane has too little. */
  takeIfIdle(lanes: readonly Priority[]): TakenRoom | undefined;
}

export interface TakenRoom {
  /** Releases room that was not used, one event per entry. */
  release(lanes: readonly Priority[]): void;
}

/** Claims events for publication while they are accepted (docs/decisions/019-the-short-way.md). */
export function createAcceptClaims(deps: {
  room: IdleRoom;
  leaseMs: number;
  publish: (events: readonly CommittedEvent[]) => Promise<void>;
  onPublished: (events: number) => void;
  onError: (error: Error) => void;
}): AcceptClaims {
  const { room, leaseMs, publish, onPublished, onError } = deps;
  return {
    reserve(lanes) {
      const taken = room.takeIfIdle(lanes);
      return (
        taken && {
          leaseMs,
          commit(events) {
            // Duplicates were reserved for and are not new events.
            if (events.length < lanes.length) taken.release(without(lanes, events));
            if (events.length > 0) publish(events).then(() => onPublished(events.length), onError);
          },
          cancel: () => taken.release(lanes),
        }
      );
    },
  };
}

/** The lanes that are left when one entry per event is removed. */
function without(lanes: readonly Priority[], events: readonly CommittedEvent[]): Priority[] {
  const left = [...lanes];
  for (const { lane } of events) left.splice(left.indexOf(lane), 1);
  return left;
}
