/** In how many records of a poll a field appeared, or in how many polls it changed. */
export type FieldCounts = ReadonlyMap<string, number>;

const DRIFT_SHARE = 0.5;
const VOLATILE_SHARE = 0.95;
const MIN_POLLS = 20;

/** Fields that appeared in most records of one poll: the provider changed its schema, not its users their records. */
export function schemaDrift(appeared: FieldCounts, recordsSeen: number): string[] {
  return fieldsAbove(appeared, DRIFT_SHARE * recordsSeen);
}

/** Fields that changed in nearly every poll, of at least 20: likely to belong on the ignore list. */
export function volatileFields(changedPolls: FieldCounts, polls: number): string[] {
  return polls < MIN_POLLS ? [] : fieldsAbove(changedPolls, VOLATILE_SHARE * polls);
}

function fieldsAbove(counts: FieldCounts, count: number): string[] {
  return [...counts].filter(([, seen]) => seen > count).map(([pointer]) => pointer);
}
