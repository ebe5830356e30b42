import { LANES } from "../../domain/priority.js";
import { claimOutbox } from "../../postgres/outbox.js";
import { publishEvents, streamDepths } from "../../redis/event-stream.js";
import { shareBatch } from "./budgets.js";
import { createHighWater } from "./high-water.js";
/**
 * One step of fan-out: sees how much room the consumers have, claims due events that fit in, and publishes their
 * ids. The claim is committed before the ids are published: a crash between the two leaves a lease that ends.
 */
export function createRelay(deps) {
    const { database, redis, keys, queues, limits, now, onPublished } = deps;
    const highWater = createHighWater(limits);
    const afterTenants = new Map();
    return async () => {
        const room = highWater.room(await readDepths(redis, keys, queues), now());
        const budgets = shareBatch(room, limits.batchSize);
        if (budgets.size === 0)
            return { waitMs: limits.fullMs };
        const { maxTenants, leaseMs } = limits;
        const { events, nextAfter } = await claimOutbox(database, { budgets, afterTenants, maxTenants, leaseMs });
        for (const [lane, tenantId] of nextAfter)
            afterTenants.set(lane, tenantId);
        const walking = [...nextAfter.values()].some((tenantId) => tenantId !== "");
        if (events.length === 0)
            return { waitMs: walking ? 0 : waitFor(budgets, limits) };
        await publishEvents(redis, keys, events);
        onPublished(events.length);
        return { waitMs: 0 };
    };
}
/** A lane that had no room is looked at again soon; otherwise there is nothing due in any lane. */
function waitFor(budgets, limits) {
    return budgets.size < LANES.length ? limits.fullMs : limits.idleMs;
}
async function readDepths(redis, keys, queues) {
    const [streams, jobs] = await Promise.all([streamDepths(redis, keys), queues.depths()]);
    return new Map(LANES.map((lane) => {
        const { length, added } = streams.get(lane) ?? { length: 0, added: 0 };
        return [lane, { waiting: length + (jobs.get(lane) ?? 0), added, inStream: length }];
    }));
}
//# sourceMappingURL=relay.js.map