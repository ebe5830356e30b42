import { describe, expect, test } from "vitest";
import type { Database } from "../../src/postgres/core/database.ts";
import { open } from "../support/database.ts";
import { type Polling, pages, polling } from "../support/polling.ts";

/** The provider's records at each poll: they appear, change, change back, disappear, and return. */
const SNAPSHOTS: Record<string, number>[] = [
  { a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1 },
  { a: 2, b: 1, c: 2, d: 1, e: 1, f: 1, g: 2, h: 1, i: 1, j: 1, k: 1 },
  { a: 1, b: 1, c: 2, e: 1, f: 2, h: 1, i: 1, j: 2, k: 1 },
  { a: 2, b: 2, c: 2, d: 1, e: 1, f: 2, g: 2, h: 1, i: 1, j: 2 },
  { a: 2, b: 2, c: 2, d: 1, e: 1, f: 2, g: 2, h: 1, i: 1, j: 2 },
];

const REPORTED = [
  ...["updated a", "updated c", "updated g", "created i", "created j", "created k"],
  ...["updated a", "updated f", "updated j", "deleted d", "deleted g"],
  ...["updated a", "updated b", "restored d", "restored g", "deleted k"],
];

const answers = (snapshot: Record<string, number>) =>
  pages(
    Object.entries(snapshot).map(([id, value]) => ({ id, value })),
    2,
  );

/**
 * Ends a poll like a crash at the `at`th failpoint. Returns the failpoint, or undefined if the poll finished first.
 */
async function pollUntil(
  source: Polling,
  snapshot: Record<string, number>,
  at: number,
): Promise<{ left: number; failpoint?: string }> {
  let left = at;
  const crashed = new Promise<string>((resolve) => {
    source.reached = (failpoint) => {
      left -= 1;
      if (left !== 0) return undefined;
      resolve(failpoint);
      // Nothing after this failpoint runs.
      return new Promise<never>(() => {});
    };
  });
  const failpoint = await Promise.race([source.begin(answers(snapshot)).then(() => undefined), crashed]);
  source.reached = undefined;
  return { left, ...(failpoint !== undefined && { failpoint }) };
}

/** Closes the connections of the ended process. */
async function endTransactions(database: Database): Promise<void> {
  await database.pipeline.query({
    text: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND state LIKE 'idle in transaction%'`,
  });
}

describe("interrupted poll", () => {
  test("a poll that crashes at any failpoint is repeated and every change is reported once", {
    timeout: 240_000,
  }, async () => {
    // Few records per commit, so that one poll has many commits.
    const source = await polling({ diff: "fields" }, { maxStagedRecords: 3, maxPendingRecords: 6 });
    const crashes = new Map<string, number>();
    let points = 0;
    for (let at = 1; ; at += 1) {
      source.source = { ...source.source, source: `crashes-${at}` };
      let left = at;
      let crashed = false;
      for (const snapshot of SNAPSHOTS) {
        if (left > 0) {
          const ended = await pollUntil(source, snapshot, left);
          left = ended.left;
          if (ended.failpoint === undefined) continue;
          crashed = true;
          crashes.set(ended.failpoint, (crashes.get(ended.failpoint) ?? 0) + 1);
          await endTransactions(source.database);
          // The other process has connections of its own.
          source.useDatabase(open(source.url, { maxApiConnections: 1, maxPipelineConnections: 2 }));
        }
        expect(await source.begin(answers(snapshot))).toMatchObject({ status: "ok" });
      }
      const reported = await source.reported();
      expect({ at, reported: reported.toSorted() }).toEqual({ at, reported: REPORTED.toSorted() });
      if (!crashed) break;
      points += 1;
    }
    expect(points).toBeGreaterThanOrEqual(50);
    expect([...crashes.keys()].sort()).toEqual(
      ["before commit", "began", "brought over", "committed", "in commit", "page"].sort(),
    );
  });

  test("a poll that resumes after another one changes nothing", {
    timeout: 240_000,
  }, async () => {
    const source = await polling({ diff: "fields" }, { maxStagedRecords: 3, maxPendingRecords: 6 });
    const [first = {}, second = {}, third = {}] = SNAPSHOTS;
    for (let at = 1; ; at += 1) {
      source.source = { ...source.source, source: `sleeps-${at}` };
      await source.begin(answers(first));
      let left = at;
      let wake = () => {};
      const slept = new Promise<boolean>((resolve) => {
        source.reached = (failpoint) => {
          left -= 1;
          // Within a commit the process locks the source until PostgreSQL ends the transaction.
          if (left !== 0 || failpoint === "in commit") return undefined;
          resolve(true);
          return new Promise<void>((end) => {
            wake = end;
          });
        };
      });
      const late = source.begin(answers(second));
      const sleeps = await Promise.race([slept, late.then(() => false)]);
      source.reached = undefined;
      if (!sleeps && left > 0) break;
      for (const snapshot of [second, third])
        expect(await source.begin(answers(snapshot))).toMatchObject({ status: "ok" });
      wake();
      expect(await late).toEqual(
        sleeps ? expect.toBeOneOf([undefined, expect.anything()]) : expect.anything(),
      );
      // The kept values are those of the last poll.
      expect((await source.poll(answers(third))).events).toEqual([]);
      const reported = await source.reported();
      expect({ at, reported: reported.toSorted() }).toEqual({
        at,
        reported: REPORTED.slice(0, 11).toSorted(),
      });
    }
  });
});
