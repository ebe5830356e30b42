/** What a poll can say for its claim to have seen every record. */
export interface SnapshotEvidence {
  lastPageReached: boolean;
  /** Pages that failed or could not be read. */
  failedPages: number;
  /** Neighbouring pages between which records may have been skipped (`pagesJoin`). */
  gaps: number;
  /** Records that could not be read: which ones is not known. */
  unreadableRecords: number;
  /** Distinct records seen. */
  seen: number;
  /** How many there are, where the provider says so; as of the last page. */
  total?: number | undefined;
  /** The account or what it may see is another than in the last complete poll. */
  accessChanged: boolean;
  /** Records tracked, without deleted ones. */
  tracked: number;
}

export type Completeness = { complete: true } | { complete: false; reasons: string[] };

/** Absence means something only in a snapshot that is proved complete. */
export function judgeSnapshot(evidence: SnapshotEvidence): Completeness {
  const { seen, total, tracked } = evidence;
  const doubts: [boolean, string][] = [
    [!evidence.lastPageReached, "The last page was not reached"],
    [evidence.failedPages > 0, `${evidence.failedPages} of the pages could not be read`],
    [evidence.gaps > 0, `Records moved while pages were read: ${evidence.gaps} gaps between pages`],
    [evidence.unreadableRecords > 0, `${evidence.unreadableRecords} of the records could not be read`],
    [evidence.accessChanged, "The account, or what it may see, has changed"],
    [total !== undefined && seen < total, `${seen} records were seen of ${total}`],
    [
      seen === 0 && tracked > 0 && total !== 0,
      "The answer was empty, and nothing in it confirms that there are no records",
    ],
  ];
  const reasons = doubts.filter(([holds]) => holds).map(([, reason]) => reason);
  return reasons.length === 0 ? { complete: true } : { complete: false, reasons };
}

/**
 * Whether no record can have slipped between two pages of an offset: the next page begins before the last one ended.
 * Both are the keys of their records; the reader asks for pages that overlap by one record or more.
 */
export function pagesJoin(page: readonly string[], next: readonly string[]): boolean {
  if (next.length === 0 || page.length === 0) return true;
  const last = new Set(next);
  return last.has(page[page.length - 1] as string);
}

export interface DeletionLimits {
  maxFraction: number;
  maxCount: number;
}

export type GuardVerdict =
  | { kind: "allowed" }
  | { kind: "held"; count: number; ceiling: number; reason: string };

/**
 * Holds back the deletions of a poll when they are more than `maxCount` and more than `maxFraction` of the records.
 * An approval is a ceiling: it lets through no more than were shown to who approved.
 */
export function guardDeletions(
  { count, tracked }: { count: number; tracked: number },
  { maxFraction, maxCount }: DeletionLimits,
  approved = 0,
): GuardVerdict {
  const ceiling = Math.max(maxCount, Math.floor(maxFraction * tracked), approved);
  if (count <= ceiling) return { kind: "allowed" };
  const reason = `${count} of ${tracked} records are absent, and more than ${ceiling} at once need an approval`;
  return { kind: "held", count, ceiling, reason };
}

/** What a poll that ran to its end is called. Held deletions are a failure, until someone has looked. */
export function pollStatus(snapshot: Completeness, guard: GuardVerdict): "ok" | "degraded" | "held" {
  if (guard.kind === "held") return "held";
  return snapshot.complete ? "ok" : "degraded";
}

/** From where the next poll reads what was updated, Unix ms: never back, and before what may still come late. */
export function cursorAfter(
  previousMs: number | undefined,
  maxSeenMs: number | undefined,
  lagMs: number,
): number | undefined {
  if (maxSeenMs === undefined) return previousMs;
  return Math.max(previousMs ?? Number.NEGATIVE_INFINITY, maxSeenMs - lagMs);
}
