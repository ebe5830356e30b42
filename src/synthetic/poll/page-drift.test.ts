import fc from "fast-check";
import { expect, test } from "vitest";
import { type Answer, fakeSource, page, rows, withBaseline } from "../../../test/support/fake-source.ts";
import { pagesJoin } from "./snapshot.ts";

/** Reads a list by offset, newest first, while others change it: 1 adds a record, other numbers remove one. */
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

/** Counts records that were reported as deleted but exist, and those that are gone without a report. */
function mistakes(
  count: number,
  turns: readonly (readonly number[])[],
  careful: { overlap: number; overlapping: boolean; confirmPolls: number },
) {
  const list = Array.from({ length: count }, (_, index) => count - index);
  const one = fakeSource();
  one.poll([page(list.map((id) => ({ id })))]);
  const reported = new Set<number>();
  const misreported = new Set<number>();
  for (const changes of [turns, [[]], [[]]]) {
    const answers = readWhileChanging(list, changes, careful.overlap);
    for (const event of one.poll(answers, { ...careful, approved: 1_000 }).events) {
      if (!event.startsWith("deleted")) continue;
      const id = Number(event.slice(8));
      (list.includes(id) ? misreported : reported).add(id);
    }
  }
  const silent = Array.from({ length: count }, (_, index) => index + 1).filter(
    (id) => !list.includes(id) && !reported.has(id),
  );
  return { misreported: misreported.size, silent: silent.length };
}

const turns = fc.array(
  fc.array(fc.oneof(fc.constant(1), fc.double({ min: 0, max: 0.999, noNaN: true })), { maxLength: 3 }),
  { minLength: 1, maxLength: 12 },
);
const count = fc.integer({ min: 30, max: 90 });

test("in 1,000 interleavings no existing record is deleted and every deletion is reported within two stable polls", () => {
  const careful = { overlap: 1, overlapping: true, confirmPolls: 2 };
  fc.assert(
    fc.property(turns, count, (changes, records) => {
      expect(mistakes(records, changes, careful)).toEqual({ misreported: 0, silent: 0 });
    }),
    { numRuns: 1_000 },
  );
});

test("the same interleavings mislead a reader without overlap that trusts one poll", () => {
  const naive = { overlap: 0, overlapping: false, confirmPolls: 1 };
  const samples = fc.sample(fc.tuple(turns, count), { numRuns: 100, seed: 1 });
  const misreported = samples.map(([changes, records]) => mistakes(records, changes, naive).misreported);
  expect(Math.max(...misreported)).toBeGreaterThan(0);
});

test("a deletion between two pages leaves a gap, and a snapshot with a gap is incomplete", () => {
  expect(pagesJoin(["1", "2"], ["2", "3"])).toBe(true);
  expect(pagesJoin(["1", "2"], ["3", "4"])).toBe(false);
  const one = withBaseline(rows(5));
  const shifted = [page([{ id: 0 }, { id: 1 }]), page([{ id: 3 }, { id: 4 }])];
  expect(one.poll(shifted, { overlapping: true })).toMatchObject({ status: "degraded" });
});
