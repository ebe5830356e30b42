/**
 * Estimates the number of changes behind `changed` distinct records of `records`, since two changes of one record
 * look like one. The 0.5 keeps it finite if every record changed. Source: Cho and Garcia-Molina, "Estimating
 * frequency of change", 2003, with records instead of polls.
 */
export function changesBehind(changed: number, records: number): number {
  if (records <= 0 || changed === 0 || records > 50_000) return changed;
  return -records * Math.log((records - Math.min(changed, records) + 0.5) / (records + 0.5));
}
