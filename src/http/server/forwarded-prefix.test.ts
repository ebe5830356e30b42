import type { FastifyRequest } from "fastify";
import { describe, expect, test } from "vitest";
import { createPrefixReader } from "./forwarded-prefix.ts";

function requestFrom(remoteAddress: string | undefined, prefix: string | undefined): FastifyRequest {
  const headers = prefix === undefined ? {} : { "x-forwarded-prefix": prefix };
  return { headers, raw: { socket: { remoteAddress } } } as unknown as FastifyRequest;
}

const read = createPrefixReader(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]);

describe("createPrefixReader", () => {
  test.each(["10.1.2.3", "::ffff:10.1.2.3", "192.0.2.7", "2001:db8::5"])(
    "trusts the forwarded prefix from %s",
    (address) => {
      expect(read(requestFrom(address, "/headrace"))).toBe("/headrace");
    },
  );

  test.each(["11.0.0.1", "192.0.2.8", "2001:db9::5", "127.0.0.1", undefined, ""])(
    "ignores the forwarded prefix from %s",
    (address) => {
      expect(read(requestFrom(address, "/headrace"))).toBe("");
    },
  );

  test.each([
    ["/a/b-c/d.e/f_g~h", "/a/b-c/d.e/f_g~h"],
    ["/headrace/", "/headrace"],
    ["/...", "/..."],
  ])("reads the forwarded prefix %s as %s", (given, prefix) => {
    expect(read(requestFrom("10.0.0.1", given))).toBe(prefix);
  });

  test.each([
    undefined,
    "",
    "/",
    "headrace",
    "//evil.example",
    "/a//b",
    "/a//",
    "/..",
    "/a/../b",
    "/a/./b",
    "https://evil.example",
    "/\\evil.example",
    '/a"><script>alert(1)</script>',
    "/a b",
    "/a, /b",
    "/a?b",
    "/a#b",
    "/a%2f",
    "/a\n",
    "/é",
    `/${"a".repeat(256)}`,
  ])("ignores the invalid forwarded prefix %j", (given) => {
    expect(read(requestFrom("10.0.0.1", given))).toBe("");
  });

  test("ignores the forwarded prefix if no proxy is trusted", () => {
    expect(createPrefixReader([])(requestFrom("127.0.0.1", "/headrace"))).toBe("");
  });
});
