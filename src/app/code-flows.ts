import { HeadraceError } from "../domain/errors.ts";
import type { Handler } from "../pipeline/execute/code-action.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Step } from "../runtime/loop.ts";
import type { FetchSourcePage } from "../synthetic/fetch/code-pages.ts";
import { createFlowCompiler, type FlowCompiler, isSource, type LoadedFile } from "./compile-flow.ts";
import { folderState, listCodeFiles } from "./flow-files.ts";

/** The handlers and the sources of the flows folder, as they are now. */
export interface CodeFlows {
  get(id: string): Handler | undefined;
  /** What fetches the pages of sources in code, by their ids. */
  sources: { get(id: string): FetchSourcePage | undefined };
  /** Looks whether the folder has changed, and loads it anew; a file that cannot be loaded keeps its old flow. */
  reload: Step;
}

/** Loads the folder; one that does not exist has no flows. Throws `invalid_setting` with the first file that is bad. */
export async function loadCodeFlows(deps: {
  folder: string;
  log: Logger;
  intervalMs: number;
}): Promise<CodeFlows> {
  const { folder, log, intervalMs } = deps;
  const compiler = createFlowCompiler();
  let state = await folderState(folder);
  const first = await loadFolder(compiler, folder, new Map());
  const [flaw] = first.flaws;
  if (flaw !== undefined) throw flaw;
  let { byFile } = first;
  let handlers = handlersOf(byFile);
  let sources = sourcesOf(byFile);
  return {
    get: (id) => handlers.get(id),
    sources: { get: (id) => sources.get(id) },
    async reload() {
      const now = await folderState(folder);
      if (now === state) return { waitMs: intervalMs };
      const next = await loadFolder(compiler, folder, byFile);
      for (const { message } of next.flaws) log.error({ reason: message }, "a flow file keeps its old flow");
      const changed = changesOf(byFile, next.byFile);
      ({ byFile } = next);
      handlers = handlersOf(byFile);
      sources = sourcesOf(byFile);
      state = now;
      if (changed.length > 0) log.info({ flows: changed }, "flow files were loaded anew");
      return { waitMs: intervalMs };
    },
  };
}

type FlowsByFile = ReadonlyMap<string, LoadedFile>;

async function loadFolder(
  compiler: FlowCompiler,
  folder: string,
  old: FlowsByFile,
): Promise<{ byFile: FlowsByFile; flaws: Error[] }> {
  const byFile = new Map<string, LoadedFile>();
  const fileOf = new Map<string, string>();
  const flaws: Error[] = [];
  const files = await listCodeFiles(folder);
  for (const file of files) {
    const kept = old.get(file);
    try {
      const flow = await compiler.load(file);
      const name = `${isSource(flow) ? "source" : "flow"} ${flow.id}`;
      const other = fileOf.get(name);
      if (other !== undefined) {
        throw new HeadraceError("invalid_setting", `${file} defines the ${name} again: ${other} has it`);
      }
      fileOf.set(name, file);
      byFile.set(file, flow);
    } catch (error) {
      flaws.push(error as Error);
      if (kept !== undefined) byFile.set(file, kept);
    }
  }
  if (files.length > 0) await compiler.rest();
  return { byFile, flaws };
}

function handlersOf(byFile: FlowsByFile): Map<string, Handler> {
  return new Map([...byFile.values()].flatMap((flow) => (isSource(flow) ? [] : [[flow.id, flow.handler]])));
}

function sourcesOf(byFile: FlowsByFile): Map<string, FetchSourcePage> {
  return new Map([...byFile.values()].flatMap((file) => (isSource(file) ? [[file.id, file.fetchPage]] : [])));
}

function changesOf(before: FlowsByFile, after: FlowsByFile): string[] {
  const files = new Set([...before.keys(), ...after.keys()]);
  return [...files].filter((file) => before.get(file) !== after.get(file));
}
