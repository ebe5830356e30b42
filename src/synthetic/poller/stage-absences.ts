import { readShards } from "../../redis/record-digests.ts";
import { type DigestShard, unpackShard } from "../digests/digest-shard.ts";
import { decideAbsent } from "../records/record-change.ts";
import { subjectOfKey } from "../records/record-id.ts";
import { recordName, shardOf } from "../records/record-name.ts";
import { commitStage } from "./poll-commit.ts";
import { type PollSession, tableOf } from "./poll-session.ts";
import { type GuardVerdict, guardDeletions } from "./snapshot.ts";

/** What a complete poll says of the records that it did not see. */
export interface Absences {
  guard: GuardVerdict;
  /** Subjects of some of those that are held. */
  sample: string[];
  /** Whether some are absent that were not told of yet. */
  open: boolean;
}

/**
 * Stages the absences of a complete poll: those that are confirmed as deletions, if the guard lets them through,
 * else none of them. `approved` is how many an operator let through. Commits whenever enough is staged.
 */
export async function stageAbsences(session: PollSession, approved: number): Promise<Absences> {
  const { rules, source, bounds, startedAtMs, store } = session;
  const table = tableOf(session);
  const poll = { startedAtMs, nowMs: store.now() };
  const missing = new Set<number>();
  const deleted = new Set<number>();
  for (const place of table.unseen()) {
    const { change } = decideAbsent(table.at(place), poll, rules);
    if (change === "missing") missing.add(place);
    if (change === "deleted") deleted.add(place);
  }
  const tracked = session.state.records;
  const guard = guardDeletions({ count: deleted.size, tracked }, source.deletions, approved);
  const held = guard.kind === "held";
  const places = held ? missing : new Set([...missing, ...deleted]);
  for await (const { key, place } of keysOf(session, places)) {
    const before = table.at(place);
    const { change, next } = decideAbsent(before, poll, rules);
    if (next === undefined) continue;
    session.stage.set({
      ...{ key, name: Buffer.from(table.nameAt(place)), change, seen: undefined, touch: false },
      before: { ...before, digest: Buffer.from(before.digest) },
      next: {
        ...{ ...next, digest: Buffer.from(next.digest) },
        // From when on it is remembered as deleted.
        ...(change === "deleted" && { missingSinceMs: poll.nowMs }),
      },
      ...{ record: undefined, payload: undefined },
    });
    if (session.stage.size >= bounds.maxStagedRecords) await commitStage(session);
  }
  const sample: string[] = [];
  if (held) {
    const some = new Set([...deleted].slice(0, bounds.holdSample));
    for await (const { key } of keysOf(session, some))
      sample.push(subjectOfKey(key).replaceAll("\0", "\ufffd"));
  }
  return { guard, sample, open: missing.size > 0 || held };
}

/** The keys of records, from the shards that hold them; those whose shard is gone meanwhile are left out. */
async function* keysOf(
  { digests, head, store }: PollSession,
  places: ReadonlySet<number>,
): AsyncGenerator<{ key: string; place: number }> {
  if (digests === undefined || head === undefined || places.size === 0) return;
  const { table } = digests;
  const tree = new Set(head.codes);
  const codes = new Set([...places].map((place) => shardOf(table.nameAt(place), tree)));
  for await (const { content } of readShards(store.redis, store.keys, [...codes])) {
    const shard: DigestShard | undefined = content === undefined ? undefined : unpackShard(content);
    for (const { key } of shard?.records ?? []) {
      const place = table.find(recordName(key));
      if (places.has(place)) yield { key, place };
    }
  }
}
