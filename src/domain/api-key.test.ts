import { describe, expect, test } from "vitest";
import { formatApiKey, hashApiKey, refusal, type Scope } from "./api-key.ts";

const key = (scope: Scope, tenantId?: string) => ({ keyId: "k", scope, tenantId });

describe("refusal", () => {
  test.each([
    ["read", "read", true],
    ["read", "write", false],
    ["write", "read", true],
    ["write", "admin", false],
    ["admin", "write", true],
    ["admin", "admin", true],
  ] as const)("allows a key of scope %s to make a call that needs %s: %s", (has, needs, allowed) => {
    expect(refusal(key(has), { scope: needs, tenantId: undefined }) === undefined).toBe(allowed);
  });

  test("refuses a tenant's key outside of its tenant", () => {
    const bound = key("write", "acme");
    expect(refusal(bound, { scope: "read", tenantId: "acme" })).toBeUndefined();
    expect(refusal(bound, { scope: "read", tenantId: "other" })).toMatch("another tenant");
    expect(refusal(bound, { scope: "read", tenantId: undefined })).toMatch("bound to a tenant");
  });

  test("allows an installation key in every tenant", () => {
    expect(refusal(key("read"), { scope: "read", tenantId: "acme" })).toBeUndefined();
  });
});

describe("formatApiKey", () => {
  test("formats a printable API key with a SHA-256 hash of 32 bytes", () => {
    const made = formatApiKey(Buffer.alloc(32, 0xff));
    expect(made).toMatch(/^hr_[\w-]{43}$/);
    expect(hashApiKey(made)).toHaveLength(32);
    expect(hashApiKey("abc").toString("hex")).toMatch(/^ba7816bf/);
  });
});
