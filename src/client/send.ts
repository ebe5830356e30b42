import { randomUUID } from "node:crypto";
import { HeadraceError } from "../domain/errors.ts";
import { PRESETS, presetScheme } from "../pipeline/receive/presets/index.ts";
import { sampleDelivery } from "../pipeline/receive/schemes/sample-delivery.ts";
import type { Scheme } from "../pipeline/receive/schemes/scheme.ts";

export interface Sent {
  status: number;
  body: string;
}

/**
 * Sends one delivery, signed as the preset's provider would, and answers what the receiver said. Without `data` it is
 * the preset's own sample; a type is set where the provider has it.
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
  if (!URL.canParse(url)) throw new HeadraceError("invalid_request", `--url is no URL: ${url}`);
  const sample = PRESETS.get(name)?.sample;
  const scheme = presetScheme(name, { ...sample?.params, ...sending.params });
  const given = data === undefined ? undefined : readJson(data);
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

/** Senders whose payload Standard Webhooks lays down, or nobody: type, time and data side by side. */
function isEnveloped({ type: { from, suffix }, items }: Scheme): boolean {
  const [place] = from;
  const isTypeField = place !== undefined && "body" in place && place.body === "/type";
  return isTypeField && suffix === undefined && items === undefined && from.length <= 2;
}

function enveloped(type: string | undefined, data: unknown): unknown {
  return { type: type ?? "demo.event", timestamp: new Date().toISOString(), data };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HeadraceError("invalid_request", `--data is no JSON: ${(cause as Error).message}`, { cause });
  }
}
