import type { EventChanges, SyntheticDetail } from "../../domain/event/event.ts";
import type { PollEvent } from "../../postgres/events/poll-events.ts";
import type { Kept } from "../records/change-detail.ts";
import { changeKey } from "../records/record-change.ts";
import { recordOfKey, subjectOfKey } from "../records/record-id.ts";
import type { PollSession } from "./poll-session.ts";
import { isTold, type StagedRecord } from "./poll-stage.ts";

/** Fields of which it is counted in how many records they appeared, and whether they changed. */
const MAX_FIELDS_COUNTED = 1_000;

/** The events of what is staged, in its order, and counts them; `before` is what was kept of a record. */
export function pollEvents(
  session: PollSession,
  staged: readonly StagedRecord[],
  before: ReadonlyMap<StagedRecord, Kept>,
): PollEvent[] {
  return staged.flatMap((one) => (isTold(one.change) ? [eventOf(session, one, before.get(one))] : []));
}

function eventOf(session: PollSession, one: StagedRecord, kept: Kept | undefined): PollEvent {
  const { source, counts, bounds, rules } = session;
  const { change, key, seen } = one;
  const detail: SyntheticDetail = {};
  let payload = one.payload;
  if (change === "deleted") {
    if (kept !== undefined && "values" in kept) payload = Buffer.from(JSON.stringify(kept.values));
    else detail.finalStateUnknown = true;
  }
  if (payload !== undefined && payload.length > bounds.maxRecordBytes) {
    payload = undefined;
    detail.truncated = true;
  }
  if (change === "updated" && kept !== undefined) Object.assign(detail, diffOf(session, one, kept));
  if (source.webhook !== undefined && rules.plan === "compare") {
    detail.missedByWebhook = true;
    counts.missedByWebhook += 1;
  }
  if (isTold(change)) counts[change] += 1;
  return {
    type: `${source.entity}.${change}`,
    // PostgreSQL's text holds no NUL.
    subject: subjectOfKey(key).replaceAll("\0", "\ufffd"),
    occurredAtMs: seen?.updatedAtMs,
    deliveryKey: changeKey({
      ...{ tenantId: source.tenantId, source: source.source, recordKey: key, change },
      ...{ from: one.before?.digest, to: one.next.digest, generation: session.state.generation + 1 },
    }),
    payload: payload ?? Buffer.from(JSON.stringify(recordOfKey(key, source.records))),
    detail,
  };
}

function diffOf(session: PollSession, one: StagedRecord, kept: Kept): SyntheticDetail {
  const diff = session.detail.compare(kept, one.record);
  if (diff === undefined) return {};
  const { appeared, changedFields } = session;
  for (const [pointer, change] of Object.entries(diff.changes)) {
    if (changedFields.size < MAX_FIELDS_COUNTED) changedFields.add(pointer);
    const isNew = "to" in change && !("from" in change);
    if (isNew && (appeared.has(pointer) || appeared.size < MAX_FIELDS_COUNTED)) {
      appeared.set(pointer, (appeared.get(pointer) ?? 0) + 1);
    }
  }
  const changes: EventChanges = diff.changes;
  return { changes, ...(diff.omitted > 0 && { changesOmitted: diff.omitted }) };
}
