import { HeadraceError } from "../../domain/errors.js";
import { digestOf } from "../../domain/idempotency-key.js";
import { priorityOf } from "../../domain/priority.js";
import { answerSignedChallenge } from "./challenge.js";
import { readDelivery } from "./delivery.js";
import { keptHeaders } from "./kept-headers.js";
/**
 * Judges a delivery and commits its events. Resolves with `accepted` or `duplicate` only when they are committed;
 * throws `store_unavailable` when PostgreSQL cannot take them now. What is known of endpoints is compared with the
 * receive counter before any answer, so that a change holds on every copy once the call that made it returned.
 */
export function createReceiver(deps) {
    const { endpoints, acceptor, hints, readCounter, now } = deps;
    /** An answer, or undefined when the endpoint changed meanwhile. */
    async function tryOnce(name, request) {
        const endpoint = await endpoints.get(name);
        const early = judge(endpoint, request, now());
        if (early !== undefined)
            return (await isCurrent(endpoint)) ? early : undefined;
        const events = readEvents(name, endpoint.scheme, request);
        const { ack } = endpoint.scheme;
        if (events.length === 0)
            return (await isCurrent(endpoint)) ? { kind: "accepted", eventIds: [], ack } : undefined;
        const digest = digestOf(name.tenantId, name.connector, name.endpoint, events[0]?.deliveryKey ?? "");
        const delivery = { events, verifiedAt: endpoint.counter };
        const answer = await firstOf(acceptor.accept(delivery), seenBefore(delivery, digest));
        if (answer.kind === "stale") {
            endpoints.advance(answer.counter);
            return undefined;
        }
        if (answer.kind === "seen") {
            return (await isCurrent(endpoint)) ? { kind: "duplicate", eventIds: [answer.eventId], ack } : undefined;
        }
        const eventIds = answer.events.map((event) => event.eventId);
        if (events.length === 1)
            hints.mark({ digest, eventId: eventIds[0] });
        return {
            kind: answer.events.every((event) => event.duplicate) ? "duplicate" : "accepted",
            eventIds,
            ack,
        };
    }
    /** An early answer, or one from the hint, commits nothing that could compare the counter: it is read. */
    async function isCurrent(endpoint) {
        const counter = await readCounter();
        endpoints.advance(counter);
        return counter === endpoint.counter;
    }
    /** Asked only of a delivery that waits in any case, so that a first delivery never waits for Redis. */
    async function seenBefore(delivery, digest) {
        if (!acceptor.busy || delivery.events.length !== 1)
            return undefined;
        const eventId = await hints.find(digest);
        return eventId !== undefined && acceptor.withdraw(delivery) ? { kind: "seen", eventId } : undefined;
    }
    return async (name, request) => {
        for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
            const answer = await tryOnce(name, request);
            if (answer !== undefined)
                return answer;
        }
        throw new HeadraceError("store_unavailable", `The endpoint changed ${MAX_TRIES} times while one delivery was judged`);
    };
}
const MAX_TRIES = 5;
/** The answer to what is no delivery to be committed; undefined when it is one. */
function judge(endpoint, request, nowMs) {
    // Also for an endpoint that takes nothing: how long the answer takes must not tell which it is.
    const verdict = endpoint.verify(request, nowMs);
    if (endpoint.closed !== undefined)
        return { kind: "rejected", reason: endpoint.closed };
    const limitBytes = endpoint.scheme.body_limit_bytes;
    if (request.body.length > limitBytes)
        return { kind: "too_large", limitBytes };
    if (verdict.kind === "rejected")
        return verdict;
    const challenge = answerSignedChallenge(endpoint.scheme, request);
    return challenge === undefined ? undefined : { kind: "challenge", ...challenge };
}
function readEvents(name, scheme, request) {
    const delivery = readDelivery(scheme, request);
    const headers = keptHeaders(scheme, request);
    return delivery.events.map((event) => ({
        ...name,
        type: event.type,
        source: "webhook",
        priority: priorityOf("webhook"),
        occurredAtMs: event.occurredAtMs,
        deliveryKey: event.keys[0].key,
        item: event.item,
        headers,
        // An item of a batch is cut out of its delivery, and is JSON whatever the delivery was.
        ...(scheme.items === undefined || delivery.body.kind === "unreadable"
            ? { contentType: delivery.contentType, payload: request.body }
            : { contentType: "application/json", payload: Buffer.from(JSON.stringify(event.data)) }),
        keys: event.keys,
    }));
}
/** The first answer; a hint that knows nothing decides nothing. */
function firstOf(answer, seen) {
    return new Promise((resolve, reject) => {
        answer.then(resolve, reject);
        seen.then((found) => {
            if (found !== undefined)
                resolve(found);
        }, () => { });
    });
}
//# sourceMappingURL=receiver.js.map