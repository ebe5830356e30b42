import { HandlerFault } from "../domain/flow/handler-fault.ts";
import type { FetchSourcePage } from "../sdk/index.ts";
import type { HostPool } from "./host-pool.ts";
import type { CodeModule, PoolEnd } from "./pool-call.ts";

/** Creates the function that calls `fetchPage` of sources in code in the hosts of the pool. */
export function createPageCalls(
  pool: Pick<HostPool, "call">,
  timeoutMs: number,
): (module: CodeModule, owner: string) => FetchSourcePage {
  return (module, owner) =>
    async ({ cursor, params, credentials, signal, log }) => {
      const end = await pool.call({
        runId: owner,
        owner,
        module,
        signal,
        timeoutMs,
        message: (job) => ({
          kind: "page",
          job,
          owner,
          module: module.hash,
          page: { cursor, params, credentials },
        }),
        onLine: ({ level, message, fields }) => log[level](message, fields),
        onDropped: (lines) => log.warn("log lines beyond the bound were dropped", { lines }),
        answer: async () => {
          throw new Error("A source has no steps");
        },
      });
      return pageOf(end) as Awaited<ReturnType<FetchSourcePage>>;
    };
}

/** Returns the page. Throws the error of `fetchPage`, or a HandlerFault if it did not return. */
function pageOf(end: PoolEnd): unknown {
  switch (end.kind) {
    case "returned":
      return end.page;
    case "threw": {
      const { code, message, status, retryAfterSeconds } = end.error;
      if (code !== undefined) throw new HandlerFault(code, message);
      throw Object.assign(new Error(message), { status, retryAfterSeconds });
    }
    case "died":
      throw new HandlerFault(end.code, end.message);
    case "refused":
      throw new HandlerFault("HANDLER_BUSY", "No process was free for fetchPage: it is called again");
    default:
      throw new Error("fetchPage was aborted");
  }
}
