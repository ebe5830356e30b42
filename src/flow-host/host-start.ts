import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Logger } from "../runtime/logger.ts";
import type { HostOptions } from "./host-process.ts";

/** How hosts are started; the settings of flows say it. */
export type HostStart = Pick<HostOptions, "entry" | "env" | "memoryMb" | "onOutput">;

/** A host has nothing of the environment but the variables that are named. */
export function hostStart(
  { flowEnv, flowMemoryMb }: { flowEnv: readonly string[]; flowMemoryMb: number },
  environment: NodeJS.ProcessEnv,
  log: Logger,
): HostStart {
  const named = flowEnv.flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    entry: fileURLToPath(new URL(`./child/main${extname(import.meta.url)}`, import.meta.url)),
    env: Object.fromEntries(named),
    memoryMb: flowMemoryMb,
    onOutput: (line, pid) => log.debug({ flow_host: pid }, line),
  };
}
