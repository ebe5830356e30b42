import { HeadraceError } from "../../domain/errors.js";
import { acceptEvents } from "../../postgres/accept.js";
import { isUnavailable } from "../../postgres/database.js";
import { Batcher } from "../../runtime/batcher.js";
import { failpoint } from "../../runtime/failpoint.js";
/**
 * Commits deliveries in groups: one or two transactions are under way, and the next one takes what arrived
 * meanwhile. `onAccepted` is called once a transaction that wrote new events is committed.
 */
export function createAcceptor(deps) {
    const { database, limits, onAccepted } = deps;
    const batcher = new Batcher(async (deliveries) => {
        const answers = await commit(database, deliveries);
        failpoint("accept.committed");
        const written = answers.reduce((sum, answer) => sum + newEvents(answer), 0);
        if (written > 0)
            onAccepted(written);
        return answers;
    }, {
        maxItems: limits.maxDeliveries,
        maxWeight: limits.maxBytes,
        weigh: (delivery) => delivery.events.reduce((sum, event) => sum + event.payload.length, 0),
        inFlight: limits.inFlight,
        maxWaiting: limits.maxWaiting,
        full: () => new HeadraceError("store_unavailable", `${limits.maxWaiting} deliveries wait for PostgreSQL already`),
    });
    return {
        async accept(delivery) {
            const answer = await batcher.add(delivery);
            if (answer instanceof Error)
                throw answer;
            return answer;
        },
        withdraw: (delivery) => batcher.withdraw(delivery),
        get busy() {
            return batcher.busy;
        },
    };
}
/** One transaction for all; when PostgreSQL refuses it, halves, so that one bad row costs only itself. */
async function commit(database, deliveries) {
    const verifiedAt = commonCounter(deliveries);
    if (verifiedAt.kind === "mixed")
        return inHalves(database, deliveries);
    try {
        const events = deliveries.flatMap((delivery) => delivery.events);
        const result = await acceptEvents(database, events, verifiedAt.counter);
        if (result.kind === "stale")
            return deliveries.map(() => result);
        let start = 0;
        return deliveries.map((delivery) => {
            const events = result.events.slice(start, start + delivery.events.length);
            start += delivery.events.length;
            return { kind: "accepted", events };
        });
    }
    catch (error) {
        if (deliveries.length > 1 && !isUnavailable(error))
            return inHalves(database, deliveries);
        return deliveries.map(() => (error instanceof Error ? error : new Error(String(error))));
    }
}
async function inHalves(database, deliveries) {
    const middle = deliveries.length >> 1;
    const first = await commit(database, deliveries.slice(0, middle));
    return [...first, ...(await commit(database, deliveries.slice(middle)))];
}
/** Deliveries verified at different counters cannot share one comparison; those verified at none go with any. */
function commonCounter(deliveries) {
    let counter;
    for (const { verifiedAt } of deliveries) {
        if (verifiedAt === undefined || verifiedAt === counter)
            continue;
        if (counter !== undefined)
            return { kind: "mixed" };
        counter = verifiedAt;
    }
    return { kind: "common", counter };
}
function newEvents(answer) {
    if (answer instanceof Error || answer.kind === "stale")
        return 0;
    return answer.events.filter((event) => !event.duplicate).length;
}
//# sourceMappingURL=acceptor.js.map