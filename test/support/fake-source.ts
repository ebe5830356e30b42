import { finish } from "../../src/domain/slices.ts";
import { readPage } from "../../src/synthetic/fetch/read-page.ts";
import { type DurableState, planPoll } from "../../src/synthetic/poll/poll-plan.ts";
import { guardDeletions, judgeSnapshot, pagesJoin, pollStatus } from "../../src/synthetic/poll/snapshot.ts";
import {
  decideAbsent,
  decideSeen,
  type PollRules,
  preferredSeen,
  type SeenRecord,
  type TrackedRecord,
} from "../../src/synthetic/records/record-change.ts";
import type { RecordOptions } from "../../src/synthetic/records/record-options.ts";
import { recordReader } from "../../src/synthetic/records/record-reader.ts";

/** A page as a provider returns it, or "failed". */
export type Answer = string | "failed";

interface PollOptions {
  baseline?: "silent" | "emit";
  confirmPolls?: number;
  total?: number;
  approved?: number;
  overlapping?: boolean;
  updatedAfterMs?: number;
  lastPageReached?: boolean;
}

/** Polls from memory with the pure parts of the engine in its order: page by page, absences last. */
export function fakeSource(options: Partial<RecordOptions> = {}) {
  let reader = recordReader({ id: "id", ...options });
  let durable: DurableState | undefined;
  let tracked = new Map<string, TrackedRecord>();
  let lost = false;
  let nowMs = 0;

  return {
    withOptions(next: Partial<RecordOptions>) {
      reader = recordReader({ id: "id", ...next });
    },
    loseState() {
      tracked = new Map();
      lost = true;
    },
    loseShard(holds: (key: string) => boolean) {
      for (const [key, record] of tracked)
        if (holds(key)) tracked.set(key, { ...record, digest: LOST_DIGEST });
    },
    touch(key: string, record: unknown, atMs: number) {
      const reading = reader.read(record);
      if (reading.kind === "record") {
        tracked.set(key, { digest: reading.digest, missing: 0, deleted: false, touchedAtMs: atMs });
      }
    },
    poll(answers: readonly Answer[], poll: PollOptions = {}) {
      nowMs += 60_000;
      const live = () => [...tracked.values()].filter(({ deleted }) => !deleted).length;
      const rules: PollRules = {
        plan: planPoll(
          durable,
          lost ? undefined : { generation: durable?.generation ?? 0, records: live() },
          reader.version,
        ),
        baseline: poll.baseline ?? "silent",
        updatedAfterMs: poll.updatedAfterMs,
        deletions: { enabled: true, confirmPolls: poll.confirmPolls ?? 1, graceMs: 0 },
      };
      const trackedBefore = live();
      const staged = new Map<string, { change: string; next?: TrackedRecord | undefined }>();
      const seen = new Map<string, SeenRecord>();
      let failedPages = 0;
      let unreadableRecords = 0;
      let gaps = 0;
      let previous: string[] = [];
      for (const answer of answers) {
        const page =
          answer === "failed" ? undefined : finish(readPage(Buffer.from(answer), { recordsPath: "records" }));
        if (page?.kind !== "page") {
          failedPages += 1;
          continue;
        }
        const keys: string[] = [];
        for (const record of page.records) {
          const reading = reader.read(record);
          if (reading.kind === "unreadable") {
            unreadableRecords += 1;
            continue;
          }
          const { key, digest } = reading;
          keys.push(key);
          const { updated_at: updatedAtMs } = record as { updated_at?: number };
          const now = { digest, readAtMs: nowMs, updatedAtMs };
          const before = seen.get(key);
          const counts = before === undefined ? now : preferredSeen(before, now);
          seen.set(key, counts);
          const kept = tracked.get(key);
          staged.set(key, decideSeen(kept?.digest === LOST_DIGEST ? "lost" : kept, counts, rules));
        }
        if (poll.overlapping === true && !pagesJoin(previous, keys)) gaps += 1;
        previous = keys;
      }
      const snapshot = judgeSnapshot({
        lastPageReached: poll.lastPageReached ?? true,
        failedPages,
        gaps,
        unreadableRecords,
        seen: seen.size,
        total: poll.total,
        accessChanged: false,
        tracked: trackedBefore,
      });
      const absent = [...tracked].filter(([key]) => !seen.has(key));
      const decisions = snapshot.complete
        ? absent.map(
            ([key, record]) => [key, decideAbsent(record, { startedAtMs: nowMs, nowMs }, rules)] as const,
          )
        : [];
      const count = decisions.filter(([, { change }]) => change === "deleted").length;
      const guard = guardDeletions(
        { count, tracked: trackedBefore },
        { maxFraction: 0.1, maxCount: 10 },
        poll.approved,
      );
      for (const [key, decision] of decisions) {
        if (guard.kind === "allowed" || decision.change !== "deleted") staged.set(key, decision);
      }
      for (const [key, { next }] of staged) if (next !== undefined) tracked.set(key, next);
      lost = false;
      durable = {
        generation: (durable?.generation ?? 0) + 1,
        records: live(),
        version: reader.version,
        baselined: durable?.baselined === true || snapshot.complete,
      };
      const reported = [...staged].filter(([, { change }]) => change !== "none" && change !== "missing");
      return {
        plan: rules.plan,
        status: pollStatus(snapshot, guard),
        events: reported.map(([key, { change }]) => `${change} ${key}`).sort(),
      };
    },
  };
}

/** Marks a record in a lost shard. */
export const LOST_DIGEST = Buffer.alloc(0);
/** Returns a page of the records. */
export const page = (records: readonly unknown[]): Answer => JSON.stringify({ records });
/** Returns `count` records with ids from `from` on. */
export const rows = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => ({ id: from + index, value: 1 }));
/** Splits records into pages. */
export const pages = (records: readonly unknown[], size: number): Answer[] =>
  Array.from({ length: Math.ceil(records.length / size) }, (_, index) =>
    page(records.slice(index * size, (index + 1) * size)),
  );
/** Returns a source after its baseline poll. */
export const withBaseline = (records: readonly unknown[], options: Partial<RecordOptions> = {}) => {
  const made = fakeSource(options);
  made.poll(pages(records, 100));
  return made;
};
