import type { Fleet, Observation } from "./poll-policy.ts";

/** The state of one of a provider's rate limits. Times are Unix seconds. */
export interface RateLimitState {
  /** No requests before this time, by the provider's demand. */
  heldUntil: number;
  /** The provider's current window: its size, the requests left, and the start of the next window. */
  quota: number;
  remaining: number;
  resetAt: number;
  /** Admitted requests without a response; not subtracted from `remaining` yet. */
  underWay: number;
  /** Requests per window of a minute, learned from refusals of a provider without headers. */
  capacity: number;
  windowAt: number;
  used: number;
  usedBefore: number;
  /** Logarithm of the extra price of requests under this limit. */
  pressure: number;
}

const WINDOW_S = 60;
/** Factor on the capacity after a refusal. Each full window without one adds a tenth. */
const BACK_OFF = 0.7;
const RECOVERY = 1.1;
const FULL_USE = 0.8;
/**
 * Share of the unanswered requests that carries over into the next window. Close to 1, because requests that are
 * forgotten but still answered would be admitted twice.
 */
const UNANSWERED = 0.98;
/** Settles where one poll in eleven has to wait. */
const PRESSURE_STEP = 0.05;
const MAX_PRESSURE = 4;

/**
 * Returns 0 and counts `cost` requests if they may be sent now; otherwise returns the seconds to wait. A refusal
 * holds everything under the limit, and the waits end spread out.
 */
export function admitUnderLimit(fleet: Fleet, key: string, cost: number, now: number): number {
  const limit = rateLimitOf(fleet, key);
  const freeAt = freeFrom(limit, cost, now);
  if (freeAt > now) {
    limit.pressure = Math.min(MAX_PRESSURE, limit.pressure + PRESSURE_STEP);
    return freeAt - now + 1 + fleet.rng() * Math.min(15, 2 * cost);
  }
  limit.pressure = Math.max(0, limit.pressure - PRESSURE_STEP / 10);
  limit.used += cost;
  limit.underWay += cost;
  return 0;
}

/** Takes back the admission of `cost` requests that were never sent. */
export function withdrawRequests(fleet: Fleet, key: string, cost: number): void {
  const limit = rateLimitOf(fleet, key);
  limit.used = Math.max(0, limit.used - cost);
  limit.underWay = Math.max(0, limit.underWay - cost);
}

/** Stops all requests under this limit until `until`. */
export function holdLimit(fleet: Fleet, key: string, until: number): void {
  const limit = rateLimitOf(fleet, key);
  limit.heldUntil = Math.max(limit.heldUntil, until);
}

/** Returns the seconds until requests may be sent. */
export function heldFor(limit: RateLimitState | undefined, now: number): number {
  return limit === undefined ? 0 : Math.max(0, limit.heldUntil - now);
}

/** Returns the factor on the price of requests under this limit: 1, and more while polls wait for it. */
export function limitPrice(fleet: Fleet, key: string): number {
  return Math.exp(rateLimitOf(fleet, key).pressure);
}

function freeFrom(limit: RateLimitState, cost: number, now: number): number {
  if (now < limit.heldUntil) return limit.heldUntil;
  if (now >= limit.resetAt) {
    limit.remaining = limit.quota;
    limit.resetAt = now + WINDOW_S;
  }
  if (limit.underWay > 0 && limit.remaining - limit.underWay < cost) return limit.resetAt;
  if (limit.remaining < Math.min(cost, limit.quota)) return limit.resetAt;
  if (now >= limit.windowAt + WINDOW_S) {
    if (limit.used > FULL_USE * limit.capacity) limit.capacity *= RECOVERY;
    startWindow(limit, now);
  }
  // A poll larger than the capacity may start a window.
  return limit.used > 0 && limit.used + cost > limit.capacity ? limit.windowAt + WINDOW_S : now;
}

/** Updates the limit with the result of a poll that was admitted at `cost`. */
export function observeLimit(fleet: Fleet, key: string, cost: number, observation: Observation): void {
  const limit = rateLimitOf(fleet, key);
  limit.underWay = Math.max(0, limit.underWay - cost);
  const { now, kind, retryAfter, rateLimit } = observation;
  if (rateLimit !== null) {
    limit.quota = rateLimit.limit;
    limit.remaining = rateLimit.remaining;
    limit.resetAt = now + rateLimit.reset;
  }
  if (kind !== "rate_limited") return;
  const known = now < limit.heldUntil;
  limit.heldUntil = Math.max(limit.heldUntil, now + (retryAfter ?? WINDOW_S));
  // Polls that ran together are refused together, which counts as one refusal.
  if (rateLimit !== null || known) return;
  const age = Math.min(1, (now - limit.windowAt) / WINDOW_S);
  const sent = limit.used + (1 - age) * limit.usedBefore;
  const halved = Number.isFinite(limit.capacity) ? limit.capacity / 2 : 1;
  limit.capacity = Math.max(1, halved, Math.min(limit.capacity, BACK_OFF * sent));
  startWindow(limit, limit.heldUntil);
}

function startWindow(limit: RateLimitState, now: number): void {
  limit.usedBefore = now < limit.windowAt + 2 * WINDOW_S ? limit.used : 0;
  limit.windowAt = now;
  limit.used = 0;
  limit.underWay *= UNANSWERED;
}

/** Serializes a state; `readRateLimitState` restores it. */
export function writeRateLimitState(limit: RateLimitState): string {
  // JSON writes infinity as null, which reads back as the default: infinity.
  return JSON.stringify(limit);
}

/** Parses a state written by `writeRateLimitState`. */
export function readRateLimitState(text: string): RateLimitState {
  const kept = Object.entries(JSON.parse(text)).filter(([, value]) => typeof value === "number");
  return { ...unknownRateLimit(), ...Object.fromEntries(kept) };
}

function rateLimitOf(fleet: Fleet, key: string): RateLimitState {
  const limits = rateLimitsOf(fleet);
  const known = limits.get(key);
  if (known !== undefined) return known;
  const limit = unknownRateLimit();
  limits.set(key, limit);
  return limit;
}

/** Returns the fleet's rate limits by key. */
export function rateLimitsOf(fleet: Pick<Fleet, "shared">): Map<string, RateLimitState> {
  fleet.shared["limits"] ??= new Map<string, RateLimitState>();
  return fleet.shared["limits"] as Map<string, RateLimitState>;
}

function unknownRateLimit(): RateLimitState {
  return {
    heldUntil: 0,
    quota: Number.POSITIVE_INFINITY,
    remaining: Number.POSITIVE_INFINITY,
    resetAt: 0,
    underWay: 0,
    capacity: Number.POSITIVE_INFINITY,
    windowAt: Number.NEGATIVE_INFINITY,
    used: 0,
    usedBefore: 0,
    pressure: 0,
  };
}
