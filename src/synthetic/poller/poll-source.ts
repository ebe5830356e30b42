import { HeadraceError } from "../../domain/errors.ts";
import { findOpenHold } from "../../postgres/sources/holds.ts";
import { finishPoll } from "../../postgres/sources/polls.ts";
import { beginPoll } from "../../postgres/sources/states.ts";
import type { RedisClient } from "../../redis/client.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import { keepDigests } from "../../redis/record-digests.ts";
import { failpoint } from "../../runtime/failpoint.ts";
import { findDigests, loadDigests, noDigests } from "../digests/load-digests.ts";
import type { FetchPages } from "../fetch/fetched-page.ts";
import { readSnapshot } from "../fetch/read-snapshot.ts";
import { rememberPages } from "../fetch/remember-pages.ts";
import { changeDetail } from "../records/change-detail.ts";
import { recordReader } from "../records/record-reader.ts";
import type { PolledSource } from "../sources/polled-source.ts";
import { endPoll, type PollAlerts, tellAlerts } from "./end-poll.ts";
import { accessOf, openPoll } from "./open-poll.ts";
import { commitStage, OvertakenError } from "./poll-commit.ts";
import type { PollClaim, PollOutcome, PollSource } from "./poll-outcome.ts";
import { digestTtlSeconds } from "./poll-plan.ts";
import type { PollBounds, PollDatabase, PollSession, Reached } from "./poll-session.ts";
import { createPollStage } from "./poll-stage.ts";
import { judgeSnapshot } from "./snapshot.ts";
import { type Absences, stageAbsences } from "./stage-absences.ts";
import { newWebhooks, noteWebhooks } from "./webhook-notes.ts";

export interface PollDeps {
  database: PollDatabase;
  redis: RedisClient;
  keys: RedisKeys;
  /** A source as it is now; undefined when there is none. */
  readSource: (tenantId: string, source: string) => Promise<PolledSource | undefined>;
  fetchPages: (source: PolledSource) => FetchPages;
  alerts: PollAlerts;
  bounds: PollBounds;
  now: () => number;
  /** Called when events are committed. */
  onEvents: (events: number) => void;
  /** Called after each poll that counts. */
  onPolled: (outcome: PollOutcome, poll: { connector: string; missedByWebhook: number }) => void;
  /** Called for a fault that the poll goes on after. */
  onTrouble: (error: unknown) => void;
  /** Where a fault test may end the process; tests give their own. */
  reached?: Reached;
}

/** Polls sources: see `PollSource`. */
export function createPollSource(deps: PollDeps): PollSource {
  return async (claim, options) => {
    const startedAtMs = deps.now();
    try {
      const source = await deps.readSource(claim.tenantId, claim.source);
      if (source === undefined) return undefined;
      return await poll(deps, source, { claim, startedAtMs, ...options });
    } catch (error) {
      if (error instanceof OvertakenError) return undefined;
      return await fail(deps, { claim, startedAtMs, error });
    }
  };
}

async function poll(
  deps: PollDeps,
  source: PolledSource,
  run: { claim: PollClaim; startedAtMs: number; admit: () => number; signal: AbortSignal },
): Promise<PollOutcome | undefined> {
  const session = await beginSession(deps, source, run);
  if (session === undefined) return undefined;
  const { state, rules, counts } = session;
  const webhooks = await newWebhooks(session);
  const whole = session.reset === undefined && !session.patchy;
  const trusted = rules.plan === "compare" && whole && webhooks.length === 0;
  const pages = await rememberPages(session, trusted);
  if (webhooks.length > 0) {
    await load(session);
    await noteWebhooks(session);
  }
  await session.reached("began");

  const fetch = { memory: pages.memory, admit: run.admit, signal: run.signal };
  const reading = await readSnapshot(session, deps.fetchPages(source)(fetch), pages, () => load(session));
  const unchanged = session.digests === undefined;
  const access = accessOf(source.fetch);
  const { end } = reading.report;
  const snapshot = judgeSnapshot({
    lastPageReached: end.kind === "last_page",
    failedPages: end.kind === "failed" ? 1 : 0,
    gaps: reading.gaps + reading.doubtfulPages,
    unreadableRecords: counts.unreadable,
    seen: counts.records,
    total: reading.total,
    accessChanged: state.access !== undefined && state.access !== access,
    tracked: state.records,
  });
  let absences: Absences = { guard: { kind: "allowed" }, sample: [], open: !snapshot.complete };
  if (snapshot.complete && !unchanged) {
    const hold = await findOpenHold(deps.database.pipeline, {
      tenantId: source.tenantId,
      source: source.source,
    });
    absences = await stageAbsences(session, hold?.state === "approved" ? hold.count : 0);
  }
  const ended = endPoll(session, { reading, snapshot, absences, access, keptPolls: deps.bounds.keptPolls });
  await commitStage(session, ended.end);
  try {
    await pages.save(reading, !absences.open);
    await keepDigests(session.store.redis, session.store.keys, {
      codes: session.head?.codes ?? [],
      ttlSeconds: session.store.ttlSeconds,
    });
  } catch (error) {
    // Pages are read in full next time, and the digests still have most of their time.
    deps.onTrouble(error);
  }
  await tellAlerts(deps.alerts, session, ended).catch(deps.onTrouble);
  const outcome = ended.outcome();
  deps.onPolled(outcome, { connector: source.connector, missedByWebhook: counts.missedByWebhook });
  return outcome;
}

