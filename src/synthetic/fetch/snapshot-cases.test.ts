import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type DurableState, planPoll } from "../poll/poll-plan.ts";
import { cursorAfter, guardDeletions, judgeSnapshot, pagesJoin, pollStatus } from "../poll/snapshot.ts";
import { changeDetail } from "../records/change-detail.ts";
import { schemaDrift, volatileFields } from "../records/field-drift.ts";
import {
  changeKey,
  decideAbsent,
  decideSeen,
  type PollRules,
  preferredSeen,
  type SeenRecord,
  type TrackedRecord,
} from "../records/record-change.ts";
import type { RecordOptions } from "../records/record-options.ts";
import { recordReader } from "../records/record-reader.ts";
import { readPage } from "./read-page.ts";

/** A page as a provider answers it, or "failed". */
type Answer = string | "failed";

interface PollOptions {
  baseline?: "silent" | "emit";
  confirmPolls?: number;
  total?: number;
  approved?: number;
  overlapping?: boolean;
  updatedAfterMs?: number;
  lastPageReached?: boolean;
}

/** The engine's own order of work over the pure parts: page by page, and what is absent last. */
function source(options: Partial<RecordOptions> = {}) {
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
      for (const [key, record] of tracked) if (holds(key)) tracked.set(key, { ...record, digest: LOST });
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
      let [failedPages, unreadableRecords, gaps] = [0, 0, 0];
      let previous: string[] = [];
      for (const answer of answers) {
        const page = answer === "failed" ? undefined : readPage(answer, "records");
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
          staged.set(key, decideSeen(kept?.digest === LOST ? "lost" : kept, counts, rules));
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
      const told = [...staged].filter(([, { change }]) => change !== "none" && change !== "missing");
      return {
        plan: rules.plan,
        status: pollStatus(snapshot, guard),
        events: told.map(([key, { change }]) => `${change} ${key}`).sort(),
      };
    },
  };
}

const LOST = Buffer.alloc(0);
const page = (records: readonly unknown[]): Answer => JSON.stringify({ records });
const rows = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => ({ id: from + index, value: 1 }));
const pages = (records: readonly unknown[], size: number): Answer[] =>
  Array.from({ length: Math.ceil(records.length / size) }, (_, index) =>
    page(records.slice(index * size, (index + 1) * size)),
  );
/** A source that has had its baseline. */
const withBaseline = (records: readonly unknown[], options: Partial<RecordOptions> = {}) => {
  const made = source(options);
  made.poll(pages(records, 100));
  return made;
};

