import { noteKeyUse } from "../../postgres/access/api-keys.ts";
import type { Queryable } from "../../postgres/core/database.ts";
import type { Step } from "../../runtime/loop.ts";

export interface KeyUseBounds {
  /** A key's use is written at most once in this time, ms. */
  everyMs: number;
  /** The wait between two writes, ms. */
  intervalMs: number;
  /** Keys that are remembered; the use of one more is noted when others are forgotten. */
  maxKeys: number;
}

/** When keys were last used, written in batches. */
export interface KeyUse {
  /** Notes that a key was used now. */
  note(keyId: string): void;
  /** Writes what is noted. */
  step: Step;
}

export function createKeyUse(database: Queryable, bounds: KeyUseBounds, monotonicMs: () => number): KeyUse {
  const { everyMs, intervalMs, maxKeys } = bounds;
  /** When the use of a key was written last; undefined: it waits to be. */
  const written = new Map<string, number | undefined>();
  return {
    note(keyId) {
      const at = written.get(keyId);
      if (at === undefined ? written.size < maxKeys : monotonicMs() - at >= everyMs) {
        written.set(keyId, undefined);
      }
    },
    async step() {
      const now = monotonicMs();
      const waiting: string[] = [];
      for (const [keyId, at] of written) {
        if (at === undefined) waiting.push(keyId);
        else if (now - at >= everyMs) written.delete(keyId);
      }
      if (waiting.length > 0) await noteKeyUse(database, waiting, everyMs);
      for (const keyId of waiting) written.set(keyId, now);
      return { waitMs: intervalMs };
    },
  };
}
