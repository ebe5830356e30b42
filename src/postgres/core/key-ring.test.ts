import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createKeyRing } from "./key-ring.ts";

const first = `k1:${randomBytes(32).toString("base64")}`;
const second = `k2:${randomBytes(32).toString("base64")}`;

describe("createKeyRing", () => {
  test("a key ring opens a secret with the aad that sealed it", () => {
    const ring = createKeyRing(first);
    expect(ring.open(ring.seal("whsec_é", "acme/endpoint/1"), "acme/endpoint/1")).toBe("whsec_é");
  });

  test("a key ring does not open a secret with another aad", () => {
    const ring = createKeyRing(first);
    const sealed = ring.seal("secret", "acme/endpoint/1");
    expect(() => ring.open(sealed, "other/endpoint/1")).toThrow(/does not open/);
  });

  test("a key ring does not open a secret with a changed bit", () => {
    const ring = createKeyRing(first);
    const { sealed, keyId } = ring.seal("secret", "aad");
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => ring.open({ sealed: changed, keyId }, "aad")).toThrow(/does not open/);
    }
  });

  test("a key ring seals with the first key and opens with every key", () => {
    const old = createKeyRing(first).seal("secret", "aad");
    const ring = createKeyRing(`${second}, ${first}`);
    expect(ring.open(old, "aad")).toBe("secret");
    expect(ring.seal("secret", "aad").keyId).toBe("k2");
    expect(() => createKeyRing(second).open(old, "aad")).toThrow(/key k1/);
  });

  test.each(["", "k1", "k1:short", `:${randomBytes(32).toString("base64")}`, `${first}:x`])(
    "createKeyRing refuses the setting %j and says how to generate a key",
    (setting) => {
      expect(() => createKeyRing(setting)).toThrow(/HEADRACE_ENCRYPTION_KEYS.*urandom/);
    },
  );
});
