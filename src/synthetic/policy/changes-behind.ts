/**
 * How many changes `changed` distinct records of `records` stand for, since of two to one record one is seen. The
 * 0.5 keep it finite where every record changed.
 * Source: Cho and Garcia-Molina, "Estimating frequency of change", 2003, with records in the place of polls.
 */
export function changesBehind(changed: number, records: number): number {
  if (records <= 0 || changed === 0 || records > 50_000) return changed;
  return -records * Math.log((records - Math.min(changed, records) + 0.5) / (records + 0.5));
}
