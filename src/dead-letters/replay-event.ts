import assert from "node:assert";
import { normalizeInSlices } from "../domain/event/normalize.ts";
import type { MatchedFlow } from "../domain/flow/deployed-flow.ts";
import { gateOf, gateOfReplay } from "../domain/flow/flow-gate.ts";
import { runId } from "../domain/flow/run-id.ts";
import { createCurrentFlows } from "../domain/matching/current-flows.ts";
import { priorityOf } from "../domain/priority.ts";
import type { Queryable } from "../postgres/core/database.ts";
import { insertReplays, type NewReplay } from "../postgres/dead-letters/lock.ts";
import { findEvent } from "../postgres/events/events.ts";
import { findVersionToRun } from "../postgres/flows/flows.ts";
import { nextReplays, type QueuedRun } from "../postgres/runs/replay.ts";
import { inTurns } from "../runtime/turns.ts";
import { deployedNow, type ReplayDeps } from "./replay-dead-letters.ts";

/** The result of replaying an event: its runs, or the reason why there are none. */
export type EventReplay =
  | { kind: "replayed"; runs: [QueuedRun, ...QueuedRun[]] }
  | { kind: "unreadable"; reason: string }
  | { kind: "unmatched" }
  | { kind: "no_flow" }
  | { kind: "erased" };

/**
 * Creates new runs of an event: of the given flow, whatever its trigger, or of every deployed flow that it matches. An
 * event that matched no flow when it was routed may match one now. Returns undefined if there is no such event.
 */
export async function replayEvent(
  transaction: Queryable,
  { tenantId, id, flowId }: { tenantId: string; id: string; flowId: string | undefined },
  deps: ReplayDeps,
): Promise<EventReplay | undefined> {
  const found = await findEvent(transaction, tenantId, id);
  if (found === undefined) return undefined;
  if (found.event.erasedAt !== undefined) return { kind: "erased" };
  let flows: readonly MatchedFlow[];
  const normalized = await inTurns(normalizeInSlices(found.event));
  if (flowId === undefined) {
    if (normalized.kind === "unreadable") return normalized;
    const match = createCurrentFlows(await deployedNow(transaction, tenantId));
    flows = await inTurns(match(normalized.event));
    if (flows.length === 0) return { kind: "unmatched" };
  } else {
    const flow = await findVersionToRun(transaction, { tenantId, flowId });
    if (flow === undefined) return { kind: "no_flow" };
    flows = [{ flowId, ...flow }];
  }
  const eventId = found.event.id;
  const numbers = await nextReplays(
    transaction,
    flows.map((flow) => ({ eventId, flowId: flow.flowId })),
  );
  const replays = flows.map((flow, index): NewReplay => {
    const next = numbers[index];
    assert(next !== undefined, "every flow has a replay number");
    return {
      tenantId,
      eventId,
      flowId: flow.flowId,
      flowVersion: flow.version,
      letterId: undefined,
      id: runId({ eventId, flowId: flow.flowId, ...next }),
      replaySeq: next.replaySeq,
      lane: flow.definition.trigger.priority ?? priorityOf("replay"),
      gate:
        normalized.kind === "normalized"
          ? gateOf(flow.definition, normalized.event)
          : gateOfReplay(flow.definition, null),
    };
  });
  await insertReplays(transaction, replays, { leaseMs: deps.leaseMs, cause: "requested" });
  const [first, ...others] = replays;
  assert(first !== undefined, "there is a flow");
  return { kind: "replayed", runs: [first, ...others] };
}
