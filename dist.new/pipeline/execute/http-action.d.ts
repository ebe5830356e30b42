import type { ErrorDetail } from "../../domain/errors.ts";
import type { RunAction } from "../../domain/flow-run.ts";
import type { Clock } from "../../runtime/clock.ts";
import { type OutgoingHttp } from "../../runtime/outgoing/index.ts";
/**
 * How long a target may take, ms. The lease of a run is kept alive by a heartbeat, so that it sets no limit; what
 * does is the worker that waits meanwhile, and the drain of a process that stops. 15 to 30 s is what Standard
 * Webhooks asks of senders; below 100 ms a handshake over TLS has no chance.
 */
export declare const HTTP_TIMEOUT_MS: {
    readonly default: 10000;
    readonly min: 100;
    readonly max: 30000;
};
/**
 * Sends the event to a URL: as a signed CloudEvent, or with the body that the flow gives. 2xx succeeds; 408, 425, 429,
 * 5xx and faults of the network are tried again, after `Retry-After` where the target names it; every other answer
 * (redirects too, which are not followed) and a target that may not be called are dead at once. Of the answer only
 * the status is kept: its body may repeat what the event holds, and would outlive the event's erasure.
 */
export declare function createHttpAction(deps: {
    outgoing: OutgoingHttp;
    clock: Clock;
}): RunAction;
/** The headers that a flow may not set, each with the reason, and those that are malformed; empty when all are good. */
export declare function checkActionHeaders(headers: Readonly<Record<string, string>>): ErrorDetail[];
