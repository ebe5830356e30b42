import { parseBody } from "../../domain/event/body.ts";
import { writeJson } from "../../domain/json/exact-number.ts";
import { listWebhookEvents, type WebhookEvent } from "../../postgres/events/webhook-events.ts";
import { uuid7Floor } from "../../postgres/schema/partitions.ts";
import { valueAt } from "../records/canonical-json.ts";
import { decideSeen, type TrackedRecord } from "../records/record-change.ts";
import { ownCopy } from "../records/record-hash.ts";
import { recordName } from "../records/record-name.ts";
import type { PollContext } from "./poll-context.ts";
import { type PollProgress, trackedOf } from "./poll-progress.ts";
import type { StagedRecord } from "./poll-stage.ts";

/**
 * Stages the records of new webhook events, so that the poll does not report the same changes. A webhook that came
 * after a record's page was requested overrides the page. Returns the number of events. Reading accepted events here
 * keeps this work out of the webhook endpoint.
 */
export async function noteWebhooks(context: PollContext, progress: PollProgress): Promise<number> {
  const { source, bounds, store } = context;
  if (source.webhook === undefined || progress.digests === undefined) return 0;
  const events = await newWebhooks(context, progress);
  for (const event of events) noteWebhook(context, progress, event);
  const { webhooksAfter, webhooksNoted } = progress.state;
  const last = events.at(-1)?.id;
  const settled = uuid7Floor(store.now() - bounds.webhookOverlapMs);
  // A full page continues at its last event. Otherwise the next read goes back a little for late commits.
  const full = events.length === bounds.maxWebhookEvents && last !== undefined && last < settled;
  const after = full ? last : settled;
  const noted = [...webhooksNoted, ...events.map(({ id }) => id)].filter((id) => id > after);
  const next = webhooksAfter !== undefined && webhooksAfter > after ? webhooksAfter : after;
  progress.state = { ...progress.state, webhooksAfter: next, webhooksNoted: noted };
  return events.length;
}

/** Returns the webhook events since the last poll that were not noted yet; none before the first poll. */
export async function newWebhooks(
  { source, bounds, database }: PollContext,
  { state }: PollProgress,
): Promise<WebhookEvent[]> {
  if (source.webhook === undefined || state.webhooksAfter === undefined) return [];
  return await listWebhookEvents(database.pipeline, {
    tenantId: source.tenantId,
    connector: source.connector,
    types: Object.keys(source.webhook.types),
    after: state.webhooksAfter,
    except: state.webhooksNoted,
    limit: bounds.maxWebhookEvents,
  });
}

function noteWebhook(context: PollContext, progress: PollProgress, event: WebhookEvent): void {
  const { source, reader, rules } = context;
  const { stage, digests } = progress;
  if (digests === undefined) return;
  const change = source.webhook?.types[event.type];
  const body = parseBody({ contentType: event.contentType, body: event.payload });
  if (change === undefined || body.kind === "unreadable") return;
  const path = source.webhook?.record ?? "";
  const record = path === "" ? body.data : valueAt(body.data, path);
  const reading = reader.read(record);
  if (reading.kind === "unreadable") return;
  const { key } = reading;
  const digest = ownCopy(reading.digest);
  const name = ownCopy(recordName(key));
  const staged = stage.get(key);
  const tracked = trackedOf(progress, name, digests.table.find(name));
  const before =
    tracked === "lost" ? undefined : tracked && { ...tracked, digest: Buffer.from(tracked.digest) };
  const touchedAtMs = event.receivedAtMs;
  // The pages of the last complete poll already showed any webhook from before its start.
  const coveredUntilMs = Math.max(before?.touchedAtMs ?? 0, progress.state.lastCompleteAtMs ?? 0);
  if (touchedAtMs <= coveredUntilMs) return;
  const deleted = change === "deleted";
  const next: TrackedRecord = {
    digest: deleted ? (before?.digest ?? digest) : digest,
    missing: 0,
    deleted,
    touchedAtMs,
    ...(deleted && { missingSinceMs: touchedAtMs }),
  };
  const touch: StagedRecord = {
    key,
    name,
    change: "none",
    before,
    next,
    seen: staged?.seen,
    touch: true,
    record: deleted || source.diff === "none" ? undefined : record,
    payload: source.diff === "values" && !deleted ? Buffer.from(writeJson(record)) : undefined,
  };
  const overridesPage = staged === undefined || staged.touch;
  if (overridesPage || touchedAtMs > (staged.seen?.readAtMs ?? context.startedAtMs)) {
    stage.set(touch);
    digests.table.set(name, next);
    return;
  }
  // The page was requested after the webhook came, so it is compared with the webhook's record.
  if (staged.seen === undefined) return;
  digests.table.set(name, next);
  const decision = decideSeen(next, staged.seen, rules);
  if (decision.next === undefined) stage.set(touch);
  else stage.set({ ...staged, change: decision.change, before: next, next: decision.next });
}