describe("the cases of record comparison", () => {
  test("key order: another order at every depth is no change", () => {
    const one = withBaseline([{ id: 1, a: 1, in: { b: 1, c: [{ d: 1, e: 2 }] } }]);
    expect(one.poll(['{"records":[{"in":{"c":[{"e":2,"d":1}],"b":1},"a":1,"id":1}]}']).events).toEqual([]);
  });

  test("numbers: another spelling is no change, a neighbour beyond 2^53 is", () => {
    const one = source();
    one.poll(['{"records":[{"id":1,"a":100,"b":9007199254740993}]}']);
    expect(one.poll(['{"records":[{"id":1,"a":1e2,"b":9007199254740993}]}']).events).toEqual([]);
    expect(one.poll(['{"records":[{"id":1,"a":100,"b":9007199254740992}]}']).events).toEqual(["updated 1"]);
  });

  test("null against missing: two by default, one where the entity says so", () => {
    expect(withBaseline([{ id: 1, a: null }]).poll([page([{ id: 1 }])]).events).toEqual(["updated 1"]);
    const same = withBaseline([{ id: 1, a: null }], { nullEqualsMissing: true });
    expect(same.poll([page([{ id: 1 }])]).events).toEqual([]);
  });

  test("arrays as sets: an order that means nothing changes nothing", () => {
    const options = { sets: ["/tags"], keyed: { "/items": "sku" } };
    const item = (sku: string, n: number) => ({ sku, n });
    const one = withBaseline([{ id: 1, tags: ["a", "b"], items: [item("x", 1), item("y", 1)] }], options);
    const turned = { id: 1, tags: ["b", "a"], items: [item("y", 1), item("x", 1)] };
    expect(one.poll([page([turned])]).events).toEqual([]);
    expect(one.poll([page([{ ...turned, items: [item("y", 2), item("x", 1)] }])]).events).toEqual([
      "updated 1",
    ]);
  });

  test("volatile fields: an ignored field changes nothing, and the report suggests which to ignore", () => {
    const one = withBaseline([{ id: 1, updated_at: 1 }], { ignore: ["/updated_at"] });
    expect(one.poll([page([{ id: 1, updated_at: 2 }])]).events).toEqual([]);
    const counts = new Map([
      ["/etag", 99],
      ["/status", 12],
    ]);
    expect(volatileFields(counts, 100)).toEqual(["/etag"]);
    expect(volatileFields(new Map([["/etag", 3]]), 3)).toEqual([]);
  });

  test("a changed ignore list: 10,000 records are hashed again in silence, and then compared", () => {
    const records = rows(10_000).map((row) => ({ ...row, etag: 1 }));
    const one = withBaseline(records);
    one.withOptions({ ignore: ["/etag"] });
    const again = one.poll(pages([...records.slice(1), { id: -1 }], 100));
    // What is new is told: keys are made as before.
    expect(again).toMatchObject({ plan: "rehash", events: ["created -1", "deleted 0"] });
    const next = records.slice(1).map((row) => ({ ...row, etag: 2, value: row.id === 5 ? 2 : 1 }));
    expect(one.poll(pages([...next, { id: -1 }], 100)).events).toEqual(["updated 5"]);
  });

  test("a changed id: records under other names are a new baseline", () => {
    const one = withBaseline(rows(50).map((row) => ({ ...row, uid: `u${row.id}` })));
    one.withOptions({ id: "uid" });
    expect(
      one.poll(
        pages(
          rows(50).map((row) => ({ ...row, uid: `u${row.id}` })),
          100,
        ),
      ),
    ).toMatchObject({
      plan: "baseline",
    });
  });

  test("typed and compound ids: none collides with another", () => {
    const one = source({ id: ["a", "b"] });
    one.poll([page([])], { total: 0 });
    const records = [
      { a: "a|b", b: "c" },
      { a: "a", b: "b|c" },
      { a: 0, b: "" },
      { a: "0", b: "" },
      { a: "\u00e9", b: 1 },
      { a: "e\u0301", b: 1 },
    ];
    expect(one.poll([page(records)]).events).toHaveLength(6);
  });

  test("duplicates in one snapshot: the newer by its own account counts, else the later, and none flaps", () => {
    const one = withBaseline([{ id: 1, v: 1 }]);
    const twice = [page([{ id: 1, v: 1 }]), page([{ id: 1, v: 2 }])];
    expect(one.poll(twice).events).toEqual(["updated 1"]);
    expect(one.poll(twice).events).toEqual([]);
    const dated = withBaseline([{ id: 1, v: 1, updated_at: 5 }]);
    expect(
      dated.poll([page([{ id: 1, v: 1, updated_at: 5 }]), page([{ id: 1, v: 0, updated_at: 4 }])]).events,
    ).toEqual([]);
  });

  test("delete and create again: deleted, then restored", () => {
    const one = withBaseline(rows(2));
    expect(one.poll([page(rows(1))]).events).toEqual(["deleted 1"]);
    expect(one.poll([page(rows(1))]).events).toEqual([]);
    expect(one.poll([page(rows(2))]).events).toEqual(["restored 1"]);
    expect(one.poll([page(rows(2))]).events).toEqual([]);
  });

  test("the payload of a deletion: the last values where they were kept", () => {
    const detail = changeDetail({ id: "id" }, "values");
    expect(detail.keep({ id: 1, a: 2 })).toEqual({ values: { id: 1, a: 2 } });
    expect(changeDetail({ id: "id" }, "none").keep({ id: 1 })).toBeUndefined();
  });

  test("a large record: it is compared whole, and its diff is cut, never dropped", () => {
    const large = (end: string) => ({ id: 1, text: `${"x".repeat(5_000_000)}${end}` });
    const one = withBaseline([large("a")]);
    expect(one.poll([page([large("b")])]).events).toEqual(["updated 1"]);
    const detail = changeDetail({ id: "id" }, "values");
    expect(detail.compare({ values: large("a") }, large("b"))?.changes).toEqual({
      "/text": { truncated: true },
    });
  });
});

