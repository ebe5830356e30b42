import { expect, test } from "vitest";
import { nextLink } from "./link-header.ts";

test.each([
  [
    '<https://a.example/?page=2>; rel="next", <https://a.example/?page=9>; rel="last"',
    "https://a.example/?page=2",
  ],
  ['<https://a.example/1>; rel="first", </2?a=b,c;d>; rel=next', "/2?a=b,c;d"],
  ['</2>; title="a, <b>; rel=\\"x\\""; rel="prev Next"', "/2"],
  ["</2> ; REL = next", "/2"],
  ['</2>; rel="prev"; rel="next"', undefined],
  ['</2>; rel="nextish"', undefined],
  ["", undefined],
  [undefined, undefined],
  ["</2>", undefined],
  ["not a link; rel=next", undefined],
])("the next link of %s is %s", (header, target) => {
  expect(nextLink(header)).toBe(target);
});
