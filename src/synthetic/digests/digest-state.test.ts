import { hash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { memoryOf, packNotes, recordsOf } from "../poll/page-notes.ts";
import type { TrackedRecord } from "../records/record-change.ts";
import { recordOfKey, subjectOfKey } from "../records/record-id.ts";
import { inRightHalf, ROOT_SHARD, recordName, shardOf } from "../records/record-name.ts";
import { packShard, unpackShard } from "./digest-shard.ts";
import { createDigestTable, shortName } from "./digest-table.ts";
import { replayedAfter } from "./load-digests.ts";

const digest = (text: string) => hash("sha256", text, "buffer");

const tracked = fc.record(
  {
    digest: fc.string().map(digest),
    missing: fc.nat({ max: 5 }),
    deleted: fc.boolean(),
    missingSinceMs: fc.integer({ min: 1, max: 2e12 }),
    touchedAtMs: fc.integer({ min: 1, max: 2e12 }),
  },
  { requiredKeys: ["digest", "missing", "deleted"] },
) as fc.Arbitrary<TrackedRecord>;
const key = fc.oneof(fc.string(), fc.integer(), fc.array(fc.string())).map((id) => JSON.stringify(id));

describe("digest shard", () => {
  test("a digest shard survives packing, and is rejected when truncated", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ key, tracked })), fc.boolean(), (records, partial) => {
        const packed = packShard({ partial, records });
        expect(unpackShard(packed)).toEqual({ partial, records });
        expect(unpackShard(packed.subarray(0, -1))).toBeUndefined();
      }),
    );
    expect(unpackShard(Buffer.from("no shard at all"))).toBeUndefined();
  });

  test("a digest shard takes less than 48 bytes per record with ids of 18 characters", () => {
    const records = Array.from({ length: 1_000 }, (_, index) => ({
      key: JSON.stringify(`ord_${String(index * 997).padStart(14, "0")}`),
      tracked: { digest: digest(String(index)), missing: 0, deleted: false },
    }));
    expect(packShard({ partial: false, records }).length / 1_000).toBeLessThan(48);
  });

  test("a digest shard is found by the bits of a name and splits by the next bit", () => {
    const codes = new Set([2, 6, 7]);
    for (let index = 0; index < 1_000; index += 1) {
      const name = recordName(String(index));
      const code = shardOf(name, codes);
      expect(codes.has(code)).toBe(true);
      expect(shardOf(name, new Set([ROOT_SHARD]))).toBe(ROOT_SHARD);
      const halves = new Set([...codes].filter((one) => one !== code).concat([code * 2, code * 2 + 1]));
      expect(shardOf(name, halves)).toBe(code * 2 + (inRightHalf(name, code) ? 1 : 0));
    }
  });
});

test("a digest table returns the last state set for each record", () => {
  const steps = fc.array(fc.tuple(fc.nat({ max: 50 }), tracked), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (sets) => {
      const table = createDigestTable();
      const model = new Map<number, TrackedRecord>();
      for (const [id, one] of sets) {
        table.set(recordName(String(id)), one);
        model.set(id, one);
      }
      expect(table.size).toBe(model.size);
      expect(table.live).toBe([...model.values()].filter(({ deleted }) => !deleted).length);
      for (const [id, one] of model) {
        const name = recordName(String(id));
        const index = table.find(name);
        expect(table.at(index)).toEqual(one);
        expect(table.findShort(shortName(name))).toBe(index);
        expect(table.see(index)).toBe(false);
        expect(table.see(index)).toBe(true);
      }
      expect([...table.unseen()]).toEqual([]);
      expect(table.find(recordName("none"))).toBe(-1);
    }),
  );
});

test("a digest table grows and finds every record", () => {
  const table = createDigestTable();
  const one = { digest: digest(""), missing: 0, deleted: false };
  for (let index = 0; index < 40_000; index += 1) table.set(recordName(String(index)), one);
  const indexes = Array.from({ length: 40_000 }, (_, index) => table.find(recordName(String(index))));
  expect(indexes).toEqual(indexes.map((_, index) => index));
});

test("digest changes are replayed from Redis's generation, from the newest reset, or not at all", () => {
  const head = (generation: number) => ({ generation, codes: [1], partial: [] });
  const kept = (oldest: number, newestReset?: number) => ({ oldest, newestReset });
  expect(replayedAfter(5, head(4), kept(5))).toBe(4);
  expect(replayedAfter(5, head(3), kept(4))).toBe(3);
  expect(replayedAfter(5, head(3), kept(5))).toBeUndefined();
  expect(replayedAfter(5, undefined, kept(5))).toBeUndefined();
  expect(replayedAfter(5, undefined, kept(3, 4))).toBe(3);
  expect(replayedAfter(5, head(1), kept(3, 4))).toBe(3);
  expect(replayedAfter(5, head(4), kept(3, 4))).toBe(4);
  expect(replayedAfter(5, head(9), kept(5))).toBeUndefined();
  expect(replayedAfter(5, head(4), undefined)).toBeUndefined();
});

test("page notes survive packing", () => {
  const records = ["a", "b", "c"].map((id) => shortName(recordName(id)));
  const packed = packNotes({ memory: { etag: 'W/"\u00e9"', records: 3 }, records });
  expect([memoryOf(packed), recordsOf(packed)]).toEqual([{ etag: 'W/"\u00e9"', records: 3 }, records]);
});

test("a record key gives the id and a record of the id alone", () => {
  expect(subjectOfKey('"7"')).toBe("7");
  expect(subjectOfKey("7")).toBe("7");
  expect(subjectOfKey('["a",1]')).toBe('["a",1]');
  expect(subjectOfKey("#abc")).toBe("#abc");
  expect(recordOfKey("7", { id: "a.id" })).toEqual({ a: { id: 7 } });
  expect(recordOfKey('["a",1]', { id: ["x", "y.z"] })).toEqual({ x: "a", y: { z: 1 } });
  expect(recordOfKey("#abc", { id: "id" })).toBeNull();
});
