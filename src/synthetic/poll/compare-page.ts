import { writeJson } from "../../domain/json/exact-number.ts";
import { SliceBudget, type Slices } from "../../domain/slices.ts";
import { shortName } from "../digests/digest-table.ts";
import type { FetchedPage } from "../fetch/fetched-page.ts";
import { decideSeen, preferredSeen, type SeenRecord } from "../records/record-change.ts";
import { ownCopy } from "../records/record-hash.ts";
import { recordName } from "../records/record-name.ts";
import { updatedAtMs } from "../records/updated-at.ts";
import type { PollContext } from "./poll-context.ts";
import { type PollProgress, tableOf, trackedOf } from "./poll-progress.ts";
import { isReported } from "./poll-stage.ts";

/** Stages the changed records of a page, in slices. Returns the short names of its readable records. */
export function* comparePage(
  context: PollContext,
  progress: PollProgress,
  page: FetchedPage,
  records: readonly unknown[],
): Slices<number[]> {
  const shorts: number[] = [];
  const budget = new SliceBudget();
  const bytesPerRecord = (page.bytes ?? 0) / records.length + BYTES_PER_RECORD;
  for (const record of records) {
    if (budget.spend(bytesPerRecord)) yield;
    const reading = context.reader.read(record);
    if (reading.kind === "unreadable") {
      progress.counts.unreadable += 1;
      continue;
    }
    const { key, digest } = reading;
    const name = recordName(key);
    shorts.push(shortName(name));
    const updatedMs = updatedAtMs(record, context.source.updatedAt);
    if (updatedMs !== undefined) {
      progress.maxUpdatedMs = Math.max(progress.maxUpdatedMs ?? updatedMs, updatedMs);
    }
    const seen = { digest, readAtMs: page.readAtMs, updatedAtMs: updatedMs };
    seeRecord(context, progress, { key, name, record }, seen);
  }
  return shorts;
}

/** Added to each record's share of the page: hashing and looking up cost as much as reading so many bytes. */
const BYTES_PER_RECORD = 512;

function seeRecord(
  { rules, source }: PollContext,
  progress: PollProgress,
  { key, name, record }: { key: string; name: Buffer; record: unknown },
  now: SeenRecord,
): void {
  const { stage, counts } = progress;
  const table = tableOf(progress);
  const index = table.find(name);
  const staged = stage.get(key);
  const isDuplicate = index >= 0 ? table.see(index) : staged?.seen !== undefined;
  if (isDuplicate) {
    counts.duplicates += 1;
    const before: SeenRecord = staged?.seen ?? {
      digest: table.at(index).digest,
      readAtMs: 0,
      updatedAtMs: table.updatedAt(index),
    };
    if (preferredSeen(before, now) === before) return;
  } else {
    counts.records += 1;
  }
  if (index >= 0) {
    table.setUpdatedAt(index, now.updatedAtMs);
    if (staged === undefined && table.isUnchanged(index, now.digest)) return;
  }
  const tracked = trackedOf(progress, name, index);
  const { change, next } = decideSeen(tracked, now, rules);
  if (next === undefined) {
    // The duplicate replaces an earlier sighting. A staged webhook stays.
    if (staged?.touch === true) stage.set({ ...staged, seen: now });
    else stage.delete(key);
    return;
  }
  const digest = ownCopy(now.digest);
  stage.set({
    key,
    name: ownCopy(name),
    change,
    before: tracked === "lost" ? undefined : tracked && { ...tracked, digest: Buffer.from(tracked.digest) },
    next: { ...next, digest },
    seen: { ...now, digest },
    touch: false,
    record: source.diff === "none" ? undefined : record,
    payload: isReported(change) || source.diff === "values" ? Buffer.from(writeJson(record)) : undefined,
  });
}
