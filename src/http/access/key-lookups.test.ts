import { expect, test } from "vitest";
import type { AskedAccess, FoundAccess } from "../../postgres/access/api-keys.ts";
import { createKeyLookUps } from "./key-lookups.ts";

const BOUNDS = { maxItems: 100, maxWaiting: 3, maxRemembered: 2, unknownMs: 1_000 };
const ACCESS: FoundAccess = {
  keyId: "k",
  keyName: "k",
  scope: "read",
  tenantId: undefined,
  tenantExists: true,
};

function asking(name: string): AskedAccess {
  return { keyHash: Buffer.from(name), tenantId: undefined };
}

/** Look-ups whose statements end when the test says so. */
function lookingUp() {
  const statements: { keys: string[]; end: () => void }[] = [];
  let nowMs = 0;
  const lookUp = createKeyLookUps(
    (asked) =>
      new Promise((resolve) => {
        const keys = asked.map(({ keyHash }) => keyHash.toString());
        const end = () => resolve(keys.map((key) => (key.startsWith("good") ? ACCESS : undefined)));
        statements.push({ keys, end });
      }),
    BOUNDS,
    () => nowMs,
  );
  const sent = () => new Promise((resolve) => setImmediate(resolve));
  return {
    statements,
    lookUp: (name: string) => lookUp(asking(name)),
    sent,
    pass: (ms: number) => {
      nowMs += ms;
    },
    async found(name: string) {
      const found = lookUp(asking(name));
      await sent();
      statements.at(-1)?.end();
      return await found;
    },
  };
}

test("a key that was good does not wait for the statement that looks up made-up keys", async () => {
  const { statements, lookUp, sent, found } = lookingUp();
  expect(await found("good")).toBe(ACCESS);
  const stranger = lookUp("made-up");
  await sent();
  expect(await found("good")).toBe(ACCESS);
  statements.find(({ keys }) => keys.includes("made-up"))?.end();
  expect(await stranger).toBeUndefined();
});

test("made-up keys share one statement at a time, and those for which there is no room are refused", async () => {
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

test("an unknown key is not looked up again for a moment, and a revoked one is dead at the next call", async () => {
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
