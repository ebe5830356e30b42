import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import type { NormalizedEvent } from "../../domain/event.ts";
import { DEFAULT_RETRY } from "../../domain/flow.ts";
import type { RunAttempt } from "../../domain/flow-run.ts";
import { createCodeAction, type Handler } from "./code-action.ts";
import type { RunStep } from "./code-steps.ts";

/** Runs a handler that may take 20 ms; `abort` is who takes the run away. */
async function run(handler: Handler, abort = new AbortController()) {
  let ended = 0;
  const action = createCodeAction({
    handlers: new Map([["h", handler]]),
    timeoutMs: 20,
    openLog: () => ({
      log: { info() {}, warn() {}, error() {} },
      async end() {
        ended += 1;
      },
    }),
    openSteps: (): RunStep => async () => Promise.reject(new Error("no steps here")),
  });
  const attempt: RunAttempt = {
    ...{
      runId: "r",
      tenantId: "acme",
      flowId: "f",
      flowVersion: 1,
      fence: 1,
      attempt: 2,
      idempotencyKey: "k",
    },
    ...{ event: { id: "e" } as NormalizedEvent, signingSecret: "", secrets: {}, hold: abort },
    definition: { trigger: {}, action: { type: "code", handler: "h" }, retry: DEFAULT_RETRY },
  };
  return { outcome: await action(attempt), ended };
}

describe("a handler", () => {
  test("is given the event, the attempt and the key of its run", async () => {
    const seen: unknown[] = [];
    const { outcome, ended } = await run(({ event, attempt, idempotencyKey }) => {
      seen.push(event.id, attempt, idempotencyKey);
    });
    expect([outcome, seen, ended]).toEqual([{ kind: "done" }, ["e", 2, "k"], 1]);
  });

  test("that takes too long is told by its signal, and left behind if it does not listen", async () => {
    let reason: unknown;
    const { outcome, ended } = await run(({ signal }) => {
      signal.addEventListener("abort", () => {
        reason = signal.reason;
      });
      return new Promise(() => {});
    });
    expect(outcome).toEqual({
      kind: "retry",
      error: { code: "TIMEOUT", message: "The handler took more than 20 ms" },
    });
    expect([(reason as Error).name, ended]).toEqual(["TimeoutError", 1]);
  });

  test("that gives a promise of another library is waited for, and no longer than its deadline", async () => {
    const Foreign = runInNewContext("Promise") as PromiseConstructor;
    const codes = [];
    for (const promise of [Foreign.reject(new Error("no")), new Foreign(() => {}), Foreign.resolve()]) {
      const { outcome } = await run(() => promise);
      codes.push(outcome.kind === "retry" ? outcome.error.code : outcome.kind);
    }
    expect(codes).toEqual(["HANDLER_THREW", "TIMEOUT", "done"]);
  });

  test("whose run is taken away is told by its signal with the reason", async () => {
    const abort = new AbortController();
    const { outcome } = await run(({ signal }) => {
      abort.abort(new Error("The worker is stopping"));
      signal.throwIfAborted();
    }, abort);
    expect(outcome).toMatchObject({
      kind: "retry",
      error: { code: "HANDLER_THREW", message: "The worker is stopping" },
    });
  });

  test("that throws what is no error has failed all the same", async () => {
    const { outcome, ended } = await run(() => Promise.reject("odd"));
    expect(outcome).toMatchObject({ kind: "retry", error: { code: "HANDLER_THREW", message: "odd" } });
    expect(ended).toBe(1);
  });
});
