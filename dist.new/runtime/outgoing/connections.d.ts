import { type buildConnector, Client } from "undici";
/** How many connections there are, and how long one is kept. */
export interface ConnectionLimits {
    /** Connections of this process in all; the one that is idle longest makes room for a new one. */
    maxConnections: number;
    /** Connections to one origin (scheme, host and port); each carries one request at a time. */
    maxConnectionsPerOrigin: number;
    /** Requests that wait for a connection to one origin. */
    maxWaitingPerOrigin: number;
    /** An idle connection is kept this long, ms, unless the target names another time. */
    idleTimeoutMs: number;
    /** Whatever the target names, an idle connection is kept no longer, ms. */
    maxIdleTimeoutMs: number;
    /** A connection carries no more requests: so that a busy target's name is resolved again now and then. */
    maxRequestsPerConnection: number;
    /** The head of an answer is no larger, bytes. */
    maxResponseHeaderBytes: number;
}
/** Is given a connection, or undefined when all are closed. Called once, and at once when one is free. */
export type OnConnection = (connection: Client | undefined) => void;
/**
 * Connections that are kept and used again, by origin. Each stays with the address that it was opened to; one that
 * the target or the idle time-out has closed is opened anew, and checked again, when it is next used. undici's own
 * Pool is not used: its queue keeps requests that were given up, each of which ends a good connection when its turn
 * comes, and a request that it refuses leaves a connection marked busy for good.
 */
export declare class Connections {
    #private;
    constructor(connect: buildConnector.connector, limits: ConnectionLimits);
    /** Gets a connection now, or as soon as one is free. False when too many are open, or wait, already. */
    take(name: string, onConnection: OnConnection): boolean;
    /** Waits no longer. */
    withdraw(name: string, onConnection: OnConnection): void;
    /** Gives a connection back whose request has ended; one that failed is not used again. */
    give(connection: Client, isReusable: boolean): void;
    /** Ends all; requests that are under way or wait fail. */
    close(): Promise<void>;
}
