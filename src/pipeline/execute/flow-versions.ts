import type { FlowDefinition } from "../../domain/flow.ts";
import type { Queryable } from "../../postgres/database.ts";
import { type ExecutableFlow, loadFlowVersions, signingPlace } from "../../postgres/flows.ts";
import type { KeyRing } from "../../postgres/key-ring.ts";

export interface OpenedFlow {
  definition: FlowDefinition;
  signingSecret: string;
  /** The secret that this one replaced, and until when it signs too, ms since the epoch. */
  formerSecret: { value: string; untilMs: number } | undefined;
}

interface FlowName {
  tenantId: string;
  flowId: string;
  flowVersion: number;
}

/** The flow versions that this process runs, kept while the flows counter stands still. */
export interface FlowVersions {
  /** Loads what is not known yet, all at once; what does not exist stays unknown. */
  prepare(wanted: readonly FlowName[], flowsCounter: number): Promise<void>;
  get(name: FlowName): OpenedFlow | undefined;
}

export function createFlowVersions(database: Queryable, keyRing: KeyRing, maxVersions: number): FlowVersions {
  const known = new Map<string, OpenedFlow>();
  let knownAt = 0;
  return {
    async prepare(wanted, flowsCounter) {
      // A secret may have changed with the counter; a definition never does.
      if (flowsCounter !== knownAt || known.size > maxVersions) known.clear();
      knownAt = flowsCounter;
      const missing = new Map(
        wanted.filter((name) => !known.has(nameOf(name))).map((name) => [nameOf(name), name] as const),
      );
      if (missing.size === 0) return;
      const flows = await loadFlowVersions(
        database,
        [...missing.values()].map(({ tenantId, flowId, flowVersion: version }) => ({
          tenantId,
          flowId,
          version,
        })),
      );
      for (const flow of flows)
        known.set(nameOf({ ...flow, flowVersion: flow.version }), open(flow, keyRing));
    },
    get: (name) => known.get(nameOf(name)),
  };
}

function open(flow: ExecutableFlow, keyRing: KeyRing): OpenedFlow {
  const { definition, signing, formerSigning } = flow;
  const place = signingPlace(flow);
  return {
    definition,
    signingSecret: keyRing.open(signing, place),
    formerSecret: formerSigning && {
      value: keyRing.open(formerSigning, place),
      untilMs: formerSigning.until.getTime(),
    },
  };
}

function nameOf({ tenantId, flowId, flowVersion }: FlowName): string {
  return `${tenantId}/${flowId}/${flowVersion}`;
}
