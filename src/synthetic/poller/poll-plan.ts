/** What PostgreSQL knows of a source's last polls: the authority on whether there was a baseline. */
export interface DurableState {
  /** Raised by every poll that committed; 0 before the first. */
  generation: number;
  /** Records tracked. */
  records: number;
  /** The hash version that digests were made under. */
  version: string;
  /** Whether a poll was complete, so that what is not tracked is known to be new. */
  baselined: boolean;
}

/** What Redis says of the digests it holds; undefined when it holds none. */
export interface DigestState {
  generation: number;
  records: number;
}

/**
 * How a poll treats what it sees.
 * - `baseline`: there was no complete poll yet (or keys are made otherwise now): what is not tracked is not new.
 * - `compare`: the rule.
 * - `rehash`: digests are made otherwise now: what is tracked is hashed again in silence.
 * - `state_lost`: the digests are gone, expired or too old: a new baseline, and an alert.
 */
export type PollPlan = "baseline" | "compare" | "rehash" | "state_lost";

/** An expired or flushed store never turns a million known records into created ones. */
export function planPoll(
  durable: DurableState | undefined,
  digests: DigestState | undefined,
  version: string,
): PollPlan {
  if (durable === undefined || durable.generation === 0) return "baseline";
  const [keysThen, fieldsThen] = durable.version.split(".");
  const [keysNow, fieldsNow] = version.split(".");
  if (keysThen !== keysNow) return "baseline";
  const intact = digests?.generation === durable.generation && digests.records === durable.records;
  if (!intact && durable.records > 0) return "state_lost";
  if (!durable.baselined) return "baseline";
  return fieldsThen === fieldsNow ? "compare" : "rehash";
}

const MIN_TTL_S = 7 * 86_400;

/** How long digests live past the last poll, s: a week, and three of the longest intervals. */
export function digestTtlSeconds(maxIntervalS: number): number {
  return Math.max(MIN_TTL_S, 3 * maxIntervalS);
}
