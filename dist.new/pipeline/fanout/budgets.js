import { LANES } from "../../domain/priority.js";
/** How the lanes share one batch while all of them have events waiting: eight to four to two to one. */
const WEIGHTS = { 1: 8, 2: 4, 3: 2, 4: 1 };
/**
 * How many events each lane may claim in a batch of `batchSize`: its share by weight, so that a lower lane never
 * starves, what the others cannot use besides, and never more than its room.
 */
export function shareBatch(room, batchSize) {
    const open = LANES.filter((lane) => (room.get(lane) ?? 0) > 0);
    const weights = open.reduce((sum, lane) => sum + WEIGHTS[lane], 0);
    const budgets = new Map();
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
//# sourceMappingURL=budgets.js.map