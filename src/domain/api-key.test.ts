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
  ] as const)("a key with scope %s, asked for %s: allowed is %s", (has, needs, allowed) => {
    expect(refusal(key(has), { scope: needs, tenantId: undefined }) === undefined).toBe(allowed);
  });

  test("keeps a bound key in its tenant", () => {
    const bound = key("write", "acme");
    expect(refusal(bound, { scope: "read", tenantId: "acme" })).toBeUndefined();
    expect(refusal(bound, { scope: "read", tenantId: "other" })).toMatch("another tenant");
    expect(refusal(bound, { scope: "read", tenantId: undefined })).toMatch("bound to a tenant");
  });

  test("lets an unbound key reach every tenant", () => {
    expect(refusal(key("read"), { scope: "read", tenantId: "acme" })).toBeUndefined();
  });
});

describe("an API key", () => {
  test("is printable, and stored as the 32 bytes of its SHA-256", () => {
    const made = formatApiKey(Buffer.alloc(32, 0xff));
    expect(made).toMatch(/^hr_[\w-]{43}$/);
    expect(hashApiKey(made)).toHaveLength(32);
    expect(hashApiKey("abc").toString("hex")).toMatch(/^ba7816bf/);
  });
});
