/**
 * Returns whether an answer of a target ends its run at once. Always for 410, which means "gone for good". Never for a
 * status that the target calls temporary by asking to wait. Otherwise for the statuses that the flow lists, and if it
 * lists none, for redirects and every 4xx but those that often pass: 401 and 404 while a target is being deployed, 408,
 * 425 and 429 by their meaning.
 */
export function isFatalStatus(
  status: number,
  { asksToWait, listed }: { asksToWait: boolean; listed: readonly number[] | undefined },
): boolean {
  if (status === 410) return true;
  if (asksToWait) return false;
  return listed === undefined ? status < 500 && !OFTEN_PASS.has(status) : listed.includes(status);
}

const OFTEN_PASS = new Set([401, 404, 408, 425, 429]);
