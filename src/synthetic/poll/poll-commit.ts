import type { Queryable } from "../../postgres/core/database.ts";
import { insertPollEvents } from "../../postgres/events/poll-events.ts";
import { forgetAllValues, writeValues } from "../../postgres/sources/record-values.ts";
import { commitState, dropChanges, keepChanges, type SourceState } from "../../postgres/sources/states.ts";
import { applyDigests, type DigestChanges } from "../digests/apply-digests.ts";
import { packShard } from "../digests/digest-shard.ts";
import type { PollContext } from "./poll-context.ts";
import { pollEvents } from "./poll-events.ts";
import { nonePending, type PollProgress } from "./poll-progress.ts";
import type { StagedRecord } from "./poll-stage.ts";
import { stageValues } from "./stage-values.ts";
import { noteWebhooks } from "./webhook-notes.ts";

/** The poll's claim is no longer the newest, or its source is gone: the poll can write nothing more. */
export class OvertakenError extends Error {
  override readonly name = "OvertakenError";
}

/** The part of a poll's last commit that its other commits do not have. */
export interface FinalCommit {
  /** Whether the poll was complete. Records untracked after a complete poll are new. */
  complete: boolean;
  /** Returns the state after the poll; its generation and number of records are set by the commit. */
  state: (before: SourceState) => SourceState;
  /** Writes the poll's outcome in the same transaction. */
  write: (transaction: Queryable) => Promise<void>;
}

/**
 * Commits the staged records: events, kept values, digest changes and state in one transaction, fenced by the poll's
 * claim and the generation that the poll read. Then updates Redis. Throws `OvertakenError`.
 */
export async function commitStage(
  context: PollContext,
  progress: PollProgress,
  final?: FinalCommit,
): Promise<void> {
  const { source, name, claim, database, reader, reached } = context;
  const { reset } = progress;
  await noteWebhooks(context, progress);
  const staged = progress.stage.take();
  const before = progress.state;
  const values = await stageValues(context, progress, staged);
  const events = pollEvents(context, progress, staged, values.before);
  trackStaged(progress, staged);
  const becomesWhole = final?.complete === true && (reset !== undefined || progress.patchy);
  const raisesGeneration = staged.length > 0 || becomesWhole;
  const next: SourceState = {
    ...(final?.state(before) ?? before),
    generation: before.generation + (raisesGeneration ? 1 : 0),
    records: progress.digests?.table.live ?? before.records,
    dictionary: values.dictionary,
    ...(reset !== undefined && raisesGeneration && { hashVersion: reader.version }),
  };
  // Packed changes take a tenth of the memory of the records while they wait for Redis.
  const changes: DigestChanges = {
    generation: next.generation,
    reset: reset !== undefined,
    complete: final?.complete ?? false,
    entries: packShard({
      partial: reset?.partial ?? false,
      records: staged.map(({ key, next: tracked }) => ({ key, tracked })),
    }),
  };

  await reached("before commit");
  await database.transaction(async (transaction) => {
    const at = { ...name, fence: claim.fence, generation: before.generation };
    if (!(await commitState(transaction, at, next))) throw new OvertakenError();
    if (raisesGeneration) await keepChanges(transaction, name, changes);
    if (values.forgetAll) await forgetAllValues(transaction, name);
    await writeValues(transaction, name, values);
    await reached("in commit");
    await insertPollEvents(transaction, { ...name, connector: source.connector }, events);
    await final?.write(transaction);
  });
  await reached("committed");
  progress.state = next;
  if (events.length > 0) context.onEvents(events.length);
  if (raisesGeneration) {
    progress.reset = undefined;
    progress.pending.changes.push(changes);
    progress.pending.records += staged.length;
  }
  const due = final !== undefined || progress.pending.records >= context.bounds.maxPendingRecords;
  if (due && progress.pending.changes.length > 0) await updateRedis(context, progress);
}

function trackStaged({ digests }: PollProgress, staged: readonly StagedRecord[]): void {
  if (digests === undefined) return;
  for (const { name, next, seen } of staged) {
    const index = digests.table.set(name, next);
    if (seen === undefined) continue;
    digests.table.see(index);
    digests.table.setUpdatedAt(index, seen.updatedAtMs);
  }
}

/** Applies the pending changes to Redis. If that fails, the next poll replays them from PostgreSQL. */
async function updateRedis(context: PollContext, progress: PollProgress): Promise<void> {
  const { store, name, database, reached } = context;
  const { changes } = progress.pending;
  progress.pending = nonePending();
  if (progress.behind) return;
  try {
    const { lost } = progress;
    const next = await applyDigests(store, progress.head, { changes, lost, nowMs: store.now() });
    progress.behind = next === undefined;
    if (next === undefined) return;
    progress.head = next;
    progress.lost = new Set();
    await reached("brought over");
    await dropChanges(database.pipeline, name, next.generation);
  } catch (error) {
    progress.behind = true;
    context.onTrouble(error);
  }
}
