import { HeadraceError } from "../../domain/errors.ts";
import { storeFaultOf } from "../../postgres/core/faults.ts";
import type { Metrics } from "../metrics.ts";
import type { FaultLog, LoggedFault } from "./fault-log.ts";

/** Creates the function that counts requests with status 503 by cause, and logs them. */
export function createUnavailableWatch({
  metrics,
  faults,
}: {
  metrics: Pick<Metrics, "unavailable">;
  faults: FaultLog;
}): (error: Error) => void {
  return (error) => {
    const fault = describeRequestFault(error);
    metrics.unavailable.inc({ cause: fault.cause });
    faults.note({ what: "requests answered 503", ...fault }, error);
  };
}

type Described = Omit<LoggedFault, "what">;

/** Describes an operating fault by its cause. A fault of unknown cause is `other`. */
export function describeFault(error: unknown): Described {
  return storeFaultOf(error) ?? { cause: "other", text: "an operation failed" };
}

function describeRequestFault(error: Error): Described {
  const fault = storeFaultOf(error);
  if (fault !== undefined) return fault;
  if (error instanceof HeadraceError && error.code === "decryption_failed")
    return { cause: "encryption_key", text: "a stored secret cannot be opened" };
  const { code } = error as { code?: unknown };
  if (code === "FST_ERR_HANDLER_TIMEOUT")
    return { cause: "deadline", text: "the deadline of an API call has passed" };
  // No store failed: this process has shed the request.
  return { cause: "overloaded", text: "more requests arrive than can be served" };
}
