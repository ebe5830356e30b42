import { type CompiledCondition, compileCondition } from "../src/domain/condition/compile.ts";
import {
  createTriggerIndex,
  type IndexedTrigger,
  type MatchableEvent,
  type TriggerIndex,
} from "../src/domain/matching/trigger-index.ts";
import { collectGarbage } from "./garbage.ts";
import { percentile } from "./load.ts";
import { makeWorkload, type WorkloadName } from "./matching-workloads.ts";
import type { Row } from "./servers.ts";

interface Case {
  name: WorkloadName;
  count: number;
  /** The minimum factor over evaluating every trigger. */
  ratio: number;
  p99Us: number;
}

const CASES: readonly Case[] = [
  { name: "many tenants", count: 10_000, ratio: 60, p99Us: 10 },
  { name: "nested and/or/not", count: 10_000, ratio: 30, p99Us: 60 },
  { name: "neq/contains/lt", count: 10_000, ratio: 10, p99Us: 1_000 },
  { name: "eq/in", count: 100_000, ratio: 3_000, p99Us: 50 },
  { name: "ranges", count: 100_000, ratio: 1_500, p99Us: 100 },
  { name: "contains", count: 100_000, ratio: 300, p99Us: 500 },
  { name: "mixed", count: 100_000, ratio: 400, p99Us: 300 },
];

/** Cases that are also measured at a tenth of their size. */
const GROWING: readonly WorkloadName[] = ["eq/in", "ranges"];

const ROUNDS = 3;
const PLAIN_MS = 400;
const INDEXED_MS = 400;
const COMPARED_EVENTS = 20;
const EVENTS_BETWEEN_LOOKS = 100;
const SLOW_US = 1_000;

/** Compares the trigger index with a loop over compiled conditions on the same triggers and events, in turns. */
export function benchMatching(): Row[] {
  const rows: Row[] = [];
  for (const one of CASES) {
    rows.push(...benchCase(one));
    if (GROWING.includes(one.name)) rows.push(benchGrowth(one));
  }
  return rows;
}

function benchCase({ name, count, ratio, p99Us }: Case): Row[] {
  const { triggers, events } = makeWorkload(name, count);
  const label = `${name}, ${count.toLocaleString("en")} triggers`;
  const changes = count < 100_000 ? [] : benchChanges(label, triggers, events);
  const { index } = build(triggers);
  const match = (event: MatchableEvent) => index.match(event);
  const plain = createPlainLoop(triggers);
  const compared = events.slice(0, COMPARED_EVENTS);
  const wrong = compared.filter((event) => match(event).join() !== plain(event).join()).length;
  const rounds = Array.from({ length: ROUNDS }, () => {
    const perPlain = perSecond(events, PLAIN_MS, plain);
    const perIndexed = perSecond(events, INDEXED_MS, match);
    return { rate: perIndexed, ratio: perIndexed / perPlain, timesUs: timesUs(events, match) };
  });
  const rate = median(rounds.map((one) => one.rate));
  // The median over the rounds.
  const usual = events.map((_, at) => median(rounds.map((one) => one.timesUs[at] as number)));
  const rows: Row[] = [
    {
      name: `${label}: indexed / plain loop`,
      value: Math.round(median(rounds.map((one) => one.ratio))),
      unit: "x",
      bar: { atLeast: ratio },
    },
    { name: `${label}: events`, value: Math.round(rate), unit: "/s" },
    {
      name: `${label}: p99 of a match`,
      value: round(percentile(usual, 0.99)),
      unit: "us",
      bar: { atMost: p99Us },
    },
    { name: `${label}: wrong answers`, value: wrong, unit: `of ${compared.length}`, bar: { atMost: 0 } },
  ];
  return [...rows, ...changes];
}

