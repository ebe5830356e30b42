import { errorMessage } from "../../runtime/error-message.ts";
import type { Logger } from "../../runtime/logger.ts";

/** A kind of fault. */
export interface LoggedFault {
  /** The affected operation, a constant: requests, accepting, the connection of a store. */
  what: string;
  /** The name of the cause. */
  cause: string;
  /** The description of the cause. */
  text: string;
  sqlState?: string | undefined;
}

/** A log that warns of the first fault of a kind at once, and then of their number in each interval with faults. */
export interface FaultLog {
  note(fault: LoggedFault, error: unknown): void;
  /** Warns of the faults that were counted since the last warning. */
  stop(): void;
}

interface Counted {
  fault: LoggedFault;
  reason: string;
  count: number;
  timer: NodeJS.Timeout;
}

/** Creates a fault log. `what` and `cause` must be constants, never text of a sender, to bound the number of kinds. */
export function createFaultLog({ log, intervalMs }: { log: Logger; intervalMs: number }): FaultLog {
  const kinds = new Map<string, Counted>();

  function warn(fault: LoggedFault, reason: string, count: number, seconds: number | undefined): void {
    const { what, cause, text, sqlState } = fault;
    const times = seconds === undefined ? "" : ` (${count} in ${seconds} s)`;
    log.warn({ cause, sqlstate: sqlState, count, reason }, `${what}: ${text}${times}`);
  }

  function report(name: string, counted: Counted): void {
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
      // Only the message: other fields of an error may quote a row.
      const reason = errorMessage(error);
      const name = `${fault.what} ${fault.cause} ${fault.sqlState ?? ""}`;
      const counted = kinds.get(name);
      if (counted !== undefined) {
        Object.assign(counted, { fault, reason, count: counted.count + 1 });
        return;
      }
      warn(fault, reason, 1, undefined);
      const timer = setInterval(() => report(name, made), intervalMs).unref();
      const made: Counted = { fault, reason, count: 0, timer };
      kinds.set(name, made);
    },
    stop() {
      for (const [name, counted] of kinds) {
        report(name, counted);
        clearInterval(counted.timer);
      }
      kinds.clear();
    },
  };
}
