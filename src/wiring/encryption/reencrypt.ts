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
import { delay } from "../../runtime/delay.ts";
import { SEALED_COLUMNS, type SecretColumn } from "./sealed-columns.ts";

/** The result of a re-encryption. */
export interface Reencrypted {
  /** The id of the first key in the setting, which seals all secrets. */
  keyId: string;
  /** All secrets. */
  secrets: number;
  /** Secrets that this call re-encrypted. */
  reencrypted: number;
  /** Secrets that could not be opened, because their key is missing or has other bytes. */
  unreadable: number;
  /** Secrets under other keys, by key id. */
  remaining: Record<string, number>;
  /** Ids of keys in the setting that no secret needs any more. */
  removable: string[];
}

/** Passes over all columns, since processes with another first key add secrets meanwhile. */
const MAX_PASSES = 3;

/** Tries per batch, which can fail in favour of other transactions. */
const MAX_TRIES = 5;

/**
 * Re-encrypts every secret under the first key of the ring, in batches. Does not overwrite concurrent changes. May be
 * interrupted and repeated at any time. Throws `store_unavailable`.
 */
export async function reencrypt(
  database: Database,
  keyRing: KeyRing,
  { batchSize, onProgress }: { batchSize: number; onProgress: (done: number, of: number) => void },
): Promise<Reencrypted> {
  const before = await countByKey(database);
  const outdated = sum(without(before, keyRing.sealingKeyId));
  const audit = (difference: Record<string, number>) =>
    insertAuditEntry(database.pipeline, {
      tenantId: undefined,
      key: { id: undefined, name: "headrace keys rotate-encryption" },
      route: "headrace keys rotate-encryption",
      object: `encryption-keys/${keyRing.sealingKeyId}`,
      difference: Object.fromEntries(
        Object.entries(difference).map(([name, to]) => [name, { from: null, to }]),
      ),
      requestId: undefined,
    });
  // Written before the first change, so that every change has an entry, and again with the outcome.
  if (outdated > 0) await audit({ to_reencrypt: outdated });
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
        onProgress(reencrypted, Math.max(outdated, reencrypted));
        after = rows.length === batchSize ? rows.at(-1) : undefined;
      } while (after !== undefined);
    }
    if (sum(without(await countByKey(database), keyRing.sealingKeyId)) <= unreadable) break;
  }
  // Processes cache that they could not open a secret until the counters rise.
  if (reencrypted > 0) {
    await database.transaction(async (transaction) => {
      await raiseCounter(transaction, "receive");
      await raiseCounter(transaction, "flows");
    });
  }
  if (outdated > 0) await audit({ reencrypted, unreadable });
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

/** Re-encrypts one value. Returns undefined for a value that cannot be opened. */
function resealed(keyRing: KeyRing, column: SecretColumn, { row, sealed, keyId }: SealedRow) {
  const aad = column.aadOf(row);
  try {
    const again = keyRing.seal(keyRing.open({ sealed, keyId }, aad), aad);
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
      await delay(200 * tries);
    }
  }
}

function without(counts: ReadonlyMap<string, number>, keyId: string): [string, number][] {
  return [...counts].filter(([id]) => id !== keyId);
}

function sum(counts: Iterable<[string, number]>): number {
  return [...counts].reduce((total, [, count]) => total + count, 0);
}
