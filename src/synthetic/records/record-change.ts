import { digestOf } from "../../domain/event/idempotency-key.ts";
import type { PollPlan } from "../poll/poll-plan.ts";

/** What is kept of a record. Times are Unix ms. */
export interface TrackedRecord {
  digest: Buffer;
  /** In how many complete polls in a row it was absent. */
  missing: number;
  missingSinceMs?: number;
  /** Its deletion was told; it is kept so that its return can be. */
  deleted: boolean;
  /** When a webhook brought it last. */
  touchedAtMs?: number;
}

/** A record on a page that was read at `readAtMs`; `updatedAtMs` is the provider's own account. */
export interface SeenRecord {
  digest: Buffer;
  readAtMs: number;
  updatedAtMs?: number | undefined;
}

/** What to tell of a record, and what to keep of it from now on; without `next` nothing is written. */
export interface RecordDecision {
  change: "none" | "created" | "updated" | "restored" | "missing" | "deleted";
  next?: TrackedRecord;
}

/** How records are judged in one poll. */
export interface PollRules {
  plan: PollPlan;
  /** Whether a baseline tells of every record as created. */
  baseline: "silent" | "emit";
  /** After a loss of state, records that the provider updated after this moment are told as updated. */
  updatedAfterMs?: number | undefined;
  deletions: { enabled: boolean; confirmPolls: number; graceMs: number };
}

/**
 * Decides on a record that is on a page. `tracked` is what was kept of it: undefined for none, "lost" where the part
 * of the store that would hold it is gone.
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
    const told = rules.plan !== "baseline" || rules.baseline === "emit";
    return { change: told ? "created" : "none", next: fresh };
  }
  // A page that was read before the webhook came shows an older record.
  if (tracked.touchedAtMs !== undefined && tracked.touchedAtMs > seen.readAtMs) return { change: "none" };
  if (tracked.deleted) return { change: "restored", next: fresh };
  const same = tracked.digest.equals(seen.digest);
  if (same && tracked.missing === 0) return { change: "none" };
  return { change: same || rules.plan === "rehash" ? "none" : "updated", next: fresh };
}

/** Of two sightings of one record in one poll, the one that counts: the newer by its own account, else the later. */
export function preferredSeen(earlier: SeenRecord, later: SeenRecord): SeenRecord {
  if (earlier.updatedAtMs === undefined || later.updatedAtMs === undefined) return later;
  return earlier.updatedAtMs > later.updatedAtMs ? earlier : later;
}

/**
 * Decides on a tracked record that no page of a **complete** poll held. "deleted" is a candidate only, until the
 * guard has seen how many there are.
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
 * The delivery key of a change, hex: the same however often a poll is repeated before it commits, and another when a
 * record returns to what it was, since each committed poll raises the generation.
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
