import { beforeAll, describe, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { flowFile, loadedFlows } from "../support/flow-hosts.ts";

beforeAll(builtProgram);

const LATER = "const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));";

describe("an attempt with parallel steps", () => {
  test("that fails ends after its steps, whose results are kept, and begins no other", async () => {
    const { call } = await loadedFlows({
      "f.mjs": flowFile(
        "f",
        `await Promise.all([
          step("bad", () => { throw new Error("bad"); }),
          (async () => { await step("slow", () => later(200)); await step("next", () => log.info("begun")); })(),
        ]);`,
        LATER,
      ),
    });
    const kept: string[] = [];
    const { end, lines } = await call("f", { keepStep: async (name) => void kept.push(name) });
    expect(end).toMatchObject({ kind: "threw", error: { message: "bad", step: "bad" } });
    expect(kept).toEqual(["slow"]);
    expect(lines).toEqual([]);
  });

  test("that returns ends after the steps that it did not wait for", async () => {
    const { call } = await loadedFlows({
      "f.mjs": flowFile(
        "f",
        `void step("a", () => later(50)).then(() => step("b", () => later(50)));`,
        LATER,
      ),
    });
    const kept: string[] = [];
    const { end } = await call("f", { keepStep: async (name) => void kept.push(name) });
    expect([end, kept]).toEqual([{ kind: "returned" }, ["a", "b"]]);
  });

  test("that fails aborts its steps at the deadline, and keeps its own error", async () => {
    const { call } = await loadedFlows({
      "f.mjs": flowFile(
        "f",
        `step("slow", ({ signal }) => new Promise((_, reject) => {
          signal.addEventListener("abort", () => { log.info("aborted"); reject(signal.reason); });
        })).catch(() => {});
        await later(20);
        throw new Error("bad");`,
        LATER,
      ),
    });
    const { end, lines } = await call("f", { timeoutMs: 1_000 });
    expect(end).toMatchObject({ kind: "threw", error: { message: "bad" } });
    expect(lines).toMatchObject([{ message: "aborted" }]);
  });
});

describe("a step whose result cannot be kept", () => {
  test.each([
    ["a big integer", "10n", /^The result of the step s cannot be kept, since it is no JSON: .*BigInt/],
    ["a circle", "(() => { const all = {}; all.all = all; return all; })()", /the step s .* circular/],
    ["a toJSON that throws", `({ toJSON() { throw new Error("no"); } })`, /the step s .* no$/],
    ["more than its bound", `"x".repeat(1_000_000)`, /^The step s gave 1000002 bytes of JSON/],
  ])("ends the run, also where its error was wrapped: %s", async (_name, result, message) => {
    const { call } = await loadedFlows({
      "f.mjs": flowFile("f", `await step("s", () => ${result});`),
      "g.mjs": flowFile(
        "g",
        `try { await step("s", () => ${result}); } catch { throw new Error("wrapped"); }`,
      ),
    });
    for (const id of ["f", "g"]) {
      expect((await call(id)).end).toMatchObject({
        kind: "threw",
        error: { message: expect.stringMatching(message), step: "s", endsRunAs: "STEP_NOT_KEPT" },
      });
    }
  });
});

describe("an error of the SDK", () => {
  /** The end of a run whose handler throws the expression. */
  async function thrown(expression: string) {
    const body = `import { defineFlow, FatalError, RetryAtError } from "headrace";
      export default defineFlow({ id: "f" }, async ({ step }) => { await step("s", () => { throw ${expression}; }); });`;
    const { call } = await loadedFlows({ "f.mjs": body });
    const { end } = await call("f");
    if (end.kind !== "threw") throw new Error(JSON.stringify(end));
    return end.error;
  }

  test("that means do not try again ends the run", async () => {
    expect(await thrown('new FatalError("no such customer")')).toMatchObject({
      message: "no such customer",
      step: "s",
      endsRunAs: "HANDLER_THREW",
    });
  });

  test.each([
    ["a date", "new Date(Date.now() + 60_000)", 60_000],
    ["a Unix time in ms", "Date.now() + 60_000", 60_000],
    ["a Retry-After", '"60.0"', 60_000],
    ["a past time", "0", 0],
    ["a far time, within seven days", "new Date(9e14)", 604_800_000],
  ])("that means try again at %s delays the next attempt", async (_name, at, waitMs) => {
    const { message, retryInMs = -1, endsRunAs } = await thrown(`new RetryAtError("busy", ${at})`);
    expect([message, endsRunAs]).toEqual(["busy", undefined]);
    expect(retryInMs).toBeLessThanOrEqual(waitMs);
    expect(retryInMs).toBeGreaterThanOrEqual(Math.max(0, waitMs - 20_000));
  });

  test("that names no time keeps the flow's back-off, and one with an invalid date says so", async () => {
    for (const at of ["null", '"soon"']) {
      expect(await thrown(`new RetryAtError("busy", ${at})`)).not.toHaveProperty("retryInMs");
    }
    expect(await thrown('new RetryAtError("busy", new Date("x"))')).toMatchObject({
      message: "The time of a RetryAtError is not a valid date",
    });
  });
});
