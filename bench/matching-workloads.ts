import type { Condition } from "../src/domain/condition/ast.ts";
import type { IndexedTrigger, MatchableEvent } from "../src/domain/matching/trigger-index.ts";

/** Triggers and events to match: the same for one name and count. */
export interface Workload {
  triggers: IndexedTrigger[];
  events: MatchableEvent[];
}

export type WorkloadName =
  | "many tenants"
  | "nested and/or/not"
  | "eq/in"
  | "ranges"
  | "contains"
  | "mixed"
  | "neq/contains/lt";

const EVENTS = 1_000;

/** The share of events that are adapted to a trigger, so that they match or nearly match. */
const ADAPTED_SHARE = 0.6;

export function makeWorkload(name: WorkloadName, count: number): Workload {
  const random = seeded(name.length * 7_919 + count);
  const isHot = name !== "many tenants" && name !== "nested and/or/not";
  const tenants = isHot ? [{ tenantId: "hot", connectors: ["shop"] }] : makeTenants(random);
  const whereOf = CONDITIONS[name];
  const triggers = Array.from({ length: count }, (_, number): IndexedTrigger => {
    const { tenantId, connectors } = tenants[zipf(random, tenants.length)] as Tenant;
    const connector = pick(random, connectors);
    const isAnyType = !isHot && random() < 0.03;
    const eventTypes = isAnyType ? undefined : [isHot ? "order.updated" : pick(random, TYPES)];
    return read({ id: `flow-${number}`, tenantId, connector, eventTypes, where: whereOf(random, number) });
  });
  const events = Array.from({ length: EVENTS }, () => {
    const { tenantId, connector = "shop", eventTypes, where } = pick(random, triggers);
    const data = makeData(random);
    if (where !== undefined && random() < ADAPTED_SHARE) adapt(random, data, where);
    return read<MatchableEvent>({
      tenantId,
      connector,
      type: eventTypes?.[0] ?? pick(random, TYPES),
      data,
    });
  });
  return { triggers, events };
}

/** Copies with new strings and shapes, like data from the wire or the database. */
function read<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}

interface Tenant {
  tenantId: string;
  connectors: string[];
}

function makeTenants(random: () => number): Tenant[] {
  return Array.from({ length: 500 }, (_, number) => ({
    tenantId: `tenant-${number}`,
    connectors: Array.from({ length: 3 + below(random, 6) }, () => `connector-${below(random, 40)}`),
  }));
}

type MakeCondition = (random: () => number, number: number) => Condition;

const equal: MakeCondition = (random) => {
  const path = pick(random, ["sku", "customer.id", "order_number", "email"]);
  const values = Array.from({ length: random() < 0.3 ? 2 + below(random, 4) : 1 }, () =>
    identifier(random, path),
  );
  const one: Condition =
    values.length === 1 ? { op: "eq", path, value: values[0] } : { op: "in", path, value: values };
  return random() < 0.5 ? one : { op: "and", conditions: [weak(random), one] };
};

const range: MakeCondition = (random) => {
  const kind = random();
  if (kind < 0.6) return band("total", random() * 100_000, 1 + random() * 7);
  if (kind < 0.8) {
    const more: Condition = { op: "gt", path: "quantity", value: below(random, 50) };
    return {
      op: "and",
      conditions: [...band("score", random() * 10_000, 0.5 + random() * 2).conditions, more],
    };
  }
  // Few events reach a bound that is meant as an exception.
  return random() < 0.5
    ? { op: "gt", path: "total", value: 100_000 - random() * 5 }
    : { op: "lt", path: "total", value: random() * 5 };
};

function band(path: string, low: number, width: number): Extract<Condition, { op: "and" | "or" }> {
  const conditions: Condition[] = [
    { op: "gt", path, value: low },
    { op: "lt", path, value: low + width },
  ];
  return { op: "and", conditions };
}

const contained: MakeCondition = (random) => {
  const one: Condition = {
    op: "contains",
    path: pick(random, ["note", "title", "email"]),
    value: `${word(random)}${word(random)}`.slice(0, 8 + below(random, 8)),
  };
  return random() < 0.7 ? one : { op: "and", conditions: [weak(random), one] };
};

/** No condition here is selective. */
const adversarial: MakeCondition = (random) => ({
  op: "and",
  conditions: [
    { op: "neq", path: pick(random, ["status", "currency", "customer.tier"]), value: pick(random, STATUSES) },
    { op: "contains", path: "title", value: word(random).slice(0, 3) },
    { op: "contains", path: "note", value: word(random).slice(0, 2 + below(random, 2)) },
    { op: "lt", path: "total", value: random() * 30_000 },
  ],
});

const ordinary: MakeCondition = (random, number) => {
  const makers = [equal, range, contained, weak];
  const conditions = Array.from({ length: 1 + below(random, 4) }, () => pick(random, makers)(random, number));
  return conditions.length === 1 ? (conditions[0] as Condition) : { op: "and", conditions };
};

