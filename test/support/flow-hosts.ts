import { onTestFinished } from "vitest";
import type { HandlerCall, HandlerEnd, HandlerLine } from "../../src/domain/flow/handler-call.ts";
import type { HostStart } from "../../src/flow-host/host-start.ts";
import { type CodeFlows, loadCodeFlows } from "../../src/flows-folder/code-flows.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { type Bounds, DEFAULT_BOUNDS } from "../../src/wiring/bounds.ts";
import { builtProgram } from "./built.ts";
import { flowsFolder } from "./flows-folder.ts";

/** The start of flow hosts of the built program. */
export async function hostStart(over: Partial<HostStart> = {}): Promise<HostStart> {
  const entry = `${await builtProgram()}/flow-host/child/main.js`;
  return { entry, env: {}, memoryMb: 64, onOutput: () => {}, ...over };
}

export interface LoadedFlows {
  flows: CodeFlows;
  write: (name: string, text: string) => void;
  folder: string;
  /** The parsed lines of the log. */
  logged: () => Record<string, unknown>[];
  /** The codes of hosts that ended on their own. */
  ended: string[];
  /** Calls a handler by its id. */
  call: (id: string, over?: Partial<HandlerCall> & { data?: unknown }) => Promise<Called>;
}

export interface Called {
  end: HandlerEnd;
  lines: HandlerLine[];
}

/** Loads the flows of a folder with the given files in hosts of their own, until the test ends. */
export async function loadedFlows(
  files: Record<string, string>,
  options: { hosts?: number; bounds?: Partial<Bounds["flowHosts"]>; start?: Partial<HostStart> } = {},
): Promise<LoadedFlows> {
  const { folder, write } = flowsFolder(files);
  const lines: string[] = [];
  const ended: string[] = [];
  const flows = await loadCodeFlows({
    folder,
    log: createLogger("info", { write: (line) => lines.push(line) }),
    hosts: options.hosts ?? 1,
    start: await hostStart(options.start),
    bounds: { ...DEFAULT_BOUNDS.flowHosts, stuckMs: 1_000, ...options.bounds },
    intervalMs: 1,
    onHostEnd: (code) => ended.push(code),
  });
  const timer = setInterval(() => flows.watch(new AbortController().signal).catch(() => {}), 100);
  onTestFinished(async () => {
    clearInterval(timer);
    await flows.stop();
  });
  let runs = 0;
  return {
    flows,
    write,
    folder,
    ended,
    logged: () => lines.map((line) => JSON.parse(line)),
    async call(id, { data, ...over } = {}) {
      const said: HandlerLine[] = [];
      const end = await flows.get(id)?.({
        run: {
          event: { id: "e", json: JSON.stringify(data ?? null) } as never,
          attempt: 1,
          idempotencyKey: "k",
        },
        runId: `run ${++runs}`,
        owner: `acme/${id}`,
        signal: new AbortController().signal,
        timeoutMs: 30_000,
        onLine: (line) => said.push(line),
        onDropped: () => {},
        loadSteps: async () => new Map(),
        keepStep: async () => {},
        ...over,
      });
      if (end === undefined) throw new Error(`No file defines ${id}`);
      return { end, lines: said };
    },
  };
}

/** The text of a file that defines one flow with the given body. */
export function flowFile(id: string, body: string, before = ""): string {
  return `import { defineFlow } from "headrace";\n${before}
    export default defineFlow({ id: "${id}" }, async ({ event, step, log, signal, attempt }) => { ${body} });`;
}