describe("the cases of a snapshot", () => {
  test("the first poll: a silent baseline, or one that tells all", () => {
    expect(source().poll([page(rows(3))]).events).toEqual([]);
    expect(source().poll([page(rows(2))], { baseline: "emit" }).events).toEqual(["created 0", "created 1"]);
  });

  test("the first poll: one that breaks off goes on in the next, and loses no change between", () => {
    const one = source();
    expect(one.poll([page(rows(2)), "failed"])).toMatchObject({ status: "degraded", events: [] });
    const next = [{ id: 0, value: 2 }, ...rows(3, 1)];
    expect(one.poll([page(next)])).toMatchObject({ plan: "baseline", events: ["updated 0"] });
    expect(one.poll([page([...next, ...rows(1, 4)])]).events).toEqual(["created 4"]);
  });

  test("a partial failure: whichever page fails, what was seen is told and nothing is deleted", () => {
    for (let broken = 0; broken < 10; broken += 1) {
      const one = withBaseline(rows(1_000));
      const answers: Answer[] = pages(
        rows(1_001).map((row) => (row.id === 500 ? { ...row, value: 2 } : row)),
        101,
      );
      answers[broken] = "failed";
      const { status, events } = one.poll(answers, { confirmPolls: 1 });
      expect(status).toBe("degraded");
      expect(events.filter((event) => event.startsWith("deleted"))).toEqual([]);
      const expected = [...(broken === 9 ? [] : ["created 1000"]), ...(broken === 4 ? [] : ["updated 500"])];
      expect(events).toEqual(expected);
    }
  });

  test("a partial failure: the pages ended before the last", () => {
    expect(withBaseline(rows(100)).poll([page(rows(10))], { lastPageReached: false })).toEqual({
      plan: "compare",
      status: "degraded",
      events: [],
    });
  });

  test("a partial failure: fewer records than the provider says there are", () => {
    expect(withBaseline(rows(10)).poll([page(rows(9))], { total: 10 })).toMatchObject({
      status: "degraded",
      events: [],
    });
    expect(withBaseline(rows(10)).poll([page(rows(9))], { total: 9 }).events).toEqual(["deleted 9"]);
  });

  test.each([
    ["an HTML login page", "<!doctype html><title>Log in</title>", "HTML"],
    ["cut off", '{"records":[{"id":1},', "not valid JSON"],
    ["without the array", '{"error":"try later"}', "missing"],
    ["with null for the array", '{"records":null}', "null"],
    ["with an object for the array", '{"records":{}}', "an object"],
    ["with a record that has no id", '{"records":[{"name":"x"}]}', undefined],
    ["empty without a word on it", '{"records":[]}', undefined],
  ])("a success that is none: an answer %s is no empty snapshot", (_, answer, reason) => {
    const { status, events } = withBaseline(rows(5)).poll([answer]);
    expect({ status, events }).toEqual({ status: "degraded", events: [] });
    if (reason !== undefined) {
      expect(readPage(answer, "records")).toMatchObject({ reason: expect.stringContaining(reason) });
    }
  });

  test("a mass drop: it is held as a failure while additions flow, and an approval is a ceiling", () => {
    const one = withBaseline(rows(1_000));
    const dropped = [...rows(800), { id: "new" }];
    expect(one.poll([page(dropped)])).toMatchObject({ status: "held", events: ['created "new"'] });
    // Meanwhile more went away than were approved: it is held again.
    expect(one.poll([page(dropped.slice(1))], { approved: 200 })).toMatchObject({
      status: "held",
      events: [],
    });
    // A part came back: what is left of the drop is within the approval.
    const recovered = one.poll([page([...rows(950), { id: "new" }])], { approved: 200 });
    expect(recovered.status).toBe("ok");
    expect(recovered.events).toHaveLength(50);
  });

  test("an empty source: where the provider says that there are none, the guard alone decides", () => {
    expect(withBaseline(rows(8)).poll([page([])], { total: 0 }).events).toHaveLength(8);
    expect(withBaseline(rows(1_000)).poll([page([])], { total: 0 })).toMatchObject({
      status: "held",
      events: [],
    });
    expect(withBaseline(rows(1_000)).poll([page([])], { total: 0, approved: 1_000 }).events).toHaveLength(
      1_000,
    );
  });

  test("expiry and flush: lost state is a new baseline, never a flood of created records", () => {
    const one = withBaseline(rows(1_000));
    one.loseState();
    expect(one.poll(pages(rows(1_000), 100))).toMatchObject({ plan: "state_lost", events: [] });
    expect(one.poll(pages(rows(1_001), 100)).events).toEqual(["created 1000"]);
  });

  test("expiry and flush: what the provider dates after the last complete poll is told all the same", () => {
    const one = withBaseline(rows(3).map((row) => ({ ...row, updated_at: 100 })));
    one.loseState();
    const records = rows(3).map((row) => ({ ...row, updated_at: row.id === 2 ? 300 : 100 }));
    expect(one.poll([page(records)], { updatedAfterMs: 200 }).events).toEqual(["updated 2"]);
  });

  test("expiry and flush: a lost part is made anew in silence, and the rest is compared", () => {
    const one = withBaseline(rows(100));
    one.loseShard((key) => Number(key) % 2 === 0);
    const records = rows(100).map((row) => ({ ...row, value: row.id < 4 ? 2 : 1 }));
    expect(one.poll([page(records)]).events).toEqual(["updated 1", "updated 3"]);
    expect(one.poll([page(rows(100))]).events).toHaveLength(4);
  });

  test("absence: it takes as many complete polls in a row, and the grace, as the source asks for", () => {
    const one = withBaseline(rows(3));
    expect(one.poll([page(rows(2))], { confirmPolls: 2 }).events).toEqual([]);
    expect(one.poll([page(rows(3))], { confirmPolls: 2 }).events).toEqual([]);
    expect(one.poll([page(rows(2))], { confirmPolls: 2 }).events).toEqual([]);
    expect(one.poll([page(rows(1)), "failed"], { confirmPolls: 2 }).events).toEqual([]);
    expect(one.poll([page(rows(2))], { confirmPolls: 2 }).events).toEqual(["deleted 2"]);
    const rules: PollRules = {
      plan: "compare",
      baseline: "silent",
      deletions: { enabled: true, confirmPolls: 1, graceMs: 60_000 },
    };
    const tracked = { digest: LOST, missing: 5, missingSinceMs: 1_000, deleted: false };
    expect(decideAbsent(tracked, { startedAtMs: 0, nowMs: 60_999 }, rules).change).toBe("missing");
    expect(decideAbsent(tracked, { startedAtMs: 0, nowMs: 61_000 }, rules).change).toBe("deleted");
  });

  test("absence: it means nothing where deletions are off", () => {
    const rules: PollRules = {
      plan: "compare",
      baseline: "silent",
      deletions: { enabled: false, confirmPolls: 1, graceMs: 0 },
    };
    const tracked = { digest: LOST, missing: 0, deleted: false };
    expect(decideAbsent(tracked, { startedAtMs: 0, nowMs: 1 }, rules)).toEqual({ change: "none" });
  });

  test("a webhook during the poll: it wins over the page that was read before it", () => {
    const one = withBaseline([{ id: 1, v: 1 }]);
    one.touch("1", { id: 1, v: 2 }, 150_000);
    expect(one.poll([page([{ id: 1, v: 1 }])]).events).toEqual([]);
    expect(one.poll([page([{ id: 1, v: 2 }])]).events).toEqual([]);
    one.touch("9", { id: 9 }, 1_000_000);
    expect(one.poll([page([{ id: 1, v: 3 }])]).events).toEqual(["updated 1"]);
  });

  test("schema drift: a field that appears in most records at once is the provider's doing", () => {
    const appeared = new Map([
      ["/loyalty", 60_000],
      ["/note", 12],
    ]);
    expect(schemaDrift(appeared, 100_000)).toEqual(["/loyalty"]);
  });

  test("clock skew: the cursor is the provider's time less the lag, and never goes back", () => {
    expect(cursorAfter(undefined, undefined, 1_000)).toBeUndefined();
    expect(cursorAfter(undefined, 50_000, 1_000)).toBe(49_000);
    expect(cursorAfter(49_500, 50_000, 1_000)).toBe(49_500);
    expect(cursorAfter(49_000, undefined, 1_000)).toBe(49_000);
  });

  test("a crash between telling and saving: the repeated poll makes the same keys", () => {
    const [from, to] = [Buffer.from("a"), Buffer.from("b")];
    const change = { tenantId: "t", source: "s", recordKey: "1", change: "updated", from, to } as const;
    const key = changeKey({ ...change, generation: 4 });
    expect(changeKey({ ...change, generation: 4 })).toBe(key);
    const others = [
      changeKey({ ...change, generation: 5 }),
      changeKey({ ...change, generation: 4, from: to, to: from }),
      changeKey({ ...change, generation: 4, recordKey: '"1"' }),
      changeKey({ ...change, generation: 4, change: "created", from: undefined }),
    ];
    expect(new Set([key, ...others]).size).toBe(5);
  });
});

