/** A polled source, as the policy sees it. Times are seconds. */
export interface PollPair {
  readonly id: string;
  readonly tenant: string;
  readonly connector: string;
  readonly entity: string;
  /** Hours ahead of UTC, or an IANA zone, of the source's users. Only a hint: a wrong zone is unlearned. */
  readonly tz: number | string;
  /** Number of records; 0 if unknown. */
  readonly records: number;
  /** Requests per full poll. */
  readonly cost: number;
  readonly baseInterval: number;
  readonly minInterval: number;
  readonly maxInterval: number;
  /** Working hours of the source's users, in their own time. Defaults to Monday to Friday from 8 to 18. */
  readonly businessHours?: BusinessHours | undefined;
}

/** Days are 1 (Monday) to 7; hours are of the day, `to` is excluded. */
export interface BusinessHours {
  readonly days: readonly number[];
  readonly from: number;
  readonly to: number;
}

/** The result of a poll. Times are Unix seconds, durations seconds. */
export interface Observation {
  now: number;
  scheduledAt: number;
  startedAt: number;
  kind: "ok" | "rate_limited" | "error";
  /** Distinct records created, updated or deleted since the last successful poll. */
  changed: number;
  /** Records seen. */
  total: number;
  /** Seconds since the last successful poll; null on the first. */
  elapsed: number | null;
  retryAfter: number | null;
  rateLimit: { limit: number; remaining: number; reset: number } | null;
  /** Requests sent. */
  requests: number;
  first: boolean;
}

/** The rate limit of a connector. */
export interface FleetConnector {
  readonly name: string;
  /** Whether one limit applies to all tenants. */
  readonly shared: boolean;
  readonly sendsHeaders: boolean;
}

/** State shared by the pairs of one scheduler. */
export interface Fleet {
  /** Requests per second, and the most that may be sent at once. */
  readonly budget: { rate: number; burst: number };
  /** The pairs, or their number. */
  readonly pairs: number | readonly PollPair[];
  readonly connectors: readonly FleetConnector[];
  /** Returns numbers in [0, 1). */
  readonly rng: () => number;
  /** The policy's own state, one per scheduler. May be lost at any time. */
  readonly shared: Record<string, unknown>;
  tokensAvailable(): number;
  /** Delay of polls that wait for the budget, s. */
  readonly queueLag: number;
  /**
   * If set, a pair with its prior rate is polled at its base interval, other pairs follow by the same rule, and the
   * budget is only an upper bound. Otherwise the whole budget is spent.
   */
  readonly keepsToBases?: boolean;
}

/** Decides when each pair is polled next. `State` is plain JSON, so that it can be stored between polls. */
export interface PollPolicy<State> {
  readonly name: string;
  init(pair: PollPair, fleet: Fleet): State;
  /** Returns the seconds until the first poll. */
  phase?(state: State, fleet: Fleet): number;
  /** Returns the seconds until the next poll. Called after every poll. */
  next(state: State, observation: Observation, fleet: Fleet): number;
  /**
   * Returns 0 if the poll's requests may be sent, otherwise the seconds until the next call. Called before each poll.
   */
  admit?(state: State, now: number, fleet: Fleet): number;
}
