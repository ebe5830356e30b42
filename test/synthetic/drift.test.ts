import fc from "fast-check";
import { expect, test } from "vitest";
import { type Answers, type Polling, polling } from "../support/polling.ts";

const PAGE = 10;
const OVERLAP = 1;

/**
 * Reads a list by offset, newest first, while others change it between pages: 1 adds a record, other numbers remove
 * one.
 */
function changing(list: number[], turns: readonly (readonly number[])[], fresh: () => number): Answers {
  let offset = 0;
  let ended = false;
  return (page) => {
    if (ended) return undefined;
    for (const change of page === 0 ? [] : (turns[(page - 1) % turns.length] ?? [])) {
      if (change === 1) list.unshift(fresh());
      else list.splice(Math.floor(change * list.length), 1);
    }
    const slice = list.slice(offset, offset + PAGE);
    offset += PAGE - OVERLAP;
    ended = slice.length < PAGE;
    return { records: slice.map((id) => ({ id })) };
  };
}

/** Returns the records that were reported as deleted but exist, and those that are gone without a report. */
async function mistakes(source: Polling, count: number, turns: readonly (readonly number[])[]) {
  const list = Array.from({ length: count }, (_, index) => count - index);
  let last = 10_000;
  const fresh = () => {
    last += 1;
    return last;
  };
  const drift = (each: readonly (readonly number[])[]) => changing(list, each, fresh);
  await source.begin(drift([[]]), { overlapping: true });
  const known = new Set(list);
  const misreported: number[] = [];
  const reported = new Set<number>();
  // The list changes during the first reading and is stable during the other two.
  for (const changes of [turns, [[]], [[]]]) {
    await source.begin(drift(changes), { overlapping: true });
    for (const { type, subject } of await source.events()) {
      if (type !== "order.deleted" || reported.has(Number(subject))) continue;
      if (list.includes(Number(subject))) misreported.push(Number(subject));
      reported.add(Number(subject));
    }
  }
  const silent = [...known].filter((id) => !list.includes(id) && !reported.has(id));
  return { misreported, silent };
}

/** Sources polled at once. */
const AT_ONCE = 12;

test("1,000 interleavings: no existing record is reported deleted, and every deletion is reported within two stable polls", {
  timeout: 300_000,
}, async () => {
  const deletions = { enabled: true, confirmPolls: 2, graceMs: 0, maxFraction: 1, maxCount: 1_000 };
  const polled = await polling({ diff: "none", deletions });
  const turns = fc.array(
    fc.array(fc.oneof(fc.constant(1), fc.double({ min: 0, max: 0.999, noNaN: true })), { maxLength: 3 }),
    { minLength: 1, maxLength: 12 },
  );
  const samples = fc.sample(fc.tuple(turns, fc.integer({ min: 30, max: 60 })), 1_000);
  const left = [...samples.entries()];
  const worker = async () => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const [index, [changes, count]] = next;
      const source = polled.another(`drift-${index}`);
      const found = await mistakes(source, count, changes);
      expect({ changes, count, ...found }).toEqual({ changes, count, misreported: [], silent: [] });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  expect(left).toEqual([]);
});
