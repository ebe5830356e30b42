import { describe, expect, test } from "vitest";
import { InboundRequest } from "./inbound-request.ts";
import type { Selector } from "./scheme.ts";
import { firstValue, resolvePointer, selectedValues } from "./selector.ts";

function inbound(body: string, rawHeaders: string[] = [], url = "https://hooks.example/in") {
  return new InboundRequest({ method: "POST", url, rawHeaders, body: Buffer.from(body) });
}

describe("a JSON pointer", () => {
  const data = JSON.parse('{"a":[{"b":1}],"x/y":{"~":2},"":3,"~1":4,"toString":5}');

  test.each([
    ["", data],
    ["/a/0/b", 1],
    ["/x~1y/~0", 2],
    ["/", 3],
    ["/~01", 4],
    ["/toString", 5],
  ])("resolves the JSON pointer %j", (pointer, expected) => {
    expect(resolvePointer(data, pointer)).toEqual(expected);
  });

  test.each(["/a/1", "/a/00", "/a/-", "/a/length", "/a/0/b/c", "/constructor", "/__proto__", "/a/map"])(
    "resolves %j to nothing because it names no own member",
    (pointer) => {
      expect(resolvePointer(data, pointer)).toBeUndefined();
    },
  );
});

test.each<[Selector, string[]]>([
  [{ header: "x-list" }, ["t=1,v1=a,v1=b,v1="]],
  [{ header: "X-LIST", separator: ",", prefix: "v1=" }, ["a", "b"]],
  [{ header: "x-list", separator: "," }, ["t=1", "v1=a", "v1=b", "v1="]],
  [{ header: "x-list", prefix: "t=" }, ["1,v1=a,v1=b,v1="]],
  [{ header: "x-list", prefix: "v1=" }, []],
  [{ header: "x-empty" }, []],
  [{ header: "x-none" }, []],
  [{ query: "q" }, ["a b"]],
  [{ query: "none" }, []],
  [{ literal: "here" }, ["here"]],
  [{ body: "/text" }, ["t"]],
  [{ body: "/number" }, ["-7"]],
  [{ body: "/empty" }, []],
  [{ body: "/fraction" }, []],
  [{ body: "/huge" }, ["12345678901234567890"]],
  [{ body: "/padded" }, ["7"]],
  [{ body: "/half" }, []],
  [{ body: "/flag" }, []],
  [{ body: "/list" }, []],
  [{ body: "" }, []],
  [{ item: "/id" }, ["5"]],
])("selects with %j the values %j", (selector, expected) => {
  const body =
    '{"text":"t","number":-7,"empty":"","fraction":0.5,"huge":12345678901234567890,"padded":7.0,"half":0.50,"flag":true,"list":["t"]}';
  const request = inbound(body, ["X-List", "t=1,v1=a,v1=b,v1=", "x-empty", ""], "/in?q=a+b");
  expect(selectedValues(selector, request, { id: 5 })).toEqual(expected);
});

test("uses the first selector that finds exactly one value", () => {
  const list: Selector = { header: "x-list", separator: "," };
  const selectors: Selector[] = [{ header: "x-none" }, list, { body: "/id" }];
  const two = inbound('{"id":"from-body"}', ["x-list", "a,b"]);
  expect(firstValue(selectors, two)).toEqual({ value: "from-body", selector: { body: "/id" } });
  expect(firstValue(selectors, inbound("{}", ["x-list", "a"]))).toEqual({ value: "a", selector: list });
  expect(firstValue(selectors, inbound("{"))).toBeUndefined();
});

test("reads a header list that ends with a name without a value", () => {
  const request = inbound("", ["a", "1", "b"]);
  expect([request.header("a"), request.header("b"), request.header("c")]).toEqual([
    "1",
    undefined,
    undefined,
  ]);
  expect([request.repeats("a"), request.repeats("b"), request.repeats("c")]).toEqual([false, false, false]);
});
