import { inTurns } from "../../runtime/turns.ts";
import type { FetchedPage, FetchReport } from "../fetch/fetched-page.ts";
import { comparePage } from "./compare-page.ts";
import { commitStage } from "./poll-commit.ts";
import type { PollContext } from "./poll-context.ts";
import { type PollProgress, tableOf } from "./poll-progress.ts";
import { pagesJoin } from "./snapshot.ts";

/** The remembered pages of the last poll, by ref. */
export interface RememberedPages {
  /** Returns the short names of the records on a page. */
  records(ref: string): number[];
  /** Returns the number of records on a page. */
  count(ref: string): number;
  /** Whether these are exactly the pages of the last poll, all unchanged, and that poll had no absent record. */
  areAll(visited: ReadonlyMap<string, unknown>): boolean;
}

/** The result of reading all pages of a source. */
export interface SnapshotReading {
  report: FetchReport;
  /** The refs of all pages read; compared pages have new notes. */
  visited: Map<string, { memory: FetchedPage["memory"]; records: number[] } | undefined>;
  /** Neighbouring pages between which records may have been skipped. */
  gaps: number;
  /** The provider's total on the last page that had one. */
  total: number | undefined;
  /** Unchanged pages with records that are no longer tracked. */
  doubtfulPages: number;
}

/**
 * Reads all pages and stages the changed records, committing whenever the stage is full. Unchanged pages are neither
 * parsed nor compared, and the digests are not loaded before the first changed page.
 */
export async function readSnapshot(
  context: PollContext,
  progress: PollProgress,
  pages: AsyncGenerator<FetchedPage, FetchReport, void>,
  remembered: RememberedPages,
  load: () => Promise<void>,
): Promise<SnapshotReading> {
  const { bounds } = context;
  const { counts, stage } = progress;
  const visited: SnapshotReading["visited"] = new Map();
  const drift = watchDrift();
  const skipped: string[] = [];
  let doubtfulPages = 0;

  function seeUnchanged(ref: string): void {
    const table = tableOf(progress);
    const indexes = remembered.records(ref).map((short) => table.findShort(short));
    for (const index of indexes) if (index >= 0 && !table.see(index)) counts.records += 1;
    if (indexes.every((index) => index >= 0)) return;
    doubtfulPages += 1;
    visited.delete(ref);
  }

  /** Counts the records if no page was compared. Absences are possible only if the set of pages changed. */
  async function countSkipped({ end }: FetchReport): Promise<void> {
    if (end.kind !== "last_page") {
      counts.records = skipped.reduce((sum, ref) => sum + remembered.count(ref), 0);
    } else if (remembered.areAll(visited)) {
      counts.records = progress.state.records;
    } else {
      await load();
      for (const ref of skipped) seeUnchanged(ref);
    }
  }

  for (;;) {
    const { value: page, done } = await pages.next();
    if (done === true) {
      if (progress.digests === undefined) await countSkipped(page);
      return { visited, doubtfulPages, report: page, gaps: drift.gaps, total: drift.total };
    }
    counts.pages += 1;
    if (page.records === undefined) {
      counts.unchangedPages += 1;
      visited.set(page.ref, undefined);
      if (progress.digests === undefined) skipped.push(page.ref);
      else seeUnchanged(page.ref);
      drift.see(page, () => remembered.records(page.ref));
    } else {
      if (progress.digests === undefined) {
        await load();
        for (const ref of skipped.splice(0)) seeUnchanged(ref);
      }
      const records = await inTurns(comparePage(context, progress, page, page.records));
      visited.set(page.ref, { memory: page.memory, records });
      drift.see(page, () => records);
    }
    await context.reached("page");
    if (stage.size >= bounds.maxStagedRecords || stage.bytes >= bounds.maxStagedBytes) {
      await commitStage(context, progress);
    }
  }
}

/** Counts the gaps between pages at which records may have been skipped because others were deleted meanwhile. */
function watchDrift() {
  let gaps = 0;
  let total: number | undefined;
  let last: string[] = [];
  return {
    get gaps() {
      return gaps;
    },
    /** The provider's total on the last page that had one. */
    get total() {
      return total;
    },
    see(page: FetchedPage, recordsOf: () => readonly number[]): void {
      const shrank = page.total !== undefined && total !== undefined && page.total < total;
      total = page.total ?? total;
      if (page.overlaps === undefined) {
        // A record deleted from an earlier page moves the others forward, past the start of this page.
        if (shrank) gaps += 1;
        return;
      }
      const records = recordsOf().map(String);
      const begins = records.length > 0 || last.length === 0;
      if (page.overlaps && !(begins && pagesJoin(last, records))) gaps += 1;
      last = records.slice(-1);
    },
  };
}
