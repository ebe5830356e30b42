import { parseCondition } from "../src/domain/condition/parse.ts";
import { normalizeInSlices } from "../src/domain/event/normalize.ts";
import type { RoutedDefinition } from "../src/domain/flow/flow.ts";
import { createTriggerIndex } from "../src/domain/matching/trigger-index.ts";
import { wantedByFlows } from "../src/domain/matching/wanted-by-flows.ts";
import { SliceBudget, type Slices } from "../src/domain/slices.ts";
import type { StoredEvent } from "../src/postgres/events/events.ts";
import { nextTurn } from "../src/runtime/turns.ts";
import { readPage } from "../src/synthetic/fetch/read-page.ts";
import { recordReader } from "../src/synthetic/records/record-reader.ts";
import { percentile } from "./load.ts";
import { type Row, row } from "./servers.ts";

const ROUNDS = 5;

/** The longest turn of the event loop allowed, ms. */
const MAX_TURN_MS = 50;

/** Measures the longest turn of the event loop while one event is normalized and matched. */
export async function benchStalls(): Promise<Row[]> {
  const hard = Array.from({ length: 60 }, (_, at) => `text contains "${"a".repeat(190 + at)}b"`);
  const ordinary = Array.from({ length: 20 }, (_, at) => `items.name contains "needle ${at}"`);
  const items = Array.from({ length: 170_000 }, (_, id) => {
    return {
      id,
      sku: `SKU-${id}`,
      name: `Ordinary name ${id}`,
      price: id / 100,
      tags: ["a", "b"],
      note: "lorem ipsum",
    };
  });
  return [
    ...(await benchCase("60 flows with needles like aaa…b, 1 MB of a", hard, {
      text: "a".repeat(1_048_576),
    })),
    ...(await benchCase("20 ordinary flows, 19 MB of records", ordinary, { items })),
    ...(await benchPage(items)),
    ...(await benchCase("20 ordinary flows, 19 MB of text", ordinary, {
      items: [{ name: "lorem ipsum ".repeat(1_600_000) }],
    })),
  ];
}

async function benchCase(name: string, wheres: readonly string[], data: unknown): Promise<Row[]> {
  const stored = storedEvent(Buffer.from(JSON.stringify(data)));
  const index = createTriggerIndex();
  const flows = wheres.map((where): RoutedDefinition => {
    const trigger = { connector: "shop", where: parseCondition(where) };
    return { trigger, retry: { max_attempts: 1, backoff: "fixed", delay_ms: 10, max_delay_ms: 10 } };
  });
  for (const [at, { trigger }] of flows.entries()) index.add({ id: `${at}`, tenantId: "acme", ...trigger });
  const rounds: { longestMs: number; allMs: number }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) rounds.push(await timed(route(stored, flows, index)));
  const median = (of: "longestMs" | "allMs") =>
    percentile(
      rounds.map((one) => one[of]),
      0.5,
    );
  return [
    row(`${name}: longest turn`, median("longestMs"), "ms", { atMost: MAX_TURN_MS }),
    row(`${name}: all turns`, median("allMs"), "ms"),
  ];
}

/** A page of 19 MB of records, as a poll parses and digests it. */
async function benchPage(items: readonly unknown[]): Promise<Row[]> {
  const body = Buffer.from(JSON.stringify({ items }));
  const { read } = recordReader({ id: "id" });
  function* poll(): Slices<void> {
    const page = yield* readPage(body, { recordsPath: "items" });
    if (page.kind === "unreadable") throw new Error(page.reason);
    const budget = new SliceBudget();
    for (const record of page.records) {
      read(record);
      if (budget.spend(body.length / page.records.length + 512)) yield;
    }
  }
  const rounds: { longestMs: number }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) rounds.push(await timed(poll()));
  const longestMs = percentile(
    rounds.map((one) => one.longestMs),
    0.5,
  );
  return [row("a polled page of 19 MB: longest turn", longestMs, "ms", { atMost: MAX_TURN_MS })];
}

function* route(
  stored: StoredEvent,
  flows: readonly RoutedDefinition[],
  index: ReturnType<typeof createTriggerIndex>,
): Slices<void> {
  const normalized = yield* normalizeInSlices(stored, yield* wantedByFlows(flows));
  if (normalized.kind === "unreadable") throw new Error(normalized.reason);
  const matching = index.matchInSlices(normalized.event);
  if (!Array.isArray(matching)) yield* matching;
}

async function timed(work: Slices<void>): Promise<{ longestMs: number; allMs: number }> {
  let [longestMs, allMs] = [0, 0];
  for (;;) {
    const startedMs = performance.now();
    const { done } = work.next();
    const tookMs = performance.now() - startedMs;
    longestMs = Math.max(longestMs, tookMs);
    allMs += tookMs;
    if (done) return { longestMs, allMs };
    await nextTurn();
  }
}

function storedEvent(payload: Buffer): StoredEvent {
  return {
    id: "01a208f8-2149-748f-94fe-b9c62a9e51c2",
    tenantId: "acme",
    connector: "shop",
    endpoint: "default",
    type: "order.paid",
    source: "webhook",
    priority: 2,
    subject: undefined,
    occurredAtMs: undefined,
    receivedAtMs: 0,
    deliveryKey: "k",
    item: 0,
    headers: {},
    contentType: "application/json",
    flowsCounter: 1,
    payload,
  };
}
