import { createAddressRules } from "./address-rules.js";
import { Connections } from "./connections.js";
import { exchange } from "./exchange.js";
import { createGuardedConnect, systemLookup } from "./guarded-connect.js";
import { flawOf } from "./request-rules.js";
export const DEFAULT_OUTGOING_LIMITS = {
    maxConnections: 512,
    maxConnectionsPerOrigin: 64,
    maxWaitingPerOrigin: 1_024,
    // Below the 5 s after which many servers close.
    idleTimeoutMs: 4_000,
    maxIdleTimeoutMs: 30_000,
    maxRequestsPerConnection: 1_000,
    maxResponseHeaderBytes: 16_384,
    connectTimeoutMs: 5_000,
};
/** HTTP calls that reach public addresses and what `allowPrivate` names, over connections that are kept. */
export function createOutgoingHttp(options) {
    const { allowPrivate, lookup = systemLookup } = options;
    const limits = { ...DEFAULT_OUTGOING_LIMITS, ...options.limits };
    const connect = createGuardedConnect({
        rules: createAddressRules(allowPrivate),
        lookup,
        connectTimeoutMs: limits.connectTimeoutMs,
    });
    const connections = new Connections(connect, limits);
    return {
        async request({ url, method, body, timeoutMs, maxResponseBytes, signal, ...request }) {
            const headers = { "user-agent": "headrace", ...lowerCaseNames(request.headers) };
            const flaw = flawOf({ url, method, headers });
            if (flaw !== undefined)
                return { kind: "refused", code: "REQUEST_INVALID", message: flaw };
            const { origin, pathname, search } = new URL(url);
            return exchange(connections, {
                origin,
                path: pathname + search,
                method: method,
                headers,
                body,
                timeoutMs,
                maxResponseBytes,
                signal,
            });
        },
        close: () => connections.close(),
    };
}
function lowerCaseNames(headers) {
    return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
//# sourceMappingURL=outgoing-http.js.map