import { changedFields, type FieldDigests, fieldDigester } from "../digests/field-digests.ts";
import { DIFF_BOUNDS, type RecordDiff, recordDiffer } from "./record-diff.ts";
import type { RecordOptions } from "./record-options.ts";

/** How much of each record is kept to describe an update. */
export type DiffMode = "none" | "fields" | "values";

/** The part of a record that was kept at its last change. */
export type Kept = { fields: FieldDigests } | { values: unknown };

/** Keeps a part of each record and describes updates with it. */
export interface ChangeDetail {
  /** Returns the part to keep of a record that has a canonical form. */
  keep(record: unknown): Kept | undefined;
  /**
   * Returns the changes since `kept`: names and values, or names alone (truncated changes). Returns undefined if
   * nothing was kept. If the mode changed since, the result is as detailed as both modes allow.
   */
  compare(kept: Kept | undefined, record: unknown): RecordDiff | undefined;
}

/** Returns the change detail of a mode. Throws `invalid_request` for invalid options. */
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
