import type { HostEnd } from "./host-process.ts";

/** The reason why a host ended, for the attempt that it ended. */
export interface CauseOfEnd {
  code: "HANDLER_STUCK" | "HANDLER_OUT_OF_MEMORY" | "HANDLER_CRASHED" | "HANDLER_THREW";
  message: string;
  stack?: string | undefined;
}

/** Derives the cause from the end report of the host, or else from its exit code, signal and standard error. Pure. */
export function causeOfEnd({ report, exitCode, signal, stderr }: HostEnd): CauseOfEnd {
  const how = signal === null ? `with code ${exitCode}` : `by ${signal}`;
  if (report === undefined) {
    return V8_IS_FULL.test(stderr)
      ? { code: "HANDLER_OUT_OF_MEMORY", message: "The handler filled the heap of its process" }
      : { code: "HANDLER_CRASHED", message: `The process of the handler ended ${how}` };
  }
  const { kind, message, stack } = report;
  switch (kind) {
    case "stuck":
      return {
        code: "HANDLER_STUCK",
        message: `The handler blocks its process: ${lowerFirst(message)}`,
        stack,
      };
    case "memory":
      return {
        code: "HANDLER_OUT_OF_MEMORY",
        message: `The handler takes too much memory: ${lowerFirst(message)}`,
        stack,
      };
    case "uncaught":
      return { code: "HANDLER_THREW", message, stack };
    case "exit":
      return { code: "HANDLER_CRASHED", message, stack };
  }
}

const V8_IS_FULL = /heap out of memory|Reached heap limit|Fatal process out of memory/;

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
