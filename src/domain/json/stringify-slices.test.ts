import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { finish } from "../slices.ts";
import { writeJson } from "./exact-number.ts";
import { readJson } from "./parse-text.ts";
import { jsonPreview } from "./preview.ts";
import { stringifySlices } from "./stringify-slices.ts";

describe("stringifySlices", () => {
  test("writes the same JSON as JSON.stringify", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        expect(finish(stringifySlices(value))).toBe(JSON.stringify(value));
      }),
    );
    for (const part of ["𝄞", "é", '"', "\\\n"]) {
      const value = { text: `x${part.repeat(100_000)}` };
      expect(finish(stringifySlices(value))).toBe(JSON.stringify(value));
    }
  });

  test("writes numbers with the digits that came, as writeJson does", () => {
    const value = readJson('[1.0, {"a": 1234567890123456789}, [-0, 1E5], "1.0", null]');
    expect(finish(stringifySlices(value))).toBe('[1.0,{"a":1234567890123456789},[-0,1E5],"1.0",null]');
    expect(finish(stringifySlices(value))).toBe(writeJson(value));
  });

  test("yields while it writes a long value", () => {
    for (const value of ["x".repeat(1_000_000), Array.from({ length: 100_000 }, (_, at) => at)]) {
      let slices = 0;
      for (const _ of stringifySlices(value)) slices += 1;
      expect(slices).toBeGreaterThan(10);
    }
  });
});

describe("jsonPreview", () => {
  test("returns short JSON whole and a prefix of long JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.integer({ min: 1, max: 60 }), (value, characters) => {
        const [whole, preview] = [JSON.stringify(value), jsonPreview(value, characters)];
        if (whole.length <= characters) expect(preview).toBe(whole);
        else expect(preview.slice(0, characters)).toBe(whole.slice(0, characters));
      }),
    );
  });
});
