import type { FastifyInstance } from "fastify";
import { Registry } from "prom-client";
import { onTestFinished } from "vitest";
import { normalize } from "../../src/domain/event/normalize.ts";
import { finish } from "../../src/domain/slices.ts";
import { createHttpServer, type HttpDeps } from "../../src/http/server/server.ts";
import { checkActionHeaders } from "../../src/pipeline/execute/actions/http-action.ts";
import { createAcceptor } from "../../src/pipeline/receive/acceptor.ts";
import { decideRouting } from "../../src/pipeline/route/decide.ts";
import { createDeployedFlows } from "../../src/pipeline/route/deployed-flows.ts";
import { ensureAdminKey } from "../../src/postgres/access/api-keys.ts";
import type { Database } from "../../src/postgres/core/database.ts";
import { createKeyRing } from "../../src/postgres/core/key-ring.ts";
import { loadEvents } from "../../src/postgres/events/events.ts";
import { routeEvents } from "../../src/postgres/events/routing.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { DEFAULT_BOUNDS } from "../../src/wiring/bounds.ts";
import { migratedDatabase } from "../support/database.ts";

export const ADMIN_KEY = "an-admin-key-of-the-tests-0123456789";
export const KEY_RING = createKeyRing(`k1:${Buffer.alloc(32, 7).toString("base64")}`);

const { http } = DEFAULT_BOUNDS;

/** One test may try an unknown key on every route in a second. */
const BOUNDS = {
  ...http,
  access: { ...http.access, failures: { ...http.access.failures, max: 1_000 } },
};

export interface Answer {
  status: number;
  headers: Record<string, unknown>;
  // Tests state the response's shape in their expectations.
  // biome-ignore lint/suspicious/noExplicitAny: the body of any route
  body: any;
}

export interface ServedApi {
  database: Database;
  server: FastifyInstance;
  /** The logged lines. */
  logged: string[];
  /** Calls a route below /api/v1 with the admin key or the given key. An empty key sends none. */
  call(method: string, path: string, body?: unknown, key?: string): Promise<Answer>;
}

/** The API on a database of its own, without a port. */
export async function serveApi(over: Partial<HttpDeps> = {}): Promise<ServedApi> {
  const { database } = await migratedDatabase();
  await ensureAdminKey(database, ADMIN_KEY);
  const logged: string[] = [];
  const server = createHttpServer({
    log: createLogger("debug", { write: (line: string) => void logged.push(line) }),
    database,
    keyRing: KEY_RING,
    keyUse: { note() {} },
    acceptor: createAcceptor({
      database: database.ingest,
      bounds: { maxDeliveries: 64, evenAbove: 16, maxBytes: 1_048_576, inFlight: 2, maxWaiting: 1_000 },
      onDue() {},
      onCommitted() {},
      onSeen() {},
    }),
    takeQuota: async () => 0,
    checkActionHeaders,
    dispatch: { leaseMs: 60_000, queue: () => {} },
    pollDispatch: { pollNow: () => {}, keptPolls: 20 },
    trustedProxies: [],
    publicUrl: "https://hooks.example",
    registry: new Registry(),
    readiness: async () => ({ ready: true, checks: { postgres: { ok: true } } }),
    onUnavailable: () => {},
    bounds: BOUNDS,
    onRefused: () => {},
    onDropped: () => {},
    version: "1.2.3",
    serveApi: true,
    ...over,
  });
  await server.ready();
  onTestFinished(() => server.close());
  return {
    database,
    server,
    logged,
    async call(method, path, body, key = ADMIN_KEY) {
      const answer = await server.inject({
        method: method as "GET",
        url: `/api/v1${path}`,
        headers: {
          ...(key === "" ? {} : { authorization: `Bearer ${key}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { payload: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      return {
        status: answer.statusCode,
        headers: answer.headers,
        body: answer.body === "" ? undefined : JSON.parse(answer.body),
      };
    },
  };
}

/** Routes events as a router does. */
export async function route(database: Database, eventIds: readonly string[]): Promise<void> {
  const events = await loadEvents(database.pipeline, eventIds);
  const moments = events.map((event) => event.flowsCounter);
  const flows = createDeployedFlows(database.pipeline);
  await flows.prepare({ oldest: Math.min(...moments), newest: Math.max(...moments) });
  const decision = finish(decideRouting(events, normalize, flows));
  await routeEvents(database.pipeline, decision, { queuedLeaseMs: 60_000 });
}
