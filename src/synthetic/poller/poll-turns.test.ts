import { describe, expect, test } from "vitest";
import { DEFAULT_SOURCE } from "../../domain/source.ts";
import type { TakenPoll } from "../../postgres/sources/schedules.ts";
import adaptivePolicy from "../policy/policy.ts";
import type { Fleet, Observation } from "../policy/poll-policy.ts";
import type { PollOutcome } from "../poll/poll-outcome.ts";
import { createPollTurns } from "./poll-turns.ts";

const NOW = Date.UTC(2026, 10, 26, 12);

function setUp() {
  const observed: Observation[] = [];
  const fleet: Fleet & { pairs: number } = {
    budget: { rate: 100, burst: 200 },
    pairs: 1,
    connectors: [],
    rng: () => 0.5,
    shared: {},
    queueLag: 0,
    tokensAvailable: () => 200,
    keepsToBases: true,
  };
  const rateLimits = {
    admit: async () => 0,
    observe: async (_: unknown, observation: Observation) => void observed.push(observation),
    pace: async () => {},
    hold: async () => {},
    heldFor: () => 0,
    refresh: async () => {},
  };
  const turns = createPollTurns({ policy: adaptivePolicy(), fleet, rateLimits, now: () => NOW });
  return { turns, observed };
}

const taken = (over: Partial<TakenPoll> = {}): TakenPoll => ({
  tenantId: "acme",
  source: "orders",
  fence: 7,
  pollId: "p",
  version: "1.1",
  connector: "shop",
  limiter: "acme",
  entity: "order",
  rateLimit: undefined,
  lateMs: 500,
  requested: false,
  policyState: undefined,
  failures: 0,
  sinceOkMs: 60_000,
  definition: {
    ...DEFAULT_SOURCE,
    params: {},
    base_interval_seconds: 300,
    min_interval_seconds: 30,
    max_interval_seconds: 3_600,
  },
  ...over,
});

const outcome = (over: Partial<PollOutcome> = {}): PollOutcome => ({
  id: "p",
  status: "ok",
  complete: true,
  records: 40,
  created: 1,
  updated: 2,
  deleted: 3,
  restored: 4,
  held: undefined,
  error: undefined,
  startedAtMs: NOW - 2_000,
  finishedAtMs: NOW,
  requests: 5,
  notBeforeMs: undefined,
  rateLimit: undefined,
  first: false,
  ...over,
});

const error = { code: "SERVER_ERROR", message: "The provider answered 500" };

describe("poll turns", () => {
  test("updates the policy with a poll's outcome and returns the next due time with its reasons", async () => {
    const { turns, observed } = setUp();
    const ended = await turns.begin(taken()).end(outcome());
    expect(observed[0]).toMatchObject({
      now: NOW / 1_000,
      startedAt: NOW / 1_000 - 2,
      scheduledAt: NOW / 1_000 - 2.5,
      kind: "ok",
      changed: 10,
      total: 40,
      elapsed: 60,
      requests: 5,
      retryAfter: null,
    });
    expect(ended).toMatchObject({
      fence: 7,
      failures: 0,
      okSinceMs: 2_000,
      outcome: { id: "p", status: "ok" },
    });
    expect(ended.waitMs).toBeGreaterThanOrEqual(30_000);
    expect(ended.waitMs).toBeLessThanOrEqual(3_600_000);
    expect(ended.demand).toBeGreaterThan(0);
    expect(ended.reasons[0]).toContain("The next poll comes");
  });

  test.each([
    ["held deletions", { status: "held" }, "ok"],
    ["a reading with gaps", { status: "degraded", complete: false }, "ok"],
    ["a reading that failed", { status: "degraded", complete: false, error }, "error"],
    ["a failure", { status: "error", complete: false, error }, "error"],
    ["a limit", { status: "rate_limited", complete: false }, "rate_limited"],
  ] as const)("of %s counts as it should", async (_, over, kind) => {
    const { turns, observed } = setUp();
    const ended = await turns.begin(taken()).end(outcome(over));
    expect(observed[0]?.kind).toBe(kind);
    expect(ended.failures).toBe(kind === "ok" ? 0 : 1);
    expect(ended.okSinceMs === undefined).toBe(kind !== "ok");
  });

  test("a refusal holds all sources under the rate limit, any other failure only its own source", async () => {
    const { turns } = setUp();
    const notBeforeMs = NOW + 40_000;
    const limited = await turns.begin(taken()).end(outcome({ status: "rate_limited", notBeforeMs }));
    expect(limited.heldMs).toEqual({ limit: 40_000, source: undefined });
    expect(limited.waitMs).toBeGreaterThanOrEqual(40_000);
    const failed = await turns.begin(taken()).end(outcome({ status: "error", error, notBeforeMs }));
    expect(failed.heldMs).toEqual({ limit: undefined, source: 40_000 });
  });

  test("any process resumes a policy state, with the cost of the last complete poll", async () => {
    const { turns } = setUp();
    const { policyState } = await turns.begin(taken()).end(outcome());
    const stored = JSON.parse(JSON.stringify(policyState));
    const other = setUp().turns;
    other.adopt({ sources: 1, demand: 0.5, known: 1 });
    const turn = other.begin(taken({ policyState: stored }));
    expect(other.limited({ tenantId: "acme", source: "orders" })).toMatchObject({ cost: 5 });
    const ended = await turn.end(outcome({ status: "error", error }));
    expect(ended.policyState).toMatchObject({ pair: { cost: 5, records: 40 }, failures: 1 });
    turn.close();
    expect(other.limited({ tenantId: "acme", source: "orders" })).toBeUndefined();
  });
});
