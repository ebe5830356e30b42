import { setTimeout as delay } from "node:timers/promises";
import { HeadraceError } from "../domain/errors.ts";
import type { ApiClient } from "./api-client.ts";

/** A source as the API lists it. */
export interface ListedSource {
  id: string;
  connector: string;
  entity: string;
  state?: string;
  interval?: { seconds: number; reasons: string[] } | null;
  next_poll_at?: string | null;
  records_tracked?: number | null;
  last_error?: { code: string; message: string } | null;
}

/** The result of a poll, or only its id if the command did not wait. */
export interface PollAnswer {
  poll_id?: string;
  id?: string;
  status?: string;
  records?: number;
  created?: number;
  updated?: number;
  deleted?: number;
  restored?: number;
  held?: { id: string; count: number };
  error?: { code: string; message: string };
}

/** Returns all sources of a tenant. */
export async function listSources(tenant: string, api: ApiClient): Promise<ListedSource[]> {
  const sources: ListedSource[] = [];
  for (let cursor: string | undefined; ; ) {
    const query = `limit=1000${cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`}`;
    const page = await api.call<{ items: ListedSource[]; next_cursor?: string | null }>(
      "GET",
      `/tenants/${encodeURIComponent(tenant)}/sources?${query}`,
    );
    sources.push(...page.items);
    if (page.next_cursor === undefined || page.next_cursor === null) return sources;
    cursor = page.next_cursor;
  }
}

/** Requests a poll of a source. With `wait`, returns its result and throws `store_unavailable` if no poller starts it. */
export async function pollSource(
  { tenant, source, wait }: { tenant: string; source: string; wait: boolean },
  api: ApiClient,
): Promise<PollAnswer> {
  const path = `/tenants/${encodeURIComponent(tenant)}/sources/${encodeURIComponent(source)}`;
  const requested = await api.call<PollAnswer>("POST", `${path}/poll`);
  if (!wait) return requested;
  const deadline = performance.now() + START_MS;
  let hasStarted = false;
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(MAX_WAIT_MS, waitMs * 1.5)) {
    await delay(waitMs);
    const poll = await api.call<PollAnswer>("GET", `${path}/polls/${requested.poll_id}`).catch((error) => {
      // The poll has not started yet.
      if (error.code === "not_found") return undefined;
      throw error;
    });
    if (poll !== undefined && poll.status !== "running") return poll;
    hasStarted ||= poll !== undefined;
    if (hasStarted || performance.now() < deadline) continue;
    throw new HeadraceError(
      "store_unavailable",
      `No process with the role poll has started the poll of ${source}`,
    );
  }
}

/** How long a requested poll may take to start, ms. */
const START_MS = 60_000;
/** The first wait before a poll is read, ms. */
const FIRST_WAIT_MS = 100;
/** The longest wait before a poll is read, ms. */
const MAX_WAIT_MS = 1_000;
