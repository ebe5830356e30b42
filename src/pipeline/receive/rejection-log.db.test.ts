import { expect, test } from "vitest";
import { migratedDatabase } from "../../../test/support/database.ts";
import {
  deleteOldRejections,
  insertRejections,
  listRejections,
  type NewRejection,
} from "../../postgres/events/rejections.ts";
import { createRejectionLog } from "./rejection-log.ts";

function rejection(over: Partial<NewRejection> = {}): NewRejection {
  return {
    tenantId: "acme",
    connector: "shop",
    endpoint: "default",
    reason: "signature_mismatch",
    method: "POST",
    bodyBytes: 10,
    remoteAddress: "192.0.2.1",
    count: 1,
    ...over,
  };
}

const ALL = {
  tenantId: undefined,
  connector: undefined,
  reason: undefined,
  sinceId: undefined,
  untilId: undefined,
  beforeId: undefined,
  limit: 1_000,
};

test("deletes rejections that are old or over the maximum number, oldest first and in batches", async () => {
  const { database } = await migratedDatabase();
  const { pipeline } = database;
  for (let n = 0; n < 10; n += 1) await insertRejections(pipeline, [rejection({ bodyBytes: n })]);
  const left = async () => (await listRejections(pipeline, ALL)).rows.map(({ bodyBytes }) => bodyBytes);
  const hourMs = 3_600_000;
  expect(await deleteOldRejections(pipeline, { maxAgeMs: hourMs, maxRows: 10, limit: 5 })).toBe(0);
  expect(await deleteOldRejections(pipeline, { maxAgeMs: hourMs, maxRows: 4, limit: 5 })).toBe(5);
  expect(await deleteOldRejections(pipeline, { maxAgeMs: hourMs, maxRows: 4, limit: 5 })).toBe(1);
  expect(await left()).toEqual([9, 8, 7, 6]);
  await pipeline.query({
    text: "UPDATE rejections SET rejected_at = now() - interval '2 hours' WHERE body_bytes < 8",
  });
  expect(await deleteOldRejections(pipeline, { maxAgeMs: hourMs, maxRows: 10, limit: 5 })).toBe(2);
  expect(await left()).toEqual([9, 8]);
});

test("writes equal rejections as one row and no more rows than the bound", async () => {
  const { database } = await migratedDatabase();
  const log = createRejectionLog({ database: database.pipeline, bounds: { maxRows: 3, intervalMs: 1_000 } });
  for (let n = 0; n < 5; n += 1) log.add(rejection());
  for (const reason of ["a", "b", "c", "d"]) log.add(rejection({ reason }));
  log.add(rejection());
  expect(await log.step(new AbortController().signal)).toEqual({ waitMs: 1_000 });
  const { rows } = await listRejections(database.pipeline, ALL);
  expect(rows.map(({ reason, count }) => [reason, count]).sort()).toEqual([
    ["a", 1],
    ["b", 1],
    ["signature_mismatch", 6],
  ]);
});
