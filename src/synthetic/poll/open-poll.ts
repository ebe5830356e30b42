import { hash } from "node:crypto";
import { digestOf } from "../../domain/event/idempotency-key.ts";
import type { SourceState } from "../../postgres/sources/states.ts";
import type { DigestHead } from "../../redis/record-digests.ts";
import type { PollRules } from "../records/record-change.ts";
import type { FetchPlan, PolledSource } from "../sources/polled-source.ts";
import { planPoll } from "./poll-plan.ts";

/** The rules of a poll and the state of its digests. */
export interface PollOpening {
  rules: PollRules;
  /** Set if the first commit starts with empty digests; `partial` says that untracked records may not be new. */
  reset: { partial: boolean } | undefined;
}

/** Decides from the state in PostgreSQL and Redis how a poll treats records. */
export function openPoll(
  source: PolledSource,
  state: SourceState,
  head: DigestHead | undefined,
  version: string,
): PollOpening {
  const { generation, records, baselined, hashVersion } = state;
  const digests = head && { generation: head.generation, records };
  const plan = planPoll({ generation, records, baselined, version: hashVersion }, digests, version);
  const [keysBefore] = hashVersion.split(".");
  const [keysNow] = version.split(".");
  // An unfinished baseline cannot continue with other digest options either.
  const rekeyed = generation > 0 && (keysBefore !== keysNow || (!baselined && hashVersion !== version));
  const startsAnew = generation === 0 || rekeyed || plan === "state_lost" || head === undefined;
  return {
    rules: {
      plan,
      baseline: rekeyed ? "silent" : source.baseline,
      updatedAfterMs: state.cursorMs,
      deletions: source.deletions,
    },
    reset: startsAnew ? { partial: rekeyed || plan === "state_lost" } : undefined,
  };
}

/** Returns a hash of everything that decides which records a source can see: URL, account and filters. */
export function accessOf(fetch: FetchPlan): string {
  if (fetch.kind === "code") {
    return digestOf("code", fetch.handler, JSON.stringify(fetch.params), shortDigest(fetch.credentials));
  }
  const { url, method, headers, query, auth, credentials } = fetch.request;
  // OAuth 2 refresh tokens change while the account stays the same.
  const account = auth?.type === "oauth2" ? "" : shortDigest(credentials);
  return digestOf("http", url, method, JSON.stringify([headers, query, auth ?? null]), account);
}

/** Distinguishes one secret from the next; too short to recover either. */
function shortDigest(credentials: Readonly<Record<string, string>>): string {
  return hash("sha256", JSON.stringify(credentials)).slice(0, 4);
}
