/** A source's state in PostgreSQL, which decides whether there was a baseline. */
export interface DurableState {
  /** Raised by every poll that committed; 0 before the first. */
  generation: number;
  /** Records tracked. */
  records: number;
  /** The hash version of the digests. */
  version: string;
  /** Whether a poll was complete, so that untracked records are known to be new. */
  baselined: boolean;
}

/** The state of the digests in Redis; undefined if there are none. */
export interface DigestState {
  generation: number;
  records: number;
}

/**
 * How a poll treats records.
 * - `baseline`: no poll was complete yet, or the record keys changed. Untracked records are not new.
 * - `compare`: records are compared with their digests.
 * - `rehash`: the digest options changed. Tracked records are hashed again and not reported.
 * - `state_lost`: the digests are gone, expired or stale. The poll is a new baseline and opens an alert.
 */
export type PollPlan = "baseline" | "compare" | "rehash" | "state_lost";

/** Returns the plan of the next poll. An expired or flushed Redis never turns known records into created ones. */
export function planPoll(
  durable: DurableState | undefined,
  digests: DigestState | undefined,
  version: string,
): PollPlan {
  if (durable === undefined || durable.generation === 0) return "baseline";
  const [keysBefore, fieldsBefore] = durable.version.split(".");
  const [keysNow, fieldsNow] = version.split(".");
  if (keysBefore !== keysNow) return "baseline";
  const intact = digests?.generation === durable.generation && digests.records === durable.records;
  if (!intact && durable.records > 0) return "state_lost";
  if (!durable.baselined) return "baseline";
  return fieldsBefore === fieldsNow ? "compare" : "rehash";
}

const MIN_TTL_S = 7 * 86_400;

/** Returns how long digests are kept after a poll: three of the longest intervals, and at least a week. */
export function digestTtlSeconds(maxIntervalS: number): number {
  return Math.max(MIN_TTL_S, 3 * maxIntervalS);
}
