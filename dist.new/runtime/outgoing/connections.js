import { Client } from "undici";
/**
 * Connections that are kept and used again, by origin. Each stays with the address that it was opened to; one that
 * the target or the idle time-out has closed is opened anew, and checked again, when it is next used. undici's own
 * Pool is not used: its queue keeps requests that were given up, each of which ends a good connection when its turn
 * comes, and a request that it refuses leaves a connection marked busy for good.
 */
export class Connections {
    #connect;
    #limits;
    /** Those that have a connection. */
    #origins = new Map();
    #open = new Map();
    /** Of all origins, the longest idle first. */
    #idle = new Set();
    #closed = false;
    constructor(connect, limits) {
        this.#connect = connect;
        this.#limits = limits;
    }
    /** Gets a connection now, or as soon as one is free. False when too many are open, or wait, already. */
    take(name, onConnection) {
        const { maxConnectionsPerOrigin, maxWaitingPerOrigin } = this.#limits;
        const origin = this.#origins.get(name) ?? { name, open: 0, idle: [], waiting: new Set() };
        const idle = origin.idle.pop();
        if (this.#closed) {
            onConnection(undefined);
        }
        else if (idle !== undefined) {
            this.#idle.delete(idle);
            onConnection(idle);
        }
        else if (origin.open < maxConnectionsPerOrigin && this.#makeRoom()) {
            onConnection(this.#openTo(origin));
        }
        else if (origin.open > 0 && origin.waiting.size < maxWaitingPerOrigin) {
            origin.waiting.add(onConnection);
        }
        else {
            return false;
        }
        return true;
    }
    /** Waits no longer. */
    withdraw(name, onConnection) {
        this.#origins.get(name)?.waiting.delete(onConnection);
    }
    /** Gives a connection back whose request has ended; one that failed is not used again. */
    give(connection, isReusable) {
        const origin = this.#open.get(connection);
        // Everything was closed meanwhile.
        if (origin === undefined)
            return;
        const [next] = origin.waiting;
        if (!isReusable)
            this.#drop(connection, origin);
        if (next !== undefined) {
            origin.waiting.delete(next);
            next(isReusable ? connection : this.#openTo(origin));
        }
        else if (isReusable) {
            origin.idle.push(connection);
            this.#idle.add(connection);
        }
    }
    /** Ends all; requests that are under way or wait fail. */
    async close() {
        this.#closed = true;
        const connections = [...this.#open.keys()];
        const waiting = [...this.#origins.values()].flatMap((origin) => [...origin.waiting]);
        this.#open.clear();
        this.#origins.clear();
        this.#idle.clear();
        for (const onConnection of waiting)
            onConnection(undefined);
        await Promise.all(connections.map((connection) => connection.destroy()));
    }
    #openTo(origin) {
        const { idleTimeoutMs, maxIdleTimeoutMs, maxRequestsPerConnection, maxResponseHeaderBytes } = this.#limits;
        const connection = new Client(origin.name, {
            connect: this.#connect,
            keepAliveTimeout: idleTimeoutMs,
            keepAliveMaxTimeout: maxIdleTimeoutMs,
            maxRequestsPerClient: maxRequestsPerConnection,
            maxHeaderSize: maxResponseHeaderBytes,
            // The request's own deadline ends it.
            headersTimeout: 0,
            bodyTimeout: 0,
        });
        origin.open += 1;
        this.#open.set(connection, origin);
        this.#origins.set(origin.name, origin);
        return connection;
    }
    #makeRoom() {
        if (this.#open.size < this.#limits.maxConnections)
            return true;
        const [longestIdle] = this.#idle;
        if (longestIdle === undefined)
            return false;
        const origin = this.#open.get(longestIdle);
        this.#idle.delete(longestIdle);
        // The last used stand at the end, and the longest idle of all first.
        origin.idle.shift();
        this.#drop(longestIdle, origin);
        return true;
    }
    #drop(connection, origin) {
        this.#open.delete(connection);
        origin.open -= 1;
        if (origin.open === 0)
            this.#origins.delete(origin.name);
        connection.close(() => { });
    }
}
//# sourceMappingURL=connections.js.map