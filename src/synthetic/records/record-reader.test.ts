import { describe, expect, test } from "vitest";
import { readJson } from "../../domain/json/parse-text.ts";
import type { RecordOptions } from "./record-options.ts";
import { pageFingerprint, recordReader } from "./record-reader.ts";

const read = (record: unknown, options: Partial<RecordOptions> = {}) =>
  recordReader({ id: "id", ...options }).read(record);
const digest = (record: unknown, options: Partial<RecordOptions> = {}) => {
  const reading = read({ id: 1, ...(record as object) }, options);
  return reading.kind === "record" ? reading.digest.toString("hex") : reading.reason;
};
const key = (record: unknown, id: string | string[] = "id") => {
  const reading = read(record, { id });
  return reading.kind === "record" ? reading.key : undefined;
};

describe("record digest", () => {
  test("a record digest is the SHA-256 of the canonical form", () => {
    // printf '{"a":1,"id":1}' | sha256sum
    expect(digest({ a: 1.0 })).toBe("d8ec684ea83d3f6cb5dbea64f12cf782c4b720cc503c8b4195a79cadfd8c260f");
  });

  test("a record digest tells numbers apart by their decimal values", () => {
    const of = (text: string) => digest(readJson(`{"a":${text}}`));
    expect(of("12345678901234567.89")).not.toBe(of("12345678901234567.12"));
    expect(of("1234567890123456789")).not.toBe(of("1234567890123456788"));
    expect(of("1e999999999")).not.toBe(of("1e999999998"));
    for (const text of ["0.1000", "1e-1", "0.10"]) expect(of(text)).toBe(of("0.1"));
    // As digests were made before numbers kept their digits.
    expect(of("1234567890123456789")).toBe(digest({ a: "1234567890123456789" }));
  });

  test("a record's key and subject have all digits of its id", () => {
    expect(read(readJson('{"id":1234567890123456789}'))).toMatchObject({
      key: '"1234567890123456789"',
      subject: "1234567890123456789",
    });
    expect(key(readJson('{"id":9007199254740992}'))).toBe('"9007199254740992"');
    expect(read(readJson('{"id":7.0}'))).toMatchObject({ key: "7", subject: "7" });
  });

  test("a record digest excludes ignored fields, also within arrays", () => {
    const options = { ignore: ["/fetched_at", "/items/*/etag", "/a~1b/c~0d"] };
    const record = { fetched_at: 1, items: [{ sku: "a", etag: 1 }], "a/b": { "c~d": 1, e: 1 } };
    const later = { fetched_at: 2, items: [{ sku: "a", etag: 2 }], "a/b": { "c~d": 2, e: 1 } };
    expect(digest(later, options)).toBe(digest(record, options));
    expect(digest({ ...later, items: [{ sku: "b" }] }, options)).not.toBe(digest(record, options));
    expect(digest({ ...record, "a/b": { e: 2 } }, options)).not.toBe(digest(record, options));
  });

  test("a pointer with a name and one with a star apply to the same field", () => {
    const options = { ignore: ["/*/etag", "/a/seen"] };
    expect(digest({ a: { etag: 1, seen: 1 }, b: { etag: 1, seen: 1 } }, options)).toBe(
      digest({ a: { etag: 2, seen: 2 }, b: { etag: 2, seen: 1 } }, options),
    );
    expect(digest({ b: { seen: 1 } }, options)).not.toBe(digest({ b: { seen: 2 } }, options));
  });

  test("a record digest ignores order and repetition in sets only", () => {
    const options = { sets: ["/tags"] };
    expect(digest({ tags: ["b", "a", "b"] }, options)).toBe(digest({ tags: ["a", "b"] }, options));
    expect(digest({ tags: ["a"] }, options)).not.toBe(digest({ tags: ["a", "b"] }, options));
    expect(digest({ tags: ["b", "a"] })).not.toBe(digest({ tags: ["a", "b"] }));
  });

  test("a record digest ignores the order of keyed elements but not their number", () => {
    const options = { keyed: { "/items": "sku" } };
    const [one, two] = [
      { sku: 1, n: 1 },
      { sku: "1", n: 2 },
    ];
    expect(digest({ items: [two, one] }, options)).toBe(digest({ items: [one, two] }, options));
    expect(digest({ items: [one, one] }, options)).not.toBe(digest({ items: [one] }, options));
    expect(digest({ items: ["no key", null, one] }, options)).toBe(
      digest({ items: [one, null, "no key"] }, options),
    );
  });

  test("a record digest distinguishes null from missing unless null_equals_missing is set", () => {
    expect(digest({ note: null })).not.toBe(digest({}));
    expect(digest({ note: null, in: { a: null } }, { nullEqualsMissing: true })).toBe(
      digest({ in: {} }, { nullEqualsMissing: true }),
    );
    expect(digest({ list: [null] }, { nullEqualsMissing: true })).not.toBe(
      digest({ list: [] }, { nullEqualsMissing: true }),
    );
  });
});

