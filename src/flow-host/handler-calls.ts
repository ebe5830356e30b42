import type { CallHandler, HandlerCall, HandlerEnd, ThrownError } from "../domain/flow/handler-call.ts";
import type { HostPool } from "./host-pool.ts";
import type { CodeModule, PoolEnd } from "./pool-call.ts";
import type { HostRequest } from "./protocol.ts";

/** Creates the function that calls handlers of flow files in the hosts of the pool. */
export function createHandlerCalls(pool: Pick<HostPool, "call">): (module: CodeModule) => CallHandler {
  return (module) => async (call) => {
    const { run, owner, runId, signal, timeoutMs, onLine, onDropped } = call;
    const end = await pool.call({
      runId,
      owner,
      module,
      signal,
      timeoutMs,
      onLine,
      onDropped,
      message: (job) => ({ kind: "run", job, owner, module: module.hash, run, timeoutMs }),
      answer: (ask) => answer(call, ask),
    });
    return handlerEnd(end);
  };
}

/** Answers a request of a host. Checks the values that reach a store, since handlers can send anything. */
async function answer({ loadSteps, keepStep }: HandlerCall, ask: HostRequest): Promise<unknown> {
  if (ask.kind === "steps") return [...(await loadSteps())];
  const { name, result } = ask;
  if (typeof name !== "string" || (result !== null && typeof result !== "string")) {
    throw new TypeError("A step needs a name and a result as JSON");
  }
  await keepStep(name, result);
  return undefined;
}

function handlerEnd(end: PoolEnd): HandlerEnd {
  switch (end.kind) {
    case "returned":
      return { kind: "returned" };
    case "threw": {
      const { code } = end.error;
      // A handler can break its process, which then sends anything.
      const [message, stack, step] = [
        textIn(end.error.message) ?? "an error without a message",
        textIn(end.error.stack),
        textIn(end.error.step),
      ];
      return code === undefined
        ? { kind: "threw", error: { message, stack, step, ...retryOf(end.error) } }
        : { kind: "died", code, message, stack };
    }
    default:
      return end;
  }
}

function textIn(value: unknown): string | undefined {
  return typeof value === "string" || value === undefined ? value : JSON.stringify(value);
}

function retryOf({ endsRunAs, retryInMs }: ThrownError): Pick<ThrownError, "endsRunAs" | "retryInMs"> {
  if (endsRunAs === "HANDLER_THREW" || endsRunAs === "STEP_NOT_KEPT") return { endsRunAs };
  if (typeof retryInMs !== "number") return {};
  return { retryInMs: Math.min(Math.max(retryInMs, 0), MAX_RETRY_MS) };
}

/** As long as the longest back-off of a flow. */
const MAX_RETRY_MS = 604_800_000;
