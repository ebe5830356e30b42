import { writeSync } from "node:fs";
import type { ThrownError } from "../../domain/flow/handler-call.ts";
import { type LastWords, WORDS_FD } from "../protocol.ts";
import { describeThrown } from "./describe.ts";

/** In whose code the process is: a job, or a file that is loaded. */
export interface CodeContext {
  owner: string;
  number?: number;
}

/**
 * Catches what escapes from a handler's code, and gives it to whoever the code belongs to. What belongs to nobody ends the
 * process, with its last words: then the server finds out whose it was.
 */
export function installGuards(guards: {
  current: () => CodeContext | undefined;
  /** An error that nobody caught, or a call that would have ended the process. */
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
    sayLast({ kind: "uncaught", ...error });
    exit.call(process, 1);
  }
  process.on("uncaughtException", onUncaught);
  process.on("unhandledRejection", onUncaught);

  function refuseEnd(call: string): never {
    const context = current();
    const error = new ProcessEnded(`The handler called ${call}`);
    if (context === undefined) {
      sayLast({ kind: "exit", ...describeThrown(error) });
      exit.call(process, 1);
    } else onEscaped(context, describeThrown(error), true);
    // The code that called must not go on.
    throw error;
  }
  process.exit = (code) => refuseEnd(`process.exit(${code ?? ""})`);
  process.abort = () => refuseEnd("process.abort()");
  const { kill } = process;
  process.kill = (pid, signal) => {
    const isOwn = pid === process.pid || pid === 0 || pid === -1;
    return isOwn && signal !== 0 ? refuseEnd(`process.kill(${pid})`) : kill.call(process, pid, signal);
  };

  // A terminal and a service manager signal the whole group: the server drains, and then ends its hosts.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
}

/** Thrown where a handler would have ended the process, so that its code goes on no further. */
class ProcessEnded extends Error {}

export function sayLast(words: LastWords): void {
  try {
    writeSync(WORDS_FD, `${JSON.stringify(words)}\n`);
  } catch {
    // The server is gone, or reads no more.
  }
}
