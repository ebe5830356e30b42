/** Number of records of a poll in which each field appeared, or of polls in which it changed. */
export type FieldCounts = ReadonlyMap<string, number>;

const DRIFT_SHARE = 0.5;
const VOLATILE_SHARE = 0.95;
const MIN_POLLS = 20;

/** Returns fields that appeared in most records of one poll: a schema change by the provider. */
export function schemaDrift(appeared: FieldCounts, recordsSeen: number): string[] {
  return fieldsAbove(appeared, DRIFT_SHARE * recordsSeen);
}

/** Returns fields that changed in nearly every poll, of at least 20: candidates for the ignore list. */
export function volatileFields(changedPolls: FieldCounts, polls: number): string[] {
  return polls < MIN_POLLS ? [] : fieldsAbove(changedPolls, VOLATILE_SHARE * polls);
}

function fieldsAbove(counts: FieldCounts, count: number): string[] {
  return [...counts].filter(([, seen]) => seen > count).map(([pointer]) => pointer);
}
