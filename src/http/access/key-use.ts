import { noteKeyUse } from "../../postgres/access/api-keys.ts";
import type { Queryable } from "../../postgres/core/database.ts";
import type { Step } from "../../runtime/loop.ts";

/** Bounds of the record of key use. */
export interface KeyUseBounds {
  /** Minimum time between two writes for one key, ms. */
  everyMs: number;
  /** Wait between two batches, ms. */
  intervalMs: number;
  /** Keys in memory. A use of any further key is recorded later. */
  maxKeys: number;
}

/** Records when keys were last used, in batches. */
export interface KeyUse {
  /** Notes that a key was used now. */
  note(keyId: string): void;
  /** Writes the noted uses. */
  step: Step;
}

/** Creates an empty record of key use. */
export function createKeyUse(database: Queryable, bounds: KeyUseBounds, monotonicMs: () => number): KeyUse {
  const { everyMs, intervalMs, maxKeys } = bounds;
  /** The last write by key. Undefined while a use waits to be written. */
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
