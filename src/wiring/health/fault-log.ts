import type { Logger } from "../../runtime/logger.ts";

/** Faults of one kind that the log tells of: what met it, its cause as a name, and in words. */
export interface LoggedFault {
  /** A constant: requests, accepting, the connection of a store. */
  what: string;
  cause: string;
  text: string;
  sqlState?: string | undefined;
}

/** Warns of faults: of the first of a kind at once, then of how many came in each interval in which some did. */
export interface FaultLog {
  note(fault: LoggedFault, error: unknown): void;
  /** Warns of what has been counted and not been told. */
  stop(): void;
}

interface Counted {
  fault: LoggedFault;
  reason: string;
  count: number;
  timer: NodeJS.Timeout;
}

/** Kinds are bounded by the constants that make them up: callers give no text of a sender as `what` or `cause`. */
export function createFaultLog({ log, intervalMs }: { log: Logger; intervalMs: number }): FaultLog {
  const kinds = new Map<string, Counted>();

  function warn(fault: LoggedFault, reason: string, count: number, seconds: number | undefined): void {
    const { what, cause, text, sqlState } = fault;
    const times = seconds === undefined ? "" : ` (${count} in ${seconds} s)`;
    log.warn({ cause, sqlstate: sqlState, count, reason }, `${what}: ${text}${times}`);
  }

  function tell(name: string, counted: Counted): void {
    if (counted.count === 0) {
      clearInterval(counted.timer);
      kinds.delete(name);
      return;
    }
    warn(counted.fault, counted.reason, counted.count, intervalMs / 1_000);
    counted.count = 0;
  }

  return {
    note(fault, error) {
      // The message alone: the other fields of an error may quote a row.
      const reason = error instanceof Error ? error.message : String(error);
      const name = `${fault.what} ${fault.cause} ${fault.sqlState ?? ""}`;
      const counted = kinds.get(name);
      if (counted !== undefined) {
        Object.assign(counted, { fault, reason, count: counted.count + 1 });
        return;
      }
      warn(fault, reason, 1, undefined);
      const timer = setInterval(() => tell(name, made), intervalMs).unref();
      const made: Counted = { fault, reason, count: 0, timer };
      kinds.set(name, made);
    },
    stop() {
      for (const [name, counted] of kinds) {
        tell(name, counted);
        clearInterval(counted.timer);
      }
      kinds.clear();
    },
  };
}
