import { describe, expect, test } from "vitest";
import type { DlqPolicy } from "../postgres/dead-letters/policies.ts";
import { decideAlerts } from "./decide-alerts.ts";

type Depth = Parameters<typeof decideAlerts>[0]["depths"][number];

function depth(pending: number, over: Partial<Depth> = {}): Depth {
  return { tenantId: "acme", stage: "execute", oldestSeconds: 1, ...over, pending };
}

function decide(
  depths: Depth[],
  policies: Record<string, DlqPolicy["alert"]>,
  open: string[] = [],
  tenantId = "acme",
) {
  const { opening, resolving } = decideAlerts({
    depths,
    policies: new Map(Object.entries(policies)),
    open: open.map((kind) => ({ tenantId, kind, subject: "" })),
    resolveBelow: 0.8,
  });
  return [
    opening.map((alert) => `${alert.tenantId} ${alert.kind}`),
    resolving.map((alert) => `${alert.tenantId} ${alert.kind}`),
  ];
}

const ACME = { acme: { depth: 10 } };

describe("an alert of dead letters", () => {
  test("a dead letter alert opens at its threshold, summed over all stages", () => {
    expect(decide([depth(9)], ACME)).toEqual([[], []]);
    expect(decide([depth(10)], ACME)).toEqual([["acme dlq.depth"], []]);
    expect(decide([depth(6), depth(4, { stage: "route" })], ACME)).toEqual([["acme dlq.depth"], []]);
  });

  test("a dead letter alert stays open until its value is well below the threshold", () => {
    expect(decide([depth(50)], ACME, ["dlq.depth"])).toEqual([[], []]);
    expect(decide([depth(8)], ACME, ["dlq.depth"])).toEqual([[], []]);
    expect(decide([depth(7)], ACME, ["dlq.depth"])).toEqual([[], ["acme dlq.depth"]]);
    expect(decide([], { acme: { depth: 1 } }, ["dlq.depth"])).toEqual([[], ["acme dlq.depth"]]);
  });

  test("a dead letter alert resolves when its threshold is removed", () => {
    expect(decide([depth(50)], { acme: undefined }, ["dlq.depth"])).toEqual([[], ["acme dlq.depth"]]);
    expect(decide([depth(50)], {}, ["dlq.depth"])).toEqual([[], ["acme dlq.depth"]]);
  });

  test("the alert on the oldest dead letter is independent of the depth", () => {
    const policies = { acme: { depth: 10, oldest_seconds: 60 } };
    const old = [depth(1, { oldestSeconds: 60.4 }), depth(1, { stage: "route", oldestSeconds: 3 })];
    expect(decide(old, policies)).toEqual([["acme dlq.oldest"], []]);
    expect(decide(old, policies, ["dlq.oldest"])).toEqual([[], []]);
    expect(decide([depth(1, { oldestSeconds: 47.9 })], policies, ["dlq.oldest"])).toEqual([
      [],
      ["acme dlq.oldest"],
    ]);
  });

  test("the default alert policy applies only to tenants without a policy", () => {
    const depths = [depth(10), depth(10, { tenantId: "globex" }), depth(10, { tenantId: "initech" })];
    const policies = { "*": { depth: 5 }, acme: undefined, initech: { depth: 11 } };
    expect(decide(depths, policies)).toEqual([["globex dlq.depth"], []]);
  });

  test("a dead letter alert has a message with its value and threshold", () => {
    const { opening } = decideAlerts({
      depths: [depth(12)],
      policies: new Map([["acme", { depth: 10 }]]),
      open: [],
      resolveBelow: 0.8,
    });
    expect(opening).toEqual([
      {
        tenantId: "acme",
        kind: "dlq.depth",
        subject: "",
        value: 12,
        threshold: 10,
        message: "Tenant acme has 12 dead letters that wait for a replay; the threshold is 10",
        details: { pending_by_stage: { execute: 12 } },
      },
    ]);
  });
});
