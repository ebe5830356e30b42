import { DEFAULT_RETRY } from "../../src/domain/flow/flow.ts";
import type { RunAttempt } from "../../src/domain/flow/flow-run.ts";
import { runId, runIdempotencyKey } from "../../src/domain/flow/run-id.ts";
import type { Database } from "../../src/postgres/core/database.ts";
import { routeEvents } from "../../src/postgres/events/routing.ts";
import { claimRuns } from "../../src/postgres/runs/runs.ts";
import { accepted, deployed } from "./flow.ts";

/** A claimed run of the tenant acme by its flow f, as an action receives it. */
export async function claimedRun(database: Database): Promise<RunAttempt> {
  const flow = { tenantId: "acme", flowId: "f" };
  const flowVersion = await deployed(database, flow.tenantId, flow.flowId);
  const [eventId = ""] = await accepted(database, "acme", [{}]);
  const id = runId({ eventId, flowId: "f", replaySeq: 0 });
  await routeEvents(
    database.pipeline,
    {
      verdicts: [{ eventId, tenantId: "acme", status: "routed" }],
      runs: [{ id, ...flow, flowVersion, eventId, lane: 2 }],
      deadLetters: [],
    },
    { queuedLeaseMs: 60_000 },
  );
  const { runs } = await claimRuns(database.pipeline, [id], 60_000);
  return {
    runId: id,
    ...flow,
    flowVersion,
    fence: runs[0]?.fence as number,
    attempt: 1,
    idempotencyKey: runIdempotencyKey({ eventId, flowId: "f", replaySeq: 0 }),
    event: {
      id: eventId,
      tenantId: "acme",
      connector: "shop",
      endpoint: "default",
      type: "order.paid",
      source: "webhook",
      priority: 2,
      subject: undefined,
      idempotencyKey: "",
      headers: {},
      data: {},
      occurredAt: "2026-11-23T10:00:00.000Z",
      receivedAt: "2026-11-23T10:00:00.000Z",
    },
    definition: { trigger: {}, action: { type: "code", handler: "f" }, retry: DEFAULT_RETRY },
    signingSecret: "",
    secrets: {},
    lease: new AbortController(),
  };
}
