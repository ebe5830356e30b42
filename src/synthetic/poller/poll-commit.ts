import type { Queryable } from "../../postgres/core/database.ts";
import { insertPollEvents } from "../../postgres/events/poll-events.ts";
import { forgetAllValues, writeValues } from "../../postgres/sources/record-values.ts";
import { commitState, dropChanges, keepChanges, type SourceState } from "../../postgres/sources/states.ts";
import { applyDigests, type DigestChanges } from "../digests/apply-digests.ts";
import { packShard } from "../digests/digest-shard.ts";
import { valuesOfStage } from "../records/kept-values.ts";
import { pollEvents } from "./poll-events.ts";
import type { PollSession } from "./poll-session.ts";
import type { StagedRecord } from "./poll-stage.ts";
import { noteWebhooks } from "./webhook-notes.ts";

/** The poll's claim is no longer the newest, or its source is gone: nothing of it counts any more. */
export class OvertakenError extends Error {
  override readonly name = "OvertakenError";
}

/** What the last commit of a poll adds. */
export interface PollEnd {
  /** Whether the poll was complete: what is not tracked after it is new. */
  complete: boolean;
  /** The state as the poll leaves it, but for its generation and number of records. */
  state: (before: SourceState) => SourceState;
  /** Writes what came of the poll, in the same transaction; `generation` is the one that it leaves. */
  write: (transaction: Queryable) => Promise<void>;
}

/**
 * Commits what is staged: events, what is kept, the changes of the digests and the state in one transaction, under the
 * poll's fence and on top of the generation that it read. Redis follows. Throws `OvertakenError`.
 */
export async function commitStage(session: PollSession, end?: PollEnd): Promise<void> {
  const { source, claim, database, reset, reader } = session;
  await noteWebhooks(session);
  const staged = session.stage.take();
  const before = session.state;
  const values = await valuesOfStage(session, staged);
  const events = pollEvents(session, staged, values.before);
  keepInTable(session, staged);
  const becomesWhole = end?.complete === true && (reset !== undefined || session.patchy);
  const moves = staged.length > 0 || becomesWhole;
  const next: SourceState = {
    ...(end?.state(before) ?? before),
    generation: before.generation + (moves ? 1 : 0),
    records: session.digests?.table.live ?? before.records,
    dictionary: values.dictionary,
    ...(reset !== undefined && moves && { hashVersion: reader.version }),
  };
  // Packed while it waits for Redis: a tenth of what the records themselves take.
  const changes: DigestChanges = {
    generation: next.generation,
    reset: reset !== undefined,
    complete: end?.complete ?? false,
    entries: packShard({
      partial: reset?.partial ?? false,
      records: staged.map(({ key, next: tracked }) => ({ key, tracked })),
    }),
  };

  const of = { tenantId: source.tenantId, source: source.source };
  await session.reached("before commit");
  await database.transaction(async (transaction) => {
    const at = { ...of, fence: claim.fence, generation: before.generation };
    if (!(await commitState(transaction, at, next))) throw new OvertakenError();
    if (moves) await keepChanges(transaction, of, changes);
    if (values.forgetAll) await forgetAllValues(transaction, of);
    await writeValues(transaction, of, values);
    await session.reached("in commit");
    await insertPollEvents(transaction, { ...of, connector: source.connector }, events);
    await end?.write(transaction);
  });
  await session.reached("committed");
  session.state = next;
  if (events.length > 0) session.onEvents(events.length);
  if (moves) {
    session.reset = undefined;
    session.pending.changes.push(changes);
    session.pending.records += staged.length;
  }
  const due = end !== undefined || session.pending.records >= session.bounds.maxPendingRecords;
  if (due && session.pending.changes.length > 0) await bringOver(session);
}

function keepInTable({ digests }: PollSession, staged: readonly StagedRecord[]): void {
  if (digests === undefined) return;
  for (const { name, next, seen } of staged) {
    const place = digests.table.set(name, next);
    if (seen === undefined) continue;
    digests.table.see(place);
    digests.table.setUpdatedAt(place, seen.updatedAtMs);
  }
}

/** Gives Redis the committed changes. Where that fails the next poll does it, from what PostgreSQL keeps. */
async function bringOver(session: PollSession): Promise<void> {
  const { store, source, lost } = session;
  const { changes } = session.pending;
  session.pending = { changes: [], records: 0 };
  if (session.behind) return;
  try {
    const next = await applyDigests(store, session.head, { changes, lost, nowMs: store.now() });
    session.behind = next === undefined;
    if (next === undefined) return;
    session.head = next;
    session.lost = new Set();
    await session.reached("brought over");
    const of = { tenantId: source.tenantId, source: source.source };
    await dropChanges(session.database.pipeline, of, next.generation);
  } catch (error) {
    session.behind = true;
    session.onTrouble(error);
  }
}
