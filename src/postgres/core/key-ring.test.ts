import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createKeyRing } from "./key-ring.ts";

const first = `k1:${randomBytes(32).toString("base64")}`;
const second = `k2:${randomBytes(32).toString("base64")}`;

describe("createKeyRing", () => {
  test("opens what it sealed at the same place", () => {
    const ring = createKeyRing(first);
    expect(ring.open(ring.seal("whsec_é", "acme/endpoint/1"), "acme/endpoint/1")).toBe("whsec_é");
  });

  test("does not open a secret that was moved to another tenant's row", () => {
    const ring = createKeyRing(first);
    const sealed = ring.seal("secret", "acme/endpoint/1");
    expect(() => ring.open(sealed, "other/endpoint/1")).toThrow(/does not open/);
  });

  test("does not open a secret of which one bit was changed", () => {
    const ring = createKeyRing(first);
    const { sealed, keyId } = ring.seal("secret", "place");
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => ring.open({ sealed: changed, keyId }, "place")).toThrow(/does not open/);
    }
  });

  test("seals with the first key and opens with every key", () => {
    const old = createKeyRing(first).seal("secret", "place");
    const ring = createKeyRing(`${second}, ${first}`);
    expect(ring.open(old, "place")).toBe("secret");
    expect(ring.seal("secret", "place").keyId).toBe("k2");
    expect(() => createKeyRing(second).open(old, "place")).toThrow(/key k1/);
  });

  test.each(["", "k1", "k1:short", `:${randomBytes(32).toString("base64")}`, `${first}:x`])(
    "refuses the setting %j with how to make one",
    (setting) => {
      expect(() => createKeyRing(setting)).toThrow(/HEADRACE_ENCRYPTION_KEYS.*urandom/);
    },
  );
});
