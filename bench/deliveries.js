import { presetScheme } from "../src/pipeline/receive/presets/index.js";
import { signSample } from "../src/pipeline/receive/sign.js";
export const SECRET = `whsec_${Buffer.from("a secret of thirty-two bytes 012").toString("base64")}`;
export const WEBHOOK_PATH = "/api/v1/webhooks/shop/bench";
/** The size of a delivery's body, bytes. */
const BODY_BYTES = 1_024;
const SCHEME = presetScheme("standard-webhooks", {});
let made = 0;
/** A new delivery of 1 KiB, signed now, as it goes over the wire. Every one has an id of its own. */
export function nextDelivery() {
    made += 1;
    const id = `msg_${process.pid}_${made}`;
    const data = { order: `A-${made}`, status: "completed", total: made % 500, note: "" };
    const event = { type: "order.paid", timestamp: new Date().toISOString(), data };
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
/** Deliveries made beforehand, so that signing them takes nothing from what is measured. */
export function prepareDeliveries(count) {
    const prepared = Array.from({ length: count }, nextDelivery);
    return () => prepared.pop();
}
