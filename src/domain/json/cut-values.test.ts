import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { finish } from "../slices.ts";
import { EVERY, findValues, type ValuePath, withoutCuts } from "./cut-values.ts";

function cut(text: string, ...paths: ValuePath[]): string {
  const bytes = Buffer.from(text);
  return withoutCuts(bytes, finish(findValues(bytes, paths))).toString();
}

describe("cutting values out of JSON", () => {
  test.each([
    ['{"token":"s","a":1}', '{"a":1}'],
    ['{ "a" : 1.0 , "token" : "s" }', '{ "a" : 1.0  }'],
    ['{"a":1,"token":"s","b":2}', '{"a":1,"b":2}'],
    ['{"token":"s"}', "{}"],
    ['{"a":1,"token":"s","token":"t"}', '{"a":1}'],
    ['{"token":"s","a":1,"token":"t"}', '{"a":1}'],
    ['{"t\\u006fken":"s","a":"\\"token\\":1"}', '{"a":"\\"token\\":1"}'],
    ['{"token":{"a":["}\\"",{}]},"a":1}', '{"a":1}'],
    ['{"token":12,"a":1}', '{"a":1}'],
    [`{"a":"${'\\"'.repeat(40)}\\\\","token":"${'\\"'.repeat(40)}"}`, `{"a":"${'\\"'.repeat(40)}\\\\"}`],
    ['{"b":{"token":"kept"},"a":12345678901234567890}', '{"b":{"token":"kept"},"a":12345678901234567890}'],
    ['\ufeff{"token":"s","ü":"ü"}', '\ufeff{"ü":"ü"}'],
    ['["token"]', '["token"]'],
    ["", ""],
  ])("cuts the member token of %j and leaves every other byte", (text, left) => {
    expect(cut(text, ["token"])).toBe(left);
  });

  test("cuts below repeated members, and leaves null in an array", () => {
    expect(cut('{"a":{"s":1,"x":2},"a":{"s":3}}', ["a", "s"])).toBe('{"a":{"x":2},"a":{}}');
    expect(cut('[1,"s",3]', ["1"])).toBe("[1,null,3]");
    expect(cut('{"v":[{"s":1},2,{"s":3,"x":4}]}', ["v", EVERY, "s"])).toBe('{"v":[{},2,{"x":4}]}');
    expect(cut('"s"', [])).toBe("null");
  });

  test("cuts a token of a text that breaks off or is flawed behind it", () => {
    expect(cut('{"a":1,"token":"s', ["token"])).toBe('{"a":1');
    expect(cut('{"token":"s","a":}', ["token"])).toBe('{"a":}');
    expect(cut('{"a":"b', ["token"])).toBe('{"a":"b');
  });

  test("looks through a long text in slices, and cuts what is at its end", () => {
    const members = Array.from({ length: 60_000 }, (_, n) => `"key-${n}": [${n}, "value"]`).join(", ");
    const bytes = Buffer.from(`{${members}, "token": "s"}`);
    const work = findValues(bytes, [["token"]]);
    let slices = 1;
    let step = work.next();
    for (; !step.done; step = work.next()) slices += 1;
    expect(slices).toBeGreaterThan(bytes.length / 131_072);
    expect(withoutCuts(bytes, step.value).toString()).toBe(`{${members}}`);
  });

  test("cuts any member of any document, and changes nothing else", () => {
    const documents = fc.dictionary(fc.string({ maxLength: 4 }), fc.jsonValue({ maxDepth: 3 }), {
      maxKeys: 6,
    });
    fc.assert(
      fc.property(documents, fc.string({ maxLength: 4 }), fc.nat(2), (document, name, indent) => {
        const made = cut(JSON.stringify(document, undefined, indent), [name]);
        const { [name]: _cut, ...others } = Object.fromEntries(Object.entries(document));
        expect(JSON.parse(made)).toEqual(JSON.parse(JSON.stringify(others)));
      }),
    );
  });
});
