import { readShards } from "../../redis/record-digests.ts";
import { type DigestShard, unpackShard } from "../digests/digest-shard.ts";
import { decideAbsent } from "../records/record-change.ts";
import { subjectOfKey } from "../records/record-id.ts";
import { recordName, shardOf } from "../records/record-name.ts";
import { commitStage } from "./poll-commit.ts";
import type { PollContext } from "./poll-context.ts";
import { type PollProgress, tableOf } from "./poll-progress.ts";
import { type GuardVerdict, guardDeletions } from "./snapshot.ts";

/** The tracked records that a complete poll did not see. */
export interface Absences {
  guard: GuardVerdict;
  /** Subjects of some of the held deletions. */
  sample: string[];
  /** Whether some absences are not reported as deletions yet. */
  open: boolean;
}

/**
 * Stages the absences of a complete poll, and commits whenever the stage is full. Confirmed absences become deletions
 * if the guard allows all of them. `approved` is the number of deletions that an operator approved.
 */
export async function stageAbsences(
  context: PollContext,
  progress: PollProgress,
  approved: number,
): Promise<Absences> {
  const { rules, source, bounds, startedAtMs, store } = context;
  const table = tableOf(progress);
  const poll = { startedAtMs, nowMs: store.now() };
  const missing = new Set<number>();
  const deleted = new Set<number>();
  for (const index of table.unseen()) {
    const { change } = decideAbsent(table.at(index), poll, rules);
    if (change === "missing") missing.add(index);
    if (change === "deleted") deleted.add(index);
  }
  const tracked = progress.state.records;
  const guard = guardDeletions({ count: deleted.size, tracked }, source.deletions, approved);
  const held = guard.kind === "held";
  const staged = held ? missing : new Set([...missing, ...deleted]);
  for await (const { key, index } of keysOf(context, progress, staged)) {
    const before = table.at(index);
    const { change, next } = decideAbsent(before, poll, rules);
    if (next === undefined) continue;
    progress.stage.set({
      key,
      name: Buffer.from(table.nameAt(index)),
      change,
      before: { ...before, digest: Buffer.from(before.digest) },
      next: {
        ...next,
        digest: Buffer.from(next.digest),
        // The retention of the deleted record starts now.
        ...(change === "deleted" && { missingSinceMs: poll.nowMs }),
      },
      seen: undefined,
      touch: false,
      record: undefined,
      payload: undefined,
    });
    if (progress.stage.size >= bounds.maxStagedRecords) await commitStage(context, progress);
  }
  const sample: string[] = [];
  if (held) {
    const sampled = new Set([...deleted].slice(0, bounds.holdSample));
    for await (const { key } of keysOf(context, progress, sampled)) {
      // PostgreSQL text cannot contain NUL.
      sample.push(subjectOfKey(key).replaceAll("\0", "\ufffd"));
    }
  }
  return { guard, sample, open: missing.size > 0 || held };
}

/** Reads the keys of tracked records from their shards. Skips records whose shard was lost in the meantime. */
async function* keysOf(
  { store }: PollContext,
  { digests, head }: PollProgress,
  indexes: ReadonlySet<number>,
): AsyncGenerator<{ key: string; index: number }> {
  if (digests === undefined || head === undefined || indexes.size === 0) return;
  const { table } = digests;
  const tree = new Set(head.codes);
  const codes = new Set([...indexes].map((index) => shardOf(table.nameAt(index), tree)));
  for await (const { content } of readShards(store.redis, store.keys, [...codes])) {
    const shard: DigestShard | undefined = content === undefined ? undefined : unpackShard(content);
    for (const { key } of shard?.records ?? []) {
      const index = table.find(recordName(key));
      if (indexes.has(index)) yield { key, index };
    }
  }
}
