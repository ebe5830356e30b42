import { HeadraceError } from "../domain/errors.ts";
import type { CallHandler } from "../domain/flow/handler-call.ts";
import type { FlowHostBounds } from "../flow-host/bounds.ts";
import { createHandlerCalls } from "../flow-host/handler-calls.ts";
import type { HostStart } from "../flow-host/host-start.ts";
import { createModuleInspector, type ModuleInspector } from "../flow-host/inspect-modules.ts";
import { createPageCalls } from "../flow-host/page-calls.ts";
import { createHostPool } from "../flow-host/pool.ts";
import type { CodeModule } from "../flow-host/pool-call.ts";
import type { Definition } from "../flow-host/protocol.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Step } from "../runtime/loop.ts";
import type { CodePagesDeps } from "../synthetic/fetch/code-pages.ts";
import { createFlowCompiler, type FlowCompiler } from "./compile-flow.ts";
import { folderState, listCodeFiles } from "./flow-files.ts";

/** The current handlers and sources of the flows folder. Their code runs in hosts. */
export interface CodeFlows {
  get(id: string): CallHandler | undefined;
  /** The functions that fetch pages of sources in code, by id. */
  sources: CodePagesDeps["sources"];
  /** Reloads the folder if it has changed. A file that cannot be loaded keeps its old flow. */
  reload: Step;
  /** Replaces hosts that hang or have ended. */
  watch: Step;
  /** Ends the hosts. */
  stop(): Promise<void>;
}

/** The dependencies of code flows. */
export interface CodeFlowsDeps {
  folder: string;
  log: Logger;
  /** The number of shared hosts. */
  hosts: number;
  start: HostStart;
  bounds: FlowHostBounds;
  intervalMs: number;
  /** Called when a host ended unexpectedly. */
  onHostEnd?: (code: string) => void;
}

/**
 * Loads the folder; a missing folder has no flows. Throws `invalid_setting` for the first file that defines nothing. A file
 * whose code fails, hangs or ends its process during the import is logged and skipped.
 */
export async function loadCodeFlows(deps: CodeFlowsDeps): Promise<CodeFlows> {
  const { folder, log, bounds, intervalMs, start } = deps;
  const pool = createHostPool({
    ...start,
    bounds,
    monotonicMs: () => performance.now(),
    random: Math.random,
    onHostEnd(pid, { code, message }, runs) {
      log.warn({ flow_host: pid, code, runs }, `a flow host ended: ${message}`);
      deps.onHostEnd?.(code);
    },
    onStray: (owner, { message, stack }) =>
      log.warn({ of: owner, reason: message, stack }, "code threw after its handler had ended"),
  });
  const compiler = createFlowCompiler();
  let state = await folderState(folder);
  let { byFile, flaws } = await loadFolder(deps, compiler, new Map());
  const flaw = flaws.find((one) => !one.isOwnFailure);
  if (flaw !== undefined) throw flaw.error;
  for (const { error } of flaws)
    log.error({ reason: error.message }, "a flow file cannot be loaded and is skipped");
  let modules = modulesById(byFile);
  const handlerCalls = createHandlerCalls(pool);
  const pageCalls = createPageCalls(pool, bounds.pageTimeoutMs);
  const keep = () => pool.keep(byFile.size === 0 ? 0 : deps.hosts);
  keep();
  return {
    get(id) {
      const module = modules.flows.get(id);
      return module && handlerCalls(module);
    },
    sources: {
      get(id, { tenantId, source }) {
        const module = modules.sources.get(id);
        return module && pageCalls(module, `${tenantId}/${source}`);
      },
    },
    async reload() {
      const now = await folderState(folder);
      if (now === state) return { waitMs: intervalMs };
      const next = await loadFolder(deps, compiler, byFile);
      for (const { error } of next.flaws)
        log.error({ reason: error.message }, "a flow file keeps its old flow");
      const changed = changesOf(byFile, next.byFile);
      ({ byFile } = next);
      modules = modulesById(byFile);
      state = now;
      if (changed.length > 0) {
        keep();
        pool.renew();
        log.info({ flows: changed }, "flow files were reloaded");
      }
      return { waitMs: intervalMs };
    },
    watch: async () => pool.watch(),
    stop: pool.stop,
  };
}

interface LoadedFile {
  module: CodeModule;
  definition: Definition;
}

type FlowsByFile = ReadonlyMap<string, LoadedFile>;

/** The reason why a file defines nothing. `isOwnFailure` if its code failed, which may be temporary. */
interface Flaw {
  error: Error;
  isOwnFailure: boolean;
}

async function loadFolder(
  { folder, start, bounds }: CodeFlowsDeps,
  compiler: FlowCompiler,
  old: FlowsByFile,
): Promise<{ byFile: FlowsByFile; flaws: Flaw[] }> {
  const byFile = new Map<string, LoadedFile>();
  const fileOf = new Map<string, string>();
  const flaws: Flaw[] = [];
  const files = await listCodeFiles(folder);
  const inspector = createModuleInspector({ ...start, bounds });
  for (const file of files) {
    const kept = old.get(file);
    try {
      const module = await compiler.compile(file);
      const loaded =
        kept?.module.hash === module.hash
          ? kept
          : { module, definition: await definitionOf(inspector, module) };
      const name = `${loaded.definition.kind} ${loaded.definition.id}`;
      const other = fileOf.get(name);
      if (other !== undefined) {
        throw new HeadraceError("invalid_setting", `${file} defines the ${name} again: ${other} has it`);
      }
      fileOf.set(name, file);
      byFile.set(file, loaded);
    } catch (error) {
      flaws.push({ error: error as Error, isOwnFailure: error instanceof OwnFailure });
      if (kept !== undefined) byFile.set(file, kept);
    }
  }
  if (files.length > 0) await Promise.all([compiler.rest(), inspector.rest()]);
  return { byFile, flaws };
}

/** The code of the file failed during its import. */
class OwnFailure extends HeadraceError {}

/** Returns the definition in a module. Throws `invalid_setting` if there is none. */
export async function definitionOf(
  inspector: Pick<ModuleInspector, "inspect">,
  module: CodeModule,
): Promise<Definition> {
  const inspection = await inspector.inspect(module);
  if (inspection.kind === "defines") return inspection.definition;
  const message = `${module.file} is no flow: ${inspection.reason}`;
  throw inspection.kind === "no_flow"
    ? new HeadraceError("invalid_setting", message)
    : new OwnFailure("invalid_setting", message);
}

interface ModulesById {
  flows: ReadonlyMap<string, CodeModule>;
  sources: ReadonlyMap<string, CodeModule>;
}

function modulesById(byFile: FlowsByFile): ModulesById {
  const of = (kind: Definition["kind"]) =>
    new Map(
      [...byFile.values()]
        .filter(({ definition }) => definition.kind === kind)
        .map(({ definition, module }) => [definition.id, module]),
    );
  return { flows: of("flow"), sources: of("source") };
}

function changesOf(before: FlowsByFile, after: FlowsByFile): string[] {
  const files = new Set([...before.keys(), ...after.keys()]);
  return [...files].filter((file) => before.get(file) !== after.get(file));
}
