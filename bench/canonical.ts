import { canonicalizer } from "../src/synthetic/records/canonical-json.ts";
import { recordDiffer } from "../src/synthetic/records/record-diff.ts";
import { pageFingerprint, recordReader } from "../src/synthetic/records/record-reader.ts";
import type { Row } from "./servers.ts";

const RECORDS = 10_000;
const PAGE = 100;
const ROUNDS = 7;

/** Records of 1 KiB per second on one core: parsed, digested, looked up; and unchanged pages. */
export function benchRecords(): Row[] {
  const texts = Array.from({ length: RECORDS }, (_, index) => JSON.stringify(record(index)));
  const records = texts.map((text) => JSON.parse(text) as unknown);
  const reader = recordReader({
    id: "id",
    ignore: ["/fetched_at"],
    sets: ["/tags"],
    keyed: { "/items": "sku" },
  });
  const digests = new Map<string, Buffer>();
  for (const one of records) {
    const reading = reader.read(one);
    if (reading.kind === "record") digests.set(reading.key, reading.digest);
  }
  const unchanged = (one: unknown) => {
    const reading = reader.read(one);
    return reading.kind === "record" && digests.get(reading.key)?.equals(reading.digest) === true;
  };
  const pages = Array.from({ length: RECORDS / PAGE }, (_, page) =>
    Buffer.from(`[${texts.slice(page * PAGE, (page + 1) * PAGE).join(",")}]`),
  );
  const prints = new Set(pages.map((page) => pageFingerprint(page, reader.version).toString("hex")));
  const differ = recordDiffer({ id: "id", sets: ["/tags"], keyed: { "/items": "sku" } });
  const later = records.map((one) => ({ ...(one as object), status: "paid", total: 1, fetched_at: 3 }));

  return [
    row(
      "records/s: canonical form alone",
      perSecond(records, (one) => canonicalize(one).length > 0),
    ),
    row("records/s: canonical form, SHA-256, key, lookup", perSecond(records, unchanged), 50_000),
    row(
      "records/s: the same from JSON text",
      perSecond(texts, (text) => unchanged(JSON.parse(text))),
    ),
    row(
      "records/s: unchanged pages by their bytes",
      PAGE * perSecond(pages, (page) => prints.has(pageFingerprint(page, reader.version).toString("hex"))),
      300_000,
    ),
    row(
      "records/s: diff with 3 changes",
      perSecond(records, (one, index) => Object.keys(differ(one, later[index]).changes).length === 3),
    ),
  ];
}

const canonicalize = canonicalizer();

/** The best of several rounds. Throws on a wrong result. */
function perSecond<T>(inputs: readonly T[], holds: (input: T, index: number) => boolean): number {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const startedMs = performance.now();
    if (!inputs.every(holds)) throw new Error("A record was parsed wrongly");
    return (inputs.length / (performance.now() - startedMs)) * 1_000;
  });
  return Math.max(...rounds);
}

function row(name: string, value: number, atLeast?: number): Row {
  const rounded = { name, value: Math.round(value), unit: "1/s" };
  return atLeast === undefined ? rounded : { ...rounded, bar: { atLeast } };
}

/** An order as shops return it, 1 KiB of JSON. */
function record(index: number): Record<string, unknown> {
  const address = {
    name: "Ada Lovelace",
    street: "1 Main Street",
    city: "Paris",
    zip: "75001",
    country: "FR",
  };
  return {
    id: 1_000_000 + index,
    number: `#${index}`,
    email: `customer${index}@example.com`,
    created_at: "2026-01-01T10:00:00Z",
    updated_at: "2026-02-01T10:00:00Z",
    fetched_at: "2026-02-02T10:00:00Z",
    currency: "EUR",
    total: 129.95 + index,
    subtotal: 100.5,
    tax: 29.45,
    status: "completed",
    fulfilled: true,
    note: null,
    tags: ["vip", "b2b", "eu"],
    customer: { id: 55 + index, first_name: "Ada", last_name: "Lovelace", phone: "+15551234", address },
    items: [
      { sku: "SKU-2", quantity: 2, price: 20.25, title: "A thing" },
      { sku: "SKU-1", quantity: 1, price: 60, title: "Another thing with a longer name" },
    ],
    shipping: { method: "express", price: 5, tracking: null, address },
    source: {
      channel: "web",
      campaign: "spring",
      reference: "abc123",
      ip: "203.0.113.7",
      agent: "Mozilla/5.0",
    },
    custom: { a: "x".repeat(40), b: 1, c: false, d: "hello world", e: "2026-03-03" },
  };
}
