import { parseBody } from "../../domain/event/body.ts";
import { listWebhookEvents, type WebhookEvent } from "../../postgres/events/webhook-events.ts";
import { uuid7Floor } from "../../postgres/schema/partitions.ts";
import { valueAt } from "../records/canonical-json.ts";
import { decideSeen, type TrackedRecord } from "../records/record-change.ts";
import { ownCopy } from "../records/record-hash.ts";
import { recordName } from "../records/record-name.ts";
import { type PollSession, trackedOf } from "./poll-session.ts";

/**
 * Stages what webhooks told of the source's records since the last look, so that the poll need not tell it again; of
 * a record that this poll saw before the webhook came, the webhook's word counts. Answers how many there were.
 * It is read here, from the events that were accepted: receiving is not slowed down by it.
 */
export async function noteWebhooks(session: PollSession): Promise<number> {
  const { source, bounds, store, digests } = session;
  if (source.webhook === undefined || digests === undefined) return 0;
  const events = await newWebhooks(session);
  for (const event of events) noteWebhook(session, event);
  const { webhooksAfter, webhooksNoted } = session.state;
  const last = events.at(-1)?.id;
  const settled = uuid7Floor(store.now() - bounds.webhookOverlapMs);
  // A full look goes on where it ended; one that saw all of them goes back a little, for those that commit late.
  const full = events.length === bounds.maxWebhookEvents && last !== undefined && last < settled;
  const after = full ? last : settled;
  const noted = [...webhooksNoted, ...events.map(({ id }) => id)].filter((id) => id > after);
  const next = webhooksAfter !== undefined && webhooksAfter > after ? webhooksAfter : after;
  session.state = { ...session.state, webhooksAfter: next, webhooksNoted: noted };
  return events.length;
}

/** The webhook events that were not taken note of yet; before the first poll there are none. */
export async function newWebhooks({ source, state, bounds, database }: PollSession): Promise<WebhookEvent[]> {
  if (source.webhook === undefined || state.webhooksAfter === undefined) return [];
  return await listWebhookEvents(database.pipeline, {
    ...{ tenantId: source.tenantId, connector: source.connector, types: Object.keys(source.webhook.types) },
    ...{ after: state.webhooksAfter, except: state.webhooksNoted, limit: bounds.maxWebhookEvents },
  });
}

function noteWebhook(session: PollSession, event: WebhookEvent): void {
  const { source, reader, stage, rules, digests } = session;
  if (digests === undefined) return;
  const says = source.webhook?.types[event.type];
  const body = parseBody({ contentType: event.contentType, body: event.payload });
  if (says === undefined || body.kind === "unreadable") return;
  const path = source.webhook?.record ?? "";
  const record = path === "" ? body.data : valueAt(body.data, path);
  const reading = reader.read(record);
  if (reading.kind === "unreadable") return;
  const { key } = reading;
  const digest = ownCopy(reading.digest);
  const name = ownCopy(recordName(key));
  const staged = stage.get(key);
  const found = trackedOf(session, name, digests.table.find(name));
  const before = found === "lost" ? undefined : found && { ...found, digest: Buffer.from(found.digest) };
  const touchedAtMs = event.receivedAtMs;
  // What came before the last complete poll began, its pages showed.
  const known = Math.max(before?.touchedAtMs ?? 0, session.state.lastCompleteAtMs ?? 0);
  if (touchedAtMs <= known) return;
  const gone = says === "deleted";
  const next: TrackedRecord = {
    ...{ digest: gone ? (before?.digest ?? digest) : digest, missing: 0, deleted: gone, touchedAtMs },
    ...(gone && { missingSinceMs: touchedAtMs }),
  };
  const touch = {
    ...{ key, name, change: "none" as const, before, next, seen: staged?.seen, touch: true },
    record: gone || source.diff === "none" ? undefined : record,
    payload: source.diff === "values" && !gone ? Buffer.from(JSON.stringify(record)) : undefined,
  };
  const wins = staged === undefined || staged.touch;
  if (wins || touchedAtMs > (staged.seen?.readAtMs ?? session.startedAtMs)) {
    stage.set(touch);
    digests.table.set(name, next);
    return;
  }
  // The page was read after the webhook came: it is compared with what the webhook brought.
  if (staged.seen === undefined) return;
  digests.table.set(name, next);
  const decision = decideSeen(next, staged.seen, rules);
  if (decision.next === undefined) stage.set(touch);
  else stage.set({ ...staged, change: decision.change, before: next, next: decision.next });
}
