import { expect, test } from "vitest";
import { differenceOf } from "./audit-difference.ts";

test("differenceOf lists each changed field with its old and new value", () => {
  const from = { weight: 1, name: "Acme", updated_at: "a", definition: { trigger: { types: ["a"] } } };
  const to = { weight: 2, name: "Acme", updated_at: "b", definition: { trigger: { types: ["a", "b"] } } };
  expect(differenceOf([{ table: "tenants", from, to }])).toEqual({
    "tenants.weight": { from: 1, to: 2 },
    "tenants.definition.trigger.types.1": { from: null, to: "b" },
  });
  expect(differenceOf([{ table: "tenants", from, to: null }])["tenants.name"]).toEqual({
    from: "Acme",
    to: null,
  });
});

test("differenceOf hides secrets in columns, fields, headers and URLs", () => {
  const secret = "hunter2hunter2";
  const rows = [
    { sealed: `\\x${secret}`, key_id: "k2", key_hash: secret },
    { params: { verify_token: secret, apiKey: secret, password: secret } },
    { definition: { action: { headers: { Authorization: `Bearer ${secret}`, "X-Shop": secret } } } },
    { definition: { url: `https://user:${secret}@a.example/hook?key=${secret}` } },
    { definition: { url: `https://hooks.example/services/T00/B00/${secret}` } },
    { definition: { action: { body: { note: `Bearer ${secret}`, inner: { client_secret: secret } } } } },
  ];
  for (const to of rows) {
    const difference = differenceOf([{ table: "t", from: null, to }]);
    expect(Object.keys(difference).length).toBeGreaterThan(0);
    expect(JSON.stringify(difference)).not.toContain(secret);
    expect(JSON.stringify(difference)).toContain("changed");
  }
});

test("differenceOf limits the number of fields and the length of values", () => {
  const to = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`field${n}`, "x".repeat(10_000)]));
  expect(JSON.stringify(differenceOf([{ table: "t", from: null, to }])).length).toBeLessThan(20_000);
});
