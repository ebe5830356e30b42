import { shortName } from "../digests/digest-table.ts";
import { commitStage } from "../poller/poll-commit.ts";
import { type PollSession, tableOf, trackedOf } from "../poller/poll-session.ts";
import { isTold } from "../poller/poll-stage.ts";
import { pagesJoin } from "../poller/snapshot.ts";
import { decideSeen, preferredSeen, type SeenRecord } from "../records/record-change.ts";
import { ownCopy } from "../records/record-hash.ts";
import { recordName } from "../records/record-name.ts";
import { updatedAtMs } from "../records/updated-at.ts";
import type { FetchedPage, FetchReport } from "./fetched-page.ts";

/** What is left of the last poll's pages, by ref: those that are there may be found unchanged. */
export interface RememberedPages {
  /** Which records a page held, by their short names. */
  records(ref: string): number[];
  /** How many those were. */
  count(ref: string): number;
  /** Whether these are all pages of the last poll, no record was absent in it, and none of them has changed. */
  areAll(visited: ReadonlyMap<string, unknown>): boolean;
}

/** What reading all pages came to. */
export interface SnapshotReading {
  report: FetchReport;
  /** The refs of the pages that were read; with new notes where they were compared. */
  visited: Map<string, { memory: FetchedPage["memory"]; records: number[] } | undefined>;
  gaps: number;
  /** How many records there are, by the last page that says so. */
  total: number | undefined;
  /** Unchanged pages of which some records are not tracked any more. */
  doubtfulPages: number;
}

/**
 * Reads page by page and stages what is seen, committing whenever enough is staged. Unchanged pages are neither
 * parsed nor compared; while no other has come, the digests are not even loaded.
 */
export async function readSnapshot(
  session: PollSession,
  pages: AsyncGenerator<FetchedPage, FetchReport, void>,
  remembered: RememberedPages,
  load: () => Promise<void>,
): Promise<SnapshotReading> {
  const { counts, bounds } = session;
  const visited: SnapshotReading["visited"] = new Map();
  const drift = watchDrift();
  const skipped: string[] = [];
  let doubtfulPages = 0;

  function seeUnchanged(ref: string): void {
    const table = tableOf(session);
    const places = remembered.records(ref).map((short) => table.findShort(short));
    for (const place of places) if (place >= 0 && !table.see(place)) counts.records += 1;
    if (places.every((place) => place >= 0)) return;
    doubtfulPages += 1;
    visited.delete(ref);
  }

  /** No page had to be compared: what is absent has to be looked for only where it is not as it was. */
  async function lookAtSkipped({ end }: FetchReport): Promise<void> {
    if (end.kind !== "last_page") {
      counts.records = skipped.reduce((sum, ref) => sum + remembered.count(ref), 0);
    } else if (remembered.areAll(visited)) {
      counts.records = session.state.records;
    } else {
      await load();
      for (const ref of skipped) seeUnchanged(ref);
    }
  }

  for (;;) {
    const { value: page, done } = await pages.next();
    if (done === true) {
      if (session.digests === undefined) await lookAtSkipped(page);
      return { visited, doubtfulPages, report: page, gaps: drift.gaps, total: drift.total };
    }
    counts.pages += 1;
    if (page.records === undefined) {
      counts.unchangedPages += 1;
      visited.set(page.ref, undefined);
      if (session.digests === undefined) skipped.push(page.ref);
      else seeUnchanged(page.ref);
      drift.see(page, () => remembered.records(page.ref));
    } else {
      if (session.digests === undefined) {
        await load();
        for (const ref of skipped.splice(0)) seeUnchanged(ref);
      }
      const records = comparePage(session, page, page.records);
      visited.set(page.ref, { memory: page.memory, records });
      drift.see(page, () => records);
    }
    await session.reached("page");
    if (session.stage.size >= bounds.maxStagedRecords || session.stage.bytes >= bounds.maxStagedBytes) {
      await commitStage(session);
    }
  }
}

/** Counts the places between pages at which records may have been skipped, because others were taken out meanwhile. */
function watchDrift() {
  let [gaps, total] = [0, undefined as number | undefined];
  let last: string[] = [];
  return {
    get gaps() {
      return gaps;
    },
    /** How many records there are, by the newest page that says so. */
    get total() {
      return total;
    },
    see(page: FetchedPage, recordsOf: () => readonly number[]): void {
      const fewer = page.total !== undefined && total !== undefined && page.total < total;
      total = page.total ?? total;
      if (page.overlaps === undefined) {
        // One that was taken out in front moved the others on, past where this page begins.
        if (fewer) gaps += 1;
        return;
      }
      const records = recordsOf().map(String);
      const begins = records.length > 0 || last.length === 0;
      if (page.overlaps && !(begins && pagesJoin(last, records))) gaps += 1;
      last = records.slice(-1);
    },
  };
}

/** Stages what a page says of its records; answers the short names of those that could be read. */
function comparePage(session: PollSession, page: FetchedPage, records: readonly unknown[]): number[] {
  const shorts: number[] = [];
  for (const record of records) {
    const reading = session.reader.read(record);
    if (reading.kind === "unreadable") {
      session.counts.unreadable += 1;
      continue;
    }
    const name = recordName(reading.key);
    shorts.push(shortName(name));
    const at = updatedAtMs(record, session.source.updatedAt);
    if (at !== undefined) session.maxUpdatedMs = Math.max(session.maxUpdatedMs ?? at, at);
    seeRecord(
      session,
      { key: reading.key, name, record },
      {
        digest: reading.digest,
        readAtMs: page.readAtMs,
        updatedAtMs: at,
      },
    );
  }
  return shorts;
}

function seeRecord(
  session: PollSession,
  { key, name, record }: { key: string; name: Buffer; record: unknown },
  now: SeenRecord,
): void {
  const { stage, counts, rules, source } = session;
  const table = tableOf(session);
  const place = table.find(name);
  const staged = stage.get(key);
  const again = place >= 0 ? table.see(place) : staged?.seen !== undefined;
  if (again) {
    counts.duplicates += 1;
    const before: SeenRecord = staged?.seen ?? {
      ...{ digest: table.at(place).digest, readAtMs: 0 },
      updatedAtMs: table.updatedAt(place),
    };
    if (preferredSeen(before, now) === before) return;
  } else {
    counts.records += 1;
  }
  if (place >= 0) {
    table.setUpdatedAt(place, now.updatedAtMs);
    if (staged === undefined && table.isUnchanged(place, now.digest)) return;
  }
  const tracked = trackedOf(session, name, place);
  const { change, next } = decideSeen(tracked, now, rules);
  if (next === undefined) {
    // What an earlier page showed is void; what a webhook brought stays.
    if (staged?.touch === true) stage.set({ ...staged, seen: now });
    else stage.delete(key);
    return;
  }
  const payload =
    isTold(change) || source.diff === "values" ? Buffer.from(JSON.stringify(record)) : undefined;
  const digest = ownCopy(now.digest);
  stage.set({
    ...{ key, name: ownCopy(name), change, payload, touch: false },
    next: { ...next, digest },
    seen: { ...now, digest },
    before: tracked === "lost" ? undefined : tracked && { ...tracked, digest: Buffer.from(tracked.digest) },
    record: source.diff === "none" ? undefined : record,
  });
}
