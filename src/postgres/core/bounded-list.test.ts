import { expect, test } from "vitest";
import { findRows, type ScanStep } from "./bounded-list.ts";

const BOUNDS = { maxMs: 800, stepMs: 100, firstRows: 10, maxRows: 1_000 };

/** A table of the ids `total - 1` down to 0, of which a filter finds those that are asked for; a row takes `rowMs`. */
function table({ total, rowMs, finds }: { total: number; rowMs: number; finds: (id: number) => boolean }) {
  const steps: number[] = [];
  let ms = 0;
  const scan = async ({ beforeId, rows, limit }: ScanStep) => {
    const first = beforeId === undefined ? total : Number(beforeId);
    const ids = Array.from({ length: Math.min(rows, first) }, (_, index) => first - 1 - index);
    steps.push(rows);
    ms += ids.length * rowMs;
    const found = ids.filter(finds).slice(0, limit).map(String);
    return { found, rows: ids.length, lastId: ids.at(-1)?.toString() };
  };
  const list = (
    limit: number,
    { beforeId, filtered = true }: { beforeId?: string; filtered?: boolean } = {},
  ) => findRows(scan, { beforeId, limit, filtered }, { bounds: BOUNDS, nowMs: () => ms });
  return { steps, list, elapsedMs: () => ms };
}

test("findRows without a filter scans one row more than it returns", async () => {
  const { steps, list } = table({ total: 100, rowMs: 1, finds: () => true });
  expect(await list(2, { filtered: false })).toEqual({
    rows: ["99", "98"],
    more: true,
    scannedUntilId: undefined,
  });
  expect(steps).toEqual([3]);
});

test("findRows with a filter scans growing steps until the page is full or the table ends", async () => {
  const { steps, list } = table({ total: 2_000, rowMs: 0.1, finds: (id) => id % 400 === 0 });
  expect(await list(3)).toEqual({ rows: ["1600", "1200", "800"], more: true, scannedUntilId: undefined });
  expect(steps).toEqual([10, 80, 640, 1_000]);
  expect((await list(9)).rows).toEqual(["1600", "1200", "800", "400", "0"]);
  expect((await list(9)).more).toBe(false);
});

test("findRows stops when its time is over, and consecutive pages miss no row", async () => {
  const { list, elapsedMs } = table({ total: 10_000, rowMs: 0.2, finds: (id) => id === 1 || id === 9_000 });
  const rows: string[] = [];
  let beforeId: string | undefined;
  let pages = 0;
  for (let more = true; more; pages += 1) {
    const startMs = elapsedMs();
    const page = await list(50, beforeId === undefined ? {} : { beforeId });
    expect(elapsedMs() - startMs).toBeLessThan(1_000);
    rows.push(...page.rows);
    more = page.more;
    beforeId = page.scannedUntilId;
    expect(beforeId !== undefined).toBe(more);
  }
  expect(pages).toBeGreaterThan(1);
  expect(rows).toEqual(["9000", "1"]);
});
