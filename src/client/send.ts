import { randomUUID } from "node:crypto";
import { HeadraceError } from "../domain/errors.ts";
import { readJson } from "../domain/json/parse-text.ts";
import { PRESETS, presetScheme } from "../pipeline/receive/presets/index.ts";
import { sampleDelivery } from "../pipeline/receive/schemes/sample-delivery.ts";
import type { Scheme } from "../pipeline/receive/schemes/scheme.ts";

/** The response to a delivery. */
export interface Sent {
  status: number;
  body: string;
}

/**
 * Sends one delivery, signed like a delivery of the preset's provider, and returns the response. Without `data` it sends
 * the sample of the preset. `type` sets the event type where the provider has it.
 */
export async function sendSample(sending: {
  preset: string;
  url: string;
  secret: string;
  type?: string;
  data?: string;
  params?: Readonly<Record<string, string>>;
}): Promise<Sent> {
  const { preset: name, url, secret, type, data } = sending;
  if (!URL.canParse(url)) throw new HeadraceError("invalid_request", `--url is not a URL: ${url}`);
  const sample = PRESETS.get(name)?.sample;
  const scheme = presetScheme(name, { ...sample?.params, ...sending.params });
  const given = data === undefined ? undefined : readOption(data);
  const { headers, body } = sampleDelivery({
    scheme,
    sample: sample ?? { body: {} },
    data: given === undefined || !isEnveloped(scheme) ? given : enveloped(type, given),
    type,
    id: `msg_${randomUUID().replaceAll("-", "")}`,
    secret,
    url,
    nowMs: Date.now(),
  });
  const response = await fetch(url, {
    method: "POST",
    headers,
    body: new Uint8Array(body),
    signal: AbortSignal.timeout(15_000),
  });
  return { status: response.status, body: await response.text() };
}

/** Returns whether the payload has the envelope of Standard Webhooks, with the fields type, timestamp and data. */
function isEnveloped({ type: { from, suffix }, items }: Scheme): boolean {
  const [selector] = from;
  const isTypeField = selector !== undefined && "body" in selector && selector.body === "/type";
  return isTypeField && suffix === undefined && items === undefined && from.length <= 2;
}

function enveloped(type: string | undefined, data: unknown): unknown {
  return { type: type ?? "demo.event", timestamp: new Date().toISOString(), data };
}

function readOption(text: string): unknown {
  try {
    return readJson(text);
  } catch (cause) {
    throw new HeadraceError("invalid_request", `--data is not valid JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
}