/** Measures the build, the memory of a trigger, and adding and removing one. All are removed at the end. */
function benchChanges(
  label: string,
  triggers: readonly IndexedTrigger[],
  events: readonly MatchableEvent[],
): Row[] {
  // The first build also warms up the JIT and the conditions' strings, which is not a cost of the index.
  removeAll(build(triggers).index, triggers);
  const { index, ...built } = build(triggers);
  const changed = triggers.filter((_, at) => at % 37 === 0);
  const ids = new Set(changed.map((one) => one.id));
  const found = () => events.flatMap((event) => index.match(event)).filter((id) => ids.has(id)).length;
  const before = found();
  const removals = timesUs(changed, ({ id }) => index.remove(id));
  const ghosts = found();
  const additions = timesUs(changed, (one) => index.add(one));
  const missed = before - found();
  removeAll(index, triggers);
  const left = heapBytes() - built.heapBefore;
  return [
    { name: `${label}: build`, value: Math.round(built.ms), unit: "ms", bar: { atMost: 1_000 } },
    {
      name: `${label}: memory above the AST`,
      value: Math.round(built.bytes / triggers.length),
      unit: "B/trigger",
      bar: { atMost: 500 },
    },
    {
      name: `${label}: of that left after removing all`,
      value: round((100 * left) / built.bytes),
      unit: "%",
      bar: { atMost: 10 },
    },
    {
      name: `${label}: p99 of add`,
      value: round(percentile(additions, 0.99)),
      unit: "us",
      bar: { atMost: 200 },
    },
    {
      name: `${label}: p99 of remove`,
      value: round(percentile(removals, 0.99)),
      unit: "us",
      bar: { atMost: 300 },
    },
    {
      name: `${label}: removed but found, or added but missed`,
      value: ghosts + missed,
      unit: `of ${before}`,
      bar: { atMost: 0 },
    },
  ];
}

function removeAll(index: TriggerIndex, triggers: readonly IndexedTrigger[]): void {
  for (const { id } of triggers) index.remove(id);
}

interface Built {
  index: TriggerIndex;
  ms: number;
  bytes: number;
  heapBefore: number;
}

function build(triggers: readonly IndexedTrigger[]): Built {
  const heapBefore = heapBytes();
  const index = createTriggerIndex();
  const startedMs = cpuMs();
  for (const one of triggers) index.add(one);
  const ms = cpuMs() - startedMs;
  return { index, ms, bytes: heapBytes() - heapBefore, heapBefore };
}

/** The factor of a match over one among a tenth of the triggers, in turns. */
function benchGrowth({ name, count }: Case): Row {
  const [few, many] = [count / 10, count].map((size) => {
    const { triggers, events } = makeWorkload(name, size);
    const { index } = build(triggers);
    return () => perSecond(events, INDEXED_MS, (event) => index.match(event));
  }) as [() => number, () => number];
  return {
    name: `${name}: factor of a match among ten times as many`,
    value: round(median(Array.from({ length: ROUNDS }, () => few() / many()))),
    unit: "x",
    bar: { atMost: 3 },
  };
}

/** The reference of the index: evaluates every trigger with closures compiled in advance. */
function createPlainLoop(triggers: readonly IndexedTrigger[]): (event: MatchableEvent) => string[] {
  const compiled = triggers.map(({ id, tenantId, connector, eventTypes, where }) => {
    const holds: CompiledCondition = where === undefined ? () => true : compileCondition(where);
    return { id, tenantId, connector, type: eventTypes?.[0], holds };
  });
  return (event) => {
    const subject = { data: event.data, event: { ...event }, headers: {} };
    const ids: string[] = [];
    for (const { id, tenantId, connector, type, holds } of compiled) {
      if (tenantId !== event.tenantId || connector !== event.connector) continue;
      if ((type === undefined || type === event.type) && holds(subject)) ids.push(id);
    }
    return ids;
  };
}

/** Calls with the events in turn for this long, and returns the calls per second of CPU time. */
function perSecond(
  events: readonly MatchableEvent[],
  durationMs: number,
  match: (event: MatchableEvent) => unknown,
): number {
  const startedMs = cpuMs();
  let [calls, elapsedMs] = [0, 0];
  while (elapsedMs < durationMs) {
    // The plain loop takes milliseconds per event, the index less than reading the clock.
    const until = calls + (elapsedMs * 1_000 > calls * SLOW_US ? 1 : EVENTS_BETWEEN_LOOKS);
    for (; calls < until; calls += 1) match(events[calls % events.length] as MatchableEvent);
    elapsedMs = cpuMs() - startedMs;
  }
  return (calls * 1_000) / elapsedMs;
}

/** The CPU time of this process, so that other processes do not count. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function timesUs<Item>(items: readonly Item[], act: (item: Item) => unknown): number[] {
  return items.map((item) => {
    const startedMs = performance.now();
    act(item);
    return (performance.now() - startedMs) * 1_000;
  });
}

function heapBytes(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
