/** A seeded generator of numbers from 0 to 1 (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface WireDelivery {
  headers: [name: string, value: string][];
  body: Buffer;
  query: string;
}

/** One alteration of a delivery that a sender could make, and the altered part. */
export function mutate(delivery: WireDelivery, random: () => number): WireDelivery & { part: string } {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const headers = delivery.headers.map(([name, value]): [string, string] => [name, value]);
  const at = Math.floor(random() * headers.length);
  const [name = "", value = ""] = headers[at] ?? [];
  const chosen = random();
  if (chosen < 0.3) return { ...delivery, headers, body: alterBytes(delivery.body, random), part: "body" };
  if (chosen < 0.4) {
    const body = Buffer.from(pick(HOSTILE_BODIES));
    return { ...delivery, headers, body, part: "body" };
  }
  if (chosen < 0.7) headers[at] = [name, alterText(value, random)];
  else if (chosen < 0.8) headers.splice(at, 1);
  else if (chosen < 0.9) headers.push([name, random() < 0.5 ? value : alterText(value, random)]);
  else if (chosen < 0.95) headers[at] = [name, pick(HOSTILE_VALUES)];
  else return { ...delivery, headers, query: pick(HOSTILE_QUERIES), part: "query" };
  return { ...delivery, headers, part: name };
}

const HOSTILE_VALUES = [
  "",
  " ",
  ",",
  "=",
  "v1=",
  "t=,v1=",
  "0",
  "-1",
  "9".repeat(400),
  "NaN",
  "%00",
  "é",
  "x".repeat(4_200),
];
const HOSTILE_BODIES = [
  "",
  "[]",
  "{}",
  "null",
  "[[[[",
  '{"__proto__":{}}',
  "\ufeff{}",
  '"\\ud800"',
  "\u0000",
  "payload=%7B",
];
const HOSTILE_QUERIES = [
  "?validationToken=",
  "?validationToken=a%00%0d%0ab",
  "?bodySHA256=0",
  "?challenge=%",
  "?hub.mode=subscribe",
  "?a=%ff",
  "?x[]=1&x[]=2",
];

function alterBytes(body: Buffer, random: () => number): Buffer {
  const copy = Buffer.from(body);
  const at = Math.floor(random() * (copy.length + 1));
  const chosen = random();
  if (chosen < 0.5 && copy.length > 0) {
    const index = at % copy.length;
    copy[index] = (copy[index] as number) ^ (1 << Math.floor(random() * 8));
    return copy;
  }
  if (chosen < 0.75)
    return Buffer.concat([
      copy.subarray(0, at),
      Buffer.from([Math.floor(random() * 256)]),
      copy.subarray(at),
    ]);
  return copy.subarray(0, at);
}

/** Only characters that are allowed in a header. */
function alterText(text: string, random: () => number): string {
  const at = Math.floor(random() * (text.length + 1));
  const character = String.fromCharCode(0x21 + Math.floor(random() * 94));
  const chosen = random();
  if (chosen < 0.5) return text.slice(0, at) + character + text.slice(at + 1);
  return chosen < 0.75 ? text.slice(0, at) + character + text.slice(at) : text.slice(0, at);
}
