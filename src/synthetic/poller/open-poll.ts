import { hash } from "node:crypto";
import { digestOf } from "../../domain/event/idempotency-key.ts";
import type { SourceState } from "../../postgres/sources/states.ts";
import type { DigestHead } from "../../redis/record-digests.ts";
import type { PollRules } from "../records/record-change.ts";
import type { FetchPlan, PolledSource } from "../sources/polled-source.ts";
import { planPoll } from "./poll-plan.ts";

/** How a poll begins. */
export interface PollOpening {
  rules: PollRules;
  /** The first commit begins the digests anew; with `partial`, what they do not name may still not be new. */
  reset: { partial: boolean } | undefined;
}

/** Decides from what PostgreSQL and Redis have how a poll treats what it sees. */
export function openPoll(
  source: PolledSource,
  state: SourceState,
  head: DigestHead | undefined,
  version: string,
): PollOpening {
  const { generation, records, baselined, hashVersion } = state;
  const digests = head && { generation: head.generation, records };
  const plan = planPoll({ generation, records, baselined, version: hashVersion }, digests, version);
  const [keysThen] = hashVersion.split(".");
  const [keysNow] = version.split(".");
  // A baseline that is not over cannot go on under other digests either.
  const otherwise = generation > 0 && (keysThen !== keysNow || (!baselined && hashVersion !== version));
  const anew = generation === 0 || otherwise || plan === "state_lost" || head === undefined;
  return {
    rules: {
      ...{ plan, baseline: otherwise ? "silent" : source.baseline, updatedAfterMs: state.cursorMs },
      deletions: source.deletions,
    },
    reset: anew ? { partial: otherwise || plan === "state_lost" } : undefined,
  };
}

/** What a source reads with, as a hash: another URL, account or filter may see other records. */
export function accessOf(fetch: FetchPlan): string {
  if (fetch.kind === "code") {
    return digestOf("code", fetch.handler, JSON.stringify(fetch.params), trace(fetch.credentials));
  }
  const { url, method, headers, query, auth, credentials } = fetch.request;
  // OAuth2's tokens are renewed for the same account.
  const account = auth?.type === "oauth2" ? "" : trace(credentials);
  return digestOf("http", url, method, JSON.stringify([headers, query, auth ?? null]), account);
}

/** Tells one secret from the next, and is too short to find either by it. */
function trace(credentials: Readonly<Record<string, string>>): string {
  return hash("sha256", JSON.stringify(credentials)).slice(0, 4);
}
