import { isDeepStrictEqual } from "node:util";
import { HeadraceError } from "../domain/errors.ts";
import { ExactNumber, writeJson } from "../domain/json/exact-number.ts";
import { readJson } from "../domain/json/parse-text.ts";
import type { HostStart } from "../flow-host/host-start.ts";
import type { InspectBounds } from "../flow-host/inspect-modules.ts";
import { type FlowFile, readFlows } from "../flows-folder/read-flows.ts";
import type { ApiClient } from "./api-client.ts";

/** The change of one flow, made or, in a dry run, planned. */
export interface FlowChange {
  flow: string;
  file: string;
  /** `handler`: the file only has a handler, for flows that are stored over the API. */
  change: "created" | "updated" | "unchanged" | "handler";
  /** Whether a version was deployed that was not live. */
  deployed: boolean;
  /** The newest version; undefined in a dry run for a version that would be created. */
  version?: number;
  /** The secret of a created flow, shown once. */
  signing_secret?: string;
}

interface ShownFlow {
  version: number;
  deployed_version: number | null;
  signing_secret?: string;
}

/**
 * Stores the flows of a folder for a tenant and deploys them. All files are validated before the first call. Flows that
 * are not in the folder are not changed. A dry run only reads.
 */
export async function applyFlows(options: {
  folder: string;
  tenant: string;
  dryRun: boolean;
  api: ApiClient;
  /** The options of the host that imports the files. */
  start: HostStart;
  bounds: InspectBounds;
}): Promise<FlowChange[]> {
  const { folder, tenant, dryRun, api, start, bounds } = options;
  const files = await readFlows(folder, start, bounds);
  await api.call("GET", `/tenants/${encodeURIComponent(tenant)}`);
  const changes: FlowChange[] = [];
  for (const file of files) changes.push(await applyFile(file));
  return changes;

  async function applyFile({ file, id: flow, input, definition }: FlowFile): Promise<FlowChange> {
    if (definition === undefined) return { flow, file, change: "handler", deployed: false };
    const path = `/tenants/${encodeURIComponent(tenant)}/flows/${encodeURIComponent(flow)}`;
    const before = await find(path);
    const change = before === undefined ? "created" : isSame(definition, before) ? "unchanged" : "updated";
    if (dryRun) {
      const known = before !== undefined && change === "unchanged" ? { version: before.version } : {};
      const deployed = change !== "unchanged" || before?.deployed_version !== before?.version;
      return { flow, file, change, deployed, ...known };
    }
    const after =
      change === "unchanged" && before !== undefined ? before : await api.call<ShownFlow>("PUT", path, input);
    const deployed = after.deployed_version !== after.version;
    if (deployed) await api.call("POST", `${path}/deploy`);
    const { version, signing_secret } = after;
    return { flow, file, change, deployed, version, ...(signing_secret !== undefined && { signing_secret }) };
  }

  async function find(path: string): Promise<ShownFlow | undefined> {
    try {
      return await api.call<ShownFlow>("GET", path);
    } catch (error) {
      if (error instanceof HeadraceError && error.code === "not_found") return undefined;
      throw error;
    }
  }
}

/** Deploys the newest version of a flow, or undeploys the flow. Returns the version that is live then. */
export async function setDeployed(options: {
  flow: string;
  tenant: string;
  deployed: boolean;
  api: ApiClient;
}): Promise<{ flow: string; deployed_version: number | null }> {
  const { flow, tenant, deployed, api } = options;
  const path = `/tenants/${encodeURIComponent(tenant)}/flows/${encodeURIComponent(flow)}`;
  const { deployed_version } = await api.call<ShownFlow>(
    "POST",
    `${path}/${deployed ? "deploy" : "undeploy"}`,
  );
  return { flow, deployed_version };
}

/** The fields of a flow in the API that are not part of its definition. */
const OTHER_FIELDS = new Set([
  "id",
  "tenant_id",
  "where_text",
  "version",
  "deployed",
  "deployed_version",
  "next_ticks",
  "signing_secret",
  "created_at",
  "updated_at",
]);

function isSame(definition: object, shown: object): boolean {
  const fields = Object.entries(shown).filter(([name]) => !OTHER_FIELDS.has(name));
  const stored = readJson(writeJson(definition));
  return isDeepStrictEqual(withoutExactNumbers(stored), withoutExactNumbers(Object.fromEntries(fields)));
}

/** Returns a copy that can be compared by its members: exact numbers have none. */
function withoutExactNumbers(value: unknown): unknown {
  if (value instanceof ExactNumber) return value.plain ?? { exactly: value.key };
  if (Array.isArray(value)) return value.map(withoutExactNumbers);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, withoutExactNumbers(member)]),
  );
}
