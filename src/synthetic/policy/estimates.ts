/**
 * The rate of changes from polls at even distances that tell only whether there was one: `changed` of `polls` over
 * `overS` seconds, corrected for those that hid behind another.
 * Source: Cho and Garcia-Molina, "Estimating frequency of change", 2003.
 */
export function rateFromPolls(polls: number, changed: number, overS: number): number {
  return (-polls / overS) * Math.log((polls - changed + 0.5) / (polls + 0.5));
}

/** How many changes `changed` distinct records of `records` stand for: of two to one record, one is seen. */
export function changesBehind(changed: number, records: number): number {
  if (records <= 0 || changed === 0 || records > 50_000) return changed;
  return -records * Math.log((records - Math.min(changed, records) + 0.5) / (records + 0.5));
}
