import { describe, expect, test } from "vitest";
import type { NormalizedEvent } from "../../../domain/event/event.ts";
import { DEFAULT_RETRY } from "../../../domain/flow/flow.ts";
import type { RunAttempt } from "../../../domain/flow/flow-run.ts";
import {
  type HandedRun,
  type HandlerCall,
  type HandlerEnd,
  handledEvent,
} from "../../../domain/flow/handler-call.ts";
import { ExactNumber } from "../../../domain/json/exact-number.ts";
import { createCodeAction } from "./code-action.ts";

/** Executes a run whose handler ends as given, and returns its calls too. */
async function execute(end: HandlerEnd | undefined) {
  const calls: HandlerCall[] = [];
  const order: string[] = [];
  const action = createCodeAction({
    handlers: {
      get: () =>
        end &&
        (async (call) => {
          calls.push(call);
          call.onLine({ level: "warn", message: "said", fields: { n: 1 } });
          call.onDropped(2);
          return end;
        }),
    },
    timeoutMs: 20,
    openLog: () => ({
      log: { info() {}, warn: (message) => order.push(message), error() {} },
      drop: (lines) => order.push(`dropped ${lines}`),
      async end() {
        order.push("end");
      },
    }),
    openSteps: () => ({ load: async () => new Map(), async keep() {} }),
  });
  const lease = new AbortController();
  const run: RunAttempt = {
    runId: "r",
    tenantId: "acme",
    flowId: "f",
    flowVersion: 1,
    fence: 1,
    attempt: 2,
    idempotencyKey: "k",
    event: { id: "e", data: { total: new ExactNumber("0.1000") } as unknown } as NormalizedEvent,
    signingSecret: "",
    secrets: {},
    lease,
    definition: { trigger: {}, action: { type: "code", handler: "h" }, retry: DEFAULT_RETRY },
  };
  return { outcome: await action(run), calls, order, lease };
}

describe("a code action", () => {
  test("passes the event, attempt and idempotency key to the handler, and ends its log", async () => {
    const { outcome, calls, order, lease } = await execute({ kind: "returned" });
    expect(outcome).toEqual({ kind: "done" });
    expect(calls[0]).toMatchObject({ runId: "r", owner: "acme/f", timeoutMs: 20, signal: lease.signal });
    const event = { id: "e", json: '{"total":0.1000}' };
    expect(calls[0]?.run).toEqual({ event, attempt: 2, idempotencyKey: "k" });
    expect(handledEvent(calls[0]?.run as HandedRun)).toEqual({ ...event, data: { total: 0.1 } });
    expect(order).toEqual(["said", "dropped 2", "end"]);
  });

  test("maps the end of a handler to the outcome of its run", async () => {
    const outcomes = [];
    const ends: (HandlerEnd | undefined)[] = [
      { kind: "threw", error: { message: "no", stack: "Error: no", step: "s" } },
      { kind: "threw", error: { message: "big", step: "s", endsRunAs: "STEP_NOT_KEPT" } },
      { kind: "threw", error: { message: "busy", retryInMs: 60 } },
      { kind: "died", code: "HANDLER_STUCK", message: "stuck" },
      { kind: "timed_out" },
      { kind: "refused", reason: "handler_alone", delayMs: 5 },
      undefined,
    ];
    for (const end of ends) outcomes.push((await execute(end)).outcome);
    expect(outcomes).toMatchObject([
      { kind: "retry", error: { code: "HANDLER_THREW", message: "no", stack: "Error: no", step: "s" } },
      { kind: "dead", error: { code: "STEP_NOT_KEPT", message: "big", step: "s" } },
      {
        kind: "retry",
        error: { code: "HANDLER_THREW", message: "busy" },
        delayMs: 60,
        replacesBackoff: true,
      },
      { kind: "retry", error: { code: "HANDLER_STUCK", message: "stuck" } },
      { kind: "retry", error: { code: "TIMEOUT", message: "The handler took more than 20 ms" } },
      { kind: "held", reason: "handler_alone", delayMs: 5 },
      { kind: "retry", error: { code: "HANDLER_MISSING", message: "No flow file defines the handler h" } },
    ]);
  });
});
