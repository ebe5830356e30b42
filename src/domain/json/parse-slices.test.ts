import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { valuesAt } from "../condition/values.ts";
import { finish } from "../slices.ts";
import { parseJsonSlices } from "./parse-slices.ts";
import { parseJsonText } from "./parse-text.ts";
import { wantedPaths } from "./wanted.ts";

/** Parses in the smallest pieces, so that even a short text is cut everywhere. */
function inPieces(text: string | Buffer, groupBytes = 8) {
  return finish(parseJsonSlices(Buffer.from(text), { maxDepth: 64, groupBytes, sliceBytes: 16 }));
}

/** JSON with white space, escapes and repeated keys. */
const jsonText = fc
  .tuple(fc.json({ maxDepth: 6 }), fc.constantFrom("", " ", "\n\t "), fc.boolean())
  .map(([text, space, escaped]) => {
    const spaced = space === "" ? text : JSON.stringify(JSON.parse(text), null, space);
    return escaped ? spaced.replaceAll(/[^\x20-\x7e\n\t]/g, unicodeEscape) : spaced;
  });

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

describe("parseJsonSlices", () => {
  test("parses JSON in slices like JSON.parse", () => {
    fc.assert(
      fc.property(jsonText, fc.integer({ min: 4, max: 40 }), (text, groupBytes) => {
        expect(inPieces(text, groupBytes)).toEqual(parseJsonText(text));
      }),
      { numRuns: 2_000 },
    );
  });

  test("rejects in slices the JSON that JSON.parse rejects", () => {
    fc.assert(
      fc.property(
        jsonText,
        fc.nat(),
        fc.constantFrom("", ",", "]", "}", '"', "\\", "1"),
        (text, place, put) => {
          const at = place % (text.length + 1);
          const broken = text.slice(0, at) + put + text.slice(put === "" ? at + 1 : at);
          fc.pre(!/[\ud800-\udfff]/.test(broken));
          // A text may have several flaws, and the slices may meet another one first.
          const { kind } = parseJsonText(broken);
          if (kind === "flawed") expect(inPieces(broken).kind).toBe("flawed");
          else expect(inPieces(broken)).toEqual(parseJsonText(broken));
        },
      ),
      { numRuns: 4_000 },
    );
  });

  test("keeps the order of JSON keys, and the last of repeated ones", () => {
    const text = '{"b":"one long value","a":1,"b":2,"7":"another long value","c":[{"b":"and one more"}]}';
    expect(JSON.stringify(inPieces(text))).toBe(JSON.stringify(parseJsonText(text)));
  });

  test("cuts a JSON string between characters and escapes", () => {
    for (const part of ["é", "𝄞", "\\u00e9", "\\ud834\\udd1e", "\\\\", '\\"', "\\n", "\\\\\\\\u0041"]) {
      for (let before = 0; before < 12; before += 1) {
        const text = `"${"x".repeat(before)}${part.repeat(40)}"`;
        expect(inPieces(text)).toEqual({ kind: "parsed", data: JSON.parse(text) });
      }
    }
  });

  test.each([
    '{"aaaaaaaaaaaa":{"__proto__":{"x":"a long value"}}}',
    '{"\\u005f_proto__":{"x":"a long value"}}',
    '[{"constructor":{"prototype":{"x":"a long value"}}}]',
    '{"a":1,"constructor":{"x":1,"prototype":1}}',
  ])("rejects in slices a key that reaches a prototype: %s", (text) => {
    expect(inPieces(text)).toEqual({ kind: "flawed", flaw: "forbidden_key" });
    expect(parseJsonText(text)).toEqual({ kind: "flawed", flaw: "forbidden_key" });
  });

  test("rejects deep nesting before it parses anything", () => {
    const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
    expect(inPieces(nested(64)).kind).toBe("parsed");
    expect(inPieces(nested(65))).toEqual({ kind: "flawed", flaw: "too_deep" });
    expect(inPieces("[".repeat(100_000))).toEqual({ kind: "flawed", flaw: "too_deep" });
  });
});

describe("parseJsonSlices of wanted paths", () => {
  const path = fc.array(fc.constantFrom("a", "b", "0", "2"), { minLength: 1, maxLength: 3 });
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(1, "a long enough text", null, true),
      fc.array(tie("any"), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom("a", "b", "c", "0", "constructor"), tie("any")),
    ),
  })).any;

  test("keeps the wanted values that a condition reads", () => {
    fc.assert(
      fc.property(value, fc.array(path, { maxLength: 3 }), (data, paths) => {
        const bytes = Buffer.from(JSON.stringify(data));
        const options = { maxDepth: 64, groupBytes: 8, wanted: wantedPaths(paths) };
        const part = finish(parseJsonSlices(bytes, options));
        if (part.kind === "flawed") throw new Error(part.flaw);
        for (const keys of paths)
          expect(shape(valuesAt(part.data, keys))).toEqual(shape(valuesAt(data, keys)));
      }),
      { numRuns: 2_000 },
    );
  });

  test("keeps only the wanted part of a large body", () => {
    const items = Array.from({ length: 5_000 }, (_, id) => ({ id, note: "lorem ipsum" }));
    const bytes = Buffer.from(JSON.stringify({ items, status: "paid", other: items }));
    const options = { maxDepth: 64, wanted: wantedPaths([["status"], ["items", "id"]]) };
    const part = finish(parseJsonSlices(bytes, options));
    expect(part).toEqual({ kind: "parsed", data: { items: items.slice(0, 1_000), status: "paid" } });
  });
});

/** Empties objects, since no condition reads within an object at the end of its path. */
function shape(values: readonly unknown[]): unknown[] {
  return values.map((one) => (typeof one === "object" ? (Array.isArray(one) ? "array" : "object") : one));
}

describe("one slice of parseJsonSlices", () => {
  const large: Record<string, string> = {
    "many small members": JSON.stringify(Array.from({ length: 60_000 }, (_, id) => ({ id, name: `n${id}` }))),
    "many keys": JSON.stringify(
      Object.fromEntries(Array.from({ length: 60_000 }, (_, id) => [`k${id}`, id])),
    ),
    "one long string": JSON.stringify("lorem é \n".repeat(300_000)),
    "a string of escapes": JSON.stringify("\\".repeat(1_000_000)),
    "white space": `[1,${" ".repeat(2_000_000)}2${"\n".repeat(500_000)}]`,
    "a long number": `[${"1".repeat(1_000_000)}]`,
    "a long key": `{"${"k".repeat(2_000_000)}":1}`,
    "nested lists": `${'[{"a":'.repeat(30)}"${"x".repeat(2_000_000)}"${"}]".repeat(30)}`,
  };

  test.each(Object.entries(large))("parses a bounded number of bytes per slice: %s", (_name, text) => {
    const counted: number[] = [];
    let parsedBytes = 0;
    const parse = JSON.parse;
    JSON.parse = (one: string) => {
      parsedBytes += one.length;
      return parse(one);
    };
    let result: unknown;
    try {
      const work = parseJsonSlices(Buffer.from(text), { maxDepth: 64 });
      for (let step = work.next(); ; step = work.next()) {
        counted.push(parsedBytes);
        parsedBytes = 0;
        if (step.done) {
          result = step.value;
          break;
        }
      }
    } finally {
      JSON.parse = parse;
    }
    expect(result).toEqual(parseJsonText(text));
    expect(counted.length).toBeGreaterThan(text.length / 131_072 - 3);
    if (_name !== "a long number") expect(Math.max(...counted)).toBeLessThan(3 * 131_072);
  });
});
