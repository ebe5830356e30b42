import { HeadraceError } from "../../domain/errors.ts";
import { insertAuditEntry } from "../../postgres/access/audit.ts";
import { raiseCounter } from "../../postgres/core/change-counters.ts";
import { type Database, isUnavailable } from "../../postgres/core/database.ts";
import type { KeyRing } from "../../postgres/core/key-ring.ts";
import {
  countSealed,
  listSealedByOthers,
  replaceSealed,
  type SealedRow,
} from "../../postgres/core/sealed-values.ts";
import { type PlacedColumn, SEALED_COLUMNS } from "./sealed-columns.ts";

export interface Reencrypted {
  /** The first key of the setting, which seals everything now. */
  keyId: string;
  /** Secrets in all, and those that were sealed anew by this call. */
  secrets: number;
  reencrypted: number;
  /** Secrets that could not be opened: their key is missing, or another has its id. */
  unreadable: number;
  /** Secrets by the other keys that still seal some. */
  remaining: Record<string, number>;
  /** Keys of the setting that seal nothing any more. */
  removable: string[];
}

/** Passes over all columns: a process that still seals with another key adds secrets meanwhile. */
const MAX_PASSES = 3;

/** Tries of a batch that gives way to other transactions. */
const MAX_TRIES = 5;

/**
 * Seals every secret anew with the first key of the ring, in batches. A secret that is changed meanwhile is left as it
 * was changed. Stopped at any point, another call goes on from there. Throws `store_unavailable`.
 */
export async function reencrypt(
  database: Database,
  keyRing: KeyRing,
  { batchSize, onProgress }: { batchSize: number; onProgress: (done: number, of: number) => void },
): Promise<Reencrypted> {
  const before = await countByKey(database);
  const toDo = sum(without(before, keyRing.sealingKeyId));
  const audit = (difference: Record<string, number>) =>
    insertAuditEntry(database.pipeline, {
      ...{ tenantId: undefined, key: { id: undefined, name: "headrace keys rotate-encryption" } },
      ...{ route: "headrace keys rotate-encryption", object: `encryption-keys/${keyRing.sealingKeyId}` },
      difference: Object.fromEntries(
        Object.entries(difference).map(([name, to]) => [name, { from: null, to }]),
      ),
      requestId: undefined,
    });
  // Before the first change, so that none is without its entry, and with the outcome after the last.
  if (toDo > 0) await audit({ to_reencrypt: toDo });
  let reencrypted = 0;
  let unreadable = 0;
  for (let pass = 1; pass <= MAX_PASSES; pass += 1) {
    unreadable = 0;
    for (const column of SEALED_COLUMNS) {
      let after: SealedRow | undefined;
      do {
        const page = { columns: column.columns, keyId: keyRing.sealingKeyId, after, limit: batchSize };
        const rows = await listSealedByOthers(database.pipeline, column, page);
        const values = rows.flatMap((row) => resealed(keyRing, column, row) ?? []);
        unreadable += rows.length - values.length;
        reencrypted += await withRetry(() => replaceSealed(database.pipeline, column, values));
        onProgress(reencrypted, Math.max(toDo, reencrypted));
        after = rows.length === batchSize ? rows.at(-1) : undefined;
      } while (after !== undefined);
    }
    if (sum(without(await countByKey(database), keyRing.sealingKeyId)) <= unreadable) break;
  }
  // A process that could not open a secret keeps that in memory until the counters rise.
  if (reencrypted > 0) {
    await database.transaction(async (transaction) => {
      await raiseCounter(transaction, "receive");
      await raiseCounter(transaction, "flows");
    });
  }
  if (toDo > 0) await audit({ reencrypted, unreadable });
  const counts = await countByKey(database);
  return {
    keyId: keyRing.sealingKeyId,
    secrets: sum(counts),
    reencrypted,
    unreadable,
    remaining: Object.fromEntries(without(counts, keyRing.sealingKeyId)),
    removable: keyRing.keyIds.filter((id) => id !== keyRing.sealingKeyId && !counts.has(id)),
  };
}

/** Nothing for a value that does not open: the others do not wait for it. */
function resealed(keyRing: KeyRing, column: PlacedColumn, { row, sealed, keyId }: SealedRow) {
  const place = column.place(row);
  try {
    const again = keyRing.seal(keyRing.open({ sealed, keyId }, place), place);
    return [{ row, before: sealed, after: again.sealed, keyId: again.keyId }];
  } catch (error) {
    if (error instanceof HeadraceError) return undefined;
    throw error;
  }
}

async function countByKey(database: Database): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const column of SEALED_COLUMNS) {
    for (const { keyId, count } of await countSealed(database.pipeline, column)) {
      counts.set(keyId, (counts.get(keyId) ?? 0) + count);
    }
  }
  return counts;
}

async function withRetry<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isUnavailable(error) || tries >= MAX_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200 * tries));
    }
  }
}

function without(counts: ReadonlyMap<string, number>, keyId: string): [string, number][] {
  return [...counts].filter(([id]) => id !== keyId);
}

function sum(counts: Iterable<[string, number]>): number {
  return [...counts].reduce((total, [, count]) => total + count, 0);
}
