import { readFile } from "node:fs/promises";
import { HeadraceError } from "../domain/errors.ts";
import { delay } from "../runtime/delay.ts";
import { createOutgoingHttp } from "../runtime/outgoing/index.ts";
import { DEFAULT_BOUNDS } from "../wiring/bounds.ts";
import { readConfig } from "../wiring/config.ts";
import { type ConnectorCheck, checkConnector } from "../wiring/conformance/check-connector.ts";
import type { ListReading } from "../wiring/conformance/poll-connector.ts";

interface CheckOptions {
  param: Record<string, string>;
  credential: Record<string, string>;
  secret: Record<string, string>;
  poll?: boolean;
  again?: boolean;
  type?: string;
  data?: string;
  maxPages: string;
  maxWait: string;
  json?: boolean;
}

/**
 * `headrace connectors check`: tries both halves of a connector. Polls if a param, a credential or `--poll` is given.
 * Exits 1 if something is wrong.
 */
export async function runConnectorsCheck(file: string, options: CheckOptions): Promise<void> {
  const text = await readFile(file).catch((cause: Error) => {
    throw new HeadraceError("invalid_request", `${file} cannot be read: ${cause.message}`, { cause });
  });
  const data = options.data === undefined ? undefined : readData(options.data);
  const polls = options.poll === true || Object.keys({ ...options.param, ...options.credential }).length > 0;
  const polling = {
    params: options.param,
    credentials: options.credential,
    secrets: new Map(Object.entries(options.secret)),
    readings: options.again === true ? 2 : 1,
    maxPages: readWhole("--max-pages", options.maxPages, 10_000),
    maxWaitMs: readWhole("--max-wait", options.maxWait, 86_400) * 1_000,
  };
  const outgoing = createOutgoingHttp({ allowPrivate: readConfig(process.env).allowPrivateTargets ?? [] });
  // Progress goes to stderr, so that stdout has only the result.
  const say = (line: string) => {
    if (options.json !== true) console.error(line);
  };
  try {
    const check = await checkConnector(text, {
      sample: { data, type: options.type },
      ...(polls && { polling }),
      tools: {
        outgoing,
        bounds: DEFAULT_BOUNDS.fetch,
        now: Date.now,
        wait: (ms) => delay(ms),
        onPage: ({ page, records }) => say(`  page ${page}: ${records} records`),
        onWait: (seconds) => say(`  the API's limit is reached: waiting ${seconds} s`),
      },
    });
    if (options.json === true) console.log(JSON.stringify(check));
    else for (const line of linesOf(file, check)) console.log(line);
    if (!check.ok) process.exitCode = 1;
  } finally {
    await outgoing.close();
  }
}

function readData(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = `--data is not valid JSON: ${(cause as Error).message}`;
    throw new HeadraceError("invalid_request", message, { cause });
  }
}

function readWhole(name: string, text: string, max: number): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= max) return value;
  throw new HeadraceError("invalid_request", `${name} must be a whole number from 1 to ${max}`);
}

function linesOf(file: string, check: ConnectorCheck): string[] {
  const { name, webhook, source, problems } = check;
  const lines = [`${file}${name === null ? "" : ` (${name})`}`];
  if (webhook !== null) {
    lines.push(
      `webhook: a sample signed with ${webhook.algorithm} is ${webhook.verified ? "verified" : "refused"}`,
    );
    for (const event of webhook.events) {
      const facts = Object.entries(event).map(([field, value]) => `${field} ${value ?? "-"}`);
      lines.push(`  event: ${facts.join(", ")}`);
    }
    lines.push(`  an altered body is ${webhook.refuses_altered_body ? "refused" : "accepted"}`);
    lines.push(
      `  the signature of another secret is ${webhook.refuses_other_secret ? "refused" : "accepted"}`,
    );
    lines.push(...webhook.notes.map((note) => `  note: ${note}`));
  }
  if (source !== null) {
    for (const [index, reading] of source.readings.entries()) lines.push(...linesOfReading(index, reading));
    if (source.difference !== null) {
      const { created, updated, gone } = source.difference;
      lines.push(
        `between them: ${created.length} created, ${updated.length} updated, ${gone.length} gone; a field that changes by itself belongs into ignore`,
      );
      for (const { id, fields } of updated.slice(0, MAX_SHOWN)) lines.push(`  ${id}: ${fields.join(", ")}`);
    }
    lines.push(...source.notes.map((note) => `note: ${note}`));
    if (source.renewed_credentials !== null) {
      lines.push("The API replaced credentials, and the earlier ones are void. Keep these:");
      lines.push(...Object.entries(source.renewed_credentials).map(([key, value]) => `  ${key}=${value}`));
    }
  } else if (check.ok) {
    lines.push("source: not polled; --param and --credential, or --poll, poll it");
  }
  lines.push(
    ...problems.map(({ field, message }) => `problem: ${field === undefined ? "" : `${field}: `}${message}`),
  );
  lines.push(check.ok ? "ok" : `${problems.length} problem${problems.length === 1 ? "" : "s"}`);
  return lines;
}

const MAX_SHOWN = 20;

function linesOfReading(index: number, reading: ListReading): string[] {
  const { pages, complete, records, repeated, updated_at: updated, limit, requests } = reading;
  return [
    `source, reading ${index + 1}: ${pages.length} pages in ${requests} requests (${pages.map((page) => page.records).join(", ")} records)`,
    `  the list is ${complete ? "complete" : `not complete: ${reading.reasons.join("; ")}`}`,
    `  ${records} records, ids ${repeated.count === 0 ? "unique" : `repeated ${repeated.count} times`}${
      updated === null ? "" : `, updated_at readable in ${updated.readable}`
    }`,
    limit === null
      ? "  the API states no limit"
      : `  the API states a limit of ${limit.limit}, of which ${limit.remaining} are left for ${limit.resets_in_seconds} s`,
  ];
}
