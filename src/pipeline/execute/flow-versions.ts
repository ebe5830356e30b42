import { HeadraceError } from "../../domain/errors.ts";
import type { FlowDefinition } from "../../domain/flow/flow.ts";
import type { Queryable } from "../../postgres/core/database.ts";
import type { KeyRing } from "../../postgres/core/key-ring.ts";
import { type ExecutableFlow, loadFlowVersions, signingSecretAad } from "../../postgres/flows/flows.ts";

export interface OpenedFlow {
  definition: FlowDefinition;
  /** Undefined while they cannot be decrypted. */
  signing: SigningSecrets | undefined;
}

export interface SigningSecrets {
  secret: string;
  /** The replaced secret, which signs too until this time, ms since the epoch. */
  former: { value: string; untilMs: number } | undefined;
}

interface FlowName {
  tenantId: string;
  flowId: string;
  flowVersion: number;
}

/** A cache of the flow versions that this process runs, valid while the flows counter does not change. */
export interface FlowVersions {
  /** Loads the versions that are not cached, in one query. */
  prepare(wanted: readonly FlowName[], flowsCounter: number): Promise<void>;
  get(name: FlowName): OpenedFlow | undefined;
}

export function createFlowVersions(database: Queryable, keyRing: KeyRing, maxVersions: number): FlowVersions {
  const known = new Map<string, OpenedFlow>();
  let knownAt = 0;
  return {
    async prepare(wanted, flowsCounter) {
      // A secret may have changed with the counter; the definition of a version never does.
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
  return { definition: flow.definition, signing: openSigning(flow, keyRing) };
}

/** Returns undefined if a secret's key is missing, so that the other runs of the batch go on. */
function openSigning(flow: ExecutableFlow, keyRing: KeyRing): SigningSecrets | undefined {
  const { signing, formerSigning } = flow;
  const aad = signingSecretAad(flow);
  try {
    const secret = keyRing.open(signing, aad);
    if (formerSigning === undefined) return { secret, former: undefined };
    const former = { value: keyRing.open(formerSigning, aad), untilMs: formerSigning.until.getTime() };
    return { secret, former };
  } catch (error) {
    if (error instanceof HeadraceError) return undefined;
    throw error;
  }
}

function nameOf({ tenantId, flowId, flowVersion }: FlowName): string {
  return `${tenantId}/${flowId}/${flowVersion}`;
}
