import { HandlerFault } from "../domain/flow/handler-fault.ts";
import type { FetchSourcePage } from "../sdk/index.ts";
import type { HostPool } from "./host-pool.ts";
import type { CodeModule, PoolEnd } from "./placed-call.ts";

/** Calls of `fetchPage` of sources in code, in the hosts of the pool. */
export function createPageCalls(
  pool: Pick<HostPool, "call">,
  timeoutMs: number,
): (module: CodeModule, owner: string) => FetchSourcePage {
  return (module, owner) =>
    async ({ cursor, params, credentials, signal, log }) => {
      const end = await pool.call({
        ...{ runId: owner, owner, module, signal, timeoutMs },
        message: (job) => ({
          ...{ kind: "page" as const, job, owner, module: module.hash },
          page: { cursor, params, credentials },
        }),
        onLine: ({ level, message, fields }) => log[level](message, fields),
        onDropped: (lines) => log.warn("more was logged than is kept", { lines }),
        answer: async () => {
          throw new Error("A source has no steps");
        },
      });
      return pageOf(end) as Awaited<ReturnType<FetchSourcePage>>;
    };
}

/** Throws what `fetchPage` threw, and a HandlerFault where it gave no answer. */
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
      throw new HandlerFault("HANDLER_BUSY", "There was no process for fetchPage: it is asked again");
    default:
      throw new Error("fetchPage was given up");
  }
}