describe("pagination drift", () => {
  /** Reads a list by offset, newest first, while others change it between the pages: 1 adds, others remove one. */
  function readWhileChanging(list: number[], turns: readonly (readonly number[])[], overlap: number) {
    const answers: Answer[] = [];
    let next = 10_000 + Math.max(...list);
    for (let offset = 0, turn = 0; ; offset += 10 - overlap, turn += 1) {
      const slice = list.slice(offset, offset + 10);
      answers.push(page(slice.map((id) => ({ id }))));
      if (slice.length < 10) return answers;
      for (const change of turns[turn % turns.length] ?? []) {
        next += 1;
        if (change === 1) list.unshift(next);
        else list.splice(Math.floor(change * list.length), 1);
      }
    }
  }

  /** Which records were called deleted though they are there, and which are gone without a word. */
  function mistakes(
    count: number,
    turns: readonly (readonly number[])[],
    careful: { overlap: number; overlapping: boolean; confirmPolls: number },
  ) {
    const list = Array.from({ length: count }, (_, index) => count - index);
    const one = source();
    one.poll([page(list.map((id) => ({ id })))]);
    const told = new Set<number>();
    const wronged = new Set<number>();
    for (const changes of [turns, [[]], [[]]]) {
      const answers = readWhileChanging(list, changes, careful.overlap);
      for (const event of one.poll(answers, { ...careful, approved: 1_000 }).events) {
        if (!event.startsWith("deleted")) continue;
        const id = Number(event.slice(8));
        (list.includes(id) ? wronged : told).add(id);
      }
    }
    const silent = Array.from({ length: count }, (_, index) => index + 1).filter(
      (id) => !list.includes(id) && !told.has(id),
    );
    return { wronged: wronged.size, silent: silent.length };
  }

  const turns = fc.array(
    fc.array(fc.oneof(fc.constant(1), fc.double({ min: 0, max: 0.999, noNaN: true })), { maxLength: 3 }),
    { minLength: 1, maxLength: 12 },
  );
  const count = fc.integer({ min: 30, max: 90 });

  test("1,000 interleavings: nothing is deleted that is there, and all that is gone is told in two calm polls", () => {
    const careful = { overlap: 1, overlapping: true, confirmPolls: 2 };
    fc.assert(
      fc.property(turns, count, (changes, records) => {
        expect(mistakes(records, changes, careful)).toEqual({ wronged: 0, silent: 0 });
      }),
      { numRuns: 1_000 },
    );
  });

  test("the same interleavings wrong a reader without overlap that believes one poll", () => {
    const naive = { overlap: 0, overlapping: false, confirmPolls: 1 };
    const samples = fc.sample(fc.tuple(turns, count), { numRuns: 100, seed: 1 });
    const wronged = samples.map(([changes, records]) => mistakes(records, changes, naive).wronged);
    expect(Math.max(...wronged)).toBeGreaterThan(0);
  });

  test("a deletion between two pages leaves a gap, and a snapshot with a gap proves nothing", () => {
    expect(pagesJoin(["1", "2"], ["2", "3"])).toBe(true);
    expect(pagesJoin(["1", "2"], ["3", "4"])).toBe(false);
    const one = withBaseline(rows(5));
    const shifted = [page([{ id: 0 }, { id: 1 }]), page([{ id: 3 }, { id: 4 }])];
    expect(one.poll(shifted, { overlapping: true })).toMatchObject({ status: "degraded" });
  });
});
