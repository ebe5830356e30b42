/** The facts from which a poll decides whether it saw every record. */
export interface SnapshotEvidence {
  lastPageReached: boolean;
  /** Pages that failed or could not be read. */
  failedPages: number;
  /** Neighbouring pages between which records may have been skipped (`pagesJoin`). */
  gaps: number;
  /** Records without a readable id. */
  unreadableRecords: number;
  /** Distinct records seen. */
  seen: number;
  /** The provider's total on the last page that had one. */
  total?: number | undefined;
  /** The account or its permissions differ from the last complete poll. */
  accessChanged: boolean;
  /** Records tracked, without deleted ones. */
  tracked: number;
}

/** Whether a snapshot is complete, or the reasons why not. */
export type Completeness = { complete: true } | { complete: false; reasons: string[] };

/** Decides whether the snapshot is proved complete. Absent records count as deleted only if so. */
export function judgeSnapshot(evidence: SnapshotEvidence): Completeness {
  const { seen, total, tracked } = evidence;
  const doubts: [boolean, string][] = [
    [!evidence.lastPageReached, "The last page was not reached"],
    [evidence.failedPages > 0, `${evidence.failedPages} pages could not be read`],
    [evidence.gaps > 0, `Records moved while pages were read: ${evidence.gaps} gaps between pages`],
    [evidence.unreadableRecords > 0, `${evidence.unreadableRecords} records could not be read`],
    [evidence.accessChanged, "The account or its permissions have changed"],
    [total !== undefined && seen < total, `Only ${seen} of ${total} records were seen`],
    [seen === 0 && tracked > 0 && total !== 0, "The response was empty and did not confirm a total of 0"],
  ];
  const reasons = doubts.filter(([holds]) => holds).map(([, reason]) => reason);
  return reasons.length === 0 ? { complete: true } : { complete: false, reasons };
}

/**
 * Whether no record can have been skipped between two pages by offset: the next page begins before the last one
 * ended. Both pages are record keys; pages must be requested with an overlap of at least one record.
 */
export function pagesJoin(page: readonly string[], next: readonly string[]): boolean {
  if (next.length === 0 || page.length === 0) return true;
  const last = new Set(next);
  return last.has(page[page.length - 1] as string);
}

/** The most deletions of one poll without an approval; `maxFraction` is relative to the tracked records. */
export interface DeletionBounds {
  maxFraction: number;
  maxCount: number;
}

/** Whether the deletions of a poll are allowed. `ceiling` is the most that would have been. */
export type GuardVerdict =
  | { kind: "allowed" }
  | { kind: "held"; count: number; ceiling: number; reason: string };

/**
 * Holds the deletions of a poll if they exceed both `maxCount` and `maxFraction` of the records. `approved` is the
 * number of deletions that an operator saw and approved, 0 for none.
 */
export function guardDeletions(
  { count, tracked }: { count: number; tracked: number },
  { maxFraction, maxCount }: DeletionBounds,
  approved = 0,
): GuardVerdict {
  const ceiling = Math.max(maxCount, Math.floor(maxFraction * tracked), approved);
  if (count <= ceiling) return { kind: "allowed" };
  const reason = `${count} of ${tracked} records are absent; deleting more than ${ceiling} at once needs an approval`;
  return { kind: "held", count, ceiling, reason };
}

/** Returns the status of a poll that read all pages it could. */
export function pollStatus(snapshot: Completeness, guard: GuardVerdict): "ok" | "degraded" | "held" {
  if (guard.kind === "held") return "held";
  return snapshot.complete ? "ok" : "degraded";
}

/** Returns the next value of the update cursor, Unix ms. It never moves back and stays `lagMs` behind the newest. */
export function cursorAfter(
  previousMs: number | undefined,
  maxSeenMs: number | undefined,
  lagMs: number,
): number | undefined {
  if (maxSeenMs === undefined) return previousMs;
  return Math.max(previousMs ?? Number.NEGATIVE_INFINITY, maxSeenMs - lagMs);
}
