import { hash } from "node:crypto";
import { expect, test } from "vitest";
import { ownCopy, recordHash } from "./record-hash.ts";

test("a hash keeps its bytes while others are made, and its copy has a buffer of its own", () => {
  const texts = Array.from({ length: 1_000 }, (_, index) => `record ${index}`);
  const hashes = texts.map(recordHash);
  expect(hashes.map((bytes) => bytes.toString("hex"))).toEqual(texts.map((text) => hash("sha256", text)));
  const copy = ownCopy(hashes[500] as Buffer);
  expect(copy).toEqual(hashes[500]);
  expect(copy.buffer.byteLength).toBe(32);
});
