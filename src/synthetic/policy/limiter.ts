import type { Fleet, Observation } from "./poll-policy.ts";

/** What is known of one limit of a provider; times are seconds. */
export interface RateLimitState {
  /** Nothing is sent before: the provider said so. */
  heldUntil: number;
  /** What the provider said last of its window: its size, what is left of it, and when the next begins. */
  quota: number;
  remaining: number;
  resetAt: number;
  /** Admitted, and not answered yet: `remaining` does not know of it. */
  underWay: number;
  /** Without headers: what may be sent in a window of a minute, as learned from refusals. */
  capacity: number;
  windowAt: number;
  used: number;
  usedBefore: number;
  /** By how much polls under this limit are dearer than others, as a logarithm. */
  pressure: number;
}

const WINDOW_S = 60;
/** After a refusal a window holds this share of what was sent; each full window without one adds a tenth. */
const BACK_OFF = 0.7;
const RECOVERY = 1.1;
const FULL_USE = 0.8;
/**
 * What remains under way from window to window of polls that never came back. Close to 1: what is forgotten of those
 * that do come back is admitted twice.
 */
const UNANSWERED = 0.98;
/** Settles where one poll in eleven has to wait. */
const PRESSURE_STEP = 0.05;
const MAX_PRESSURE = 4;

/**
 * Seconds to wait before `cost` requests may be sent, 0 to send them now, in which case they are counted. A refusal
 * holds all that shares the limit, and what wakes after it is spread.
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

/** Takes back what was admitted at `cost` and never sent. */
export function withdrawRequests(fleet: Fleet, key: string, cost: number): void {
  const limit = rateLimitOf(fleet, key);
  limit.used = Math.max(0, limit.used - cost);
  limit.underWay = Math.max(0, limit.underWay - cost);
}

/** Nothing is sent under this limit before `until`. */
export function holdLimit(fleet: Fleet, key: string, until: number): void {
  const limit = rateLimitOf(fleet, key);
  limit.heldUntil = Math.max(limit.heldUntil, until);
}

/** How long nothing may be sent yet, s. */
export function heldFor(limit: RateLimitState | undefined, now: number): number {
  return limit === undefined ? 0 : Math.max(0, limit.heldUntil - now);
}

/** What multiplies the price of requests under this limit: 1, and more while polls have to wait for it. */
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
  // A poll that is larger than the window may begin it.
  return limit.used > 0 && limit.used + cost > limit.capacity ? limit.windowAt + WINDOW_S : now;
}

/** Learns from the answer to a poll that was admitted at `cost`. */
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
  // Polls that were under way together are refused together: that is one refusal.
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

/** A limit as text; reads back as it was. */
export function writeRateLimitState(limit: RateLimitState): string {
  // JSON has no infinity: what is null is as in a limit of which nothing is known.
  return JSON.stringify(limit);
}

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

/** The limits that a fleet knows of, by key. */
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
