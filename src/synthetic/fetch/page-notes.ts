import type { PageMemory } from "./fetched-page.ts";

/** What is kept of a page beside its memory: which records it held, by the short form of their names. */
export interface PageNotes {
  memory: PageMemory;
  records: readonly number[];
}

const SHORT_BYTES = 6;

/** Packs notes: the length of the memory's JSON, that JSON, and six bytes a record. */
export function packNotes({ memory, records }: PageNotes): Buffer {
  const json = Buffer.from(JSON.stringify(memory));
  const packed = Buffer.allocUnsafe(4 + json.length + records.length * SHORT_BYTES);
  packed.writeUInt32LE(json.length, 0);
  json.copy(packed, 4);
  for (const [index, record] of records.entries()) {
    packed.writeUIntLE(record, 4 + json.length + index * SHORT_BYTES, SHORT_BYTES);
  }
  return packed;
}

export function memoryOf(packed: Buffer): PageMemory {
  return JSON.parse(packed.toString("utf8", 4, 4 + packed.readUInt32LE(0))) as PageMemory;
}

export function recordsOf(packed: Buffer): number[] {
  const start = 4 + packed.readUInt32LE(0);
  const count = (packed.length - start) / SHORT_BYTES;
  return Array.from({ length: count }, (_, index) =>
    packed.readUIntLE(start + index * SHORT_BYTES, SHORT_BYTES),
  );
}

/** How many records it held. */
export function countOf(packed: Buffer): number {
  return (packed.length - 4 - packed.readUInt32LE(0)) / SHORT_BYTES;
}
