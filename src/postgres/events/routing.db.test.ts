import { describe, expect, test } from "vitest";
import { migratedDatabase } from "../../../test/support/database.ts";
import { accepted, deployed } from "../../../test/support/flow.ts";
import { runId } from "../../domain/flow/run-id.ts";
import type { Database } from "../core/database.ts";
import { DEFAULT_POLICY, putPolicy } from "../dead-letters/policies.ts";
import { loadDeployments, loadEndedDeployments, undeployFlow } from "../flows/deployments.ts";
import { claimRuns } from "../runs/runs.ts";
import { insertRuns, type NewRun, type RoutingDecision, routeEvents } from "./routing.ts";

function decisionFor(eventIds: string[], flowId: string): RoutingDecision {
  return {
    verdicts: eventIds.map((eventId) => ({ eventId, tenantId: "acme", status: "routed" as const })),
    runs: eventIds.map((eventId) => ({
      id: runId({ eventId, flowId, replaySeq: 0 }),
      tenantId: "acme",
      flowId,
      flowVersion: 1,
      eventId,
      lane: 2 as const,
    })),
    deadLetters: [],
  };
}

async function count(database: Database, table: string): Promise<number> {
  const [row] = await database.pipeline.query({ text: `SELECT count(*)::int AS n FROM ${table}` });
  return row?.["n"];
}

describe("routeEvents", () => {
  test("routeEvents creates the runs of an event once, however many routers route it concurrently", async () => {
    const { database } = await migratedDatabase();
    await deployed(database, "acme", "f");
    const events = await accepted(database, "acme", [1, 2, 3, 4, 5]);
    const results = await Promise.all(
      Array.from({ length: 6 }, () =>
        routeEvents(database.pipeline, decisionFor(events, "f"), { queuedLeaseMs: 1_000 }),
      ),
    );
    const taken = results.flatMap(({ events }) => [...events.keys()]);
    expect(taken.sort()).toEqual(events);
    expect([
      await count(database, "runs"),
      await count(database, "verdicts"),
      await count(database, "outbox"),
    ]).toEqual([5, 5, 0]);
  });

  test("routeEvents claims the requested runs, which no other worker can claim then", async () => {
    const { database } = await migratedDatabase();
    await deployed(database, "acme", "f");
    const events = await accepted(database, "acme", [1, 2, 3, 4]);
    const decision = decisionFor(events, "f");
    const [gated = { id: "" }, known = { id: "" }, first = { id: "" }, second = { id: "" }] = decision.runs;
    decision.runs[0] = { ...decision.runs[0], gate: "all" } as NewRun;
    await insertRuns(database.pipeline, [known as NewRun]);
    const { claimed } = await routeEvents(database.pipeline, decision, {
      queuedLeaseMs: 1_000,
      claim: { runIds: new Set([known.id, first.id]), fence: 7, leaseMs: 60_000 },
    });
    // The second was there already: it is whose it was.
    expect(claimed.runs.map(({ id, fence, attempts }) => [id, fence, attempts])).toEqual([[first.id, 7, 0]]);
    const rows = await database.pipeline.query({
      text: "SELECT id, state, fence::int, started_at IS NOT NULL AS is_started FROM runs ORDER BY event_id",
    });
    expect(rows.map((row) => [row["id"], row["state"], row["fence"], row["is_started"]])).toEqual([
      [gated.id, "queued", 0, false],
      [known.id, "queued", 0, false],
      [first.id, "running", 7, true],
      [second.id, "queued", 0, false],
    ]);
    const others = await claimRuns(
      database.pipeline,
      decision.runs.map((run) => run.id),
      1_000,
    );
    expect(others.runs.map((run) => run.id)).not.toContain(first.id);
    expect([claimed.flowsCounter, claimed.breakersCounter]).toEqual([
      others.flowsCounter,
      others.breakersCounter,
    ]);
  });

  test("routeEvents reports an unmatched event that a policy dropped", async () => {
    const { database } = await migratedDatabase();
    await deployed(database, "acme", "f");
    const [dropped = "", kept = ""] = await accepted(database, "acme", [1, 2]);
    await putPolicy(database.pipeline, "acme", { ...DEFAULT_POLICY, unmatched: "drop" });
    const letter = { stage: "route" as const, errorMessage: "", errorContext: {}, fingerprint: "x" };
    const routed = await routeEvents(
      database.pipeline,
      {
        verdicts: [dropped, kept].map((eventId) => ({
          eventId,
          tenantId: "acme",
          status: "unmatched" as const,
        })),
        runs: [],
        deadLetters: [
          { ...letter, eventId: dropped, unmatched: true },
          { ...letter, eventId: kept, unmatched: false },
        ],
      },
      { queuedLeaseMs: 1_000 },
    );
    expect(Object.fromEntries(routed.events)).toEqual({
      [dropped]: { deadLettered: false },
      [kept]: { deadLettered: true },
    });
  });

  test("routeEvents copies the event into its dead letter byte for byte", async () => {
    const { database } = await migratedDatabase();
    await deployed(database, "acme", "f");
    const [eventId = ""] = await accepted(database, "acme", [{ a: "é" }]);
    const routed = await routeEvents(
      database.pipeline,
      {
        verdicts: [{ eventId, tenantId: "acme", status: "dead" }],
        runs: [],
        deadLetters: [
          {
            eventId,
            stage: "normalize",
            errorMessage: "unreadable",
            errorContext: { step: "normalize" },
            unmatched: false,
            fingerprint: "x",
          },
        ],
      },
      { queuedLeaseMs: 1_000 },
    );
    expect(routed.events).toEqual(new Map([[eventId, { deadLettered: true }]]));
    const [letter] = await database.pipeline.query({ text: "SELECT * FROM dead_letters" });
    expect(letter).toMatchObject({
      tenant_id: "acme",
      connector: "shop",
      event_id: eventId,
      stage: "normalize",
      error_message: "unreadable",
      error_context: { step: "normalize" },
      status: "pending",
      retry_count: 0,
      event_payload: Buffer.from('{"a":"é"}'),
    });
  });
});

describe("loadDeployments", () => {
  test("loadDeployments returns the live deployments first, and then the changes, with the counter", async () => {
    const { database } = await migratedDatabase();
    await deployed(database, "acme", "a");
    await deployed(database, "acme", "b");
    const all = await loadDeployments(database.pipeline, 0);
    expect(all.deployments.map((one) => one.flowId)).toEqual(["a", "b"]);
    const { counter } = all;
    expect(await loadDeployments(database.pipeline, counter)).toEqual({ deployments: [], counter });

    await database.withTenant("acme", (transaction) =>
      undeployFlow(transaction, { tenantId: "acme", flowId: "a" }),
    );
    await deployed(database, "acme", "b", { trigger: { connector: "crm" } });
    const changed = await loadDeployments(database.pipeline, counter);
    const [endOfA, endOfB, again] = changed.deployments;
    expect([endOfA, endOfB, again]).toMatchObject([
      { flowId: "a", version: 1, until: counter + 1 },
      { flowId: "b", version: 1, until: again?.from },
      { flowId: "b", version: 2, until: undefined, definition: { trigger: { connector: "crm" } } },
    ]);
    expect(changed.deployments).toHaveLength(3);
    expect(again?.from).toBe(changed.counter);
    const ended = await loadEndedDeployments(database.pipeline, { after: counter, upTo: counter + 1 });
    expect(ended.map((one) => one.flowId)).toEqual(["a"]);
    expect((await loadDeployments(database.pipeline, 0)).deployments.map((one) => one.flowId)).toEqual(["b"]);
  });
});
