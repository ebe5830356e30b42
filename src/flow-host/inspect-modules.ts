import { causeOfEnd } from "./cause-of-end.ts";
import { type HostBounds, type HostOptions, type HostProcess, startHost } from "./host-process.ts";
import type { CodeModule } from "./pool-call.ts";
import type { Definition } from "./protocol.ts";

/** Bounds of the inspection of flow files. */
export interface InspectBounds extends HostBounds {
  /** How long the import of a file may take, ms. */
  loadMs: number;
}

/** The definition in a file, or the reason why there is none: it exports none (`no_flow`), or its import failed. */
export type Inspection =
  | { kind: "defines"; definition: Definition }
  | { kind: "no_flow"; reason: string }
  | { kind: "failed"; reason: string };

/** Imports flow files in a host to find their definitions. A file that ends the host does not affect other files. */
export interface ModuleInspector {
  inspect(module: CodeModule): Promise<Inspection>;
  /** Ends the host; the next module starts a new one. */
  rest(): Promise<void>;
}

/** Creates an inspector, which starts a host for the first file. */
export function createModuleInspector(
  deps: Pick<HostOptions, "entry" | "env" | "memoryMb" | "onOutput"> & { bounds: InspectBounds },
): ModuleInspector {
  const { bounds } = deps;
  let host: HostProcess | undefined;
  let settle: ((inspection: Inspection) => void) | undefined;

  function begin(): HostProcess {
    const started: HostProcess = startHost({
      ...deps,
      onMessage(message) {
        if (message.kind === "loaded") settle?.({ kind: "defines", definition: message.definition });
        if (message.kind !== "unloadable") return;
        settle?.({ kind: message.imported ? "no_flow" : "failed", reason: message.error.message });
      },
      onEnd(end) {
        if (host !== started) return;
        host = undefined;
        settle?.({ kind: "failed", reason: causeOfEnd(end).message.replace("handler", "file") });
      },
    });
    return started;
  }

  return {
    async inspect({ hash, file, text }) {
      host ??= begin();
      const process = host;
      const timer = setTimeout(() => {
        host = undefined;
        process.kill();
        settle?.({ kind: "failed", reason: `its top level took more than ${bounds.loadMs} ms` });
      }, bounds.loadMs);
      try {
        return await new Promise<Inspection>((resolve) => {
          settle = resolve;
          process.send({ kind: "load", module: hash, file, text });
        });
      } finally {
        clearTimeout(timer);
        settle = undefined;
      }
    },
    async rest() {
      const last = host;
      host = undefined;
      if (last === undefined) return;
      // Kills it, since files may have left code running.
      last.kill();
      await last.ended;
    },
  };
}
