import { presetScheme } from "../../src/pipeline/receive/presets/index.js";
import { signSample } from "../../src/pipeline/receive/sign.js";
const SCHEME = presetScheme("standard-webhooks", {});
/** The secret of every test endpoint. */
export const SECRET = `whsec_${Buffer.from("a secret of thirty-two bytes 012").toString("base64")}`;
/** A signed Standard Webhooks delivery. */
export function signed(delivery) {
    const { id, type, data, nowMs = Date.now(), secret = SECRET } = delivery;
    const body = Buffer.from(JSON.stringify({ type, timestamp: new Date(nowMs).toISOString(), data }));
    const sample = signSample({ scheme: SCHEME, secret, body, nowMs, id, type });
    return { headers: { "content-type": "application/json", ...sample.headers }, body: body.toString() };
}
/** Posts a delivery; undefined when no answer came, so that what became of it is unknown. */
export async function deliver(url, delivery, timeoutMs = 10_000) {
    try {
        const { headers, body } = signed(delivery);
        const response = await fetch(url, {
            method: "POST",
            headers,
            body,
            signal: AbortSignal.timeout(timeoutMs),
        });
        const text = await response.text();
        return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
    }
    catch {
        return undefined;
    }
}
