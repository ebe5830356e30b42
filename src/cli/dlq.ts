import {
  countReplay,
  type DeadLetterFilter,
  listDeadLetters,
  replayAll,
  replayDeadLetter,
  type ShownBulkReplay,
  type ShownDeadLetter,
  showDeadLetter,
} from "../client/dead-letters.ts";
import { HeadraceError } from "../domain/errors.ts";
import { writeJson } from "../domain/json/exact-number.ts";
import { type ApiOptions, openApi } from "./open-api.ts";
import { barOf, createProgress } from "./progress-bar.ts";

interface DlqOptions extends ApiOptions, DeadLetterFilter {
  tenant: string;
  json?: boolean;
}

/** The wait between two polls of a bulk replay, ms. */
const POLL_MS = 500;

/** `headrace dlq ls`: prints one line per dead letter, the newest first. */
export async function runDlqList(options: DlqOptions & { status?: string; limit: string }): Promise<void> {
  const api = await openApi(options, process.env);
  const { status, limit } = options;
  const letters = await listDeadLetters(api, options.tenant, {
    ...filterOf(options),
    ...(status !== undefined && { status }),
    limit: readCount("--limit", limit, 100_000),
  });
  if (options.json) console.log(writeJson({ items: letters }));
  else for (const letter of letters) console.log(lineOf(letter));
}

/** `headrace dlq show`: prints one dead letter. */
export async function runDlqShow(id: string, options: DlqOptions): Promise<void> {
  const letter = await showDeadLetter(await openApi(options, process.env), options.tenant, id);
  console.log(writeJson(letter, options.json ? undefined : 2));
}

/**
 * `headrace dlq replay`: replays one dead letter, or all that match a filter. Shows the progress of a bulk replay, and exits
 * 1 unless every replay succeeded.
 */
export async function runDlqReplay(
  id: string | undefined,
  options: DlqOptions & { payload?: string; rate?: string; dryRun?: boolean; all?: boolean },
): Promise<void> {
  const { tenant, payload, json } = options;
  const filter = filterOf(options);
  const isBulk = Object.keys(filter).length > 0 || options.all === true;
  if ((id !== undefined) === isBulk) {
    throw new HeadraceError(
      "invalid_request",
      "Give the id of one dead letter, or filters, or --all, and only one of these",
    );
  }
  const api = await openApi(options, process.env);
  if (options.dryRun) {
    const count = id === undefined ? await countReplay(api, tenant, filter) : await countOne(id);
    console.log(json ? JSON.stringify({ dry_run: true, count }) : `${count} would be replayed`);
    return;
  }
  if (id !== undefined) {
    const replayed = await replayDeadLetter(api, tenant, { id, payload });
    const runs = replayed.run_ids ?? [replayed.run_id];
    console.log(json ? JSON.stringify(replayed) : `${id}: replayed by run ${runs.join(", ")}`);
    return;
  }
  const progress = createProgress(process.stderr);
  const rate = options.rate === undefined ? undefined : readCount("--rate", options.rate, 1_000);
  const ended = await replayAll({
    api,
    tenant,
    filter,
    ratePerSecond: rate,
    everyMs: POLL_MS,
    onProgress: (now) => progress.show(sentence(now)),
  });
  progress.end();
  if (json) console.log(JSON.stringify(ended));
  else console.log(`${ended.state}: ${ended.succeeded} succeeded, ${ended.failed} failed${because(ended)}`);
  if (ended.state !== "done" || ended.failed > 0) process.exitCode = 1;

  async function countOne(one: string): Promise<number> {
    return (await showDeadLetter(api, tenant, one)).status === "pending" ? 1 : 0;
  }
}

function sentence(bulk: ShownBulkReplay): string {
  const { state, count, succeeded, failed } = bulk;
  return `${barOf(succeeded + failed, count)} ${state}, ${failed} failed`;
}

function because({ reason }: ShownBulkReplay): string {
  return reason === null ? "" : ` (${reason})`;
}

function lineOf(letter: ShownDeadLetter): string {
  const { id, created_at, status, stage, flow_id, connector, event_type, error_message } = letter;
  const subject = flow_id ?? `${connector} ${event_type ?? ""}`.trim();
  const error = error_message.split("\n", 1)[0]?.slice(0, 100);
  // Text of a sender must not control the terminal.
  return `${id}  ${created_at}  ${status}  ${stage}  ${subject}  ${error}`.replaceAll(CONTROLS, "?");
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: it matches control characters
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/g;

function filterOf(options: DlqOptions): DeadLetterFilter {
  const { flow, connector, stage, fingerprint, since, until } = options;
  const named = { flow, connector, stage, fingerprint, since, until };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
}

function readCount(name: string, text: string, most: number): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= most) return count;
  throw new HeadraceError(
    "invalid_request",
    `${name} is ${text} and must be a whole number from 1 to ${most}`,
  );
}
