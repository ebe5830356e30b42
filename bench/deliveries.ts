import { presetScheme } from "../src/pipeline/receive/presets/index.ts";
import { signSample } from "../src/pipeline/receive/schemes/sign.ts";
import type { PreparedRequest } from "./load.ts";

export const SECRET = `whsec_${Buffer.from("a secret of thirty-two bytes 012").toString("base64")}`;
export const WEBHOOK_PATH = "/api/v1/webhooks/shop/bench";

/** The event types that start the code flow and the HTTP flow. */
export const CODE_FLOW_TYPE = "order.paid";
export const HTTP_FLOW_TYPE = "order.sent";

/** The size of a delivery's body, bytes. */
const BODY_BYTES = 1_024;

const SCHEME = presetScheme("standard-webhooks", {});
let made = 0;

/** A new delivery of 1 KiB with a unique id, signed now, as raw bytes. */
export function nextDelivery(type = CODE_FLOW_TYPE): PreparedRequest {
  made += 1;
  const id = `msg_${process.pid}_${made}`;
  const data = { order: `A-${made}`, status: "completed", total: made % 500, note: "" };
  const event = { type, timestamp: new Date().toISOString(), data };
  data.note = "x".repeat(BODY_BYTES - Buffer.byteLength(JSON.stringify(event)));
  const body = Buffer.from(JSON.stringify(event));
  const { headers } = signSample({
    scheme: SCHEME,
    secret: SECRET,
    body,
    nowMs: Date.now(),
    id,
    type: event.type,
  });
  const lines = Object.entries({
    ...headers,
    "content-type": "application/json",
    "content-length": `${body.length}`,
  });
  const head = `POST ${WEBHOOK_PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
  return { name: id, bytes: Buffer.concat([Buffer.from(head), body]) };
}

/**
 * Deliveries made in advance, so that signing does not affect the measurement. They are in one block of memory: a
 * hundred thousand buffers would keep the garbage collector of this process busy.
 */
export function prepareDeliveries(count: number, type = CODE_FLOW_TYPE): () => PreparedRequest | undefined {
  const sample = nextDelivery(type);
  const block = Buffer.alloc(count * (sample.bytes.length + MARGIN_BYTES));
  const ends = new Uint32Array(count);
  let end = 0;
  for (let index = 0; index < count; index += 1) {
    const { bytes } = nextDelivery(type);
    bytes.copy(block, end);
    end += bytes.length;
    ends[index] = end;
  }
  let next = 0;
  return () => {
    if (next === count) return undefined;
    const start = next === 0 ? 0 : (ends[next - 1] as number);
    next += 1;
    return { name: `prepared-${next}`, bytes: block.subarray(start, ends[next - 1]) };
  };
}

/** The bytes by which a delivery may exceed the first: its number has more digits. */
const MARGIN_BYTES = 64;
