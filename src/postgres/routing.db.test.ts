import { describe, expect, test } from "vitest";
import { migratedDatabase } from "../../test/support/database.ts";
import { accepted, deployed } from "../../test/support/flow.ts";
import { runId } from "../domain/run-id.ts";
import { readCounter } from "./change-counters.ts";
import type { Database } from "./database.ts";
import { loadDeployments, undeployFlow } from "./deployments.ts";
import { type RoutingDecision, routeEvents } from "./routing.ts";

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
  test("makes the runs of an event once, however many routers route it at once", async () => {
    const { database } = await migratedDatabase();
    await deployed(database, "acme", "f");
    const flowsCounter = await readCounter(database.pipeline, "flows");
    const events = await accepted(database, "acme", [1, 2, 3, 4, 5]);
    const results = await Promise.all(
      Array.from({ length: 6 }, () =>
        routeEvents(database.pipeline, decisionFor(events, "f"), { flowsCounter, leaseMs: 1_000 }),
      ),
    );
    const taken = results.flatMap((result) => (result.kind === "routed" ? [...result.eventIds] : []));
    expect(taken.sort()).toEqual(events);
    expect([
      await count(database, "runs"),
      await count(database, "verdicts"),
      await count(database, "outbox"),
    ]).toEqual([5, 5, 0]);
  });

  test("does nothing once a flow was deployed or undeployed since the index was read", async () => {
    const { database } = await migratedDatabase();
    await deployed(database, "acme", "f");
    const flowsCounter = await readCounter(database.pipeline, "flows");
    const events = await accepted(database, "acme", [1]);
    await database.withTenant("acme", (transaction) =>
      undeployFlow(transaction, { tenantId: "acme", flowId: "f" }),
    );
    const options = { flowsCounter, leaseMs: 1_000 };
    expect(await routeEvents(database.pipeline, decisionFor(events, "f"), options)).toEqual({
      kind: "stale",
    });
    expect([await count(database, "runs"), await count(database, "outbox")]).toEqual([0, 1]);
  });

  test("copies the event into its dead letter, byte for byte", async () => {
    const { database } = await migratedDatabase();
    await deployed(database, "acme", "f");
    const flowsCounter = await readCounter(database.pipeline, "flows");
    const [eventId = ""] = await accepted(database, "acme", [{ a: "é" }]);
    await routeEvents(
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
            fingerprint: "x",
          },
        ],
      },
      { flowsCounter, leaseMs: 1_000 },
    );
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
  test("answers what is live at first, and then what changed, with the counter of the same moment", async () => {
    const { database } = await migratedDatabase();
    await deployed(database, "acme", "a");
    await deployed(database, "acme", "b");
    const all = await loadDeployments(database.pipeline, 0);
    expect(all.changes.map((change) => change.flowId)).toEqual(["a", "b"]);
    expect(await loadDeployments(database.pipeline, all.counter)).toEqual({
      changes: [],
      counter: all.counter,
    });

    await database.withTenant("acme", (transaction) =>
      undeployFlow(transaction, { tenantId: "acme", flowId: "a" }),
    );
    await deployed(database, "acme", "b", { trigger: { connector: "crm" } });
    const { changes, counter } = await loadDeployments(database.pipeline, all.counter);
    expect(counter).toBeGreaterThan(all.counter);
    expect(changes).toMatchObject([
      { flowId: "a", definition: undefined },
      { flowId: "b", version: 2, definition: { trigger: { connector: "crm" } } },
    ]);
    expect((await loadDeployments(database.pipeline, 0)).changes.map((change) => change.flowId)).toEqual([
      "b",
    ]);
  });
});
