import { applyFlows, type FlowChange, setDeployed } from "../client/apply-flows.ts";
import { hostStart } from "../flow-host/host-start.ts";
import { createLogger } from "../runtime/logger.ts";
import { DEFAULT_BOUNDS } from "../wiring/bounds.ts";
import { readConfig } from "../wiring/config.ts";
import { type ApiOptions, openApi } from "./open-api.ts";

interface FlowsOptions extends ApiOptions {
  tenant: string;
  json?: boolean;
}

/** `headrace flows apply`: prints one line per file with the change. */
export async function runFlowsApply(
  folder: string,
  options: FlowsOptions & { dryRun?: boolean },
): Promise<void> {
  const { tenant, dryRun = false } = options;
  const api = await openApi(options, process.env);
  const start = hostStart(readConfig(process.env), process.env, createLogger("silent"));
  const changes = await applyFlows({ folder, tenant, dryRun, api, start, bounds: DEFAULT_BOUNDS.flowHosts });
  if (options.json) console.log(JSON.stringify({ dry_run: dryRun, flows: changes }));
  else for (const change of changes) console.log(sentence(change, dryRun));
}

/** `headrace flows deploy` and `headrace flows undeploy`. */
export async function runFlowsDeploy(flow: string, options: FlowsOptions, deployed: boolean): Promise<void> {
  const { tenant } = options;
  const done = await setDeployed({ flow, tenant, deployed, api: await openApi(options, process.env) });
  if (options.json) console.log(JSON.stringify(done));
  else console.log(deployed ? `${flow}: version ${done.deployed_version} is live` : `${flow}: undeployed`);
}

function sentence(
  { flow, file, change, deployed, version, signing_secret }: FlowChange,
  dryRun: boolean,
): string {
  if (change === "handler") return `${flow}: only a handler, for flows that name it (${file})`;
  const would = dryRun ? "would be " : "";
  const done = change === "unchanged" ? change : `${would}${change}`;
  const live = deployed ? `, ${would}deployed` : "";
  const which = version === undefined ? "" : `, version ${version}`;
  const secret = signing_secret === undefined ? "" : `, signing secret ${signing_secret} (shown once)`;
  return `${flow}: ${done}${live}${which}${secret} (${file})`;
}
