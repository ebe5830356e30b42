import { randomUUID } from "node:crypto";
import { HeadraceError } from "../domain/errors.js";
import { presetScheme } from "../pipeline/receive/presets/index.js";
import { signSample } from "../pipeline/receive/sign.js";
/** Sends one delivery, signed as the preset's provider would, and answers what the receiver said. */
export async function sendSample(sample) {
    const { preset, url, secret, type } = sample;
    if (!URL.canParse(url))
        throw new HeadraceError("invalid_request", `--url is no URL: ${url}`);
    const { headers, body } = signSample({
        scheme: presetScheme(preset, {}),
        secret,
        body: Buffer.from(JSON.stringify({ type, timestamp: new Date().toISOString(), data: readJson(sample.data) })),
        nowMs: Date.now(),
        id: `msg_${randomUUID().replaceAll("-", "")}`,
        type,
    });
    const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: new Uint8Array(body),
        signal: AbortSignal.timeout(15_000),
    });
    return { status: response.status, body: await response.text() };
}
function readJson(text) {
    try {
        return JSON.parse(text);
    }
    catch (cause) {
        throw new HeadraceError("invalid_request", `--data is no JSON: ${cause.message}`, { cause });
    }
}
//# sourceMappingURL=send.js.map