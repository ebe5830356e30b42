import { LANES, type Priority } from "../../domain/priority.ts";

/** The lanes' shares of a batch while events wait in all of them. */
const WEIGHTS: Readonly<Record<Priority, number>> = { 1: 8, 2: 4, 3: 2, 4: 1 };

/**
 * Shares a batch among the lanes with room: each gets its share by weight, so that no lane starves, and then the shares
 * that others cannot use, at most its room. Pure.
 */
export function shareBatch(room: ReadonlyMap<Priority, number>, batchSize: number): Map<Priority, number> {
  const open = LANES.filter((lane) => (room.get(lane) ?? 0) > 0);
  const weights = open.reduce((sum, lane) => sum + WEIGHTS[lane], 0);
  const budgets = new Map<Priority, number>();
  let left = batchSize;
  for (const lane of open) {
    const share = Math.max(1, Math.floor((batchSize * WEIGHTS[lane]) / weights));
    budgets.set(lane, Math.min(share, room.get(lane) ?? 0));
    left -= budgets.get(lane) ?? 0;
  }
  for (const lane of open) {
    const more = Math.max(0, Math.min(left, (room.get(lane) ?? 0) - (budgets.get(lane) ?? 0)));
    budgets.set(lane, (budgets.get(lane) ?? 0) + more);
    left -= more;
  }
  return budgets;
}
