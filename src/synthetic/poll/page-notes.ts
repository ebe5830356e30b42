import type { PageMemory } from "../fetch/fetched-page.ts";

/** A page's memory and the short names of its records. */
export interface PageNotes {
  memory: PageMemory;
  records: readonly number[];
}

const SHORT_BYTES = 6;

/** Packs notes as the length of the memory's JSON, that JSON, and six bytes per record. */
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

/** Returns the memory of packed notes. */
export function memoryOf(packed: Buffer): PageMemory {
  return JSON.parse(packed.toString("utf8", 4, 4 + packed.readUInt32LE(0))) as PageMemory;
}

/** Returns the short names of packed notes. */
export function recordsOf(packed: Buffer): number[] {
  const start = 4 + packed.readUInt32LE(0);
  const count = (packed.length - start) / SHORT_BYTES;
  return Array.from({ length: count }, (_, index) =>
    packed.readUIntLE(start + index * SHORT_BYTES, SHORT_BYTES),
  );
}

/** Returns the number of records of packed notes. */
export function countOf(packed: Buffer): number {
  return (packed.length - 4 - packed.readUInt32LE(0)) / SHORT_BYTES;
}
