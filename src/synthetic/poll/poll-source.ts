import { findOpenHold } from "../../postgres/sources/holds.ts";
import { finishPoll } from "../../postgres/sources/polls.ts";
import { beginPoll } from "../../postgres/sources/states.ts";
import type { RedisClient } from "../../redis/client.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import { keepDigests } from "../../redis/record-digests.ts";
import { failpoint } from "../../runtime/failpoint.ts";
import { findDigests, loadDigests, noDigests } from "../digests/load-digests.ts";
import type { FetchPages } from "../fetch/fetched-page.ts";
import { changeDetail } from "../records/change-detail.ts";
import { recordReader } from "../records/record-reader.ts";
import type { PolledSource } from "../sources/polled-source.ts";
import { endPoll, type PollAlerts, reportAlerts } from "./end-poll.ts";
import { accessOf, openPoll } from "./open-poll.ts";
import { commitStage, OvertakenError } from "./poll-commit.ts";
import type { PollBounds, PollContext, PollDatabase, Reached } from "./poll-context.ts";
import { failedOutcome, type PollClaim, type PollOutcome, type PollSource } from "./poll-outcome.ts";
import { digestTtlSeconds } from "./poll-plan.ts";
import { type PollProgress, startProgress } from "./poll-progress.ts";
import { readSnapshot } from "./read-snapshot.ts";
import { rememberPages } from "./remember-pages.ts";
import { judgeSnapshot } from "./snapshot.ts";
import { type Absences, stageAbsences } from "./stage-absences.ts";
import { newWebhooks, noteWebhooks } from "./webhook-notes.ts";

/** Stores, readers and callbacks of polls. */
export interface PollDeps {
  database: PollDatabase;
  redis: RedisClient;
  keys: RedisKeys;
  /** Returns the current source; undefined if there is none. */
  readSource: (tenantId: string, source: string) => Promise<PolledSource | undefined>;
  fetchPages: (source: PolledSource) => FetchPages;
  alerts: PollAlerts;
  bounds: PollBounds;
  /** Unix ms. */
  now: () => number;
  /** Called with the number of events after each commit. */
  onEvents: (events: number) => void;
  /** Called after each poll that was not overtaken and did not fail. */
  onPolled: (outcome: PollOutcome, poll: { connector: string; missedByWebhook: number }) => void;
  /** Called for an error that the poll survives. */
  onTrouble: (error: unknown) => void;
  /** Replaces the failpoints in tests. */
  reached?: Reached;
}

/** Returns a function that polls sources: see `PollSource`. */
export function createPollSource(deps: PollDeps): PollSource {
  return async (claim, options) => {
    const startedAtMs = deps.now();
    try {
      const source = await deps.readSource(claim.tenantId, claim.source);
      if (source === undefined) return undefined;
      const begun = await begin(deps, source, claim, startedAtMs);
      if (begun === undefined) return undefined;
      return await poll(deps, begun.context, begun.progress, options);
    } catch (error) {
      if (error instanceof OvertakenError) return undefined;
      return await fail(deps, claim, startedAtMs, error);
    }
  };
}

/** Returns undefined if the claim is not the newest. */
async function begin(
  deps: PollDeps,
  source: PolledSource,
  claim: PollClaim,
  startedAtMs: number,
): Promise<{ context: PollContext; progress: PollProgress } | undefined> {
  const { database, redis, now } = deps;
  const name = { tenantId: source.tenantId, source: source.source };
  const reader = recordReader(source.records);
  const detail = changeDetail(source.records, source.diff);
  const state = await beginPoll(database.pipeline, { ...name, fence: claim.fence, pollId: claim.pollId });
  if (state === undefined) return undefined;
  const store = {
    database: database.pipeline,
    redis,
    keys: deps.keys.source(name.tenantId, name.source),
    ttlSeconds: digestTtlSeconds(source.maxIntervalSeconds ?? 0),
    now,
  };
  const head = await findDigests(store, name, state);
  const { rules, reset } = openPoll(source, state, head, reader.version);
  const context: PollContext = {
    claim,
    source,
    name,
    database,
    store,
    bounds: deps.bounds,
    reader,
    detail,
    rules,
    startedAtMs,
    onEvents: deps.onEvents,
    onTrouble: deps.onTrouble,
    reached: deps.reached ?? ((name) => failpoint(`poll.${name}`)),
  };
  return { context, progress: startProgress(state, head, reset) };
}

async function poll(
  deps: PollDeps,
  context: PollContext,
  progress: PollProgress,
  { admit, signal }: { admit: () => number; signal: AbortSignal },
): Promise<PollOutcome> {
  const { source, store } = context;
  const { state, counts } = progress;
  const webhooks = await newWebhooks(context, progress);
  const whole = progress.reset === undefined && !progress.patchy;
  const trusted = context.rules.plan === "compare" && whole && webhooks.length === 0;
  const pages = await rememberPages(context, progress, trusted);
  if (webhooks.length > 0) {
    await load(context, progress);
    await noteWebhooks(context, progress);
  }
  await context.reached("began");

  const fetched = deps.fetchPages(source)({ memory: pages.memory, admit, signal });
  const reading = await readSnapshot(context, progress, fetched, pages, () => load(context, progress));
  const unchanged = progress.digests === undefined;
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
    const hold = await findOpenHold(context.database.pipeline, context.name);
    absences = await stageAbsences(context, progress, hold?.state === "approved" ? hold.count : 0);
  }
  const ending = endPoll(context, progress, { reading, snapshot, absences, access });
  await commitStage(context, progress, ending.final);
  try {
    await pages.save(reading, !absences.open);
    await keepDigests(store.redis, store.keys, {
      codes: progress.head?.codes ?? [],
      ttlSeconds: store.ttlSeconds,
    });
  } catch (error) {
    // The next poll reads all pages, and the digests still have most of their TTL.
    context.onTrouble(error);
  }
  await reportAlerts(deps.alerts, context, progress, ending).catch(context.onTrouble);
  const outcome = ending.outcome();
  deps.onPolled(outcome, { connector: source.connector, missedByWebhook: counts.missedByWebhook });
  return outcome;
}

/** Loads the digests unless they are loaded or start empty. */
async function load({ store }: PollContext, progress: PollProgress): Promise<void> {
  if (progress.digests !== undefined) return;
  const { head, reset } = progress;
  progress.digests = reset !== undefined || head === undefined ? noDigests() : await loadDigests(store, head);
  progress.lost = progress.digests.lost;
  if (progress.lost.size > 0) progress.patchy = true;
}

/** Reports and stores an error outcome. Commits that the poll made before stay. */
async function fail(
  { database, bounds, now, onTrouble }: PollDeps,
  claim: PollClaim,
  startedAtMs: number,
  error: unknown,
): Promise<PollOutcome> {
  onTrouble(error);
  const outcome = failedOutcome(claim, { startedAtMs, finishedAtMs: now() }, error);
  const name = { tenantId: claim.tenantId, source: claim.source };
  const stored = { ...outcome, missedByWebhook: 0, pages: 0, unchangedPages: 0, suggestions: undefined };
  await finishPoll(database.pipeline, name, stored, bounds.keptPolls).catch(onTrouble);
  return outcome;
}
