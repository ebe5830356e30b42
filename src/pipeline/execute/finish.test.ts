import { describe, expect, test } from "vitest";
import type { Held, Outcome } from "../../domain/flow/outcome.ts";
import { finishAttempt } from "./finish.ts";

const run = {
  id: "01a208f8-2149-748f-94fe-b9c62a9e51c1",
  tenantId: "acme",
  flowId: "f",
  flowVersion: 1,
  eventId: "01a208f8-2149-748f-94fe-b9c62a9e51c2",
  replaySeq: 0,
  lane: 2 as const,
  fence: 3,
  attempts: 0,
};
const retry = { max_attempts: 3, backoff: "fixed" as const, delay_ms: 200, max_delay_ms: 1_000 };
const error = { code: "HTTP_STATUS", message: "The target answered 503 for order 4711" };

function finish(outcome: Exclude<Outcome, Held>, attempts = 0) {
  const context = { connector: "shop", endpoint: "default", action: "http" as const };
  return finishAttempt({
    run: { ...run, attempts },
    outcome,
    retry,
    context,
    durationMs: 12.4,
    random: () => 1,
  });
}

describe("finishAttempt", () => {
  test("keeps the called target in the context of a dead letter", () => {
    const target = "https://shop.example";
    expect(finish({ kind: "dead", error, target }).errorContext).toMatchObject({ target });
    expect(finish({ kind: "dead", error }).errorContext).not.toHaveProperty("target");
  });

  test("finishes a run whose action succeeded", () => {
    expect(finish({ kind: "done", responseStatus: 204 })).toMatchObject({
      state: "succeeded",
      responseStatus: 204,
    });
  });

  test("delays the next attempt by the flow's back-off", () => {
    expect(finish({ kind: "retry", error })).toMatchObject({
      state: "failed",
      retryDelayMs: 200,
      errorCode: "HTTP_STATUS",
    });
  });

  test("delays the next attempt by the longer of the target's wait and the flow's back-off", () => {
    expect(finish({ kind: "retry", error, delayMs: 30_000 }).retryDelayMs).toBe(30_000);
    expect(finish({ kind: "retry", error, delayMs: 100 }).retryDelayMs).toBe(200);
  });

  test("delays the next attempt by the time that a handler asks for, instead of the flow's back-off", () => {
    const outcome = { kind: "retry", error, delayMs: 100, replacesBackoff: true } as const;
    expect(finish(outcome).retryDelayMs).toBe(100);
    expect(finish(outcome, 2).state).toBe("dead");
  });

  test("makes a run a dead letter after its last attempt, with its cause", () => {
    expect(finish({ kind: "retry", error }, 1).state).toBe("failed");
    expect(finish({ kind: "retry", error }, 2)).toMatchObject({
      state: "dead",
      errorContext: { stage: "execute", step: "http", connector: "shop", code: "HTTP_STATUS" },
    });
  });

  test("keeps the failed step of a code flow in the dead letter", () => {
    expect(finish({ kind: "dead", error: { ...error, step: "charge" } }).errorContext).toMatchObject({
      step: "charge",
    });
  });

  test("makes a run a dead letter at once when its outcome is dead", () => {
    expect(finish({ kind: "dead", error }).state).toBe("dead");
  });

  test("gives errors that differ only in numbers the same fingerprint", () => {
    const other = { ...error, message: "The target answered 502 for order 12" };
    expect(finish({ kind: "dead", error: other }).fingerprint).toBe(
      finish({ kind: "dead", error }).fingerprint,
    );
    const unlike = { ...error, message: "The target closed the connection" };
    expect(finish({ kind: "dead", error: unlike }).fingerprint).not.toBe(
      finish({ kind: "dead", error }).fingerprint,
    );
  });

  test("replaces characters of an error that cannot be stored, and shortens its stack", () => {
    const thrown = { code: "HANDLER_THREW", message: "a\0b", stack: `\0${"x".repeat(20_000)}` };
    const dead = finish({ kind: "dead", error: thrown });
    expect(dead.errorMessage).toBe("a\u{fffd}b");
    expect(JSON.stringify(dead.errorContext)).not.toContain("\\u0000");
    expect(String(dead.errorContext?.["stack"])).toHaveLength(16_385);
  });
});
