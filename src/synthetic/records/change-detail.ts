import { changedFields, type FieldDigests, fieldDigester } from "../digests/field-digests.ts";
import { DIFF_BOUNDS, type RecordDiff, recordDiffer } from "./record-diff.ts";
import type { RecordOptions } from "./record-options.ts";

/** How much is kept of each record, so that an update can say what changed. */
export type DiffMode = "none" | "fields" | "values";

/** What was kept of a record at its last change. A digest alone can say neither names nor values. */
export type Kept = { fields: FieldDigests } | { values: unknown };

export interface ChangeDetail {
  /** What to keep of a record that has a canonical form. */
  keep(record: unknown): Kept | undefined;
  /**
   * What changed since, as far as what was kept can tell: names and values, names alone (the changes are truncated),
   * or undefined for nothing. A mode that was changed meanwhile is served by what is there.
   */
  compare(kept: Kept | undefined, record: unknown): RecordDiff | undefined;
}

/** Throws `invalid_request` for options that are none. */
export function changeDetail(options: RecordOptions, mode: DiffMode, bounds = DIFF_BOUNDS): ChangeDetail {
  const diff = recordDiffer(options, bounds);
  const digests = fieldDigester(options);
  return {
    keep(record) {
      if (mode === "none") return undefined;
      return mode === "fields" ? { fields: digests(record) } : { values: record };
    },
    compare(kept, record) {
      if (kept === undefined || mode === "none") return undefined;
      if ("values" in kept) {
        const found = diff(kept.values, record);
        return mode === "values" ? found : namesOnly(Object.keys(found.changes), found.omitted);
      }
      const names = changedFields(kept.fields, digests(record));
      const shown = names.slice(0, bounds.maxChanges);
      return namesOnly(shown, names.length - shown.length);
    },
  };
}

function namesOnly(pointers: readonly string[], omitted: number): RecordDiff {
  const changes = Object.fromEntries(pointers.map((pointer) => [pointer, { truncated: true as const }]));
  return { changes, omitted };
}
