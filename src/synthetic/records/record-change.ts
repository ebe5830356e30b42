import { digestOf } from "../../domain/event/idempotency-key.ts";
import type { PollPlan } from "../poll/poll-plan.ts";

/** The stored state of a record. Times are Unix ms. */
export interface TrackedRecord {
  digest: Buffer;
  /** Number of consecutive complete polls without the record. */
  missing: number;
  missingSinceMs?: number;
  /** The deletion was reported; the record is kept so that its return can be reported too. */
  deleted: boolean;
  /** When the last webhook with the record was received. */
  touchedAtMs?: number;
}

/** A record on a page that was requested at `readAtMs`. `updatedAtMs` is the provider's `updated_at`. */
export interface SeenRecord {
  digest: Buffer;
  readAtMs: number;
  updatedAtMs?: number | undefined;
}

/** The change to report, and the new state of the record; without `next` nothing is written. */
export interface RecordDecision {
  change: "none" | "created" | "updated" | "restored" | "missing" | "deleted";
  next?: TrackedRecord;
}

/** The rules of one poll. */
export interface PollRules {
  plan: PollPlan;
  /** Whether a baseline reports every record as created. */
  baseline: "silent" | "emit";
  /**
   * After a loss of state, records updated after this time by the provider's clock are reported as updated, Unix ms.
   */
  updatedAfterMs?: number | undefined;
  deletions: { enabled: boolean; confirmPolls: number; graceMs: number };
}

/**
 * Decides on a record that is on a page. `tracked` is its stored state: undefined for none, "lost" if it may have
 * been in a part of the store that is gone.
 */
export function decideSeen(
  tracked: TrackedRecord | "lost" | undefined,
  seen: SeenRecord,
  rules: PollRules,
): RecordDecision {
  const fresh: TrackedRecord = { digest: seen.digest, missing: 0, deleted: false };
  if (tracked === "lost" || (tracked === undefined && rules.plan === "state_lost")) {
    const { updatedAfterMs } = rules;
    const later =
      updatedAfterMs !== undefined && seen.updatedAtMs !== undefined && seen.updatedAtMs > updatedAfterMs;
    return { change: later ? "updated" : "none", next: fresh };
  }
  if (tracked === undefined) {
    const isReported = rules.plan !== "baseline" || rules.baseline === "emit";
    return { change: isReported ? "created" : "none", next: fresh };
  }
  // The page was requested before the webhook came, so it shows an older record.
  if (tracked.touchedAtMs !== undefined && tracked.touchedAtMs > seen.readAtMs) return { change: "none" };
  if (tracked.deleted) return { change: "restored", next: fresh };
  const same = tracked.digest.equals(seen.digest);
  if (same && tracked.missing === 0) return { change: "none" };
  return { change: same || rules.plan === "rehash" ? "none" : "updated", next: fresh };
}

/** Returns the sighting that counts of two in one poll: the newer one by `updatedAtMs`, otherwise the later one. */
export function preferredSeen(earlier: SeenRecord, later: SeenRecord): SeenRecord {
  if (earlier.updatedAtMs === undefined || later.updatedAtMs === undefined) return later;
  return earlier.updatedAtMs > later.updatedAtMs ? earlier : later;
}

/**
 * Decides on a tracked record that was on no page of a **complete** poll. "deleted" is provisional until the guard
 * has checked the number of deletions.
 */
export function decideAbsent(
  tracked: TrackedRecord,
  poll: { startedAtMs: number; nowMs: number },
  { deletions }: PollRules,
): RecordDecision {
  if (!deletions.enabled || tracked.deleted) return { change: "none" };
  if (tracked.touchedAtMs !== undefined && tracked.touchedAtMs > poll.startedAtMs) return { change: "none" };
  const missing = tracked.missing + 1;
  const missingSinceMs = tracked.missingSinceMs ?? poll.nowMs;
  const confirmed = missing >= deletions.confirmPolls && poll.nowMs - missingSinceMs >= deletions.graceMs;
  if (!confirmed) return { change: "missing", next: { ...tracked, missing, missingSinceMs } };
  return { change: "deleted", next: { digest: tracked.digest, missing: 0, deleted: true } };
}

/**
 * Returns the delivery key of a change, hex. It is the same for every repetition of an uncommitted poll. It differs
 * when a record returns to an earlier value, since each committed poll raises the generation.
 */
export function changeKey(change: {
  tenantId: string;
  source: string;
  recordKey: string;
  change: RecordDecision["change"];
  from: Buffer | undefined;
  to: Buffer | undefined;
  generation: number;
}): string {
  const { tenantId, source, recordKey, from, to, generation } = change;
  const hex = (digest: Buffer | undefined) => digest?.toString("hex") ?? "";
  return digestOf(tenantId, source, recordKey, change.change, hex(from), hex(to), String(generation));
}
