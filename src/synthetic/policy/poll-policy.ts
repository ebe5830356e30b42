/** What the policy is told of a polled source once. Times are seconds. */
export interface PollPair {
  readonly id: string;
  readonly tenant: string;
  readonly connector: string;
  readonly entity: string;
  /** Where its users are: hours ahead of UTC, or an IANA zone. May be wrong: it is a hint, and unlearned. */
  readonly tz: number | string;
  /** How many records it holds; 0 where that is unknown. */
  readonly records: number;
  /** Requests that a full poll takes. */
  readonly cost: number;
  readonly baseInterval: number;
  readonly minInterval: number;
  readonly maxInterval: number;
  /** When its users work, in their own time; Monday to Friday from 8 to 18 unless said. */
  readonly businessHours?: BusinessHours | undefined;
}

/** Days are 1 (Monday) to 7; hours are of the day, `to` is excluded. */
export interface BusinessHours {
  readonly days: readonly number[];
  readonly from: number;
  readonly to: number;
}

/** What came of an attempt to poll. Times are seconds since 1970 UTC, durations seconds. */
export interface Observation {
  now: number;
  scheduledAt: number;
  startedAt: number;
  kind: "ok" | "rate_limited" | "error";
  /** Distinct records that were created, updated or deleted since the last poll that was ok. */
  changed: number;
  /** Records seen. */
  total: number;
  /** Since the last poll that was ok; null on the first. */
  elapsed: number | null;
  retryAfter: number | null;
  rateLimit: { limit: number; remaining: number; reset: number } | null;
  /** Requests that were sent. */
  requests: number;
  first: boolean;
}

export interface FleetConnector {
  readonly name: string;
  /** Its limit is one for all tenants. */
  readonly shared: boolean;
  readonly sendsHeaders: boolean;
}

/** What the pairs of one scheduler share. */
export interface Fleet {
  /** Requests a second, and how many may be sent at once. */
  readonly budget: { rate: number; burst: number };
  /** How many there are, or they themselves. */
  readonly pairs: number | readonly PollPair[];
  readonly connectors: readonly FleetConnector[];
  /** Numbers in [0, 1). */
  readonly rng: () => number;
  /** The policy's own, one per scheduler; may be lost at any time. */
  readonly shared: Record<string, unknown>;
  tokensAvailable(): number;
  /** How late polls are that wait for the budget, s. */
  readonly queueLag: number;
  /**
   * A pair that changes as often as its base interval supposes is then polled at that interval, others more or less
   * often by the same rule, and the budget is a bound. Otherwise all of the budget is spent.
   */
  readonly keepsToBases?: boolean;
}

/** Decides when each pair is polled next. `State` is plain JSON, so that it can be stored between polls. */
export interface PollPolicy<State> {
  readonly name: string;
  init(pair: PollPair, fleet: Fleet): State;
  /** Seconds until the first poll. */
  phase?(state: State, fleet: Fleet): number;
  /** Seconds until the next poll. Asked after every attempt. */
  next(state: State, observation: Observation, fleet: Fleet): number;
  /** Asked before a request is spent: 0 to go on, else the seconds to wait before asking again. */
  admit?(state: State, now: number, fleet: Fleet): number;
}