/** Undefined when the claim is not the newest. */
async function beginSession(
  deps: PollDeps,
  source: PolledSource,
  { claim, startedAtMs }: { claim: PollClaim; startedAtMs: number },
): Promise<PollSession | undefined> {
  const { database, redis, now } = deps;
  const name = { tenantId: source.tenantId, source: source.source };
  const reader = recordReader(source.records);
  const detail = changeDetail(source.records, source.diff);
  const state = await beginPoll(database.pipeline, { ...name, fence: claim.fence, pollId: claim.pollId });
  if (state === undefined) return undefined;
  const store = {
    ...{ database: database.pipeline, redis, now },
    keys: deps.keys.source(name.tenantId, name.source),
    ttlSeconds: digestTtlSeconds(source.maxIntervalSeconds ?? 0),
  };
  const head = await findDigests(store, name, state);
  const opening = openPoll(source, state, head, reader.version);
  return {
    ...{ claim, source, store, reader, detail, startedAtMs, state, head, database },
    ...opening,
    patchy: opening.reset?.partial ?? (head?.partial.length ?? 0) > 0,
    ...{ bounds: deps.bounds, behind: false, digests: undefined, lost: new Set<number>() },
    ...{ stage: createPollStage(), pending: { changes: [], records: 0 } },
    counts: {
      ...{ records: 0, created: 0, updated: 0, deleted: 0, restored: 0, missedByWebhook: 0 },
      ...{ duplicates: 0, unreadable: 0, pages: 0, unchangedPages: 0 },
    },
    ...{ maxUpdatedMs: undefined, appeared: new Map(), changedFields: new Set() },
    ...{ onEvents: deps.onEvents, onTrouble: deps.onTrouble, reached: deps.reached ?? failpointAt },
  };
}

function failpointAt(place: string): void {
  failpoint(`poll.${place}`);
}

/** Loads the digests, unless they are there, or are to begin anew. */
async function load(session: PollSession): Promise<void> {
  if (session.digests !== undefined) return;
  const { head, reset, store } = session;
  session.digests = reset !== undefined || head === undefined ? noDigests() : await loadDigests(store, head);
  session.lost = session.digests.lost;
  if (session.lost.size > 0) session.patchy = true;
}

/** A poll that could not go on: nothing that it had not committed counts. */
async function fail(
  deps: PollDeps,
  { claim, startedAtMs, error }: { claim: PollClaim; startedAtMs: number; error: unknown },
): Promise<PollOutcome> {
  deps.onTrouble(error);
  const known = error instanceof HeadraceError;
  const outcome: PollOutcome = {
    ...{ id: claim.pollId, status: "error", complete: false, records: 0 },
    ...{ created: 0, updated: 0, deleted: 0, restored: 0, held: undefined },
    error: {
      code: known ? error.code : "poll_failed",
      message: known ? error.message : "The poll could not go on; the log says why",
    },
    ...{ startedAtMs, finishedAtMs: deps.now(), requests: 0, notBeforeMs: undefined, rateLimit: undefined },
    first: false,
  };
  const of = { tenantId: claim.tenantId, source: claim.source };
  await finishPoll(deps.database.pipeline, of, { ...outcome, ...NOTHING_READ }, deps.bounds.keptPolls).catch(
    deps.onTrouble,
  );
  return outcome;
}

const NOTHING_READ = { missedByWebhook: 0, pages: 0, unchangedPages: 0, suggestions: undefined };
