import pg from "pg";
import { freePort } from "../src/embedded/free-port.ts";
import { type Answered, countingLoop, openLoop, type PreparedRequest, percentile } from "./load.ts";
import { ADMIN_KEY, type BenchStores, end, type Row, ready, row, startServer } from "./servers.ts";

const EVENTS = 1_000_000;
const ROUND_MS = 6_000;
const CALLS_PER_SECOND = 50;

/** Measures the cost of 500 connections with unknown keys to valid calls. */
export async function benchStrangers(stores: BenchStores): Promise<Row[]> {
  return await withApi(stores, async (port) => {
    let made = 0;
    const stranger = () => {
      made += 1;
      return get("/tenants/bench", `made-up-key-${made}-of-nobody`);
    };
    return await underLoad("strangers: 500 connections", {
      port,
      call: get("/tenants/bench", ADMIN_KEY),
      others: { connections: 500, next: stranger },
    });
  });
}

/** Measures the cost of eight lists of one tenant, which find nothing in a million events, to another tenant. */
export async function benchLists(stores: BenchStores): Promise<Row[]> {
  return await withApi(stores, async (port) => {
    await fill(stores.databaseUrl);
    const asking = await newKey(port, "crowd");
    const other = await newKey(port, "bench");
    return await underLoad("lists: eight lists of another tenant", {
      port,
      call: get("/tenants/bench/events?limit=10", other),
      others: { connections: 8, next: () => get("/tenants/crowd/events?status=accepted", asking) },
    });
  });
}

/** The latency of a call under load as a ratio to its latency alone, and the number of 503 responses. */
async function underLoad(
  name: string,
  load: {
    port: number;
    call: PreparedRequest;
    others: { connections: number; next: () => PreparedRequest };
  },
): Promise<Row[]> {
  const { port, call, others } = load;
  const measure = async () => {
    const { answers } = await openLoop({
      port,
      connections: 4,
      perSecond: CALLS_PER_SECOND,
      durationMs: ROUND_MS,
      next: () => call,
    });
    return answers;
  };
  await measure();
  const alone = await measure();
  const [beside, loaded] = await Promise.all([
    measure(),
    countingLoop({ ...others, port, durationMs: ROUND_MS, isGood: () => true }),
  ]);
  const median = (answers: readonly Answered[]) =>
    percentile(
      answers.map(({ latencyMs }) => latencyMs),
      0.5,
    );
  const failed = beside.filter(({ status }) => status !== 200).length;
  return [
    row(`${name}: load answered`, (loaded.good * 1_000) / loaded.elapsedMs, "req/s"),
    row(`${name}: a call alone`, median(alone), "ms"),
    row(`${name}: a call under load`, median(beside), "ms"),
    row(`${name}: under load / alone`, median(beside) / median(alone), "ratio", { atMost: 3 }),
    row(`${name}: calls rejected under load`, failed, "calls", { atMost: 0 }),
  ];
}

async function withApi(stores: BenchStores, bench: (port: number) => Promise<Row[]>): Promise<Row[]> {
  const port = await freePort();
  const server = startServer(stores, "api", port);
  try {
    await ready(port);
    for (const tenant of ["bench", "crowd"]) await call(port, "PUT", `/tenants/${tenant}`, {});
    return await bench(port);
  } finally {
    await end(server);
  }
}

function get(path: string, key: string): PreparedRequest {
  const head = `GET /api/v1${path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${key}\r\n\r\n`;
  return { name: path, bytes: Buffer.from(head) };
}

async function newKey(port: number, tenantId: string): Promise<string> {
  const made = await call(port, "POST", "/keys", { name: tenantId, scope: "read", tenant_id: tenantId });
  return made["key"] as string;
}

async function call(
  port: number,
  method: string,
  path: string,
  body: unknown,
): Promise<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

/** Inserts a million routed events of one tenant, and some of another. */
async function fill(databaseUrl: string): Promise<void> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    await client.query(`
      INSERT INTO events (id, tenant_id, connector, endpoint, type, source, priority, received_at, delivery_key,
          flows_counter, payload)
        SELECT uuid7(clock_us() - n * 50), CASE WHEN n % 10000 = 0 THEN 'bench' ELSE 'crowd' END, 'shop', 'default',
          'order.created', 'webhook', 2, now(), n::text, 1, '{"status":"completed","total":120}'
        FROM generate_series(1, ${EVENTS}) n;
      INSERT INTO verdicts (event_id, tenant_id, status) SELECT id, tenant_id, 'routed' FROM events;
      ANALYZE;`);
  } finally {
    await client.end();
  }
}
