import assert from "node:assert";
import type { FlowDefinition } from "../domain/flow/flow.ts";
import { runId } from "../domain/flow/run-id.ts";
import { createCurrentFlows } from "../domain/matching/current-flows.ts";
import type { Queryable } from "../postgres/core/database.ts";
import {
  failTries,
  insertReplays,
  type LockedDeadLetter,
  makeReplayEvents,
  type NewReplay,
  type ReplayCause,
} from "../postgres/dead-letters/lock.ts";
import { type Deployment, listLiveDeployments } from "../postgres/flows/deployments.ts";
import { findVersionsToRun } from "../postgres/flows/flows.ts";
import { nextReplays, type QueuedRun } from "../postgres/runs/replay.ts";
import { failpoint } from "../runtime/failpoint.ts";
import { inTurns } from "../runtime/turns.ts";
import { failedTry, planReplay, REPLAY_LANE, type ReplayPlan } from "./plan-replay.ts";

/** The dependencies of replays. */
export interface ReplayDeps {
  /** How long the job of a run may take to arrive before the run is queued again, ms. */
  leaseMs: number;
}

/** The result of replaying a dead letter: its runs, or the reason why there are none. The first run is the dead letter's. */
export type DeadLetterReplay =
  | { kind: "replayed"; letterId: string; runs: [QueuedRun, ...QueuedRun[]] }
  | ({ letterId: string } & Exclude<ReplayPlan, { kind: "run" }>);

/** Deployed flows of one tenant, at most. */
const MAX_FLOWS = 100_000;

/**
 * Replays locked dead letters of one tenant, in the transaction that locked them. Each gets its runs, or the error of a
 * replay without a run. Nothing is written for a replay that is refused.
 */
export async function replayDeadLetters(
  transaction: Queryable,
  {
    tenantId,
    letters,
    cause,
  }: { tenantId: string; letters: readonly LockedDeadLetter[]; cause: ReplayCause },
  deps: ReplayDeps,
): Promise<DeadLetterReplay[]> {
  const plans = await planAll(transaction, tenantId, letters);
  const toRun = letters.flatMap((letter, index) => {
    const plan = plans[index];
    return plan?.kind === "run" ? { letter, flows: plan.flows } : [];
  });
  const made = await makeReplayEvents(
    transaction,
    toRun.flatMap(({ letter }) => (letter.hasEvent ? [] : letter.id)),
  );
  const wanted = toRun.flatMap(({ letter, flows }) =>
    flows.map(({ flowId, version, gate }, index) => ({
      tenantId,
      flowId,
      flowVersion: version,
      gate,
      lane: REPLAY_LANE as 4,
      eventId: made.get(letter.id) ?? letter.eventId,
      letterId: index === 0 ? letter.id : undefined,
      ofLetter: letter.id,
    })),
  );
  const numbers = await nextReplays(transaction, wanted);
  const replays = wanted.map(({ ofLetter, ...run }, index): NewReplay & { ofLetter: string } => {
    const next = numbers[index];
    assert(next !== undefined, "every run has a replay number");
    return { ...run, ofLetter, replaySeq: next.replaySeq, id: runId({ ...run, ...next }) };
  });
  await insertReplays(transaction, replays, { leaseMs: deps.leaseMs, cause });
  await failTries(
    transaction,
    letters.flatMap((letter, index) => failedTry(letter, plans[index] as ReplayPlan) ?? []),
    cause,
  );
  failpoint("replay.written");
  const runsOf = new Map<string, QueuedRun[]>(toRun.map(({ letter }) => [letter.id, []]));
  for (const { ofLetter, id, flowId, lane, gate } of replays)
    runsOf.get(ofLetter)?.push({ id, tenantId, flowId, lane, gate });
  return letters.map(({ id: letterId }, index): DeadLetterReplay => {
    const plan = plans[index] as ReplayPlan;
    if (plan.kind !== "run") return { letterId, ...plan };
    const [first, ...others] = runsOf.get(letterId) ?? [];
    assert(first !== undefined, "a plan to run has a run");
    return { kind: "replayed", letterId, runs: [first, ...others] };
  });
}

/** Plans all replays with one query of the flows. */
async function planAll(
  transaction: Queryable,
  tenantId: string,
  letters: readonly LockedDeadLetter[],
): Promise<ReplayPlan[]> {
  const flowIds = [
    ...new Set(letters.flatMap(({ stage, flowId }) => (stage === "execute" ? (flowId ?? []) : []))),
  ];
  const versions =
    flowIds.length === 0
      ? new Map<string, { version: number; definition: FlowDefinition }>()
      : await findVersionsToRun(transaction, tenantId, flowIds);
  const match = letters.some((letter) => letter.stage !== "execute")
    ? createCurrentFlows(await deployedNow(transaction, tenantId))
    : createCurrentFlows([]);
  const plans: ReplayPlan[] = [];
  for (const letter of letters) {
    const now = { versionOf: (flowId: string) => versions.get(flowId), match };
    plans.push(await inTurns(planReplay(letter, now)));
  }
  return plans;
}

/** Returns the deployed flows of a tenant. */
export function deployedNow(transaction: Queryable, tenantId: string): Promise<Deployment[]> {
  return listLiveDeployments(transaction, { tenantId, limit: MAX_FLOWS });
}