const nested: MakeCondition = (random, number) => ({
  op: "and",
  conditions: [
    { op: "or", conditions: [ordinary(random, number), weak(random)] },
    { op: "not", condition: { op: "or", conditions: [weak(random), equal(random, number)] } },
    {
      op: "or",
      conditions: [equal(random, number), range(random, number), { op: "not", condition: weak(random) }],
    },
  ],
});

const CONDITIONS: Readonly<Record<WorkloadName, MakeCondition>> = {
  "many tenants": ordinary,
  "nested and/or/not": nested,
  "eq/in": equal,
  ranges: range,
  contains: contained,
  mixed: (random, number) => ([equal, range, contained][number % 3] as MakeCondition)(random, number),
  "neq/contains/lt": adversarial,
};

const STATUSES = ["open", "paid", "shipped", "completed", "cancelled"];
const CURRENCIES = ["EUR", "USD", "GBP", "JPY"];
const TYPES = ["order.created", "order.updated", "order.paid", "customer.created", "customer.updated"];

/** A condition that many events match. */
function weak(random: () => number): Condition {
  const leaves: Condition[] = [
    { op: "eq", path: "status", value: pick(random, STATUSES) },
    { op: "neq", path: "status", value: pick(random, STATUSES) },
    { op: "in", path: "currency", value: CURRENCIES.slice(below(random, 3)) },
    { op: "exists", path: "shipping.tracking_number" },
    { op: "gt", path: "quantity", value: below(random, 30) },
  ];
  return pick(random, leaves);
}

/** An event's data, of about 0.9 kB. */
function makeData(random: () => number): Record<string, unknown> {
  return {
    id: `evt_${below(random, 1e9)}`,
    order_number: identifier(random, "order_number"),
    status: pick(random, STATUSES),
    currency: pick(random, CURRENCIES),
    total: random() * 100_000,
    score: random() * 10_000,
    quantity: below(random, 60),
    sku: identifier(random, "sku"),
    email: identifier(random, "email"),
    customer: {
      id: identifier(random, "customer.id"),
      tier: pick(random, ["gold", "silver"]),
      visits: below(random, 99),
    },
    items: Array.from({ length: 3 }, () => ({
      sku: identifier(random, "sku"),
      quantity: below(random, 9),
      price: below(random, 900),
    })),
    shipping: {
      method: pick(random, ["road", "air"]),
      city: word(random),
      ...(random() < 0.5 && { tracking_number: "1Z" }),
    },
    title: words(random, 5),
    note: words(random, 40),
  };
}

function identifier(random: () => number, path: string): string {
  switch (path) {
    case "email":
      return `${word(random)}.${word(random)}@${word(random)}.example`;
    case "sku":
      return `SKU-${below(random, 60_000)}`;
    default:
      return `${path[0]}-${below(random, 100_000)}`;
  }
}

/** Adapts the data to the leaves of a condition where possible. A bound alone stays random: many share the event. */
function adapt(random: () => number, data: Record<string, unknown>, condition: Condition): void {
  switch (condition.op) {
    case "and": {
      for (const one of condition.conditions) adapt(random, data, one);
      const [low, high] = condition.conditions as { op: string; path: string; value: number }[];
      if (low?.op === "gt" && high?.op === "lt") put(data, low.path, (low.value + high.value) / 2);
      return;
    }
    case "or":
      adapt(random, data, pick(random, condition.conditions));
      return;
    case "eq":
      put(data, condition.path, condition.value);
      return;
    case "in":
      put(data, condition.path, pick(random, condition.value as string[]));
      return;
    case "contains":
      put(data, condition.path, `${word(random)} ${condition.value} ${words(random, 20)}`);
  }
}

function put(data: Record<string, unknown>, path: string | string[], value: unknown): void {
  if (path === "customer.id") (data["customer"] as Record<string, unknown>)["id"] = value;
  else if (typeof path === "string") data[path] = value;
}

const SYLLABLES =
  "ba be bo da de di fa fe ga go ka ke ko la le lo ma mi mo na ne ra re ri sa se ta te ti vo".split(" ");

function word(random: () => number): string {
  return Array.from({ length: 2 + below(random, 3) }, () => pick(random, SYLLABLES)).join("");
}

function words(random: () => number, count: number): string {
  return Array.from({ length: count }, () => word(random)).join(" ");
}

function pick<Item>(random: () => number, items: readonly Item[]): Item {
  return items[below(random, items.length)] as Item;
}

function below(random: () => number, limit: number): number {
  return Math.floor(random() * limit);
}

/** An index below the count, with the first ones most likely. */
function zipf(random: () => number, count: number): number {
  return Math.min(count - 1, Math.floor((count + 1) ** random()) - 1);
}

/** Reproducible random numbers in [0, 1) by seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
