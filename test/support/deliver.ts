import { presetScheme } from "../../src/pipeline/receive/presets/index.ts";
import { signSample } from "../../src/pipeline/receive/schemes/sign.ts";

const SCHEME = presetScheme("standard-webhooks", {});

/** The secret of every test endpoint. */
export const SECRET = `whsec_${Buffer.from("a secret of thirty-two bytes 012").toString("base64")}`;

/** A signed Standard Webhooks delivery of the type and data, or of exactly the given body. */
export function signed(delivery: {
  id: string;
  type: string;
  data: unknown;
  nowMs?: number;
  secret?: string;
  body?: string;
}): { headers: Record<string, string>; body: string } {
  const { id, type, data, nowMs = Date.now(), secret = SECRET } = delivery;
  const text = delivery.body ?? JSON.stringify({ type, timestamp: new Date(nowMs).toISOString(), data });
  const sample = signSample({ scheme: SCHEME, secret, body: Buffer.from(text), nowMs, id, type });
  return { headers: { "content-type": "application/json", ...sample.headers }, body: text };
}

/** Posts a delivery. Returns undefined if no response came, so that its outcome is unknown. */
export async function deliver(
  url: string,
  delivery: Parameters<typeof signed>[0],
  timeoutMs = 10_000,
): Promise<{ status: number; body: { status: string; event_id: string } } | undefined> {
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
  } catch {
    return undefined;
  }
}