describe("record key", () => {
  test("a record key keeps the type of the id", () => {
    expect(key({ id: 1 })).not.toBe(key({ id: "1" }));
    expect(key({ id: 0 })).toBe("0");
    expect(key({ id: "" })).toBe('""');
    expect(key({ data: { id: "x" } }, "data.id")).toBe('"x"');
  });

  test("a record key of several ids is unambiguous", () => {
    const both = (a: unknown, b: unknown) => key({ a, b }, ["a", "b"]);
    expect(both("a|b", "c")).not.toBe(both("a", "b|c"));
    expect(both('a","b', "c")).not.toBe(both("a", 'b","c'));
    expect(both(1, "2")).not.toBe(both("1", 2));
  });

  test("a record key does not normalize Unicode", () => {
    expect(key({ id: "\u00e9" })).not.toBe(key({ id: "e\u0301" }));
  });

  test("record keys of long ids are bounded and distinct", () => {
    const long = "x".repeat(10_000);
    expect(key({ id: `${long}1` })).toHaveLength(65);
    expect(key({ id: `${long}1` })).not.toBe(key({ id: `${long}2` }));
  });

  test.each([
    [{}, "missing"],
    [{ id: null }, "null"],
    [{ id: {} }, "of type object"],
    [{ id: [1] }, "an array"],
    [[], "missing"],
    ["text", "missing"],
  ])("%j has no readable id", (record, kind) => {
    expect(read(record)).toEqual({
      kind: "unreadable",
      reason: `Its id at id is ${kind} instead of a string or number`,
    });
  });

  test("record ids are read from own properties only", () => {
    expect(read({}, { id: "constructor.name" }).kind).toBe("unreadable");
  });

  test("a record reading has the id as users know it", () => {
    expect(read({ id: 7 })).toMatchObject({ subject: "7" });
    expect(read({ a: "x", b: 2 }, { id: ["a", "b"] })).toMatchObject({ subject: '["x",2]' });
  });
});

test("a record that is nested too deeply is unreadable", () => {
  const deep = JSON.parse(`{"id":1,"a":${"[".repeat(65)}${"]".repeat(65)}}`);
  expect(read(deep)).toMatchObject({ kind: "unreadable", reason: expect.stringContaining("64 levels") });
});

describe("the hash version", () => {
  const version = (options: Partial<RecordOptions>) => recordReader({ id: "id", ...options }).version;

  test("the hash version does not depend on the order of options", () => {
    expect(version({ ignore: ["/b", "/a", "/a"], keyed: { "/x": "id", "/y": "id" } })).toBe(
      version({
        ignore: ["/a", "/b"],
        keyed: { "/y": "id", "/x": "id" },
        sets: [],
        nullEqualsMissing: false,
      }),
    );
    expect(version({ id: ["id"] })).toBe(version({}));
  });

  test("the hash version changes with every option", () => {
    const versions = [
      version({}),
      version({ id: "uid" }),
      version({ id: ["id", "region"] }),
      version({ ignore: ["/a"] }),
      version({ sets: ["/a"] }),
      version({ keyed: { "/a": "id" } }),
      version({ nullEqualsMissing: true }),
    ];
    expect(new Set(versions).size).toBe(versions.length);
  });

  test("page fingerprints differ between hash versions", () => {
    const page = Buffer.from('[{"id":1}]');
    expect(pageFingerprint(page, "a")).toEqual(pageFingerprint(Buffer.from(page), "a"));
    expect(pageFingerprint(page, "a")).not.toEqual(pageFingerprint(page, "b"));
    expect(pageFingerprint(page, "a")).not.toEqual(pageFingerprint(Buffer.from("[]"), "a"));
  });
});

test.each(["", "tags", "/a~2", "/a~", `${"/a".repeat(65)}`])(
  "%j is rejected as a JSON pointer",
  (pointer) => {
    expect(() => recordReader({ id: "id", sets: [pointer] })).toThrow("is not a JSON pointer");
  },
);
