import { type CallHandler, handledEvent } from "../../src/domain/flow/handler-call.ts";
import { describeThrown } from "../../src/flow-host/child/describe.ts";
import { createRunSteps } from "../../src/flow-host/child/steps.ts";
import type { Handler } from "../../src/sdk/index.ts";
import { DEFAULT_BOUNDS } from "../../src/wiring/bounds.ts";

/** Handlers that are called in this process, so that they can use the test's variables. */
export function localHandlers(handlers: Record<string, Handler>): {
  get(id: string): CallHandler | undefined;
} {
  return {
    get(id) {
      const handler = handlers[id];
      return handler && ((call) => callLocally(handler, call));
    },
  };
}

async function callLocally(handler: Handler, call: Parameters<CallHandler>[0]): ReturnType<CallHandler> {
  const { run, signal, onLine, loadSteps, keepStep } = call;
  const line = (level: "info" | "warn" | "error") => (message: string, fields?: Record<string, unknown>) =>
    onLine({ level, message, fields });
  const log = { info: line("info"), warn: line("warn"), error: line("error") };
  const store = { load: loadSteps, keep: keepStep };
  const step = createRunSteps(run, { signal }, store, DEFAULT_BOUNDS.steps);
  try {
    await handler({ ...run, event: handledEvent(run), signal, log, step });
    return { kind: "returned" };
  } catch (thrown) {
    return { kind: "threw", error: describeThrown(thrown) };
  }
}
