import { Cluster, Redis } from "ioredis";
export function connectRedis(settings, use) {
    const options = redisOptions(settings, use);
    const nodes = settings.url.split(",").map((node) => node.trim());
    const client = nodes.length === 1
        ? new Redis(nodes[0], options)
        : new Cluster(nodes, clusterOptions(nodes, options, use));
    // With no listener, a refused connection would end the process.
    client.on("error", settings.onError);
    return client;
}
function redisOptions(settings, use) {
    return {
        connectTimeout: settings.connectTimeoutMs,
        keepAlive: 10_000,
        retryStrategy: (tries) => Math.min(50 * 2 ** Math.min(tries, 6), 2_000),
        // After a failover the old master answers as a replica: go and find the new one.
        reconnectOnError: (error) => error.message.startsWith("READONLY"),
        ...(use === "request"
            ? {
                enableOfflineQueue: false,
                autoResendUnfulfilledCommands: false,
                maxRetriesPerRequest: 0,
                commandTimeout: settings.commandTimeoutMs,
                enableAutoPipelining: true,
            }
            : { maxRetriesPerRequest: null }),
    };
}
function clusterOptions(nodes, options, use) {
    const first = new URL(nodes[0]);
    return {
        redisOptions: {
            ...options,
            ...(first.username === "" ? {} : { username: decodeURIComponent(first.username) }),
            ...(first.password === "" ? {} : { password: decodeURIComponent(first.password) }),
            ...(first.protocol === "rediss:" ? { tls: {} } : {}),
        },
        enableOfflineQueue: use !== "request",
        enableAutoPipelining: use === "request",
    };
}
//# sourceMappingURL=client.js.map