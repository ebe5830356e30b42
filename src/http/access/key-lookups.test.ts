import { expect, test } from "vitest";
import type { AccessQuery, FoundAccess } from "../../postgres/access/api-keys.ts";
import { createKeyLookUps } from "./key-lookups.ts";

const BOUNDS = { maxItems: 100, maxWaiting: 3, maxRemembered: 2, unknownMs: 1_000 };
const ACCESS: FoundAccess = {
  keyId: "k",
  keyName: "k",
  scope: "read",
  tenantId: undefined,
  tenantExists: true,
};

function accessOf(name: string): AccessQuery {
  return { keyHash: Buffer.from(name), tenantId: undefined };
}

/** Creates look-ups whose statements the test completes. */
function lookingUp() {
  const statements: { keys: string[]; end: () => void }[] = [];
  let nowMs = 0;
  const lookUp = createKeyLookUps(
    (requested) =>
      new Promise((resolve) => {
        const keys = requested.map(({ keyHash }) => keyHash.toString());
        const end = () => resolve(keys.map((key) => (key.startsWith("good") ? ACCESS : undefined)));
        statements.push({ keys, end });
      }),
    BOUNDS,
    () => nowMs,
  );
  const sent = () => new Promise((resolve) => setImmediate(resolve));
  return {
    statements,
    lookUp: (name: string) => lookUp(accessOf(name)),
    sent,
    pass: (ms: number) => {
      nowMs += ms;
    },
    async found(name: string) {
      const found = lookUp(accessOf(name));
      await sent();
      statements.at(-1)?.end();
      return await found;
    },
  };
}

test("looks up a known good key without waiting for the statement of unknown keys", async () => {
  const { statements, lookUp, sent, found } = lookingUp();
  expect(await found("good")).toBe(ACCESS);
  const stranger = lookUp("made-up");
  await sent();
  expect(await found("good")).toBe(ACCESS);
  statements.find(({ keys }) => keys.includes("made-up"))?.end();
  expect(await stranger).toBeUndefined();
});

test("looks up unknown API keys in one statement at a time and refuses keys over the bound", async () => {
  const { statements, lookUp, sent } = lookingUp();
  const first = lookUp("0");
  await sent();
  const others = ["1", "2", "3"].map(lookUp);
  await expect(lookUp("4")).rejects.toMatchObject({ code: "rate_limited" });
  expect(statements).toHaveLength(1);
  statements[0]?.end();
  expect(await first).toBeUndefined();
  await sent();
  expect(statements[1]?.keys).toEqual(["1", "2", "3"]);
  statements[1]?.end();
  expect(await Promise.all(others)).toEqual([undefined, undefined, undefined]);
});

test("caches an unknown API key briefly and looks up a good key at every call", async () => {
  const { statements, lookUp, found, pass } = lookingUp();
  expect(await found("made-up")).toBeUndefined();
  expect(await lookUp("made-up")).toBeUndefined();
  expect(statements).toHaveLength(1);
  pass(1_000);
  expect(await found("made-up")).toBeUndefined();
  expect(statements).toHaveLength(2);
  expect(await found("good")).toBe(ACCESS);
  expect(await found("good")).toBe(ACCESS);
  expect(statements).toHaveLength(4);
});
