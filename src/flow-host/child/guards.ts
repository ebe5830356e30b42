import { writeSync } from "node:fs";
import type { ThrownError } from "../../domain/flow/handler-call.ts";
import { type EndReport, REPORT_FD } from "../protocol.ts";
import { describeThrown } from "./describe.ts";

/** The owner of the running code: a job, or a file that is being loaded. */
export interface CodeContext {
  owner: string;
  number?: number;
}

/**
 * Catches errors that escape from the code of a handler and attributes them to its owner. An error without an owner ends
 * the process with a report, and the server finds the culprit.
 */
export function installGuards(guards: {
  current: () => CodeContext | undefined;
  /** Called for an uncaught error, or for a call that would have ended the process. */
  onEscaped: (context: CodeContext, error: ThrownError, endsProcess: boolean) => void;
}): void {
  const { current, onEscaped } = guards;
  const { exit } = process;

  function onUncaught(thrown: unknown): void {
    if (thrown instanceof ProcessEnded) return;
    const context = current();
    const error = describeThrown(thrown);
    if (context !== undefined) {
      onEscaped(context, error, false);
      return;
    }
    reportEnd({ kind: "uncaught", ...error });
    exit.call(process, 1);
  }
  process.on("uncaughtException", onUncaught);
  process.on("unhandledRejection", onUncaught);

  function refuseEnd(call: string): never {
    const context = current();
    const error = new ProcessEnded(`The handler called ${call}`);
    if (context === undefined) {
      reportEnd({ kind: "exit", ...describeThrown(error) });
      exit.call(process, 1);
    } else onEscaped(context, describeThrown(error), true);
    // Stops the calling code.
    throw error;
  }
  process.exit = (code) => refuseEnd(`process.exit(${code ?? ""})`);
  process.abort = () => refuseEnd("process.abort()");
  const { kill } = process;
  process.kill = (pid, signal) => {
    const isOwn = pid === process.pid || pid === 0 || pid === -1;
    return isOwn && signal !== 0 ? refuseEnd(`process.kill(${pid})`) : kill.call(process, pid, signal);
  };

  // Ignores signals to the whole process group: the server drains and then ends its hosts.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
}

/** Thrown into a handler that tried to end the process. */
class ProcessEnded extends Error {}

/** Writes the end report to the server. */
export function reportEnd(report: EndReport): void {
  try {
    writeSync(REPORT_FD, `${JSON.stringify(report)}\n`);
  } catch {
    // The server has ended or stopped reading.
  }
}
