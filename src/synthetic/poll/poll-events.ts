import type { EventChanges, SyntheticDetail } from "../../domain/event/event.ts";
import { writeJson } from "../../domain/json/exact-number.ts";
import type { PollEvent } from "../../postgres/events/poll-events.ts";
import type { Kept } from "../records/change-detail.ts";
import { changeKey } from "../records/record-change.ts";
import { recordOfKey, subjectOfKey } from "../records/record-id.ts";
import type { PollContext } from "./poll-context.ts";
import type { PollProgress } from "./poll-progress.ts";
import { isReported, type StagedRecord } from "./poll-stage.ts";

/** Fields per poll for which appearances and changes are counted. */
const MAX_FIELDS_COUNTED = 1_000;

/** Returns the events of staged records, in order, and counts them. `before` has the kept values of the records. */
export function pollEvents(
  context: PollContext,
  progress: PollProgress,
  staged: readonly StagedRecord[],
  before: ReadonlyMap<StagedRecord, Kept>,
): PollEvent[] {
  return staged.flatMap((one) =>
    isReported(one.change) ? [eventOf(context, progress, one, before.get(one))] : [],
  );
}

function eventOf(
  context: PollContext,
  progress: PollProgress,
  one: StagedRecord,
  kept: Kept | undefined,
): PollEvent {
  const { source, bounds, rules } = context;
  const { counts } = progress;
  const { change, key, seen } = one;
  const detail: SyntheticDetail = {};
  let payload = one.payload;
  if (change === "deleted") {
    if (kept !== undefined && "values" in kept) payload = Buffer.from(writeJson(kept.values));
    else detail.finalStateUnknown = true;
  }
  if (payload !== undefined && payload.length > bounds.maxRecordBytes) {
    payload = undefined;
    detail.truncated = true;
  }
  if (change === "updated" && kept !== undefined) {
    Object.assign(detail, diffOf(context, progress, one, kept));
  }
  if (source.webhook !== undefined && rules.plan === "compare") {
    detail.missedByWebhook = true;
    counts.missedByWebhook += 1;
  }
  if (isReported(change)) counts[change] += 1;
  return {
    type: `${source.entity}.${change}`,
    // PostgreSQL text cannot contain NUL.
    subject: subjectOfKey(key).replaceAll("\0", "\ufffd"),
    occurredAtMs: seen?.updatedAtMs,
    deliveryKey: changeKey({
      tenantId: source.tenantId,
      source: source.source,
      recordKey: key,
      change,
      from: one.before?.digest,
      to: one.next.digest,
      generation: progress.state.generation + 1,
    }),
    payload: payload ?? Buffer.from(JSON.stringify(recordOfKey(key, source.records))),
    detail,
  };
}

/** Returns the changed fields of an update and counts them. */
function diffOf(
  { detail }: PollContext,
  { appeared, changedFields }: PollProgress,
  one: StagedRecord,
  kept: Kept,
): SyntheticDetail {
  const diff = detail.compare(kept, one.record);
  if (diff === undefined) return {};
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
