import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Logger } from "../runtime/logger.ts";
import type { HostOptions } from "./host-process.ts";

/** The options of all hosts, from the settings. */
export type HostStart = Pick<HostOptions, "entry" | "env" | "memoryMb" | "onOutput">;

/** Returns the options of hosts. Handlers see only the variables of the environment that `flowEnv` names. */
export function hostStart(
  { flowEnv, flowMemoryMb }: { flowEnv: readonly string[]; flowMemoryMb: number },
  environment: NodeJS.ProcessEnv,
  log: Logger,
): HostStart {
  const variables = flowEnv.flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    entry: fileURLToPath(new URL(`./child/main${extname(import.meta.url)}`, import.meta.url)),
    env: Object.fromEntries(variables),
    memoryMb: flowMemoryMb,
    onOutput: (line, pid) => log.debug({ flow_host: pid }, line),
  };
}
