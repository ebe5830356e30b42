import { setTimeout as delay } from "node:timers/promises";
import { HeadraceError } from "../domain/errors.ts";
import { readJson } from "../domain/json/parse-text.ts";
import type { ApiClient } from "./api-client.ts";

/** A filter of dead letters, with the field names of the API. */
export interface DeadLetterFilter {
  flow?: string;
  connector?: string;
  stage?: string;
  fingerprint?: string;
  since?: string;
  until?: string;
}

/** The printed fields of a dead letter in the API. */
export interface ShownDeadLetter {
  id: string;
  stage: string;
  status: string;
  flow_id: string | null;
  connector: string;
  event_type: string | null;
  error_message: string;
  retry_count: number;
  created_at: string;
}

/** The state of a bulk replay in the API. */
export interface ShownBulkReplay {
  replay_id: string;
  state: "canary" | "running" | "stopped" | "aborted" | "done";
  reason: string | null;
  count: number;
  started: number;
  succeeded: number;
  failed: number;
  in_flight: number;
  finished_at: string | null;
}

/** Returns the newest dead letters of a tenant that match the filter, at most `limit`. */
export async function listDeadLetters(
  api: ApiClient,
  tenant: string,
  { limit, ...filter }: DeadLetterFilter & { status?: string; limit: number },
): Promise<ShownDeadLetter[]> {
  const found: ShownDeadLetter[] = [];
  let cursor: string | null = "";
  while (cursor !== null && found.length < limit) {
    const query: URLSearchParams = new URLSearchParams({
      ...filter,
      limit: String(Math.min(1_000, limit - found.length)),
      ...(cursor !== "" && { cursor }),
    });
    const page: { items: ShownDeadLetter[]; next_cursor: string | null } = await api.call(
      "GET",
      `${pathOf(tenant)}?${query}`,
    );
    found.push(...page.items);
    cursor = page.next_cursor;
  }
  return found;
}

/** Returns one dead letter. */
export async function showDeadLetter(api: ApiClient, tenant: string, id: string): Promise<ShownDeadLetter> {
  return await api.call("GET", `${pathOf(tenant)}/${encodeURIComponent(id)}`);
}

/** Replays one dead letter. A given `payload` (JSON text) replaces the original. */
export async function replayDeadLetter(
  api: ApiClient,
  tenant: string,
  { id, payload }: { id: string; payload: string | undefined },
): Promise<{ run_id: string; run_ids?: string[] }> {
  const body = payload === undefined ? {} : { payload: readOption(payload) };
  return await api.call("POST", `${pathOf(tenant)}/${encodeURIComponent(id)}/replay`, body);
}

/** Returns the number of dead letters that a bulk replay would replay. */
export async function countReplay(api: ApiClient, tenant: string, filter: DeadLetterFilter): Promise<number> {
  const { count } = await api.call<{ count: number }>("POST", `${pathOf(tenant)}/replay`, {
    filter,
    dry_run: true,
  });
  return count;
}

/** Starts a bulk replay and follows it to its end. Calls `onProgress` after each poll of its state. */
export async function replayAll(options: {
  api: ApiClient;
  tenant: string;
  filter: DeadLetterFilter;
  ratePerSecond: number | undefined;
  onProgress: (progress: ShownBulkReplay) => void;
  /** The wait between two polls of its state, ms. */
  everyMs: number;
}): Promise<ShownBulkReplay> {
  const { api, tenant, filter, ratePerSecond, onProgress, everyMs } = options;
  const started = await api.call<{ replay_id: string }>("POST", `${pathOf(tenant)}/replay`, {
    filter,
    ...(ratePerSecond !== undefined && { rate_per_second: ratePerSecond }),
  });
  for (;;) {
    const progress = await api.call<ShownBulkReplay>("GET", `${pathOf(tenant)}/replays/${started.replay_id}`);
    onProgress(progress);
    if (progress.finished_at !== null) return progress;
    await delay(everyMs);
  }
}

function pathOf(tenant: string): string {
  return `/tenants/${encodeURIComponent(tenant)}/dlq`;
}

function readOption(text: string): unknown {
  try {
    return readJson(text);
  } catch {
    throw new HeadraceError("invalid_request", "--payload is not valid JSON");
  }
}
