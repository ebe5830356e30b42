import { HeadraceError } from "../../domain/errors.ts";
import type { Queryable } from "../../postgres/core/database.ts";
import type { KeyRing } from "../../postgres/core/key-ring.ts";
import { countSealed, sampleSealed } from "../../postgres/core/sealed-values.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { Step } from "../../runtime/loop.ts";
import { SEALED_COLUMNS } from "./sealed-columns.ts";

/** Bounds of the check of encryption keys. */
export interface EncryptionKeyBounds {
  /** Secrets per key and column that are opened to verify the key. */
  sample: number;
  /** The wait between two checks, ms. */
  intervalMs: number;
  /** The wait while some secrets cannot be opened, ms. */
  unreadableMs: number;
}

/** The result of the last check whether every stored secret can be opened. */
export interface EncryptionKeys {
  check(): { ok: boolean; detail?: string };
  step: Step;
}

/** Creates the check for secrets that the key ring cannot open. Logs one error line whenever the result changes. */
export function createEncryptionKeys(deps: {
  database: Queryable;
  keyRing: KeyRing;
  bounds: EncryptionKeyBounds;
  log: Pick<Logger, "error" | "info">;
}): EncryptionKeys {
  const { database, keyRing, bounds, log } = deps;
  let detail: string | undefined;
  return {
    check: () => (detail === undefined ? { ok: true } : { ok: false, detail }),
    async step() {
      const unreadable = await findUnreadable(database, keyRing, bounds.sample);
      const found = describe(unreadable);
      if (found !== undefined && found !== detail) {
        log.error({ unreadable }, `HEADRACE_ENCRYPTION_KEYS cannot open every stored secret: ${found}`);
      }
      if (found === undefined && detail !== undefined) log.info("every stored secret can be opened again");
      detail = found;
      return { waitMs: found === undefined ? bounds.intervalMs : bounds.unreadableMs };
    },
  };
}

interface UnreadableKey {
  key_id: string;
  secrets: number;
  /** The key is `missing` from the setting, or has other bytes than the key that sealed the secrets. */
  fault: "missing" | "other_bytes";
}

async function findUnreadable(
  database: Queryable,
  keyRing: KeyRing,
  sample: number,
): Promise<UnreadableKey[]> {
  const found = new Map<string, UnreadableKey>();
  const note = (keyId: string, secrets: number, fault: UnreadableKey["fault"]) => {
    const before = found.get(keyId)?.secrets ?? 0;
    found.set(keyId, { key_id: keyId, secrets: before + secrets, fault });
  };
  for (const column of SEALED_COLUMNS) {
    for (const { keyId, count } of await countSealed(database, column)) {
      if (!keyRing.keyIds.includes(keyId)) note(keyId, count, "missing");
    }
    const { columns } = column;
    for (const value of await sampleSealed(database, column, {
      columns,
      keyIds: keyRing.keyIds,
      limit: sample,
    })) {
      if (!opens(keyRing, value, column.aadOf(value.row))) note(value.keyId, 1, "other_bytes");
    }
  }
  return [...found.values()].sort((left, right) => (left.key_id < right.key_id ? -1 : 1));
}

function opens(keyRing: KeyRing, value: Parameters<KeyRing["open"]>[0], aad: string): boolean {
  try {
    keyRing.open(value, aad);
    return true;
  } catch (error) {
    if (error instanceof HeadraceError) return false;
    throw error;
  }
}

function describe(unreadable: readonly UnreadableKey[]): string | undefined {
  if (unreadable.length === 0) return undefined;
  return unreadable
    .map(({ key_id: keyId, secrets, fault }) =>
      fault === "missing"
        ? `key ${keyId} is missing, which sealed ${secrets} of them`
        : `key ${keyId} has other bytes than those that sealed at least ${secrets} of them`,
    )
    .join("; ");
}
