import { type buildConnector, Client } from "undici";

/** How many connections there are, and how long one is kept. */
export interface ConnectionBounds {
  /** Connections of this process in all; the one that is idle longest makes room for a new one. */
  maxConnections: number;
  /** Connections of one owner to one origin (scheme, host and port); each carries one request at a time. */
  maxConnectionsPerOrigin: number;
  /** Requests of one owner that wait for a connection to one origin. */
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

interface Origin {
  name: string;
  url: string;
  open: number;
  /** The last that was used is taken first, so that the others may end. */
  idle: Client[];
  /** In the order of their coming; none waits while a connection is idle. */
  waiting: Set<OnConnection>;
}

/**
 * Connections that are kept and used again, by owner and origin: an owner whose calls hang keeps no other from the same
 * origin. Each stays with the address that it was opened to; one that
 * the target or the idle time-out has closed is opened anew, and checked again, when it is next used. undici's own
 * Pool is not used: its queue keeps requests that were given up, each of which ends a good connection when its turn
 * comes, and a request that it refuses leaves a connection marked busy for good.
 */
export class Connections {
  readonly #connect: buildConnector.connector;
  readonly #bounds: ConnectionBounds;
  /** Those that have a connection. */
  readonly #origins = new Map<string, Origin>();
  readonly #open = new Map<Client, Origin>();
  /** Of all origins, the longest idle first. */
  readonly #idle = new Set<Client>();
  #closed = false;

  constructor(connect: buildConnector.connector, bounds: ConnectionBounds) {
    this.#connect = connect;
    this.#bounds = bounds;
  }

  /** Gets a connection now, or as soon as one is free. False when too many are open, or wait, already. */
  take(url: string, onConnection: OnConnection, owner = ""): boolean {
    const { maxConnectionsPerOrigin, maxWaitingPerOrigin } = this.#bounds;
    const name = nameOf(url, owner);
    const origin = this.#origins.get(name) ?? { name, url, open: 0, idle: [], waiting: new Set() };
    const idle = origin.idle.pop();
    if (this.#closed) {
      onConnection(undefined);
    } else if (idle !== undefined) {
      this.#idle.delete(idle);
      onConnection(idle);
    } else if (origin.open < maxConnectionsPerOrigin && this.#makeRoom()) {
      onConnection(this.#openTo(origin));
    } else if (origin.open > 0 && origin.waiting.size < maxWaitingPerOrigin) {
      origin.waiting.add(onConnection);
    } else {
      return false;
    }
    return true;
  }

  /** Waits no longer. */
  withdraw(url: string, onConnection: OnConnection, owner = ""): void {
    this.#origins.get(nameOf(url, owner))?.waiting.delete(onConnection);
  }

  /** Gives a connection back whose request has ended; one that failed is not used again. */
  give(connection: Client, isReusable: boolean): void {
    const origin = this.#open.get(connection);
    // Everything was closed meanwhile.
    if (origin === undefined) return;
    const [next] = origin.waiting;
    if (!isReusable) this.#drop(connection, origin);
    if (next !== undefined) {
      origin.waiting.delete(next);
      next(isReusable ? connection : this.#openTo(origin));
    } else if (isReusable) {
      origin.idle.push(connection);
      this.#idle.add(connection);
    }
  }

  /** Ends all; requests that are under way or wait fail. */
  async close(): Promise<void> {
    this.#closed = true;
    const connections = [...this.#open.keys()];
    const waiting = [...this.#origins.values()].flatMap((origin) => [...origin.waiting]);
    this.#open.clear();
    this.#origins.clear();
    this.#idle.clear();
    for (const onConnection of waiting) onConnection(undefined);
    await Promise.all(connections.map((connection) => connection.destroy()));
  }

  #openTo(origin: Origin): Client {
    const { idleTimeoutMs, maxIdleTimeoutMs, maxRequestsPerConnection, maxResponseHeaderBytes } =
      this.#bounds;
    const connection = new Client(origin.url, {
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

  #makeRoom(): boolean {
    if (this.#open.size < this.#bounds.maxConnections) return true;
    const [longestIdle] = this.#idle;
    if (longestIdle === undefined) return false;
    const origin = this.#open.get(longestIdle) as Origin;
    this.#idle.delete(longestIdle);
    // The last used stand at the end, and the longest idle of all first.
    origin.idle.shift();
    this.#drop(longestIdle, origin);
    return true;
  }

  #drop(connection: Client, origin: Origin): void {
    this.#open.delete(connection);
    origin.open -= 1;
    if (origin.open === 0) this.#origins.delete(origin.name);
    connection.close(() => {});
  }
}

function nameOf(url: string, owner: string): string {
  return `${owner} ${url}`;
}
