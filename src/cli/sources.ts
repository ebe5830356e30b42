import { type ListedSource, listSources, type PollAnswer, pollSource } from "../client/poll-sources.ts";
import { type ApiOptions, openApi } from "./open-api.ts";

interface SourcesOptions extends ApiOptions {
  tenant: string;
  json?: boolean;
}

/** `headrace sources ls`: prints one line per source. */
export async function runSourcesList(options: SourcesOptions): Promise<void> {
  const sources = await listSources(options.tenant, await openApi(options, process.env));
  if (options.json) console.log(JSON.stringify({ sources }));
  else if (sources.length === 0) console.log(`Tenant ${options.tenant} has no sources`);
  else for (const source of sources) console.log(lineOf(source));
}

/** `headrace sources poll`: requests a poll. With `--wait`, exits 1 if the poll failed or holds deletions back. */
export async function runSourcesPoll(
  source: string,
  options: SourcesOptions & { wait?: boolean },
): Promise<void> {
  const { tenant, wait = false } = options;
  const poll = await pollSource({ tenant, source, wait }, await openApi(options, process.env));
  console.log(options.json ? JSON.stringify(poll) : sentenceOf(source, poll));
  if (["rate_limited", "error", "held"].includes(poll.status ?? "")) process.exitCode = 1;
}

function lineOf(source: ListedSource): string {
  const {
    id,
    connector,
    entity,
    state = "waiting",
    interval,
    next_poll_at,
    records_tracked,
    last_error,
  } = source;
  const facts = [
    `${connector}/${entity}`,
    state,
    records_tracked === null || records_tracked === undefined ? undefined : `${records_tracked} records`,
    interval === null || interval === undefined ? undefined : `every ${interval.seconds} s`,
    next_poll_at === null || next_poll_at === undefined ? undefined : `next ${next_poll_at}`,
    last_error === null || last_error === undefined ? undefined : `${last_error.code}: ${last_error.message}`,
  ];
  return `${id}  ${facts.filter((fact) => fact !== undefined).join("  ")}`;
}

function sentenceOf(source: string, poll: PollAnswer): string {
  if (poll.status === undefined) return `${source}: requested as poll ${poll.poll_id}`;
  const counts = (["created", "updated", "deleted", "restored"] as const).map(
    (name) => `${poll[name]} ${name}`,
  );
  const error = poll.error === undefined ? "" : ` (${poll.error.code}: ${poll.error.message})`;
  const held = poll.held === undefined ? "" : `, ${poll.held.count} deletions wait for a decision`;
  return `${source}: ${poll.status}${error}, ${poll.records} records: ${counts.join(", ")}${held}`;
}
