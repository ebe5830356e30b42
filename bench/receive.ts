import type { ChildProcess } from "node:child_process";
import { freePort } from "../src/embedded/free-port.ts";
import { nextDelivery, prepareDeliveries } from "./deliveries.ts";
import { type Answered, countingLoop, openLoop, type PreparedRequest, percentile } from "./load.ts";
import {
  answeredPerSecond,
  type BenchStores,
  CONNECTIONS,
  end,
  latencyRows,
  listening,
  type Row,
  ready,
  row,
  setUp,
  startReference,
  startServer,
  usageRows,
} from "./servers.ts";
import type { Usage } from "./usage.ts";

const ROUND_MS = 4_000;
const ROUNDS = 3;
/** Comparisons with the reference. Each uses the reference's round just before, since the machine's speed varies. */
const PAIRS = 5;
const HALF_LOAD_MS = 8_000;

/** Accepted deliveries per second as a ratio to the reference, with latency and duplicates. */
export async function benchReceive(stores: BenchStores): Promise<Row[]> {
  const ports = { reference: await freePort(), receive: await freePort() };
  const children: ChildProcess[] = [];
  try {
    const receiving = startServer(stores, "api,receive", ports.receive);
    children.push(receiving, startReference(ports.reference));
    await Promise.all([ready(ports.receive), listening(ports.reference)]);
    await setUp(ports.receive);
    await answeredPerSecond(ports.receive, 2_000);

    const reference: number[] = [];
    const accepted: number[] = [];
    let usage: Record<string, Usage> = {};
    for (let pair = 0; pair < PAIRS; pair += 1) {
      reference.push((await answeredPerSecond(ports.reference, ROUND_MS)).perSecond);
      const measured = await answeredPerSecond(ports.receive, ROUND_MS, {
        node: [receiving.pid as number],
        postgres: [stores.pids().postgres],
        redis: [stores.pids().redis],
      });
      accepted.push(measured.perSecond);
      usage = measured.usage;
    }
    const ratio = percentile(
      accepted.map((rate, pair) => rate / (reference[pair] ?? Number.NaN)),
      0.5,
    );
    const acceptedRate = percentile(accepted, 0.5);
    const perSecond = acceptedRate / 2;
    const halfMs: number[][] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      // Signed in advance, so that signing does not count as latency.
      const prepared = prepareDeliveries(Math.ceil((perSecond * HALF_LOAD_MS) / 1_000));
      const half = await openLoop({
        port: ports.receive,
        connections: CONNECTIONS,
        perSecond,
        durationMs: HALF_LOAD_MS,
        next: () => prepared() as PreparedRequest,
      });
      halfMs.push(half.answers.map((answer) => answer.latencyMs));
    }
    return [
      row("reference: verified, nothing stored", percentile(reference, 0.5), "req/s"),
      row("accepted: responded after commit", acceptedRate, "events/s"),
      row("accepted / reference", ratio, "ratio", { atLeast: 0.55 }),
      ...usageRows("accepted", usage),
      ...latencyRows("response at half of that", halfMs, { p99: 25 }),
      row("duplicates: recognised", await duplicatesPerSecond(ports.receive), "req/s"),
    ];
  } finally {
    await Promise.all(children.map(end));
  }
}

/** One delivery of each connection, sent again and again. */
async function duplicatesPerSecond(port: number): Promise<number> {
  const deliveries = Array.from({ length: CONNECTIONS }, () => nextDelivery());
  let sent = 0;
  const next = () => deliveries[sent++ % deliveries.length];
  const isGood = ({ status }: Answered) => status === 200;
  const repeated = { port, connections: CONNECTIONS, next, isGood };
  await countingLoop({ ...repeated, durationMs: 500 });
  const isDuplicate = ({ body }: Answered) => body.includes('"duplicate"');
  const counted = await countingLoop({ ...repeated, durationMs: ROUND_MS, isGood: isDuplicate });
  if (counted.bad !== undefined) throw new Error(`A repeated delivery got ${counted.bad.body}`);
  return (counted.good / counted.elapsedMs) * 1_000;
}
