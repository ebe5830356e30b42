import { type buildConnector, Client } from "undici";
import { Wire } from "./wire.ts";

/** Bounds of the connection pool. */
export interface ConnectionBounds {
  /** Connections of this process in total. The longest idle one closes to make room for a new one. */
  maxConnections: number;
  /** Connections of one owner to one origin (scheme, host and port); each carries one request at a time. */
  maxConnectionsPerOrigin: number;
  /** Requests of one owner that wait for a connection to one origin. */
  maxWaitingPerOrigin: number;
  /** How long an idle connection is kept, ms, unless the target gives another time. */
  idleTimeoutMs: number;
  /** How long an idle connection is kept at most, whatever the target gives, ms. */
  maxIdleTimeoutMs: number;
  /** Requests per connection, at most, so that the name of a busy target is resolved again now and then. */
  maxRequestsPerConnection: number;
  /** The headers of a response, at most, bytes. */
  maxResponseHeaderBytes: number;
}

/** Receives a connection, or undefined when the pool has closed. Called once; synchronously if a connection is free. */
export type OnConnection = (connection: Client | undefined) => void;

interface Origin {
  name: string;
  url: string;
  open: number;
  /** A stack: the last used is taken first, so that the others can time out. */
  idle: Client[];
  /** First come, first served. Empty while a connection is idle. */
  waiting: Set<OnConnection>;
}

/**
 * Keeps and reuses connections by owner and origin, so that the hanging calls of one owner never block another. A
 * connection stays with the address that it was opened to. One that the target or the idle time-out has closed is
 * reopened, with its address checked again, at its next use. undici's Pool does not fit: its queue keeps aborted
 * requests, each of which ends a good connection in its turn, and a request that it rejects leaves its connection busy
 * forever.
 */
export class Connections {
  readonly #connect: buildConnector.connector;
  readonly #bounds: ConnectionBounds;
  /** Origins with at least one connection, by name. */
  readonly #origins = new Map<string, Origin>();
  readonly #open = new Map<Client, Origin>();
  readonly #wires = new WeakMap<Client, Wire>();
  /** The idle connections of all origins, the longest idle first. */
  readonly #idle = new Set<Client>();
  #closed = false;

  constructor(connect: buildConnector.connector, bounds: ConnectionBounds) {
    this.#connect = connect;
    this.#bounds = bounds;
  }

  /** Hands over a connection now, or once one is free. Returns false if too many are open or too many requests wait. */
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

  /** Removes a waiting request. */
  withdraw(url: string, onConnection: OnConnection, owner = ""): void {
    this.#origins.get(nameOf(url, owner))?.waiting.delete(onConnection);
  }

  /** Returns a connection after its request. One that failed is closed. */
  give(connection: Client, isReusable: boolean): void {
    const origin = this.#open.get(connection);
    // The pool has closed meanwhile.
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

  /** Returns the watch of a connection's socket. */
  wireOf(connection: Client): Wire | undefined {
    return this.#wires.get(connection);
  }

  /** Closes a connection that failed, and opens another in its place. Undefined when the pool has closed. */
  replace(connection: Client): Client | undefined {
    const origin = this.#open.get(connection);
    if (origin === undefined) return undefined;
    this.#drop(connection, origin);
    return this.#openTo(origin);
  }

  /** Closes all connections; requests that are under way or wait fail. */
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
    const wire = new Wire(maxResponseHeaderBytes);
    const connection = new Client(origin.url, {
      connect: watched(this.#connect, wire),
      keepAliveTimeout: idleTimeoutMs,
      keepAliveMaxTimeout: maxIdleTimeoutMs,
      maxRequestsPerClient: maxRequestsPerConnection,
      maxHeaderSize: maxResponseHeaderBytes,
      // The request has a deadline of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.#wires.set(connection, wire);
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
    // The longest idle of all is also the longest idle of its origin, which stands first.
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

function watched(connect: buildConnector.connector, wire: Wire): buildConnector.connector {
  return (target, callback) => {
    connect(target, (...result) => {
      if (result[1]) wire.attach(result[1]);
      callback(...result);
    });
  };
}

function nameOf(url: string, owner: string): string {
  return `${owner} ${url}`;
}
