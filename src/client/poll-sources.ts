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

/** What came of a poll; of one that was not waited for, its id alone. */
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

/** All sources of a tenant, page by page. */
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

/** Has a source polled now; with `wait`, answers what came of it. Throws `store_unavailable` when no poller takes it up. */
export async function pollSource(
  { tenant, source, wait }: { tenant: string; source: string; wait: boolean },
  api: ApiClient,
): Promise<PollAnswer> {
  const path = `/tenants/${encodeURIComponent(tenant)}/sources/${encodeURIComponent(source)}`;
  const asked = await api.call<PollAnswer>("POST", `${path}/poll`);
  if (!wait) return asked;
  const deadline = performance.now() + BEGIN_MS;
  let begun = false;
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(LAST_LOOK_MS, waitMs * 1.5)) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    const poll = await api.call<PollAnswer>("GET", `${path}/polls/${asked.poll_id}`).catch((error) => {
      // It has not begun yet.
      if (error.code === "not_found") return undefined;
      throw error;
    });
    if (poll !== undefined && poll.status !== "running") return poll;
    begun ||= poll !== undefined;
    if (begun || performance.now() < deadline) continue;
    throw new HeadraceError(
      "store_unavailable",
      `No process with the role poll has begun the poll of ${source}`,
    );
  }
}

/** A poll that was asked for begins within this time, unless nobody polls, ms. */
const BEGIN_MS = 60_000;
const FIRST_LOOK_MS = 100;
const LAST_LOOK_MS = 1_000;
